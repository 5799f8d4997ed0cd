/**
 * Whether somebody answers behind a lease: when that is looked at, and what is told of it. Often while nobody was seen, so
 * that a start is noticed at once, and rarely from then on. Pure: the looks are service-check.ts of the access process.
 */
import type { LeaseService, ObservedLease } from "@remotegpu/shared/instance/lease";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { inSequence, worded } from "@remotegpu/shared/reasons/host-reports/statement";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

const FIRST_REST_MS = 250;
export const LONGEST_BACKOFF_MS = 30_000;
/** Once somebody was seen. */
export const SEEN_BACKOFF_MS = 3 * MS_PER_MINUTE;

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

/** @param exhaustion what the container has used up; null for nothing */
export function afterCheck(
  watch: Watch,
  check: CheckResult,
  { watched, exhaustion }: { watched: Watched; exhaustion: HostReason | null },
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
      const found = worded(exhaustion === null ? why : inSequence(exhaustion, why));
      return { answer: { isSeen: false, ...found }, misses: watch.misses + 1 };
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

const WHY: Record<"closed" | "mute" | "cramped", (watched: Watched) => HostReason> = {
  closed: ({ internalPort: port }) => ({ code: "service-port-closed", params: { port } }),
  mute: ({ internalPort: port }) => ({ code: "service-port-without-ssh", params: { port } }),
  cramped: () => ({ code: "service-sessions-killed", params: {} }),
};
