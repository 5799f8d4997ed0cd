/**
 * Access processes of one host that live side by side after upgrades: the newest one has listeners and book, each elder
 * only the connections that it had. When one hands over, and when an elder ends, with the sentence that its connections
 * are told to have ended by.
 */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

/** The newest one and two elders: each takes memory of the host. */
export const MAX_GENERATIONS = 3;
export const MAX_DRAINING_MS = 7 * MS_PER_DAY;
/** An elder that hears of no newest one hears of no right that was taken away. A restart takes some seconds. */
export const LEADERLESS_AT_MOST_MS = 2 * MS_PER_MINUTE;
/** Where no unit would start another newest one, and the process that was started first has to end for that. */
export const UNWATCHED_LEADERLESS_AT_MOST_MS = 10_000;
const FIRST_PAUSE_MS = MS_PER_MINUTE;
const LONGEST_PAUSE_MS = MS_PER_HOUR;

export const TOO_OLD = "Its access process was upgraded seven days ago.";
export const TOO_MANY = `Its access process was upgraded ${MAX_GENERATIONS} times while it was open.`;
export const LEADERLESS = "Its access process heard of no other one that was at work.";

/** Null: it goes on. */
export function whyDrainingEnds({
  retiredForMs,
  leaderlessForMs,
  isUnderUnit,
}: {
  retiredForMs: number;
  leaderlessForMs: number;
  isUnderUnit: boolean;
}): string | null {
  if (retiredForMs >= MAX_DRAINING_MS) return TOO_OLD;
  const leaderlessAtMostMs = isUnderUnit ? LEADERLESS_AT_MOST_MS : UNWATCHED_LEADERLESS_AT_MOST_MS;
  return leaderlessForMs >= leaderlessAtMostMs ? LEADERLESS : null;
}

/** When the process of one bundle hands over to that of another: once the host has committed to it. */
export class HandoverMoment {
  readonly #own: string | null;
  #reported: string | null = null;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(own: string | null) {
    this.#own = own;
  }

  agentRunsFrom(bundle: string | null): void {
    if (bundle === this.#reported) return;
    this.#reported = bundle;
    this.#failures = 0;
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
  }

  /** The bundle whose process should take over now; null: go on. */
  dueFor(nowMs: number): string | null {
    const isOther = this.#reported !== null && this.#own !== null && this.#reported !== this.#own;
    return isOther && nowMs >= this.#notBeforeMs ? this.#reported : null;
  }

  /** It did not come up. Returns when it is tried again. */
  failed(nowMs: number): { againInMs: number } {
    const againInMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#notBeforeMs = nowMs + againInMs;
    return { againInMs };
  }
}
