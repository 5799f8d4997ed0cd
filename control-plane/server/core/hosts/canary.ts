/** What a host's canary means for the host, in the sentences that operators read. */
import type { CanaryReport } from "@remotegpu/shared/messages/canary-report";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { inEnglish } from "../reasons/english/english.ts";
import type { Reason } from "../reasons/reason.ts";

/** So many in a row that could not be tried are no chance any more. */
export const FAILURES_REPORTED = 3;
/** One that is left out for longer leaves a host unwatched. */
export const CANARY_IS_OLD_MS = MS_PER_DAY;
const MAX_REASON = 500;
/** Attempts that a sentence names. */
const MAX_NAMED = 8;

/** Why the host is cordoned, with what its containers could do. */
export function canaryReason(succeeded: CanaryReport["succeeded"]): Reason {
  const could = succeeded.map(({ detail }) => detail).join(" ");
  const tooLong = inEnglish(canarySucceeded(could)).length - MAX_REASON;
  return canarySucceeded(tooLong <= 0 ? could : `${could.slice(0, could.length - tooLong - 1)}…`);
}

const canarySucceeded = (detail: string): Reason => ({ code: "canary-succeeded", params: { detail } });

/** Which attempts of its last canary are proof of nothing. */
export function unclearSentence(unclear: readonly string[]): string {
  const more = unclear.length - MAX_NAMED;
  const names = unclear.slice(0, MAX_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
  return `what its canary tried was answered by neither a refusal nor a success: ${names}.`;
}
