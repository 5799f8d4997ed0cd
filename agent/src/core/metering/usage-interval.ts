/**
 * How one run's open interval grows and ends. An interval follows one process; each function gives the pieces of
 * time that are now settled and the interval that goes on. Pure; when to call which is metering's matter.
 *
 * A claim was seen alive at both ends by one pid with one start time in one boot, or ends where the runtime says; what
 * was over before it was seen begins there, too (metered-run.ts). All else is `unproven`. Times are whole milliseconds on the CLOCK_MONOTONIC of the boot named beside them.
 */
import type { BootId, RunId } from "@remotegpu/shared/values/ids";
import type { Proof } from "@remotegpu/shared/proof/journal-row";

/** Two ticks are at most this far apart: an unwitnessed death of the host costs at most this much time. */
export const EXTEND_EVERY_MS = 10_000;
/** An open interval becomes a row when it is this long. */
export const EMIT_EVERY_MS = 60_000;
/** A process' first interval becomes a row sooner, so that a new run soon shows on its bill. */
export const FIRST_EMIT_MS = 5_000;
/** A tick later than this was missed, and the time since the last one is `reconstructed`, not `exact`. */
export const MISSED_TICK_MS = 15_000;

export interface Moment {
  bootId: BootId;
  nowMs: number;
  /** What the wall clock shows, Unix milliseconds; only ever a label. */
  wallMs: number;
}

/** One process for good: a pid is used again, but not with the same start time in the same boot. */
export interface ProcessIdentity {
  bootId: BootId;
  pid: number;
  /** Field 22 of /proc/<pid>/stat. */
  startTicks: number;
}

/** How far a run is covered: before `startMs` by rows, from there to `endMs` by what was seen and is no row yet. */
export interface UsageInterval extends ProcessIdentity {
  runId: RunId;
  startMs: number;
  endMs: number;
  wallEndMs: number;
  /** False once this process' end was seen, or another one's start. Kept so that nothing is covered twice. */
  isOpen: boolean;
}

/** A settled stretch of time, to be a usage row; empty ones are never claimed. */
export interface Piece {
  bootId: BootId;
  startMs: number;
  endMs: number;
  proof: Proof;
  wallEndMs: number;
}

/** What is settled, in order, and what goes on. */
export interface Progress {
  pieces: Piece[];
  interval: UsageInterval;
}

/**
 * The process is alive now. With `isFirst` none of its time is a row yet; with `isShortOfSpace` the interval grows in
 * place instead of becoming one. No row is made of time after `settledMs`, which may still turn out to be nobody's.
 */
export function extend(
  interval: UsageInterval,
  now: Moment,
  {
    isFirst,
    isShortOfSpace,
    settledMs,
  }: { isFirst: boolean; isShortOfSpace: boolean; settledMs: number | null },
): Progress {
  const gapMs = now.nowMs - interval.endMs;
  if (gapMs <= 0) return { pieces: [], interval };
  if (gapMs > MISSED_TICK_MS) return extendUnwatched(interval, now, settledMs);
  const reached = { ...interval, endMs: now.nowMs, wallEndMs: now.wallMs };
  const isLongEnough = reached.endMs - reached.startMs >= (isFirst ? FIRST_EMIT_MS : EMIT_EVERY_MS);
  const row = reachedTo(reached, Math.min(reached.endMs, settledMs ?? reached.endMs), now);
  return isLongEnough && !isShortOfSpace && row.endMs > row.startMs
    ? { pieces: [pieceOf(row, "exact")], interval: { ...reached, startMs: row.endMs } }
    : { pieces: [], interval: reached };
}

/**
 * Nobody looked for a while (the agent was down or held up), but one process cannot die and come back. What is not settled
 * of that while waits: it is not seen, and is told as unwatched once it is settled.
 */
function extendUnwatched(interval: UsageInterval, now: Moment, settledMs: number | null): Progress {
  const untilMs = Math.min(now.nowMs, settledMs ?? now.nowMs);
  if (untilMs <= interval.endMs) return { pieces: [], interval };
  const unwatched = { ...reachedTo(interval, untilMs, now), startMs: interval.endMs };
  const isWatchedAgain = now.nowMs - untilMs <= MISSED_TICK_MS;
  const next = { ...reachedTo(interval, isWatchedAgain ? now.nowMs : untilMs, now), startMs: untilMs };
  return { pieces: [pieceOf(interval, "exact"), pieceOf(unwatched, "reconstructed")], interval: next };
}

