/** When a pull that somebody still wants is given up. */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";
import { awaitsRegistry, awaitsRuntime, type PullProgress } from "./pull-progress.ts";

/** A large framework image on a slow line. */
export const PULL_MS = 60 * MS_PER_MINUTE;
export const STALL_MS = 60 * MS_PER_SECOND;
/** The runtime loads a few layers at once, of all pulls together: who stands still on them keeps the others waiting. */
export const STALL_BEFORE_OTHERS_MS = 15 * MS_PER_SECOND;
/** Nobody can tell whether the registry or other pulls are to blame. */
export const QUEUED_MS = 5 * MS_PER_MINUTE;

export type PullClock = {
  progress: PullProgress;
  beganMs: number;
  /** When something last moved. */
  movedMs: number;
};

/** @param others the pulls of other owners that are under way */
export function isTooSlow(pull: PullClock, others: readonly PullClock[], nowMs: number): boolean {
  if (nowMs - pull.beganMs >= PULL_MS) return true;
  // What is here already is unpacked by this host, however long its disk takes.
  if (!awaitsRegistry(pull.progress)) return false;
  return nowMs - pull.movedMs >= stallMs(pull, others);
}

function stallMs({ progress }: PullClock, others: readonly PullClock[]): number {
  if (awaitsRuntime(progress)) return QUEUED_MS;
  return others.some((other) => awaitsRuntime(other.progress)) ? STALL_BEFORE_OTHERS_MS : STALL_MS;
}
