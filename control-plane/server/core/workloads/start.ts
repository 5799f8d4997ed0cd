/**
 * A start: what is placed all or none. An environment is one, and so is each attempt of a training job with all its
 * ranks, and each replica of a service by itself. Starts of one workload share no rank, so the first says which it is.
 */
import type { WorkloadName } from "./workload-name.ts";

export interface StartName extends WorkloadName {
  /** The first of its ranks, which follow one another. */
  firstRank: number;
}

/** One text for it: ids of the old system may be the same in two kinds. */
export function startKey({ kind, id, firstRank }: StartName): string {
  return `${kind} ${id} ${firstRank}`;
}

/** The workload that a key is of; ids of the old system may have blanks in them. */
export function workloadOf(key: string): { kind: string; id: string } {
  const afterKind = key.indexOf(" ");
  return { kind: key.slice(0, afterKind), id: key.slice(afterKind + 1, key.lastIndexOf(" ")) };
}
