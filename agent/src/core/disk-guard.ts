/**
 * Who is stopped before a disk of the host is full: of the runs that write there, the one that took most of what went
 * lately. One at a time, so that the room of the first is seen before a second one goes; and nobody who writes nothing,
 * whoever it is that fills the disk.
 */
import type { RunId } from "@remotegpu/shared/ids";
import type { WorkloadKind } from "@remotegpu/shared/workload";
import { GIB, MIB, MS_PER_MINUTE } from "@remotegpu/shared/units";

export type DiskBounds = {
  /** Part of a file system that is kept free, */
  freePart: number;
  /** and at most so many bytes of it. */
  freeBytes: number;
};

export type DiskSight = { freeBytes: number; totalBytes: number };

/** How far back a disk and its writers are looked at. */
export const WINDOW_MS = 2 * MS_PER_MINUTE;
/** After a stop, until what it gives back is there. */
export const SETTLE_MS = 30_000;
/** Less than this within the window is nobody's fault. */
export const LEAST_WRITTEN_BYTES = 16 * MIB;
/** Writers are watched from so many times the kept room on: who fills it is to be known by then. */
const WATCHED_FROM = 4;

/** `watched`: nothing is done, but who writes is looked at. */
export type DiskState = "roomy" | "watched" | "nearly-full";

/** @param before a look earlier; what went since then will be gone once more by the next one */
export function diskState(disk: DiskSight, before: DiskSight | null, bounds: DiskBounds): DiskState {
  const keptBytes = Math.min(disk.totalBytes * bounds.freePart, bounds.freeBytes);
  const goneBytes = Math.max(0, (before ?? disk).freeBytes - disk.freeBytes);
  const soonBytes = disk.freeBytes - goneBytes;
  if (soonBytes < keptBytes) return "nearly-full";
  return soonBytes < WATCHED_FROM * keptBytes ? "watched" : "roomy";
}

/** What is known of a run that may write to the file system, within the window. */
export type Writer = {
  runId: RunId;
  kind: WorkloadKind;
  /** By which what it holds there has grown; null when not measured twice. */
  grownBytes: number | null;
  /** What its processes wrote to any disk, by the kernel: also what nobody can measure. */
  writtenBytes: number;
  /** What it holds there; null when not measured. */
  heldBytes: number | null;
};

export type Filling = { runId: RunId; detail: string };

/**
 * The run to stop for a disk that is nearly full. What went and nobody's measured growth explains may be of any who
 * wrote as much: files that were deleted, or sent away, are in no measure. Whoever writes one file over and over takes
 * nothing, and is blamed only for room that nobody else took.
 * @param goneBytes by which the free room has shrunk within the window
 */
export function largestWriter(writers: readonly Writer[], goneBytes: number): Filling | null {
  const grown = (writer: Writer) => Math.max(0, writer.grownBytes ?? 0);
  const explainedBytes = writers.reduce((sum, writer) => sum + grown(writer), 0);
  const unexplainedBytes = Math.max(0, goneBytes - explainedBytes);
  const taken = (writer: Writer) =>
    grown(writer) + Math.min(unexplainedBytes, Math.max(0, writer.writtenBytes - grown(writer)));
  const byTaken = largest(writers, taken);
  if (byTaken !== null && taken(byTaken) >= LEAST_WRITTEN_BYTES)
    return filling(byTaken, `${inUnits(taken(byTaken))} in the last minutes`);
  const writing = writers.filter((writer) => writer.writtenBytes >= LEAST_WRITTEN_BYTES || grown(writer) > 0);
  const byHeld = largest(writing, ({ heldBytes }) => heldBytes ?? 0);
  if (byHeld === null || (byHeld.heldBytes ?? 0) < LEAST_WRITTEN_BYTES) return null;
  return filling(byHeld, `it holds ${inUnits(byHeld.heldBytes ?? 0)}`);
}

function filling({ runId, kind }: Writer, what: string): Filling {
  const detail = `Stopped: the host's disk was nearly full and this ${NAMES[kind]} wrote most: ${what}.`;
  return { runId, detail };
}

const NAMES: Record<WorkloadKind, string> = {
  environment: "environment",
  training: "training job",
  inference: "service",
};

function largest(writers: readonly Writer[], bytesOf: (writer: Writer) => number): Writer | null {
  return writers.toSorted((a, b) => bytesOf(b) - bytesOf(a))[0] ?? null;
}

function inUnits(bytes: number): string {
  return bytes < GIB ? `${(bytes / MIB).toFixed(0)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`;
}
