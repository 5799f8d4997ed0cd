/** What an environment is at, and what became of it. Actors are named as the audit log names them. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const ENVIRONMENT_CODES = {
  "environment-starting": { host_name: "text" },
  "environment-stopping": { host_name: "text" },
  "environment-restarting": { host_name: "text" },
  "environment-deleting": { host_name: "text" },
  "environment-start-overdue": { host_name: "text", minutes: "number" },
  "environment-stop-overdue": { host_name: "text", minutes: "number" },
  "environment-deletion-overdue": { host_name: "text", minutes: "number" },
  "runs-on-hosts": { host_count: "number", hosts: "names" },
  "lost-with-host": {},
  "run-restarted": {},
  "run-left-nothing": {},
  "start-forgotten-by-restore": {},
  "stopped-unused": { minutes: "number", figures: "whole" },
  "idle-stop-due": { at: "text", figures: "whole" },
  "environment-unused": { since: "text", cpu_percent: "tenths" },
  "environment-unused-with-gpus": { since: "text", gpu_percent: "number", cpu_percent: "tenths" },
} as const satisfies CodeShapes;
