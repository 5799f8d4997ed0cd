/**
 * Making placements: many orders in one transaction in which everything that the scheduler assumed is looked at again
 * under locks (placement-batch.ts) and then written down, runs included (new-placements.ts). Unique indexes make a
 * double placement impossible even if this is wrong. What a placement becomes later is in environment-orders.ts and
 * observed.ts.
 */
import type { PlacedInstance } from "../../core/placement/placement.ts";
import { type Database, isUniqueViolation, StoreError, transaction } from "../database.ts";
import { commitBatch } from "./placement-batch.ts";
import type { WorkloadName } from "./workload-name.ts";

export type NewId = (kind: "ins" | "run" | "lease" | "fetch") => string;

/** One order with its places, in the order of the ranks: all of them or none. */
export interface PlacementProposal {
  workload: WorkloadName;
  instances: readonly PlacedInstance[];
}

export interface CommitTerms {
  term: number;
  now: Date;
  newId: NewId;
}

export interface CommittedInstance {
  instanceId: string;
  epoch: number;
  runId: string;
  hostId: string;
}

export type CommitOutcome =
  | {
      committed: true;
      instances: CommittedInstance[];
      /** Whose desired sets changed: the placements' own, and of hosts that are to give ports of it back. */
      hostIds: string[];
    }
  /** Stopped, deleted or placed meanwhile: nothing to do. */
  | { committed: false; reason: "not-queued"; detail: string }
  /** Somebody else was faster: look again. */
  | { committed: false; reason: "taken"; detail: string }
  /** It waits on, with this sentence. */
  | { committed: false; reason: "still-held" | "image" | "price" | "quota" | "funds"; detail: string }
  /** It waits on, and this host fetches its image meanwhile. */
  | { committed: false; reason: "image-first"; detail: string; hostId: string }
  /** It cannot start as it is: the order mounts what it may not. */
  | { committed: false; reason: "mount-not-found" | "mount-not-ready"; detail: string };

const FOREIGN_KEY_VIOLATION = "23503";

/**
 * Their outcomes in their order. One that may not start, or whose place is gone, is no other one's matter.
 * @throws LeadershipLostError when the term is over; UnsoundFleetError when what the hosts hold contradicts itself
 */
export async function commitPlacements(
  database: Database,
  proposals: readonly PlacementProposal[],
  terms: CommitTerms,
): Promise<CommitOutcome[]> {
  try {
    return await transaction(database, async (sql) => await commitBatch(sql, proposals, terms));
  } catch (error) {
    if (!isTaken(error)) throw error;
    if (proposals.length === 1) return [{ committed: false, reason: "taken", detail: error.message }];
    // One of them spoils all: halves of the batch are tried until only that one is left out.
    const middle = Math.ceil(proposals.length / 2);
    return [
      ...(await commitPlacements(database, proposals.slice(0, middle), terms)),
      ...(await commitPlacements(database, proposals.slice(middle), terms)),
    ];
  }
}

/** Another scheduler's card or placement: the indexes and the card's mode stood in the way. */
function isTaken(error: unknown): error is StoreError {
  return isUniqueViolation(error) || (error instanceof StoreError && error.code === FOREIGN_KEY_VIOLATION);
}
