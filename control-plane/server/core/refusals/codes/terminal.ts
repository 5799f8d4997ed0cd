/** What the gateway says of terminals in the browser, in place of one or at its end. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const TERMINAL_CODES = {
  "terminal-connection-closed": {},
  "terminal-connection-lost": {},
  "terminal-unanswered": {},
  "terminal-not-admitted": {},
  "terminal-host-key-other": {},
  "terminal-not-started": {},
  "terminal-not-startable": {},
  "terminal-open-elsewhere": {},
  "terminal-shell-ended": {},
  "terminal-page-read-only": {},
  "terminal-page-not-built": {},
  "terminal-path-unknown": {},
} as const satisfies CodeShapes;
