/**
 * Whether a run ever became ready: whether its host reported that the container runs and its metering has opened, and of
 * a replica that it serves. One that did not, and ended of a fault of ours or of its host, is free from its first moment
 * on. What its own program used before it ended, or was ended, is charged.
 */
import type { InstanceProblem } from "@remotegpu/shared/instance/instance";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";

/** Longer than any start may last: a run with more time than this was of use, whoever missed it. */
export const NEVER_READY_AT_MOST_MS = MS_PER_HOUR;

export interface RunSoFar {
  readonly isReported: boolean;
  readonly provenMs: number;
  /** Another run has taken its place. */
  readonly isReplaced: boolean;
  readonly state: InstanceState;
  /** As its host told the end. */
  readonly problem: InstanceProblem | null;
}

/**
 * Whose fault an end is. A program can bring about by itself whatever is not ours: it fills disks, uses up memory, and
 * breaks its own container so that no second start of it succeeds.
 */
const IS_OURS: Record<InstanceProblem, boolean> = {
  "image-missing": true,
  "mount-missing": true,
  "gpu-missing": true,
  "gpu-failed": true,
  "container-lost": true,
  "start-refused": true,
  "runtime-down": true,
  "runtime-error": false,
  exited: false,
  "out-of-memory": false,
  "storage-exceeded": false,
  "disk-filled": false,
  "probe-failed": false,
  "runtime-disagrees": false,
  "not-ending": false,
};

/** `waits`: it may still become ready. The others are final: `ended` by itself or by order, and `broken` under it. */
export function readinessOf(run: RunSoFar): "waits" | "ready" | "ended" | "broken" {
  if (run.isReported || run.provenMs > NEVER_READY_AT_MOST_MS) return "ready";
  if (run.state === "lost") return "broken";
  if (OVER.has(run.state)) return run.problem !== null && IS_OURS[run.problem] ? "broken" : "ended";
  return run.isReplaced ? "ended" : "waits";
}

const OVER: ReadonlySet<InstanceState> = new Set(["stopped", "failed"]);
