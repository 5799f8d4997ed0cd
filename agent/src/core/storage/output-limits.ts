/**
 * How much of what ended containers wrote is kept on the host, and which goes when that is too much: the newest of
 * each run, the newest runs, and nothing that the journal's disk has no room for.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import { GIB, MIB, MS_PER_DAY } from "@remotegpu/shared/values/units";

/** A run's output is kept in segments: dropping the oldest one makes room for the newest lines. */
export const SEGMENT_BYTES = 4 * MIB;
const MAX_SEGMENTS = 4;
export const MAX_RUN_BYTES = MAX_SEGMENTS * SEGMENT_BYTES;
const MAX_HOST_BYTES = 2 * GIB;
export const RETENTION_MS = 7 * MS_PER_DAY;
/** Left free on the disk: what the journal needs to go on goes before any output. */
const RESERVED_BYTES = 128 * MIB;

export type StoredRun = { runId: RunId; bytes: number; storedAtMs: number };

/** Bytes that all kept runs together may take. */
function allowedBytes({ storedBytes, freeBytes }: { storedBytes: number; freeBytes: number }): number {
  return Math.max(0, Math.min(MAX_HOST_BYTES, storedBytes + freeBytes - RESERVED_BYTES));
}

/**
 * Which runs' output goes, oldest first.
 * @param comingBytes room that is about to be needed
 */
export function outputsToDrop(
  stored: readonly StoredRun[],
  { nowMs, freeBytes, comingBytes = 0 }: { nowMs: number; freeBytes: number; comingBytes?: number },
): RunId[] {
  const oldestFirst = stored.toSorted((a, b) => a.storedAtMs - b.storedAtMs || (a.runId < b.runId ? -1 : 1));
  let storedBytes = stored.reduce((sum, { bytes }) => sum + bytes, 0);
  const allowed = allowedBytes({ storedBytes, freeBytes });
  const dropped: RunId[] = [];
  for (const { runId, bytes, storedAtMs } of oldestFirst) {
    const isTooOld = nowMs - storedAtMs >= RETENTION_MS;
    if (!isTooOld && storedBytes + comingBytes <= allowed) continue;
    dropped.push(runId);
    storedBytes -= bytes;
  }
  return dropped;
}

/** Whether a run's output can be kept at all once everything else has gone for it. */
export function hasRoomFor(
  comingBytes: number,
  { storedBytes, freeBytes }: { storedBytes: number; freeBytes: number },
): boolean {
  return storedBytes + comingBytes <= allowedBytes({ storedBytes, freeBytes });
}

/** The numbers of a run's segments that go once a further one is begun. */
export function segmentsToDrop(numbers: readonly number[]): number[] {
  const ascending = numbers.toSorted((a, b) => a - b);
  return ascending.slice(0, Math.max(0, ascending.length - MAX_SEGMENTS + 1));
}
