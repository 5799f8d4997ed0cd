/** Why nothing new is placed on a host or one of its GPUs. Notes are what an administrator wrote. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const HOST_CODES = {
  "host-cordoned": {},
  "host-cordoned-with-note": { note: "text" },
  "host-never-connected": {},
  "host-suspect": {},
  "host-unreachable": {},
  "host-not-heard": {},
  "host-without-report": {},
  "host-overcommitted": {},
  "host-degraded": { faults: "names" },
  "agent-too-old": { agent_protocols: "text", own_protocols: "text" },
  "agent-too-new": { agent_protocols: "text", own_protocols: "text" },

  "host-lost": {},
  "host-removed": {},
  "nothing-new-placed": { why: "phrase" },

  "pool-claim-unconfirmed": { storage_pool: "text" },
  "pool-not-proved-yet": { storage_pool: "text" },
  "pool-not-proved-yet-because": { storage_pool: "text", why: "phrase" },
  "pool-agent-too-old": { storage_pool: "text" },
  "pool-not-shared": { storage_pool: "text" },
  "pool-not-shared-because": { storage_pool: "text", why: "phrase" },
  "pool-proof-overdue": { storage_pool: "text" },
  "pool-proof-overdue-because": { storage_pool: "text", why: "phrase" },

  "pool-unused": { why: "phrase" },
  "pool-proof-impossible": { until: "text" },
  "pool-proof-failing": { until: "text", why: "whole" },

  "gpu-cordoned": { gpu_uuid: "text" },
  "gpu-cordoned-with-note": { gpu_uuid: "text", note: "text" },
  "gpu-suspect": { gpu_uuid: "text", why: "phrase" },
  "gpu-claimed-twice": { gpu_uuid: "text", other_host_id: "text" },
  "gpu-unhealthy": { gpu_uuid: "text" },
  "gpu-unhealthy-because": { gpu_uuid: "text", why: "phrase" },
  "gpu-used-by-process": { gpu_uuid: "text", process_id: "number" },
  "gpu-used-by-program": { gpu_uuid: "text", process_id: "number", program: "text" },
  "host-out-of-service": { host_name: "text" },
  "host-out-of-service-with-note": { host_name: "text", note: "text" },
  "drain-stops-now": { why: "whole" },
  "drain-stops-at": { at: "text", why: "whole" },
  "numbers-beyond-held": { number_name: "text", reported: "number", held: "number" },
  "restores-too-many": { restores: "number" },
  "log-server-ending": {},
  "outputs-of-server-too-many": { outputs: "number" },
  "outputs-of-reader-too-many": { outputs: "number" },
  "readers-of-host-too-many": { readers: "number" },
  "nats-not-answering": {},
  "agent-not-answering": {},
  "agent-answer-unknown": { problem: "text" },
  "journals-too-many": {},
} as const satisfies CodeShapes;

/** Where a host is reached, and how gateways come there. */
export const HOST_ADDRESS_CODES = {
  "address-missing": {},
  "address-refused": { address: "text", why: "phrase" },
  "address-of-control-plane": {},
  "address-loopback": {},
  "address-link-local": {},
  "address-of-metadata": {},
  "address-of-no-machine": {},
  "address-not-ip": {},
  "address-of-own-machine": { address: "text" },
  "address-connected-from": { address: "text" },
  "address-confirmed-by-administrator": { address: "text" },
  "address-in-host-network": { address: "text", network: "text" },
  "address-not-seen-yet": { address: "text" },
  "address-other-than-seen": { address: "text", seen_address: "text" },
  "tunnel-without-port": {},
  "tunnel-not-tried": {},
  "tunnel-direct": {},
  "tunnel-reversed": { gateways: "names" },
  "tunnel-reversed-because": { gateways: "names", why: "whole" },
  "tunnel-missing": { gateways: "names" },
  "tunnel-missing-because": { gateways: "names", why: "whole" },
} as const satisfies CodeShapes;

/** What is away between the control plane and all hosts. */
export const LINK_CODES = {
  "nats-away": {},
  "jetstream-missing": {},
  "jetstream-without-leader": {},
  "journal-stream-refused": {},
} as const satisfies CodeShapes;
