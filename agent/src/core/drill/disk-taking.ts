/**
 * How much of a disk a drill takes: so much that less is free than the agent keeps free, and never to the last byte, which
 * would hurt the runtime and whatever else writes there.
 */
import type { DiskBounds } from "../storage/disk-guard.ts";

/** Part of what the agent keeps free that a drill leaves. */
const LEFT = 0.5;

/** In bytes; 0 where the agent keeps nothing free, or so little is free already. */
export function diskTaking(
  { freeBytes, totalBytes }: { freeBytes: number; totalBytes: number },
  bounds: DiskBounds,
): number {
  const kept = Math.min(totalBytes * bounds.freePart, bounds.freeBytes);
  return kept === 0 ? 0 : Math.max(0, Math.floor(freeBytes - kept * LEFT));
}
