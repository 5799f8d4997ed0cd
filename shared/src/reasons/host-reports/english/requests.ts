import { messagesFor } from "../../messages.ts";
import type { COMMAND_REFUSAL_CODES, OUTPUT_REFUSAL_CODES } from "../codes/requests.ts";

export const COMMAND_REFUSAL_ENGLISH = messagesFor<typeof COMMAND_REFUSAL_CODES>()({
  "command-not-on-host": "It does not run on this host now.",
  "command-awaits-gang": "It waits for all of its gang to go.",
  "command-closed-early": "It was given up before its end, and killed.",
  "command-container-down": "The container does not run.",
  "command-overdue": "It did not end in {seconds} s and was killed.",
  "command-failed": "the command could not be run",
  "commands-of-container-too-many": "{commands} commands are under way in it already.",
  "commands-of-host-too-many": "{commands} commands are running on this host",
});

export const OUTPUT_REFUSAL_ENGLISH = messagesFor<typeof OUTPUT_REFUSAL_CODES>()({
  "output-of-run-missing": "Nothing of run {run_id} is on this host (any more).",
  "output-of-service-missing": "What {service} says is kept in its container, which does not run.",
  "output-unreadable": "its output cannot be read now",
  "output-agent-ending": "the agent is ending",
  "output-readers-of-host-too-many": "{sessions} sessions read output of this host",
  "output-readers-of-run-too-many": "{sessions} sessions read the output of {run_id}",
});
