/**
 * When an environment that its order says to stop for idleness has been idle long enough: nobody in it, its cards and
 * its processors at rest, seen in looks that follow each other. What is not known counts as use, and so does a time in
 * which nobody looked: a control plane that was away, or a database of before, never makes it idle sooner. Figures are
 * the host's and for this decision alone.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Reason } from "../reasons/reason.ts";

/** People must have the time between the warning and the stop. */
export const IDLE_STOP_MINUTES = { least: 15, most: 43_200 } as const;
const WARN_BEFORE_MS = 10 * MS_PER_MINUTE;
/** Looks that lie further apart say nothing of the time between them; a restart of the control plane is shorter. */
const MAX_GAP_MS = 3 * MS_PER_MINUTE;
/** A host says something every 10 s, and of its cards at least once a minute. */
const MAX_SILENCE_MS = 90 * MS_PER_SECOND;
const MAX_CARD_AGE_MS = 3 * MS_PER_MINUTE;
/** Told once a minute; those of a container that uses nothing at all are written down with every second one. */
const MAX_FIGURES_AGE_MS = 4 * MS_PER_MINUTE;
/** The share of one core: an open editor or notebook in which nothing runs stays below. */
const CPU_USE_PERCENT = 5;
/** Drivers tell of so much while nothing runs. */
const GPU_USE_PERCENT = 2;
/** A last access is told in steps of so long. */
const ACCESS_STEP_MS = 5 * MS_PER_MINUTE;

/** What a container has used of processors since its start, as its host told it at that moment. */
interface CpuFigure {
  ms: number;
  reportedAt: Date;
}

export interface IdleSample {
  at: Date;
  runId: string;
  /** Null where it is not known when. */
  hostHeardAt: Date | null;
  /** Its host's state is not merged yet, as after the restore of a database. */
  isHostUnsure: boolean;
  /** Logged in, or with bytes through another port. */
  openSessions: number;
  lastAccessAt: Date | null;
  cardCount: number;
  /** The use of the cards that it holds; null for what is not known. */
  cards: readonly { percent: number | null; reportedAt: Date | null }[];
  cpu: CpuFigure | null;
}

/** What is known so far of one run. */
export interface IdleWatch {
  runId: string;
  /** The last moment that counted as use. */
  idleSince: Date;
  checkedAt: Date;
  cpu: CpuFigure | null;
  /** In this idle time: the most of one core, and of any of its cards. */
  cpuPercent: number;
  gpuPercent: number;
  warnedAt: Date | null;
}

/** @param watch of the look before; null for none */
export function afterSample(watch: IdleWatch | null, sample: IdleSample): IdleWatch {
  const { at, runId, cpu } = sample;
  const used = { runId, idleSince: at, checkedAt: at, cpu, cpuPercent: 0, gpuPercent: 0, warnedAt: null };
  if (watch?.runId !== runId || Math.abs(at.getTime() - watch.checkedAt.getTime()) > MAX_GAP_MS) return used;
  const gpuPercent = gpuUse(sample);
  const cpuPercent = cpuUse(watch, sample);
  if (gpuPercent === null || cpuPercent === null || !isHeard(sample) || sample.openSessions > 0) return used;
  if (gpuPercent > GPU_USE_PERCENT || cpuPercent > CPU_USE_PERCENT) return used;
  const accessedMs = sample.lastAccessAt === null ? 0 : sample.lastAccessAt.getTime() + ACCESS_STEP_MS;
  if (accessedMs > watch.idleSince.getTime())
    return { ...used, idleSince: new Date(Math.min(accessedMs, at.getTime())) };
  return {
    ...watch,
    checkedAt: at,
    cpu,
    cpuPercent: Math.max(watch.cpuPercent, cpuPercent),
    gpuPercent: Math.max(watch.gpuPercent, gpuPercent),
  };
}

function isHeard({ at, hostHeardAt, isHostUnsure }: IdleSample): boolean {
  return !isHostUnsure && hostHeardAt !== null && isFresh(hostHeardAt, at, MAX_SILENCE_MS);
}

/** The busiest card; null where one is not known. */
function gpuUse({ at, cards, cardCount }: IdleSample): number | null {
  if (cards.length < cardCount) return null;
  let most = 0;
  for (const { percent, reportedAt } of cards) {
    if (percent === null || reportedAt === null || !isFresh(reportedAt, at, MAX_CARD_AGE_MS)) return null;
    most = Math.max(most, percent);
  }
  return most;
}

/** The use of one core since the figure before; null where that is not known. */
function cpuUse({ cpu: before }: IdleWatch, { at, cpu }: IdleSample): number | null {
  if (before === null || cpu === null || !isFresh(cpu.reportedAt, at, MAX_FIGURES_AGE_MS)) return null;
  // Fewer than before: its container was started again.
  if (cpu.ms < before.ms) return null;
  const betweenMs = cpu.reportedAt.getTime() - before.reportedAt.getTime();
  if (betweenMs <= 0) return cpu.ms === before.ms ? 0 : null;
  return (100 * (cpu.ms - before.ms)) / betweenMs;
}

function isFresh(moment: Date, at: Date, mostMs: number): boolean {
  return at.getTime() - moment.getTime() <= mostMs;
}

/** Nobody is stopped without having been warned, also where the minutes have just become fewer. */
export function idleVerdict(watch: IdleWatch, minutes: number): "goes-on" | "warn" | "stop" {
  const { checkedAt, idleSince, warnedAt } = watch;
  const limitMs = minutes * MS_PER_MINUTE;
  const idleMs = checkedAt.getTime() - idleSince.getTime();
  if (idleMs < limitMs - WARN_BEFORE_MS) return "goes-on";
  if (warnedAt === null) return "warn";
  const warnedMs = checkedAt.getTime() - warnedAt.getTime();
  return idleMs >= limitMs && warnedMs >= WARN_BEFORE_MS ? "stop" : "goes-on";
}

/** When it stops unless it is used; if it was not warned of yet, that is done now at the soonest. */
export function idleStopAt({ idleSince, checkedAt, warnedAt }: IdleWatch, minutes: number): Date {
  const warnedMs = (warnedAt ?? checkedAt).getTime() + WARN_BEFORE_MS;
  return new Date(Math.max(idleSince.getTime() + minutes * MS_PER_MINUTE, warnedMs));
}

/** Its idle time, for people; null where the last look found use, or lies too far back to tell of now. */
export function idleTime(
  watch: IdleWatch,
  { minutes, now }: { minutes: number; now: Date },
): { since: Date; stopsAt: Date } | null {
  const { idleSince, checkedAt } = watch;
  if (idleSince.getTime() >= checkedAt.getTime() || !isFresh(checkedAt, now, MAX_GAP_MS)) return null;
  return { since: idleSince, stopsAt: idleStopAt(watch, minutes) };
}

/** What the verdict rests on, for people. */
export function idleFigures({ idleSince, cpuPercent, gpuPercent }: IdleWatch, cardCount: number): Reason {
  const params = { since: idleSince.toISOString(), cpu_percent: cpuPercent };
  return cardCount === 0
    ? { code: "environment-unused", params }
    : { code: "environment-unused-with-gpus", params: { ...params, gpu_percent: gpuPercent } };
}
