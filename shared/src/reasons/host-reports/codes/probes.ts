/** Whether a run serves and has its GPUs: what its probe got, and which devices it lacks. */
import type { CodeShapes } from "../../parameters.ts";

export const PROBE_REPORT_CODES = {
  "probe-failing": { got: "whole" },
  "probe-never-passed": { seconds: "number", got: "whole" },
  "probes-failed": { failures: "number", got: "whole" },
  "probe-request": { path: "text" },
  "probe-connection": { port: "number" },
  "probe-status": { request: "whole", status: "number" },
  "probe-refused": { port: "number" },
  "probe-unanswered": { request: "whole", seconds: "number" },
  "probe-disconnected": { request: "whole" },
  "probe-no-http": { request: "whole" },
  "probe-endless-head": { request: "whole" },
} as const satisfies CodeShapes;

export const DEVICE_REPORT_CODES = {
  "gpu-access-lost": { gpu_uuids: "text" },
  "gpu-access-restart": { hours: "number" },
  "gpu-nodes-removed": { nodes: "text" },
  "gpu-gone-from-host": { gpu_uuid: "text", why: "phrase", fault_code: "text" },
  "gpu-failed-on-host": { gpu_uuid: "text", why: "phrase", fault_code: "text" },
} as const satisfies CodeShapes;
