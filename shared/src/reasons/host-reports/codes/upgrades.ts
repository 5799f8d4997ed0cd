/** Why a release is not taken on a host, or was undone there. */
import type { CodeShapes } from "../../parameters.ts";

export const UPGRADE_CODES = {
  "upgrade-not-fetched": { why: "text" },
  "upgrade-damaged": { file: "text" },
  "upgrade-not-signed": {},
  "upgrade-refused-before": {},
  "upgrade-self-test-failed": { why: "text" },
  "upgrade-plan-differs": { why: "text" },
  "upgrade-not-ready": { seconds: "number" },
  "upgrade-agent-restarts": { restarts: "number" },
  "upgrade-files-restarts": { restarts: "number" },
  "upgrade-watchdog": {},
  "upgrade-hung": { seconds: "number" },
  "upgrade-work-ended": { instances: "number" },
  "upgrade-work-lost": { instances: "number" },
  "upgrade-not-heard": { heartbeats: "number", seconds: "number" },
  "upgrade-not-judged": {},
} as const satisfies CodeShapes;
