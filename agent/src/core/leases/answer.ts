/**
 * Whether somebody answers behind a lease: when that is looked at, and what is told of it. Often while nobody was seen, so
 * that a start is noticed at once, and rarely from then on. Pure: the looks are service-check.ts of the access process.
 */
import type { LeaseService, ObservedLease } from "@remotegpu/shared/instance/lease";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

const FIRST_REST_MS = 250;
export const LONGEST_BACKOFF_MS = 30_000;
/** Once somebody was seen. */
export const SEEN_BACKOFF_MS = 3 * MS_PER_MINUTE;
const MAX_DETAIL = 200;

export type Answer = NonNullable<ObservedLease["answers"]>;

/** What a look found. */
export type CheckResult =
  | "answers"
  /** Nobody listens. */
  | "closed"
  /** Connections are taken, and nothing that a server of SSH says comes. */
  | "mute"
  /** A server of SSH answers, and the kernel ends its sessions: there is no memory for them. */
  | "cramped"
  /** The container has ended, or cannot be looked into now: nothing is known. */
  | "unknown";

export type Watched = { service: LeaseService; internalPort: number };

/** What is known so far of one service of one container. */
export type Watch = {
  /** Null: nobody has looked. */
  answer: Answer | null;
  /** Looks in a row that saw nobody. */
  misses: number;
};

export const UNWATCHED: Watch = { answer: null, misses: 0 };

/** @param exhaustion a sentence on what the container has used up; null for nothing */
export function afterCheck(
  watch: Watch,
  check: CheckResult,
  { watched, exhaustion }: { watched: Watched; exhaustion: string | null },
): Watch {
  switch (check) {
    case "answers":
      return { answer: { isSeen: true, detail: "" }, misses: 0 };
    case "unknown":
      return { ...watch, misses: watch.misses + 1 };
    case "closed":
    case "mute":
    case "cramped": {
      const why = WHY[check](watched);
      const detail = (exhaustion === null ? why : `${exhaustion} ${why}`).slice(0, MAX_DETAIL);
      return { answer: { isSeen: false, detail }, misses: watch.misses + 1 };
    }
  }
}

/** How long after a look the next one is due. */
export function backoffMs({ answer, misses }: Watch): number {
  if (answer?.isSeen === true && misses === 0) return SEEN_BACKOFF_MS;
  return Math.min(FIRST_REST_MS * 2 ** Math.max(0, misses - 1), LONGEST_BACKOFF_MS);
}

export function isSameAnswer(a: Answer | null, b: Answer | null): boolean {
  return a?.isSeen === b?.isSeen && a?.detail === b?.detail;
}

const WHY = {
  closed: ({ internalPort }: Watched) => `Nobody listens on port ${internalPort} in the container.`,
  mute: ({ internalPort }: Watched) =>
    `What listens on port ${internalPort} in the container does not answer as a server of SSH.`,
  cramped: () => "The kernel ends what a session begins.",
};
