/**
 * Whether a run ever became ready: whether its host reported that the container runs and its metering has opened. One
 * that did not, and will not any more, is free from its first moment on.
 */
import type { InstanceState } from "@remotegpu/shared/workload";
import { MS_PER_HOUR } from "@remotegpu/shared/units";

/** Longer than any start may last: a run with more time than this was of use, whoever missed it. */
export const NEVER_READY_AT_MOST_MS = MS_PER_HOUR;

export interface RunSoFar {
  readonly isReported: boolean;
  readonly provenMs: number;
  /** Another run has taken its place. */
  readonly isReplaced: boolean;
  readonly isWanted: boolean;
  readonly state: InstanceState;
  /** As its host told the end. */
  readonly problem: string | null;
  readonly exitCode: number | null;
}

/** `waits`: it may still become ready. `never` is final, like `ready`. */
export function readinessOf(run: RunSoFar): "waits" | "ready" | "never" {
  if (run.isReported || run.provenMs > NEVER_READY_AT_MOST_MS) return "ready";
  if (isDoneByItself(run)) return "ready";
  return run.isReplaced || !run.isWanted || OVER.has(run.state) ? "never" : "waits";
}

const OVER: ReadonlySet<InstanceState> = new Set(["stopped", "failed", "lost"]);

/** What did its work and ended well within one report's time was not broken. */
function isDoneByItself({ state, problem, exitCode }: RunSoFar): boolean {
  return state === "stopped" && problem === "exited" && exitCode === 0;
}
