/**
 * One batch of placements in its transaction: locks in the order of the house (workloads, runs, accounts, hosts), one
 * read of all that decides, then each order by itself against what the ones before it have left. What passes is
 * written by new-placements.ts.
 */
import { openPlaces, type PlacesQuestion } from "../../core/place-check.ts";
import { lockAccounts } from "../billing/ledger.ts";
import { lockOpenRunsOf } from "../billing/runs.ts";
import type { Connection } from "../database.ts";
import {
  type CheckOutcome,
  openPlacedChecks,
  payersOf,
  type PlacedOrder,
} from "../environments/environment-checks.ts";
import { orderPrices } from "../environments/order-prices.ts";
import { lockHosts } from "../hosts/hosts.ts";
import { assertTerm } from "../leader.ts";
import { type PlannedStart, planStarts } from "../leases/start-leases.ts";
import { settings } from "../settings.ts";
import { fleetSnapshot } from "./fleet-snapshot.ts";
import { type AcceptedOrder, writePlacements } from "./new-placements.ts";
import { lockWaiting, type PlaceableOrder, requestOf } from "./placeable-orders.ts";
import { holdingHosts, modelsOfCards, skipsOf } from "./placement-grounds.ts";
import type { CommitOutcome, CommitTerms, PlacementProposal } from "./placements.ts";
import { nameKey } from "./workload-name.ts";

/** A proposal whose order waits, is held, and has nothing left anywhere. */
interface Candidate extends PlacementProposal {
  order: PlaceableOrder;
}

type Refusal = Extract<CommitOutcome, { committed: false }>;

export async function commitBatch(
  sql: Connection,
  proposals: readonly PlacementProposal[],
  terms: CommitTerms,
): Promise<CommitOutcome[]> {
  await assertTerm(sql, terms.term);
  const looked = await lockCandidates(sql, proposals);
  const candidates = looked.filter((one) => "order" in one);
  const outcomes = new Map<Candidate, CommitOutcome>();
  if (candidates.length > 0) {
    const { accepted, refused } = await decide(sql, candidates, terms);
    for (const [candidate, refusal] of refused) outcomes.set(candidate, refusal);
    const written = await writePlacements(sql, [...accepted.values()], terms);
    for (const [index, candidate] of [...accepted.keys()].entries())
      outcomes.set(candidate, written[index] as CommitOutcome);
  }
  return looked.map((one) => ("order" in one ? (outcomes.get(one) as CommitOutcome) : one));
}

/** Of two proposals for one workload the first counts. */
async function lockCandidates(
  sql: Connection,
  proposals: readonly PlacementProposal[],
): Promise<(Candidate | Refusal)[]> {
  const waiting = await lockWaiting(
    sql,
    proposals.map(({ workload }) => workload),
  );
  const holders = await holdingHosts(
    sql,
    proposals.map(({ workload }) => workload),
  );
  return proposals.map((proposal) => {
    const key = nameKey(proposal.workload);
    const order = waiting.get(key);
    waiting.delete(key);
    if (order === undefined)
      return { committed: false, reason: "not-queued", detail: "It does not wait any more." };
    const holder = holders.get(key);
    return holder === undefined ? { ...proposal, order } : stillHeld(holder);
  });
}

function stillHeld(hostName: string): Refusal {
  return {
    committed: false,
    reason: "still-held",
    detail: `Waiting for host ${hostName} to confirm that the container of the last start has stopped.`,
  };
}

interface Decided {
  accepted: Map<Candidate, AcceptedOrder>;
  refused: Map<Candidate, Refusal>;
}

