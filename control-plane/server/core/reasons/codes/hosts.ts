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

  "pool-claim-unconfirmed": { storage_pool: "text" },
  "pool-not-proved-yet": { storage_pool: "text" },
  "pool-not-proved-yet-because": { storage_pool: "text", why: "phrase" },
  "pool-agent-too-old": { storage_pool: "text" },
  "pool-not-shared": { storage_pool: "text" },
  "pool-not-shared-because": { storage_pool: "text", why: "phrase" },
  "pool-proof-overdue": { storage_pool: "text" },
  "pool-proof-overdue-because": { storage_pool: "text", why: "phrase" },

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
} as const satisfies CodeShapes;
