/**
 * How many replicas a service has to have: the only rule that says so. Whoever has a wish, people, the load or a request that
 * wakes it, writes down that wish alone; the number is made of all of them, so that it does not matter in which order they came.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";

/** The bound of one service. A tunnel, a route and a row for each replica is held somewhere. */
export const MAX_REPLICAS = 1_000;

export interface ReplicaRequests {
  status: InferenceServiceStatus;
  min: number;
  max: number;
  /** As many as people asked for last; null where nobody said. It outlasts a stop. */
  people: number | null;
  /** Null where it is left to people. */
  load: LoadOptions | null;
}

/** The load of a service that scales by itself. */
interface LoadOptions {
  /** As many as its load was last found to need; null: it goes on with what people said until something is found. */
  replicas: number | null;
  /** A request came since it was last sent to sleep. */
  isWoken: boolean;
}

/** Who says how many. */
export interface Scaling {
  isEnabled: boolean;
  isPaused: boolean;
  isDryRun: boolean;
}

/** Else its number is left to people. */
export function scalesByItself({ isEnabled, isPaused, isDryRun }: Scaling): boolean {
  return isEnabled && !isPaused && !isDryRun;
}

/** While it is in one of these, replicas of it are wanted. */
export function isWanted(status: InferenceServiceStatus): boolean {
  return status === "creating" || status === "running";
}

/** 0 while it is stopped or in error; else within its bounds. One that may go to zero begins with one. */
export function wantedReplicas({ status, min, max, people, load }: ReplicaRequests): number {
  if (!isWanted(status)) return 0;
  const text = people ?? 1;
  const requested = load === null ? text : Math.max(load.replicas ?? text, load.isWoken ? 1 : 0);
  return Math.min(max, Math.max(min, requested));
}
