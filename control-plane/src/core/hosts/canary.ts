/** What a host's canary means for the host, in the sentences that operators read. */
import type { CanaryReport } from "@remotegpu/shared/canary-report";
import { MS_PER_DAY } from "@remotegpu/shared/units";

/** So many in a row that could not be tried are no chance any more. */
export const FAILURES_SHOWN = 3;
/** One that is left out for longer leaves a host unwatched. */
export const CANARY_IS_OLD_MS = MS_PER_DAY;
const MAX_REASON = 500;

/** Why the host is cordoned, with what its containers could do. */
export function canaryReason(succeeded: CanaryReport["succeeded"]): string {
  const could = succeeded.map(({ detail }) => detail).join(" ");
  const reason = `What every container must be refused succeeded on this host. ${could}`;
  return reason.length <= MAX_REASON ? reason : `${reason.slice(0, MAX_REASON - 1)}…`;
}
