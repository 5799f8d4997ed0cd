/** What an inference service is at. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const SERVICE_CODES = {
  "replica-placed": { rank: "number", host_name: "text" },
  "replica-waiting-for-place": {},
  "replicas-paused": { failures: "number", until: "text" },
  "replicas-stopping": {},
} as const satisfies CodeShapes;
