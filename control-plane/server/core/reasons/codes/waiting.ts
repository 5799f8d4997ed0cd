/** What an order waits for. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const WAITING_CODES = {
  "waiting-for-place": {},
  "no-host-joined": {},
  "waiting-on-hosts": { hosts: "hosts" },
  "waiting-for-places": { requested: "number", free: "number" },
  "waiting-for-places-on-hosts": { requested: "number", free: "number", hosts: "hosts" },
  "hosts-without-confirmed-address": { hosts: "names" },
  "hosts-not-reaching-each-other": { hosts: "names" },
  "waiting-behind-first": {},
  "no-host-can-take-it": { why: "phrase" },
  "place-taken-meanwhile": { why: "phrase" },
  "waiting-for-price": { why: "phrase" },
  "waiting-for-funds": { why: "phrase" },
  "waiting-for-quota": { why: "phrase" },
  "waiting-for-image": { why: "phrase" },
  "waiting-for-stop": { host_count: "number", hosts: "names" },
  "waiting-for-turn": { at_once: "number" },
  "waiting-for-network": { network_count: "number" },
  "waiting-for-confirmed-address": { host_id: "text" },
  "too-many-instances": { max_instances: "number" },
  several: { reasons: "sentences" },
  "mount-missing-in-pool": { storage_pool: "text", why: "phrase" },
  "waiting-for-another-gpu": { why: "phrase" },
  "order-not-waiting": {},
} as const satisfies CodeShapes;
