/**
 * Who is stopped before a disk of the host is full: a run that is known to have taken most of what went lately, or the
 * largest of those that did so together. One at a time, so that the room of the first is seen before a second one goes.
 * Where it is unclear who took it, nobody is stopped: the host takes no further starts, and people are told.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { GIB, MIB, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

export type DiskBounds = {
  /** Part of a file system that is kept free, */
  freePart: number;
  /** and at most so many bytes of it. */
  freeBytes: number;
};

export type DiskSight = { atMs: number; freeBytes: number; totalBytes: number };

/** How far back a disk and its writers are looked at. A measurement a few minutes old is still one to compare with. */
export const WINDOW_MS = 6 * MS_PER_MINUTE;
/** After a stop, until what it gives back is there. */
export const SETTLE_MS = 30_000;
/** Less than this within the window is nobody's fault. */
export const LEAST_WRITTEN_BYTES = 16 * MIB;
/** A disk that has lost less than this within the window is filled by nobody, however full it is. */
export const LEAST_GONE_BYTES = 16 * MIB;
/** Writers are watched from so many times the kept room on: who fills it is to be known by then. */
const WATCHED_FROM = 4;
/** How far a disk that shrinks from look to look is thought ahead. */
const AHEAD_MS = 4_000;
/** More than this part of what went is most of it. */
const MOST = 0.5;
/** Who wrote so many times what went mostly wrote over what was there, and others may have taken the room. */
const TOO_MUCH = 2;

/** Measuring walks all that runs hold: often only while room goes, */
const MEASURE_SHRINKING_MS = 20_000;
/** else so often that there is a measurement to compare with when a burst comes, */
const IDLE_MEASURE_MS = 2 * MS_PER_MINUTE;
/** and never more than a tenth of the time. */
const PAUSE_PER_MEASUREMENT = 10;

/** `watched`: nothing is done, but who writes is looked at. */
export type DiskState = "roomy" | "watched" | "nearly-full";

/** @param sights of one disk, the newest last; a single burst says nothing of what comes, two looks of it do */
export function diskState(sights: readonly DiskSight[], bounds: DiskBounds): DiskState {
  const now = sights.at(-1);
  if (now === undefined) return "roomy";
  const storedBytes = Math.min(now.totalBytes * bounds.freePart, bounds.freeBytes);
  if (storedBytes === 0) return "roomy";
  const before = sights.at(-2);
  const perSecond = Math.min(lossPerSecond(before, now), lossPerSecond(sights.at(-3), before));
  const soonBytes = now.freeBytes - perSecond * (AHEAD_MS / MS_PER_SECOND);
  if (soonBytes < storedBytes) return "nearly-full";
  return soonBytes < WATCHED_FROM * storedBytes ? "watched" : "roomy";
}

function lossPerSecond(before: DiskSight | undefined, now: DiskSight | undefined): number {
  if (before === undefined || now === undefined || now.atMs <= before.atMs) return 0;
  return Math.max(0, before.freeBytes - now.freeBytes) / ((now.atMs - before.atMs) / MS_PER_SECOND);
}

/** By which the free room is less than at its highest among these. */
export function goneBytes(sights: readonly DiskSight[]): number {
  return Math.max(0, ...sights.map(({ freeBytes }) => freeBytes)) - (sights.at(-1)?.freeBytes ?? 0);
}

/** When what runs hold is to be measured next, after one that took `tookMs`; both times are from its beginning. */
export function measurePauseMs({ tookMs, lostBytes }: { tookMs: number; lostBytes: number }): number {
  const wantedMs = lostBytes >= LEAST_GONE_BYTES ? MEASURE_SHRINKING_MS : IDLE_MEASURE_MS;
  return Math.max(wantedMs, PAUSE_PER_MEASUREMENT * tookMs);
}

/** What is known of a run that may write to the file system, within the window. */
export type Writer = {
  runId: RunId;
  kind: WorkloadKind;
  /** By which what it holds there has grown; null when not measured twice. */
  grownBytes: number | null;
  /**
   * What its processes wrote, by the kernel: also what nobody can measure. Null where that says nothing of this disk,
   * since the run writes to others too, or other hosts write to this one.
   */
  writtenBytes: number | null;
  /** It is being stopped: what it takes until then is nobody else's. */
  isStopping: boolean;
};

export type Filling = { runId: RunId; why: HostReason };

/**
 * The run to stop for a disk that is nearly full; null where nobody is known to be to blame.
 * @param gone by which the free room has shrunk within the window, and since the last stop
 */
export function largestWriter(writers: readonly Writer[], gone: number): Filling | null {
  if (gone < LEAST_GONE_BYTES) return null;
  const grown = (writer: Writer) => Math.min(gone, Math.max(0, writer.grownBytes ?? 0));
  const explainedBytes = writers.reduce((sum, writer) => sum + grown(writer), 0);
  // What is measured there is proof, of several together as well.
  if (explainedBytes > MOST * gone) {
    const largest = writers.toSorted((a, b) => grown(b) - grown(a))[0];
    return largest === undefined ? null : filling(largest, grown(largest));
  }
  // What is only counted may have gone elsewhere, or over what was there: one alone has to explain it.
  const beyond = (writer: Writer) => Math.max(0, (writer.writtenBytes ?? 0) - grown(writer));
  const [one, ...others] = writers.filter((writer) => beyond(writer) > MOST * gone);
  if (one === undefined || others.length > 0 || beyond(one) > TOO_MUCH * gone) return null;
  return filling(one, grown(one) + Math.min(gone - explainedBytes, beyond(one)));
}

function filling({ runId, kind, isStopping }: Writer, tookBytes: number): Filling | null {
  if (isStopping || tookBytes < LEAST_WRITTEN_BYTES) return null;
  return { runId, why: { code: `disk-filled-by-${kind}`, params: { written: inUnits(tookBytes) } } };
}

function inUnits(bytes: number): string {
  return bytes < GIB ? `${(bytes / MIB).toFixed(0)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`;
}
