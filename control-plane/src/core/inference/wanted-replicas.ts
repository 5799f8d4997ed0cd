/**
 * How many replicas a service has to have: the only rule that says so. Whoever has a wish, people or whatever scales by
 * itself, writes down that wish alone; the number is made of all of them, so that it does not matter in which order they came.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/workload";

/** Of one service. A tunnel, a route and a row for each is held somewhere. */
export const MAX_REPLICAS = 1_000;

export interface ServiceWishes {
  status: InferenceServiceStatus;
  min: number;
  max: number;
  /** As many as people asked for last; null where nobody said. It outlasts a stop. */
  people: number | null;
}

/** While it is in one of these, replicas of it are wanted. */
export function isWanted(status: InferenceServiceStatus): boolean {
  return status === "creating" || status === "running";
}

/** 0 while it is stopped or in error; else within its bounds. One that may go to zero begins with one. */
export function wantedReplicas({ status, min, max, people }: ServiceWishes): number {
  if (!isWanted(status)) return 0;
  return Math.min(max, Math.max(min, people ?? 1));
}
