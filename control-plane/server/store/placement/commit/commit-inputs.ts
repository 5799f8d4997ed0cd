/**
 * What a batch of placements is judged by: runs, accounts and hosts, locked in the order of the house, and one read of
 * the fleet, the prices and whatever else decides.
 */
import { openPlaces, type PlacesQuestion } from "../../../core/placement/place-check.ts";
import type { PlacementRequest } from "../../../core/placement/fleet/fits-on.ts";
import type { FleetModel } from "../../../core/orders/prices/priced-models.ts";
import { lockAccounts, type LockedAccount } from "../../billing/ledger/ledger.ts";
import { lockOpenRunsOf } from "../../billing/runs/runs.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import {
  openPlacedChecks,
  payersOf,
  type PlacedCheckOutcome,
  type PlacedOrder,
} from "../../orders/checks/order-checks.ts";
import { orderPrices } from "../../orders/checks/order-prices.ts";
import { lockHosts } from "../../hosts/hosts.ts";
import { type PlannedStart, planStarts } from "../../leases/start-leases.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import { hostsAlone } from "../../hosts/host-addresses.ts";
import { imageNeedsOf } from "../../hosts/images/image-needs.ts";
import { registryList } from "../../hosts/images/registry-list.ts";
import { settings } from "../../accounts/settings.ts";
import { fleetSnapshot } from "../../fleet/fleet-snapshot.ts";
import { type HeldInVain, heldInVain } from "./fetch-first.ts";
import type { Candidate } from "./placement-candidates.ts";
import { placementRequest } from "../../../core/orders/order.ts";
import { needsOf } from "../../../core/workloads/kinds.ts";
import { startKey } from "../../../core/workloads/start.ts";
import { pairSkipsInForce, skipsOf } from "../../workloads/place-skips.ts";

export interface CommitInputs {
  places: PlacesQuestion;
  check: (placed: PlacedOrder) => PlacedCheckOutcome;
  requestOf: (candidate: Candidate) => PlacementRequest;
  placedOrder: (candidate: Candidate) => PlacedOrder;
  /** What becomes of its ports, by the key of the start; of kinds that have any. */
  leases: ReadonlyMap<string, PlannedStart>;
  /** By the key of the start. */
  openRuns: ReadonlyMap<string, string[]>;
  /** The accounts of those who pay, held. */
  accounts: ReadonlyMap<number, LockedAccount>;
  hasHeldInVain: HeldInVain;
  /** The names of the hosts. */
  nameOf: ReadonlyMap<string, string>;
}

export async function lockInputs(
  sql: Transaction,
  candidates: readonly Candidate[],
  now: Date,
): Promise<CommitInputs> {
  const orders = candidates.map(({ placeable }) => placeable.order);
  // Locks are taken in the order in which they are asked for, and what stands behind one is read once it is held.
  const held = Promise.all([lockRunsOf(sql, candidates), lockAccounts(sql, payersOf(orders))]);
  const known = settings(sql);
  const allowsPlain = known.then(({ ALLOW_PLAIN_HTTP_PORTS }) => ALLOW_PLAIN_HTTP_PORTS === "on");
  const [[openRuns, accounts], inForce, leases] = await Promise.all([
    held,
    known,
    planStarts(sql, leasingOf(candidates), allowsPlain),
  ]);
  const hostIds = [...new Set(candidates.flatMap(({ instances }) => instances.map(({ hostId }) => hostId)))];
  const giving = leases.flatMap(({ plan }) => plan.release.map(({ hostId }) => hostId));
  const lock = lockHosts(sql, [...hostIds, ...giving]);
  const cards = cardsOnHosts(sql, hostIds);
  const priced = orderPrices(sql, orders, { models: cards.then(({ models }) => models), at: now });
  const [, { modelOf }, prices, fleet, skips, apart, alone, imageNeeds, hasHeldInVain, check] =
    await Promise.all([
      lock,
      cards,
      priced,
      fleetSnapshot(sql, { now, onlyHostIds: hostIds }),
      skipsOf(
        sql,
        candidates.map(({ start }) => start),
      ),
      pairSkipsInForce(sql, now),
      orders.some(({ instances }) => instances > 1) ? hostsAlone(sql) : undefined,
      imageNeedsOf(sql, orders, registryList(inForce.IMAGE_REGISTRIES)),
      heldInVain(sql, candidates, now),
      openPlacedChecks(sql, orders, { accounts, prices: priced, settings: inForce, now }),
    ]);
  const imageNeedsFor = new Map(candidates.map((candidate, index) => [candidate, imageNeeds[index]]));
  const placedOrders = new Map(
    candidates.map((candidate) => [
      candidate,
      {
        order: candidate.placeable.order,
        models: candidate.instances.map(({ gpus: [first] }) =>
          first ? (modelOf.get(first.uuid) ?? null) : null,
        ),
      },
    ]),
  );
  return {
    places: openPlaces(fleet, now.getTime()),
    check,
    requestOf: (candidate) => {
      const key = startKey(candidate.start);
      const { order } = candidate.placeable;
      const request = placementRequest(order, key, {
        skips: skips.get(key) ?? [],
        apart,
        alone,
        pricedModels: prices.pricedModels(order),
        features: [...(imageNeedsFor.get(candidate)?.features ?? []), ...needsOf(order)],
      });
      return { ...request, payer: order.payerId };
    },
    placedOrder: (candidate) => placedOrders.get(candidate) as PlacedOrder,
    leases: new Map(leases.map((planned) => [planned.key, planned])),
    openRuns,
    accounts,
    hasHeldInVain,
    nameOf: new Map(fleet.hosts.map(({ id, name }) => [id, name])),
  };
}

/** What earlier placements ran and is not over: waived should the start be placed anew. */
async function lockRunsOf(
  sql: Transaction,
  candidates: readonly Candidate[],
): Promise<Map<string, string[]>> {
  const runs = await lockOpenRunsOf(
    sql,
    candidates.map(({ start }) => start),
  );
  const grouped = Map.groupBy(runs, ({ start }) => startKey(start));
  return new Map([...grouped].map(([key, found]) => [key, found.map(({ id }) => id)]));
}

function leasingOf(candidates: readonly Candidate[]) {
  return candidates.flatMap(({ start, placeable: { leasing }, instances: [first] }) =>
    leasing !== null && first !== undefined
      ? [{ key: startKey(start), environment: leasing, hostId: first.hostId }]
      : [],
  );
}

interface HostCards {
  /** By card; null where its host could not tell. */
  modelOf: ReadonlyMap<string, string | null>;
  models: FleetModel[];
}

/** The models of these hosts' cards, as prices name them. */
async function cardsOnHosts(sql: Connection, hostIds: readonly string[]): Promise<HostCards> {
  const { rows } = await sql.query<{ uuid: string; name: string | null; bytes: number }>(
    `SELECT uuid, name, ${safeBigint("coalesce(memory_total, 0)")} AS bytes FROM gpus
      WHERE host_id = ANY($1::text[]) AND vanished_at IS NULL AND uuid IS NOT NULL`,
    [hostIds],
  );
  const largest = new Map<string, number>();
  for (const { name, bytes } of rows)
    if (name !== null) largest.set(name, Math.max(largest.get(name) ?? 0, bytes));
  return {
    modelOf: new Map(rows.map(({ uuid, name }) => [uuid, name])),
    models: [...largest].map(([model, memoryBytes]) => ({ model, memoryBytes })),
  };
}
