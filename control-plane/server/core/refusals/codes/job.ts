/** Refusals about training jobs and inference services. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const JOB_CODES = {
  "output-held": { attempt: "number" },
  "job-without-output": {},
  "attempt-zero": {},
  "path-names-no-attempt": {},
  "path-outside-attempts": {},
  "code-doubled": {},
  "code-environment-not-run": {},
  "code-environment-deleting": {},
  "code-environment-unknown": {},
  "code-not-whole": {},
  "replicas-out-of-bounds": { min_replicas: "number", max_replicas: "number" },
  "service-key-named": { name: "text" },
  "service-keys-too-many": { max_keys: "number" },
  "replica-draining": { rank: "number" },
  "replica-not-up": { rank: "number", state: "text" },
  "replica-unreachable": { rank: "number", detail: "text" },
  "replica-without-metrics": { rank: "number", detail: "text" },
} as const satisfies CodeShapes;
