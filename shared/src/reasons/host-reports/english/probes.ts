import { messagesFor } from "../../messages.ts";
import type { DEVICE_REPORT_CODES, PROBE_REPORT_CODES } from "../codes/probes.ts";

export const PROBE_REPORT_ENGLISH = messagesFor<typeof PROBE_REPORT_CODES>()({
  "probe-failing": "Its probe fails: {got}.",
  "probe-never-passed": "It did not serve within {seconds} seconds of its start: {got}.",
  "probes-failed": "It failed {failures} probes in a row, the last one like this: {got}.",
  "probe-request": "GET {path}",
  "probe-connection": "A connection to port {port}",
  "probe-status": "{request} answered {status}",
  "probe-refused": "nobody listens on port {port}",
  "probe-unanswered": "{request} was not answered within {seconds} seconds",
  "probe-disconnected": "{request} was hung up on",
  "probe-no-http": "{request} was answered with what is no HTTP",
  "probe-endless-head": "{request} was answered with too many headers",
});

export const DEVICE_REPORT_ENGLISH = messagesFor<typeof DEVICE_REPORT_CODES>()({
  "gpu-access-lost": "Its container lost access to GPU {gpu_uuids}: the device rules of its host refuse it.",
  "gpu-access-restart":
    "Restart it to get it back; after {hours} hours its host does. Time without it is not charged.",
  "gpu-nodes-removed": "Removed inside of it: {nodes}. What begins there now finds no GPU.",
  "gpu-gone-from-host": "GPU {gpu_uuid} is gone from this host. {why} ({fault_code}).",
  "gpu-failed-on-host": "GPU {gpu_uuid} failed. {why} ({fault_code}).",
});
