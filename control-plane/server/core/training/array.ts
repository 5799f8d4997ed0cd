/**
 * Arrays of jobs: one order that makes many, each with an index of its own, of which no more than so many run at once.
 * Each waits, is placed and is paid for like any other job.
 */
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import type { Reason } from "../reasons/reason.ts";

export const MAX_ARRAY_ELEMENTS = 1_000;
export const MAX_ARRAY_INDEX = 999_999;

export interface ArrayRange {
  from: number;
  to: number;
  /** Null: all of them. */
  atOnce: number | null;
}

/** In the order in which they have their turn. */
export function indexesOf({ from, to }: ArrayRange): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** So many can run at the same time, and have to be paid for at the same time. */
export function widthOf(range: ArrayRange): number {
  const elements = range.to - range.from + 1;
  return Math.min(range.atOnce ?? elements, elements);
}

export function elementName(name: string, index: number): string {
  return `${name}-${index}`;
}

/** What an element waits for that is not due yet. */
export function turnReason(atOnce: number): Reason {
  return { code: "waiting-for-turn", params: { at_once: atOnce } };
}

export type ElementCounts = Readonly<Record<TrainingJobStatus, number>>;

/** The status of the whole: it waits, something of it goes on, or how it ended. */
export function arrayStatus(
  counts: ElementCounts,
): "queued" | "running" | "completed" | "failed" | "cancelled" {
  const { pending, queued, running, stopping, completed, failed, cancelled } = counts;
  const ended = completed + failed + cancelled;
  if (pending + queued + running + stopping > 0)
    return pending + running + stopping + ended === 0 ? "queued" : "running";
  if (failed > 0) return "failed";
  return cancelled > 0 || ended === 0 ? "cancelled" : "completed";
}
