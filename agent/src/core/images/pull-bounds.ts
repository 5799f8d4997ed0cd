/** When a pull that somebody still wants is ended: for good, or to make room for others and begin again later. */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { PullProgress } from "./pull-progress.ts";

/** A large framework image on a slow line. */
export const PULL_MS = 60 * MS_PER_MINUTE;
export const STALL_MS = 60 * MS_PER_SECOND;
/** The runtime loads a few layers at once, of all pulls together: who stands still on them keeps the others waiting. */
export const STALL_BEFORE_OTHERS_MS = 15 * MS_PER_SECOND;
/** Nothing of it came for no fault of its own: others have the runtime's downloads. */
export const QUEUED_MS = 5 * MS_PER_MINUTE;
/** So long a pull may load while others wait behind it, less than they wait. Twice as long each time it has yielded, so that it ends. */
export const YIELD_MS = 3 * MS_PER_MINUTE;

export type PullClock = {
  progress: Pick<PullProgress, "awaitsRegistry" | "awaitsRuntime">;
  beganMs: number;
  /** When something last moved. */
  movedMs: number;
  /** How often it made room for others before. */
  yields: number;
};

/** too-slow: its registry's or its own. queued: others have the downloads. yields: it has them, and others wait. */
export type PullEnd = "too-slow" | "queued" | "yields";

export function pullEnd(
  pull: PullClock,
  /** The pulls of other owners. */
  others: { pending: readonly PullClock[]; isSlotAwaited: boolean },
  nowMs: number,
): PullEnd | null {
  const { progress, beganMs, movedMs, yields } = pull;
  if (nowMs - beganMs >= PULL_MS) return "too-slow";
  // What is here already is unpacked by this host, however long its disk takes.
  if (!progress.awaitsRegistry) return null;
  if (progress.awaitsRuntime) return nowMs - movedMs >= QUEUED_MS ? "queued" : null;
  const isDownloadAwaited = others.pending.some((other) => other.progress.awaitsRuntime);
  if (nowMs - movedMs >= (isDownloadAwaited ? STALL_BEFORE_OTHERS_MS : STALL_MS)) return "too-slow";
  const isAwaited = isDownloadAwaited || others.isSlotAwaited;
  return isAwaited && nowMs - beganMs >= YIELD_MS * 2 ** yields ? "yields" : null;
}