/**
 * What the process lived on is no longer charged from `lastGoodMs` on, although it was seen alive; null where that
 * moment is not known, and then what was seen is claimed. What is a row already stays one.
 */
export function closeAtLoss(interval: UsageInterval, lastGoodMs: number | null, now: Moment): Progress {
  if (lastGoodMs === null || interval.bootId !== now.bootId)
    return closeAtLastSight(interval, now.nowMs, now);
  const goodMs = Math.max(interval.startMs, Math.min(interval.endMs, lastGoodMs));
  return closeAtLastSight(reachedTo(interval, goodMs, now), now.nowMs, now);
}

/**
 * While it is open whether what the process lives on is lost, the interval reaches no further than `lastGoodMs`, so that
 * even a reboot claims no more. Should all be well, the time since then is told as unwatched.
 */
export function holdAt(interval: UsageInterval, lastGoodMs: number, now: Moment): Progress {
  const goodMs = Math.max(interval.startMs, lastGoodMs);
  const isBeyond = interval.bootId === now.bootId && interval.endMs > goodMs;
  return { pieces: [], interval: isBeyond ? reachedTo(interval, goodMs, now) : interval };
}

/** Where a run's time of a boot that has ended stops to be its own, because a card that it held was not well then. */
export interface EndOfBoot {
  bootId: BootId;
  /** On that boot's monotonic clock. */
  lastGoodMs: number;
}

/** The host rebooted before a tick had held the interval back: no more of it is claimed than if one had. */
export function cutAtReboot(interval: UsageInterval, { bootId, lastGoodMs }: EndOfBoot): UsageInterval {
  const goodMs = Math.max(interval.startMs, lastGoodMs);
  if (!interval.isOpen || interval.bootId !== bootId || interval.endMs <= goodMs) return interval;
  return { ...interval, endMs: goodMs, wallEndMs: interval.wallEndMs - (interval.endMs - goodMs) };
}

/** The runtime tells when the process ended. Its clock may be off: taken only between the last sight and now. */
export function closeAt(interval: UsageInterval, finishedMs: number, now: Moment): Progress {
  const reached = reachedTo(interval, Math.max(interval.endMs, Math.min(finishedMs, now.nowMs)), now);
  if (reached.endMs === reached.startMs) return closeAtLastSight(interval, now.nowMs, now);
  return { pieces: [pieceOf(reached, "bounded")], interval: closed(reached) };
}

/**
 * The process ended unseen, between the last sight and `untilMs` at the latest: what was seen is claimed. A long
 * stretch beyond it is told as `unproven`, so that people see what was not charged; and so is a short one where
 * nothing else would tell that a process ended here, since a hole after its last row would look like lost time.
 */
export function closeAtLastSight(interval: UsageInterval, untilMs: number, now: Moment): Progress {
  const seen = pieceOf(interval, "bounded");
  // The old boot's clock ended with it: how long the process lived on there is not even a guess.
  const isRebooted = interval.bootId !== now.bootId;
  const isShort = untilMs - interval.endMs <= MISSED_TICK_MS && seen.endMs > seen.startMs;
  if (isRebooted || isShort) return { pieces: [seen], interval: closed(interval) };
  const reached = reachedTo(interval, untilMs, now);
  const unseen = pieceOf({ ...reached, startMs: interval.endMs }, "unproven");
  return { pieces: [seen, unseen], interval: closed(reached) };
}

export function pieceOf({ bootId, startMs, endMs, wallEndMs }: Omit<Piece, "proof">, proof: Proof): Piece {
  return { bootId, startMs, endMs, proof, wallEndMs };
}

export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.bootId === b.bootId && a.pid === b.pid && a.startTicks === b.startTicks;
}

function reachedTo(interval: UsageInterval, endMs: number, now: Moment): UsageInterval {
  return { ...interval, endMs, wallEndMs: now.wallMs - (now.nowMs - endMs) };
}

function closed(interval: UsageInterval): UsageInterval {
  return { ...interval, startMs: interval.endMs, isOpen: false };
}
