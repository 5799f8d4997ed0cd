/**
 * One batch of placements in its transaction: locks in the order of the house (workloads, runs, accounts, hosts), one
 * read of all that decides, then each order by itself against what the ones before it have left. What passes is
 * written by new-placements.ts.
 */
import type { Transaction } from "../../database/database.ts";
import { assertTerm } from "../../database/leader.ts";
import { armPlacements } from "../../spending/cut-off-rules.ts";
import { fetchFirst } from "./fetch-first.ts";
import { giveNetworks } from "./gang-places.ts";
import { type AcceptedStart, writePlacements } from "./new-placements.ts";
import { type Candidate, lockCandidates, type Refusal } from "./placement-candidates.ts";
import { type CommitInputs, lockInputs } from "./commit-inputs.ts";
import type { CommitOutcome, CommitTerms, PlacementProposal } from "./proposals.ts";
import { startKey } from "../../../core/workloads/start.ts";

export async function commitBatch(
  sql: Transaction,
  proposals: readonly PlacementProposal[],
  terms: CommitTerms,
): Promise<CommitOutcome[]> {
  const [, checked] = await Promise.all([assertTerm(sql, terms.term), lockCandidates(sql, proposals)]);
  const candidates = checked.filter((one) => "placeable" in one);
  const outcomes = new Map<Candidate, CommitOutcome>();
  if (candidates.length > 0) {
    const inputs = await lockInputs(sql, candidates, terms.now);
    const { accepted, refused } = decide(candidates, inputs);
    for (const [candidate, refusal] of await fetchFirst(sql, [...accepted.keys()], {
      ...terms,
      ...inputs,
    })) {
      accepted.delete(candidate);
      refused.set(candidate, refusal);
    }
    for (const [candidate, refusal] of await giveNetworks(sql, accepted, terms)) {
      accepted.delete(candidate);
      refused.set(candidate, refusal);
    }
    for (const [candidate, refusal] of refused) outcomes.set(candidate, refusal);
    const written = await writePlacements(sql, [...accepted.values()], { ...terms, ...inputs });
    await armPlacements(sql, {
      accounts: inputs.accounts,
      // Of several of one payer the last, who counted those before it.
      hourly: new Map(
        [...accepted.values()].map(({ placeable: { order }, check }) => [order.payerId, check.payersHourly]),
      ),
      hostIds: written.flatMap((one) => (one.committed ? one.instances.map(({ hostId }) => hostId) : [])),
      now: terms.now,
    });
    for (const [index, candidate] of [...accepted.keys()].entries())
      outcomes.set(candidate, written[index] as CommitOutcome);
  }
  return checked.map((one) => ("placeable" in one ? (outcomes.get(one) as CommitOutcome) : one));
}

interface Decided {
  accepted: Map<Candidate, AcceptedStart>;
  refused: Map<Candidate, Refusal>;
}

function decide(candidates: readonly Candidate[], inputs: CommitInputs): Decided {
  const decided: Decided = { accepted: new Map(), refused: new Map() };
  for (const candidate of candidates) {
    const { start, placeable, instances, turn } = candidate;
    const answer = inputs.places(inputs.requestOf(candidate), instances);
    if (!answer.free) {
      decided.refused.set(candidate, { committed: false, reason: "taken", detail: answer.why });
      continue;
    }
    const placed = inputs.placedOrder(candidate);
    const check = inputs.check(placed);
    if (!check.passed) {
      decided.refused.set(candidate, {
        committed: false,
        reason: check.obstacle,
        detail: check.detail,
      });
      continue;
    }
    answer.take();
    decided.accepted.set(candidate, {
      placeable,
      turn,
      places: instances,
      models: placed.models,
      check,
      leases: inputs.leases.get(startKey(start)) ?? null,
      openRunIds: inputs.openRuns.get(startKey(start)) ?? [],
      gang: null,
    });
  }
  return decided;
}
