/**
 * Making placements: many orders in one transaction in which everything that the scheduler assumed is looked at again
 * under locks (placement-batch.ts) and then written down, runs included (new-placements.ts). Unique indexes make a
 * double placement impossible even if this is wrong. What a placement becomes later is in environment-orders.ts and
 * observed.ts.
 */
import { asReported } from "../../../core/reasons/reason.ts";
import type { Database } from "../../database/database.ts";
import { isUniqueViolation, StoreError } from "../../database/store-error.ts";
import { transaction } from "../../database/transaction.ts";
import { commitBatch } from "./placement-batch.ts";
import type { CommitOutcome, CommitTerms, PlacementProposal } from "./proposals.ts";

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
    if (proposals.length === 1)
      return [{ committed: false, reason: "taken", detail: asReported(error.message) }];
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
