/**
 * What a batch of placements is judged by: runs, accounts and hosts, locked in the order of the house, and one read of
 * the fleet, the prices and whatever else decides.
 */
import { openPlaces, type PlacesQuestion } from "../../../core/placement/place-check.ts";
import type { PlacementRequest } from "../../../core/placement/fleet/fits-on.ts";
import type { FleetModel } from "../../../core/orders/prices/priced-models.ts";
import { lockAccounts } from "../../billing/ledger/ledger.ts";
import { lockOpenRunsOf } from "../../billing/runs/runs.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import {
  type CheckOutcome,
  openPlacedChecks,
  payersOf,
  type PlacedOrder,
} from "../../orders/checks/order-checks.ts";
import { orderPrices } from "../../orders/checks/order-prices.ts";
import { lockHosts } from "../../hosts/hosts.ts";
import { type PlannedStart, planStarts } from "../../leases/start-leases.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import { imageNeedsOf } from "../../hosts/images/image-needs.ts";
import { registryList } from "../../hosts/images/registry-list.ts";
import { settings } from "../../accounts/settings.ts";
import { fleetSnapshot } from "../../fleet/fleet-snapshot.ts";
import type { Candidate } from "./placement-candidates.ts";
import { placementRequest } from "../../../core/orders/order.ts";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import { startKey } from "../../../core/workloads/start.ts";
import { poolSkipsOf } from "../../workloads/pool-skips.ts";

export interface Grounds {
  places: PlacesQuestion;
  check: (placed: PlacedOrder) => CheckOutcome;
  requestOf: (candidate: Candidate) => PlacementRequest;
  placedOrder: (candidate: Candidate) => PlacedOrder;
  /** What becomes of its ports, by the key of the start; of kinds that have any. */
  leases: ReadonlyMap<string, PlannedStart>;
  /** By the key of the start. */
  openRuns: ReadonlyMap<string, string[]>;
}

export async function lockGrounds(
  sql: Transaction,
  candidates: readonly Candidate[],
  now: Date,
): Promise<Grounds> {
  const orders = candidates.map(({ placeable }) => placeable.order);
  const openRuns = await lockRunsOf(sql, candidates);
  const accounts = await lockAccounts(sql, payersOf(orders));
  const inForce = await settings(sql);
  const needs = await imageNeedsOf(sql, orders, registryList(inForce.IMAGE_REGISTRIES));
  const needsOf = new Map(candidates.map((candidate, index) => [candidate, needs[index]]));
  const leases = await planStarts(sql, leasingOf(candidates), inForce.ALLOW_PLAIN_HTTP_PORTS === "on");
  const hostIds = [...new Set(candidates.flatMap(({ instances }) => instances.map(({ hostId }) => hostId)))];
  const giving = leases.flatMap(({ plan }) => plan.release.map(({ hostId }) => hostId));
  await lockHosts(sql, [...hostIds, ...giving]);

  const fleet = await fleetSnapshot(sql, { now, onlyHostIds: hostIds });
  const { modelOf, models } = await cardsOnHosts(sql, hostIds);
  const prices = await orderPrices(sql, orders, { models, at: now });
  const skips = await poolSkipsOf(
    sql,
    candidates.map(({ start }) => start),
  );
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
    check: await openPlacedChecks(sql, [...placedOrders.values()], {
      accounts,
      prices,
      settings: inForce,
      now,
    }),
    requestOf: (candidate) => {
      const key = startKey(candidate.start);
      const { order } = candidate.placeable;
      return placementRequest(order, key, {
        skips: skips.get(key) ?? [],
        pricedModels: prices.pricedModels(order),
        features: [...(needsOf.get(candidate)?.features ?? []), ...rulesOf(candidate.start.kind).needs],
      });
    },
    placedOrder: (candidate) => placedOrders.get(candidate) as PlacedOrder,
    leases: new Map(leases.map((planned) => [planned.key, planned])),
    openRuns,
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
