/**
 * Which runs hold more of the disk than they may, deleted files that they still have open included. Used where the
 * storage driver has no quota of its own; the measuring is that of others.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
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

/** The runs beyond a limit, each with the reason that people read. What was not measured is not judged. */
export function runsOverStorage(uses: readonly StorageUse[]): Map<RunId, HostReason> {
  const over = new Map<RunId, HostReason>();
  for (const use of uses) {
    const why =
      beyond("layer-beyond-limit", use.layerBytes, use.limits.tempStorageBytes) ??
      beyond("folders-beyond-limit", use.folderBytes, use.limits.storageBytes) ??
      uncountable(use);
    if (why !== null) over.set(use.runId, why);
  }
  return over;
}

function beyond(
  code: "layer-beyond-limit" | "folders-beyond-limit",
  usedBytes: number | null,
  limitBytes: number | null,
): HostReason | null {
  if (usedBytes === null || limitBytes === null || usedBytes <= limitBytes) return null;
  return { code, params: { used_mib: usedBytes / MIB, limit_mib: limitBytes / MIB } };
}

function uncountable({ limits, uncountedMs }: StorageUse): HostReason | null {
  if (limits.tempStorageBytes === null && limits.storageBytes === null) return null;
  if (uncountedMs < MAX_UNCOUNTED_MS) return null;
  return { code: "open-files-uncounted", params: {} };
}
