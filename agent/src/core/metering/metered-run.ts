/**
 * From what was seen in this round to what metering counts: which process' life is a run's time, since when, and
 * whether it goes on. Pure; the loop reads /proc in between.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Life, MeteredRun, Span } from "./metering.ts";
import { readmittedMs } from "./run-access.ts";
import type { CardProof } from "./run-cards.ts";
import type { RunRecord } from "../runs/run-record.ts";
import type { EndOfBoot, UsageInterval, Moment } from "./usage-interval.ts";

/** The runtime notes a start somewhat after the process began. The agent's own restarts keep a greater distance. */
const START_LABEL_SLACK_MS = 500;

/** The least that is told of a time. */
const A_MOMENT_MS = 1;

/** Start times in /proc count USER_HZ, which is 100 on every Linux we run on. */
const MS_PER_TICK = 10;

export interface RunSighting {
  record: RunRecord;
  interval: UsageInterval | null;
  /**
   * The process that stands for all of the container, its first one as a rule: alive, or outlived by others of the same
   * container; none (everything ended, or nothing runs); or not to be told, because the kernel could not be asked.
   */
  process: { alive: true; pid: number; startTicks: number } | { alive: false } | "unknown";
  /** When the container ended, on this boot's clock; null when not known or not to be trusted. */
  finishedMs: number | null;
  /** From when to when it ran, where it was over before any of it was metered; null when not known or not to be trusted. */
  unseen: Span | null;
  /** What its cards say about its time; absent where it holds none. */
  cards?: CardProof;
  /** What they said last in the boot of its open interval, which has ended; absent where they were well. */
  endOfBoot?: EndOfBoot;
}

/**
 * The pids of which the first that is the run's own and lives stands for it: the container's first process by the
 * runtime; the one that was metered last, which goes on without the runtime; and where nothing is being metered, some
 * of those there, of which each may be gone by the time it is read.
 */
export function pidsToRead(
  interval: UsageInterval | null,
  { containerPid, alive }: { containerPid: number | null; alive: readonly number[] },
  now: Moment,
): number[] {
  const others = isOpenNow(interval, now) ? [interval.pid] : alive.slice(0, MOST_READ);
  return [...new Set([...(containerPid === null ? [] : [containerPid]), ...others])];
}

const MOST_READ = 8;

/**
 * Whether a living process is the run's: it is in its group, or the very one that was metered. A pid alone says nothing:
 * it may be anybody's by now.
 */
export function isOfRun(
  process: { pid: number; startTicks: number },
  interval: UsageInterval | null,
  { alive, now }: { alive: readonly number[]; now: Moment },
): boolean {
  if (alive.includes(process.pid)) return true;
  return (
    isOpenNow(interval, now) && interval.pid === process.pid && interval.startTicks === process.startTicks
  );
}

/**
 * Whether the run goes on, and the process that stands for it. Its control group decides: what ended or hid its first
 * process goes on in another one, and a run keeps the identity by which it was metered for as long as anything lives.
 * @param read the first of the pids to read that lives and is the run's; null where there is none
 * @param isEndUntold the runtime is about to say when it ended; until then an end is not claimed
 */
export function processOfRun(
  interval: UsageInterval | null,
  read: { pid: number; startTicks: number } | null,
  { alive, isEndUntold, now }: { alive: readonly number[]; isEndUntold: boolean; now: Moment },
): RunSighting["process"] {
  if (read !== null) return { alive: true, ...read };
  if (alive.length === 0) return isEndUntold ? "unknown" : { alive: false };
  // Something lives, and what was read of it was gone already.
  if (!isOpenNow(interval, now)) return "unknown";
  return { alive: true, pid: interval.pid, startTicks: interval.startTicks };
}

function isOpenNow(interval: UsageInterval | null, now: Moment): interval is UsageInterval {
  return interval?.isOpen === true && interval.bootId === now.bootId;
}

/**
 * When the process that `interval` follows ended, by the runtime's word; null where that is not to be trusted: the
 * runtime was not up all the while, or what ended is a later process of the container, whose end says nothing of it.
 * @returns milliseconds on this boot's clock
 */
export function finishedMs(
  exit: { startedAt: string; finishedAt: string },
  { wasUpSinceMs, interval }: { wasUpSinceMs: number | null; interval: UsageInterval | null },
  now: Moment,
): number | null {
  const startedMs = onThisClock(exit.startedAt, now);
  const endedMs = onThisClock(exit.finishedAt, now);
  if (wasUpSinceMs === null || startedMs === null || endedMs === null || endedMs < wasUpSinceMs) return null;
  const isLaterLife = interval !== null && startedMs > interval.endMs + START_LABEL_SLACK_MS;
  return isLaterLife ? null : endedMs;
}

