/**
 * Decides what an agent writes down about its runs' time: given each run's process and how far the run is covered
 * so far, which usage rows come out and how far it is covered then. Pure; the journal stores the result.
 *
 * Rows of one run never overlap, whatever happens; while one process lives they touch each other. A run's last row
 * says so (`final`), and a run of which nothing ran, or nothing is proven, ends with an empty one, so that it can be
 * closed free.
 */
import type { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import type { CardProof } from "./run-cards.ts";
import {
  closeAt,
  closeAtLastSight,
  closeAtLoss,
  cutAtReboot,
  extend,
  holdAt,
  isSameProcess,
  pieceOf,
  type EndOfBoot,
  type UsageInterval,
  type Moment,
  type Piece,
  type ProcessIdentity,
  type Progress,
} from "./usage-interval.ts";

/** What /proc and the runtime say now about the very process that was recorded. */
export type Life =
  | { state: "alive" }
  /** `finishedMs` is null unless the runtime was up since before that end and its clock can be trusted. */
  | { state: "ended"; finishedMs: number | null }
  | { state: "unknown" };

export interface MeteredRun {
  runId: RunId;
  instanceId: InstanceId;
  placementEpoch: number;
  /**
   * The process whose life is the run's time; null while there is none to look at. From `sinceMs` on it is known to
   * live with the gate open; nothing before it is metered.
   */
  process: (ProcessIdentity & { sinceMs: number; life: Life }) | null;
  /** Nothing more will run: this step ends the run. */
  isOver: boolean;
  /** From when to when it ran, where all of that was over before a process of it was seen; absent for all others. */
  unseen?: Span;
  /** What its cards say about its time; absent where it holds none. */
  cards?: CardProof;
  /** Of the boot of its open interval, which has ended; absent where its cards were well then. */
  endOfBoot?: EndOfBoot;
}

/** On the monotonic clock of this boot. */
export type Span = { startMs: number; endMs: number };

/** The outcome for one run: rows to append in this order, and the interval to keep (null forgets it). */
export interface MeterStep {
  runId: RunId;
  rows: UsageEntry[];
  interval: UsageInterval | null;
  /** True with the run's final row; the run must not be metered again. */
  isEnded: boolean;
}

export interface MeterOptions {
  /** No room for rows: open intervals grow in place instead of becoming some. */
  isShortOfSpace: boolean;
}

/** One step for each run of which there is something to write; the others are left out. */
export function meter(
  runs: readonly MeteredRun[],
  intervals: ReadonlyMap<RunId, UsageInterval>,
  now: Moment,
  options: MeterOptions = { isShortOfSpace: false },
): MeterStep[] {
  return runs
    .map((run) => meterRun(run, intervals.get(run.runId) ?? null, now, options))
    .filter((step) => step !== null);
}

function meterRun(
  run: MeteredRun,
  known: UsageInterval | null,
  now: Moment,
  { isShortOfSpace }: MeterOptions,
): MeterStep | null {
  const before = known !== null && run.endOfBoot !== undefined ? cutAtReboot(known, run.endOfBoot) : known;
  const pieces: Piece[] = [];
  let interval = before;
  const take = (progress: Progress) => {
    pieces.push(...progress.pieces);
    interval = progress.interval;
  };

  const { cards } = run;
  switch (cards?.kind) {
    case "lost":
      if (interval?.isOpen === true) {
        take(followToLoss(interval, run, cards.lastGoodMs, { now, isShortOfSpace }));
        take(closeAtLoss(interval, cards.lastGoodMs, now));
      }
      break;
    case "suspect":
      if (interval?.isOpen === true) {
        take(followToLoss(interval, run, cards.lastGoodMs, { now, isShortOfSpace }));
        take((run.isOver ? closeAtLoss : holdAt)(interval, cards.lastGoodMs, now));
      }
      interval = openFor(run, interval, now) ?? interval;
      break;
    case "good":
    case undefined:
      if (before?.isOpen === true && !isFollowed(before, run, now))
        take(closeAtLastSight(before, successorStartMs(run, now), now));
      interval = openFor(run, interval, now) ?? interval;
      if (interval?.isOpen === true && run.process !== null)
        take(follow(interval, run.process, now, { isShortOfSpace, settledMs: cards?.settledMs ?? null }));
      break;
  }

  if (run.isOver) return finalStep(run, pieces, interval, now);
  const rows = pieces.filter(isNotEmpty).map((piece) => entryOf(run, piece));
  const isUnchanged = rows.length === 0 && interval === before;
  return isUnchanged ? null : { runId: run.runId, rows, interval, isEnded: false };
}

/** Whether the run's process of now is the one this interval follows. A reboot ends every process. */
function isFollowed(interval: UsageInterval, { process }: MeteredRun, now: Moment): boolean {
  return process !== null && interval.bootId === now.bootId && isSameProcess(interval, process);
}

/** The latest moment at which a process that was never seen again can have ended. */
function successorStartMs({ process }: MeteredRun, now: Moment): number {
  return process?.bootId === now.bootId ? Math.min(process.sinceMs, now.nowMs) : now.nowMs;
}

/**
 * A process that lives now has lived at the last good sample as well, though nobody has looked since before it: that time
 * is the run's own. Nothing is known where the moment is not, or the process is another one.
 */
function followToLoss(
  interval: UsageInterval,
  run: MeteredRun,
  lastGoodMs: number | null,
  { now, isShortOfSpace }: { now: Moment; isShortOfSpace: boolean },
): Progress {
  const isAlive = run.process?.life.state === "alive" && isFollowed(interval, run, now);
  if (!isAlive || lastGoodMs === null || lastGoodMs <= interval.endMs) return { pieces: [], interval };
  return extend(interval, now, { isFirst: false, isShortOfSpace, settledMs: lastGoodMs });
}

function follow(
  interval: UsageInterval,
  { life, sinceMs }: NonNullable<MeteredRun["process"]>,
  now: Moment,
  limits: { isShortOfSpace: boolean; settledMs: number | null },
): Progress {
  switch (life.state) {
    case "alive":
      // An interval that begins where the process does has no row before it.
      return extend(interval, now, { isFirst: interval.startMs <= sinceMs, ...limits });
    case "ended":
      return life.finishedMs === null
        ? closeAtLastSight(interval, now.nowMs, now)
        : closeAt(interval, life.finishedMs, now);
    case "unknown":
      return { pieces: [], interval };
  }
}

/** An empty open interval where this run's process begins to count, or null when nothing is to be opened. */
function openFor(run: MeteredRun, before: UsageInterval | null, now: Moment): UsageInterval | null {
  const { process } = run;
  if (before?.isOpen === true || process === null || process.bootId !== now.bootId) return null;
  if (process.life.state === "unknown") return null;
  const isSeenOff = before !== null && isSameProcess(before, process) && process.life.state === "ended";
  if (isSeenOff) return null;
  const coveredMs = before?.bootId === now.bootId ? before.endMs : 0;
  const startMs = Math.max(coveredMs, Math.min(process.sinceMs, now.nowMs));
  const { bootId, pid, startTicks } = process;
  const wallEndMs = now.wallMs - (now.nowMs - startMs);
  return { runId: run.runId, bootId, pid, startTicks, startMs, endMs: startMs, wallEndMs, isOpen: true };
}

function finalStep(run: MeteredRun, pieces: Piece[], interval: UsageInterval | null, now: Moment): MeterStep {
  const open = interval?.isOpen === true ? [pieceOf(interval, "bounded")] : [];
  const claimed = [...pieces, ...open, ...unseenPieces(run, interval, now)].filter(isNotEmpty);
  const last = claimed.pop() ?? emptyPiece(interval, now);
  const rows = [...claimed.map((piece) => entryOf(run, piece)), { ...entryOf(run, last), final: true }];
  return { runId: run.runId, rows, interval: null, isEnded: true };
}

/** What ran unseen is a claim of its own only where nothing was ever covered. */
function unseenPieces(
  { unseen, cards }: MeteredRun,
  interval: UsageInterval | null,
  { bootId, nowMs, wallMs }: Moment,
): Piece[] {
  if (unseen === undefined || interval !== null) return [];
  if (cards?.kind === "lost" || cards?.kind === "suspect") return [];
  return [pieceOf({ ...unseen, bootId, wallEndMs: wallMs - (nowMs - unseen.endMs) }, "bounded")];
}

function emptyPiece(interval: UsageInterval | null, { bootId, nowMs, wallMs }: Moment): Piece {
  return interval === null
    ? pieceOf({ bootId, startMs: nowMs, endMs: nowMs, wallEndMs: wallMs }, "unproven")
    : pieceOf({ ...interval, startMs: interval.endMs }, "unproven");
}

function isNotEmpty(piece: Piece): boolean {
  return piece.endMs > piece.startMs;
}

function entryOf({ runId, instanceId, placementEpoch }: MeteredRun, piece: Piece): UsageEntry {
  const { bootId, startMs, endMs, proof, wallEndMs } = piece;
  const wallEnd = new Date(wallEndMs).toISOString();
  return {
    kind: "usage",
    runId,
    instanceId,
    placementEpoch,
    bootId,
    startMs,
    endMs,
    proof,
    final: false,
    wallEnd,
  };
}
