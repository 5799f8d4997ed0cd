/** How often a message to a webhook is tried, and when: twelve times within a day, each pause twice the one before. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

export const MAX_WEBHOOK_TRIES = 12;
const FIRST_PAUSE_MS = 40 * MS_PER_SECOND;

/**
 * How long after its try number `tries` the next one comes, should that one fail. After the last there is a pause, too:
 * when it has passed, a try whose outcome nobody wrote down counts as failed.
 */
export function pauseAfterTry(tries: number): number {
  return FIRST_PAUSE_MS * 2 ** (Math.min(tries, MAX_WEBHOOK_TRIES) - 1);
}

/** What came of one try. */
export interface TryOutcome {
  readonly delivered: boolean;
  /** Null where no answer came. */
  readonly status: number | null;
  readonly error: string | null;
  /** How the answer began. */
  readonly answer: string | null;
}