/**
 * From when to when a container ran that ended by itself before a process of it was seen, by the runtime's word. The
 * agent had it started, and it is over: both moments must lie in between on this boot's clock, so that a wall clock that
 * was set meanwhile is found out, or moves them by less than that. The label of a start comes late, for a command that
 * does nothing even after its end: that it ran for a moment is certain, and no more is claimed. A container that was
 * started again has lives of which the runtime knows only the last; what is not known of them is free.
 * @param order null where nobody orders it any more; only a gate that opens with the container lets all of its life count
 */
export function unseenSpan(
  exit: { startedAt: string; finishedAt: string },
  {
    record,
    interval,
    order,
    wasUpSinceMs,
  }: {
    record: RunRecord;
    interval: UsageInterval | null;
    order: Pick<DesiredInstance, "spec"> | null;
    wasUpSinceMs: number | null;
  },
  now: Moment,
): Span | null {
  const { starts, lastStart, stop, end } = record;
  const opensAtStart = order !== null && (order.spec.gate ?? "running") === "running";
  const isByItself = stop === null && end !== null && end.orderedBy === null;
  if (interval !== null || !opensAtStart || starts !== 1 || !isByItself) return null;
  if (lastStart?.bootId !== now.bootId) return null;
  const labelMs = onThisClock(exit.startedAt, now);
  const endMs = onThisClock(exit.finishedAt, now);
  if (wasUpSinceMs === null || labelMs === null || endMs === null) return null;
  const startMs = Math.min(labelMs, endMs - A_MOMENT_MS);
  const isInOrder = labelMs <= endMs + START_LABEL_SLACK_MS;
  const isPossible = startMs >= Math.max(lastStart.ms, wasUpSinceMs) && endMs <= now.nowMs;
  return isInOrder && isPossible ? { startMs, endMs } : null;
}

/** A wall-clock label of this boot, as of now; null when it is none. */
function onThisClock(label: string, now: Moment): number | null {
  const wallMs = Date.parse(label);
  return Number.isNaN(wallMs) ? null : Math.floor(now.nowMs - (now.wallMs - wallMs));
}

/** Null while there is nothing to count or close: the gate has not opened and the run is not over. */
export function meteredRun(sighting: RunSighting, now: Moment): MeteredRun | null {
  const { record } = sighting;
  const isOver = record.end !== null;
  if (record.gate === null && !isOver) return null;
  const { runId, instanceId, placementEpoch } = record;
  const process =
    record.gate === null ? null : countedSince(processOf(sighting, record.gate, now), record, now);
  const cards = cardsOf(sighting);
  const { unseen, endOfBoot } = sighting;
  return {
    runId,
    instanceId,
    placementEpoch,
    process,
    isOver,
    ...(unseen !== null && { unseen }),
    ...(cards !== undefined && { cards }),
    ...(endOfBoot !== undefined && { endOfBoot }),
  };
}

/** A run that was stopped for a card's sake stays without it, should the card be well again before the run's end. */
function cardsOf({ record, cards }: RunSighting): CardProof | undefined {
  const isStoppedForCard = record.stop?.cause === "gpu-missing" || record.stop?.cause === "gpu-failed";
  if (!isStoppedForCard || cards?.kind === "lost") return cards;
  return { kind: "lost", lastGoodMs: null };
}

/** Of a container that was kept from its cards, no time counts before it had them again. */
function countedSince(process: MeteredRun["process"], record: RunRecord, now: Moment): MeteredRun["process"] {
  const againMs = readmittedMs(record, now);
  if (process === null || againMs === null) return process;
  return { ...process, sinceMs: Math.max(process.sinceMs, againMs) };
}

function processOf(
  { interval, process, finishedMs }: RunSighting,
  gate: NonNullable<RunRecord["gate"]>,
  now: Moment,
): MeteredRun["process"] {
  if (process === "unknown" || !process.alive) {
    if (interval?.isOpen !== true) return null;
    const { bootId, pid, startTicks, startMs: sinceMs } = interval;
    const life: Life = process === "unknown" ? { state: "unknown" } : { state: "ended", finishedMs };
    return { bootId, pid, startTicks, sinceMs, life };
  }
  const { pid, startTicks } = process;
  // What lives now has lived since its start, seen or not. Start times count suspended time, which CLOCK_MONOTONIC
  // does not, so this can come out too late and never too early.
  const startedMs = (startTicks + 1) * MS_PER_TICK;
  const sinceMs = gate.bootId === now.bootId ? Math.max(gate.ms, startedMs) : startedMs;
  return { bootId: now.bootId, pid, startTicks, sinceMs, life: { state: "alive" } };
}
