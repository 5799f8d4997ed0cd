/** Why a host refuses a command, or to read output. */
import type { CodeShapes } from "../../parameters.ts";

export const COMMAND_REFUSAL_CODES = {
  "command-not-on-host": {},
  "command-awaits-gang": {},
  "command-closed-early": {},
  "command-container-down": {},
  "command-overdue": { seconds: "number" },
  "command-failed": {},
  "commands-of-container-too-many": { commands: "number" },
  "commands-of-host-too-many": { commands: "number" },
} as const satisfies CodeShapes;

export const OUTPUT_REFUSAL_CODES = {
  "output-of-run-missing": { run_id: "text" },
  "output-of-service-missing": { service: "text" },
  "output-unreadable": {},
  "output-agent-ending": {},
  "output-readers-of-host-too-many": { sessions: "number" },
  "output-readers-of-run-too-many": { sessions: "number", run_id: "text" },
} as const satisfies CodeShapes;
