/**
 * Which runs have written more than they may. Used where the storage driver has no quota of its own; the measuring
 * is the runtime adapter's.
 */
import type { RunId } from "@remotegpu/shared/ids";
import type { InstanceSpec } from "@remotegpu/shared/instance";
import { MIB } from "@remotegpu/shared/units";

export type StorageUse = {
  runId: RunId;
  limits: Pick<InstanceSpec, "tempStorageBytes" | "storageBytes">;
  /** Bytes of the container's writable layer; null when not measured. */
  layerBytes: number | null;
  /** Bytes of its code and output folders together; null when not measured. */
  folderBytes: number | null;
};

/** The runs beyond a limit, each with the sentence that people read. What was not measured is not judged. */
export function runsOverStorage(uses: readonly StorageUse[]): Map<RunId, string> {
  const over = new Map<RunId, string>();
  for (const use of uses) {
    const detail =
      beyond("in its own file system (temp_storage)", use.layerBytes, use.limits.tempStorageBytes) ??
      beyond("in code and output (storage)", use.folderBytes, use.limits.storageBytes);
    if (detail !== null) over.set(use.runId, detail);
  }
  return over;
}

function beyond(where: string, usedBytes: number | null, limitBytes: number | null): string | null {
  if (usedBytes === null || limitBytes === null || usedBytes <= limitBytes) return null;
  return `Stopped: it holds ${inMib(usedBytes)} MiB ${where}; its limit is ${inMib(limitBytes)} MiB.`;
}

function inMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
