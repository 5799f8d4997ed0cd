/**
 * Which runs hold more of the disk than they may, deleted files that they still have open included. Used where the
 * storage driver has no quota of its own; the measuring is that of others.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { MIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

export type StorageUse = {
  runId: RunId;
  limits: Pick<InstanceSpec, "tempStorageBytes" | "storageBytes">;
  /** Bytes of the container's writable layer; null when not measured. */
  layerBytes: number | null;
  /** Bytes of its code and output folders together; null when not measured. */
  folderBytes: number | null;
  /** The bytes of both in files that are deleted and still open. */
  deletedBytes: number;
  /** For how long it has had more files open than are counted of one run. */
  uncountedMs: number;
};

/** A burst is over by then; who has more open than is counted for longer than that has no limit any more. */
export const MAX_UNCOUNTED_MS = 2 * MS_PER_MINUTE;

/** The runs beyond a limit, each with the sentence that people read. What was not measured is not judged. */
export function runsOverStorage(uses: readonly StorageUse[]): Map<RunId, string> {
  const over = new Map<RunId, string>();
  for (const use of uses) {
    const detail =
      beyond("in its own file system (temp_storage)", use.layerBytes, use.limits.tempStorageBytes) ??
      beyond("in code and output (storage)", use.folderBytes, use.limits.storageBytes) ??
      uncountable(use);
    if (detail !== null) over.set(use.runId, detail);
  }
  return over;
}

function beyond(where: string, usedBytes: number | null, limitBytes: number | null): string | null {
  if (usedBytes === null || limitBytes === null || usedBytes <= limitBytes) return null;
  return `Stopped: it holds ${inMib(usedBytes)} MiB ${where}; its limit is ${inMib(limitBytes)} MiB.`;
}

function uncountable({ limits, uncountedMs }: StorageUse): string | null {
  if (limits.tempStorageBytes === null && limits.storageBytes === null) return null;
  if (uncountedMs < MAX_UNCOUNTED_MS) return null;
  return "Stopped: it has more files open than this host can count, and they may hold more than its storage limit.";
}

function inMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
