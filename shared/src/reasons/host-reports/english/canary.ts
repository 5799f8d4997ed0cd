import { messagesFor } from "../../messages.ts";
import type { CANARY_CODES } from "../codes/canary.ts";

export const CANARY_ENGLISH = messagesFor<typeof CANARY_CODES>()({
  "canary-journal-full": "The disk of the agent's journal is full.",
  "canary-memory-ordered": "All memory of the host is ordered.",
  "canary-processors-ordered": "All processors of the host are ordered.",
  "canary-not-tried": "It could not be tried: {why}",
  "canary-broken-off": "Its program did not come to its end.",
  "canary-inconclusive": "{unclear} of {tried} attempts were answered by neither a refusal nor a success.",
});
