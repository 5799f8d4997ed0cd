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
  "order-fits-now": {},
  "order-fits-later": {},
  "order-beyond-fleet": { why: "opening" },
  "instance-fits-on-hosts": { host_count: "number" },
  "instance-fits-nowhere": {},
} as const satisfies CodeShapes;

/** What would start a waiting order now. */
export const START_CODES = {
  "would-start-with-cores": { cores: "number" },
  "would-start-with-memory": { memory_bytes: "size" },
  "would-start-with-temp-storage": { temp_storage_bytes: "size" },
  "would-start-with-gpus": { gpus: "number" },
  "would-start-with-gpu-memory": { gpu_memory_bytes: "size" },
  "would-start-on-model": { gpu_model: "text" },
  "would-start-without-label": { label: "text" },
  "would-start-with-instances": { instances: "number" },
  "would-start-within-minutes": { minutes: "number" },
  "would-start-after": { workload: "phrase" },
  "would-start-after-by": { workload: "phrase", until: "text" },
  "workload-of-another-customer": {},
} as const satisfies CodeShapes;
