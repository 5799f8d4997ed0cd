/** The replicas of a service by revision: who serves, who is on the way, and who has no room. */
import type { Reason } from "../../reasons/reason.ts";

export interface RevisionReplica {
  revision: number;
  /**
   * Waiting: for a place. Starting: it has one and has never served. Serving: requests go there. Failing: it has served,
   * and does not now. Draining: it takes nothing new, and goes.
   */
  phase: "waiting" | "starting" | "serving" | "failing" | "draining";
  phaseForMs: number;
  /** Why it has no place yet; null where it has one, or nobody has looked. */
  lacks: Reason | null;
  /** It failed, or is given up, and another one takes its place. One whose host is lost has not failed. */
  fault: ReplicaFault | null;
}

export interface ReplicaFault {
  why: Reason;
  /** Another one of the same revision would do no better. */
  isHopeless: boolean;
}

/** Those that are there to stay. */
export function present(replicas: readonly RevisionReplica[]): RevisionReplica[] {
  return replicas.filter(({ phase, fault }) => phase !== "draining" && fault === null);
}

export function ofRevision(replicas: readonly RevisionReplica[], revision: number): RevisionReplica[] {
  return replicas.filter((replica) => replica.revision === revision);
}

export function servingOf(replicas: readonly RevisionReplica[], revision: number): RevisionReplica[] {
  return present(ofRevision(replicas, revision)).filter(({ phase }) => phase === "serving");
}

/** Why one of a revision finds no place, though nothing is about to make room; null where none lacks any. */
export function lackOf(replicas: readonly RevisionReplica[], revision: number): Reason | null {
  if (replicas.some(({ phase }) => phase === "draining")) return null;
  return present(ofRevision(replicas, revision)).find(({ lacks }) => lacks !== null)?.lacks ?? null;
}