async function decide(sql: Connection, candidates: Candidate[], terms: CommitTerms): Promise<Decided> {
  const grounds = await lockAndRead(sql, candidates, terms);
  const decided: Decided = { accepted: new Map(), refused: new Map() };
  for (const candidate of candidates) {
    const { order, instances } = candidate;
    const answer = grounds.places(grounds.requestOf(order), instances);
    if (!answer.free) {
      decided.refused.set(candidate, { committed: false, reason: "taken", detail: answer.why });
      continue;
    }
    const placed = grounds.placedOrder(candidate);
    const check = grounds.check(placed);
    if (!check.passed) {
      decided.refused.set(candidate, { committed: false, reason: check.obstacle, detail: check.detail });
      continue;
    }
    answer.take();
    decided.accepted.set(candidate, {
      order,
      places: instances,
      models: placed.models,
      check,
      start: grounds.starts.get(order.row.id) ?? null,
      openRunIds: grounds.openRuns.get(nameKey({ kind: order.kind, id: order.row.id })) ?? [],
    });
  }
  return decided;
}

interface Grounds {
  places: PlacesQuestion;
  check: (placed: PlacedOrder) => CheckOutcome;
  requestOf: (order: PlaceableOrder) => ReturnType<typeof requestOf>;
  placedOrder: (candidate: Candidate) => PlacedOrder;
  /** Of environments alone: no other workload has leases. */
  starts: ReadonlyMap<string, PlannedStart>;
  openRuns: ReadonlyMap<string, string[]>;
}

async function lockAndRead(
  sql: Connection,
  candidates: readonly Candidate[],
  { now }: CommitTerms,
): Promise<Grounds> {
  const checked = candidates.map(({ order }) => order.checked);
  const openRuns = await lockRunsOf(sql, candidates);
  const accounts = await lockAccounts(sql, payersOf(checked));
  const inForce = await settings(sql);
  const starts = await planStarts(sql, startsOf(candidates), inForce.ALLOW_PLAIN_HTTP_PORTS === "on");
  const hostIds = candidates.flatMap(({ instances }) => instances.map(({ hostId }) => hostId));
  const giving = starts.flatMap(({ plan }) => plan.release.map(({ hostId }) => hostId));
  await lockHosts(sql, [...hostIds, ...giving]);

  const fleet = await fleetSnapshot(sql, { now, onlyHostIds: [...new Set(hostIds)] });
  const skips = await skipsOf(
    sql,
    candidates.map(({ workload }) => workload),
  );
  const prices = await orderPrices(sql, checked, now);
  const models = await modelsOfCards(
    sql,
    candidates.flatMap(({ instances }) => instances.flatMap(({ gpus }) => gpus.map(({ uuid }) => uuid))),
  );
  const placedOrders = new Map(
    candidates.map((candidate) => [
      candidate,
      {
        order: candidate.order.checked,
        models: candidate.instances.map(({ gpus: [first] }) =>
          first ? (models.get(first.uuid) ?? null) : null,
        ),
      },
    ]),
  );
  return {
    places: openPlaces(fleet, now.getTime()),
    check: await openPlacedChecks(sql, [...placedOrders.values()], {
      accounts,
      prices,
      settings: inForce,
      now,
    }),
    requestOf: (order) =>
      requestOf(order, {
        skips: skips.get(nameKey({ kind: order.kind, id: order.row.id })) ?? [],
        pricedModels: prices.pricedModels(order.checked),
      }),
    placedOrder: (candidate) => placedOrders.get(candidate) as PlacedOrder,
    starts: new Map(starts.map((start) => [start.environment.id, start])),
    openRuns,
  };
}

/** What earlier placements ran and is not over: waived should the workload be placed anew. */
async function lockRunsOf(sql: Connection, candidates: readonly Candidate[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const runs = await lockOpenRunsOf(
    sql,
    candidates.map(({ workload }) => workload),
  );
  for (const { id, workload } of runs) {
    const key = nameKey(workload);
    found.set(key, [...(found.get(key) ?? []), id]);
  }
  return found;
}

function startsOf(candidates: readonly Candidate[]) {
  return candidates.flatMap(({ order, instances: [first] }) =>
    order.kind === "environment" && first !== undefined
      ? [{ environment: order.row, hostId: first.hostId }]
      : [],
  );
}
