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

/** What an order asks of GPUs, as a part of other reasons. */
export const GPU_REQUEST_CODES = {
  "no-gpu": {},
  "whole-gpus": { count: "number", model: "phrase" },
  "whole-gpus-with-memory": { count: "number", model: "phrase", least_mib: "number" },
  "gpu-slice": { size: "phrase", model: "phrase" },
  "slice-share": { thousandths: "number" },
  "slice-memory": { memory_mib: "number" },
  "slice-memory-and-share": { memory_mib: "number", thousandths: "number" },
  "any-gpu": {},
  "one-gpu": {},
  "priced-gpu": {},
  "gpu-models": { models: "alternatives" },
} as const satisfies CodeShapes;

/** What no host of the fleet could hold, were all of it free. */
export const IMPOSSIBILITY_CODES = {
  "label-on-no-host": { label: "text", place: "phrase" },
  "nothing-on-any-host": { wanted: "phrase", place: "phrase" },
  "beyond-largest-host": { requested: "phrase", place: "phrase", most: "phrase" },
  "places-too-few": { requested: "number", room: "number" },
  "own-hosts-too-few": { requested: "number", room: "number" },
  "any-host": {},
  "any-host-of-pool": { storage_pool: "text" },
  "any-host-with": { place: "phrase", qualities: "all" },
  "host-label": { label: "text" },
  cores: { cores: "number" },
  memory: { mib: "number" },
  "temp-storage": { mib: "number" },
  "memory-on-each-gpu": { mib: "number", model: "phrase" },
  "gpus-with-memory": { count: "number", model: "phrase", mib: "number" },
} as const satisfies CodeShapes;
