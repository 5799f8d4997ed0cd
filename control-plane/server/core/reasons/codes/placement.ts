/** What keeps a request off a host. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const PLACEMENT_CODES = {
  "host-fits": {},
  "host-shared-with-nobody": {},
  "other-storage-pool": { wanted_storage_pool: "text", host_storage_pool: "text" },
  "storage-pool-skipped": { storage_pool: "text", why: "phrase" },
  "host-skipped": { why: "phrase" },
  "label-missing": { label: "text", wanted: "text" },
  "label-differs": { label: "text", wanted: "text", value: "text" },
  "agent-lacks-feature": { feature: "id", cannot: "text" },
  "cpu-short": { requested_cores: "number", free_cores: "number" },
  "memory-short": { requested_mib: "number", free_mib: "number" },
  "temp-storage-short": { requested_mib: "number", free_mib: "number" },
  "gpu-not-on-host": { wanted: "phrase", found: "number" },
  "gpus-busy": { requested: "number", free: "number" },

  // What changed between the decision and its commit.
  obstacles: { why: "phrases" },
  "at-host": { host_name: "text", why: "phrases" },
  "host-gone": { host_id: "text" },
  "place-count-wrong": { requested: "number", found: "number" },
  "instances-need-own-hosts": {},
  "host-without-confirmed-address": { host_name: "text" },
  "hosts-kept-apart": { host_names: "text" },
  "gpu-count-wrong": { requested: "number", found: "number" },
  "gpu-gone": { gpu_uuid: "text" },
  "gpu-closed-meanwhile": { why: "phrase" },
  "gpu-taken": { gpu_uuid: "text" },
  "gpu-size-changed": { gpu_uuid: "text" },
} as const satisfies CodeShapes;
