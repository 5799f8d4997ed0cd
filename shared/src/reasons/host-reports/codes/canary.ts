/** Why the canary of a host was left out, or found out nothing. */
import type { CodeShapes } from "../../parameters.ts";

export const CANARY_CODES = {
  "canary-journal-full": {},
  "canary-memory-ordered": {},
  "canary-processors-ordered": {},
  "canary-not-tried": { why: "text" },
  "canary-broken-off": {},
  "canary-inconclusive": { unclear: "number", tried: "number" },
} as const satisfies CodeShapes;
