import { messagesFor } from "../../messages.ts";
import type { DRILL_CODES } from "../codes/drills.ts";

export const DRILL_ENGLISH = messagesFor<typeof DRILL_CODES>()({
  "drill-canary-gone": "The canary did not run any more.",
  "drill-canary-restarted": "The canary's process had been ended and started again.",
  "drill-canary-not-ended":
    "The canary held the lost card and had not been ended after {within_seconds} seconds.",
  "drill-agent-late": "The agent was not ready within {within_seconds} seconds.",
  "drill-not-noticed": "The agent had not noticed it after {within_seconds} seconds.",
  "drill-not-over": "The agent still reported it {within_seconds} seconds after it was over.",
  "drill-cut-off": "The control plane had not answered {within_seconds} seconds after it was over.",
  "drill-journal-behind":
    "The control plane had not confirmed the journal {within_seconds} seconds after it was over.",
  "drill-journal-broken": "The journal failed these checks of the doctor: {checks}.",
  "drill-meter-stood": "The canary was not metered {within_seconds} seconds after it was over.",
  "drill-leases-changed": "The leased ports were others than before.",
  "drill-not-played": "It could not be played: {why}",
});
