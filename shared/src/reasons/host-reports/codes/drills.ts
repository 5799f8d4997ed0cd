/** What did not hold while a drill played a fault. */
import type { CodeShapes } from "../../parameters.ts";

export const DRILL_CODES = {
  "drill-canary-gone": {},
  "drill-canary-restarted": {},
  "drill-canary-not-ended": { within_seconds: "number" },
  "drill-agent-late": { within_seconds: "number" },
  "drill-not-noticed": { within_seconds: "number" },
  "drill-not-over": { within_seconds: "number" },
  "drill-cut-off": { within_seconds: "number" },
  "drill-journal-behind": { within_seconds: "number" },
  "drill-journal-broken": { checks: "names" },
  "drill-meter-stood": { within_seconds: "number" },
  "drill-leases-changed": {},
  "drill-not-played": { why: "text" },
} as const satisfies CodeShapes;
