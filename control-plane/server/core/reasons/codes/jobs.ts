/** What a training job is at, and what became of it. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const JOB_CODES = {
  "job-placed": { host_name: "text" },
  "job-placed-on-hosts": { host_count: "number", hosts: "names" },
  "job-start-overdue": { host_name: "text", minutes: "number" },
  "job-at-time-limit": {},
  "stop-overdue": { host_name: "text" },
  "job-confirmed": { next: "sentence" },
  "attempt-ordered": { attempt: "number", next: "sentence" },
} as const satisfies CodeShapes;
