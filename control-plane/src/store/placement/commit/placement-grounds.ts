/**
 * What a batch of placements is judged by: runs, accounts and hosts, locked in the order of the house, and one read of
 * the fleet, the prices and whatever else decides.
 */
import { openPlaces, type PlacesQuestion } from "../../../core/placement/place-check.ts";
import type { PlacementRequest, PoolSkip } from "../../../core/placement/fleet/fits-on.ts";
import type { FleetModel } from "../../../core/orders/prices/priced-models.ts";
import { lockAccounts } from "../../billing/ledger/ledger.ts";
import { lockOpenRunsOf } from "../../billing/runs/runs.ts";
import type { Connection } from "../../database/database.ts";
import {
  type CheckOutcome,
  openPlacedChecks,
  payersOf,
  type PlacedOrder,
} from "../../orders/checks/environment-checks.ts";
import { orderPrices } from "../../orders/checks/order-prices.ts";
import { lockHosts } from "../../hosts/hosts.ts";
import { type PlannedStart, planStarts } from "../../leases/start-leases.ts";
import { safeBigint } from "../../database/old-values.ts";
import { imageNeedsOf, imageUseOf } from "../../hosts/images/image-needs.ts";
import { registryList } from "../../hosts/images/registry-list.ts";
import { settings } from "../../accounts/settings.ts";
import { fleetSnapshot } from "../../fleet/fleet-snapshot.ts";
import { type PlaceableOrder, requestOf } from "./placeable-orders.ts";
import type { Candidate } from "./placement-candidates.ts";
import { nameKey, type WorkloadName } from "../../../core/workloads/workload-name.ts";

export interface Grounds {
  places: PlacesQuestion;
  check: (placed: PlacedOrder) => CheckOutcome;
  requestOf: (order: PlaceableOrder) => PlacementRequest;
  placedOrder: (candidate: Candidate) => PlacedOrder;
  /** Of environments alone: no other workload has leases. */
  starts: ReadonlyMap<string, PlannedStart>;
  openRuns: ReadonlyMap<string, string[]>;
}

export async function lockGrounds(
  sql: Connection,
  candidates: readonly Candidate[],
  now: Date,
): Promise<Grounds> {
  const checked = candidates.map(({ order }) => order.checked);
  const openRuns = await lockRunsOf(sql, candidates);
  const accounts = await lockAccounts(sql, payersOf(checked));
  const inForce = await settings(sql);
  const uses = candidates.map(({ order }) => imageUseOf(order.checked));
  const needs = await imageNeedsOf(sql, uses, registryList(inForce.IMAGE_REGISTRIES));
  const needsOf = new Map(candidates.map(({ order }, index) => [order, needs[index]]));
  const starts = await planStarts(sql, startsOf(candidates), inForce.ALLOW_PLAIN_HTTP_PORTS === "on");
  const hostIds = [...new Set(candidates.flatMap(({ instances }) => instances.map(({ hostId }) => hostId)))];
  const giving = starts.flatMap(({ plan }) => plan.release.map(({ hostId }) => hostId));
  await lockHosts(sql, [...hostIds, ...giving]);

  const fleet = await fleetSnapshot(sql, { now, onlyHostIds: hostIds });
  const { modelOf, models } = await cardsOnHosts(sql, hostIds);
  const prices = await orderPrices(sql, checked, { models, at: now });
  const skips = await skipsOf(
    sql,
    candidates.map(({ workload }) => workload),
  );
  const placedOrders = new Map(
    candidates.map((candidate) => [
      candidate,
      {
        order: candidate.order.checked,
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
    requestOf: (order) =>
      requestOf(order, {
        skips: skips.get(nameKey({ kind: order.kind, id: order.row.id })) ?? [],
        pricedModels: prices.pricedModels(order.checked),
        features: needsOf.get(order)?.features ?? [],
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

/** By workload, the storage pools in which a mount of it was found missing. */
async function skipsOf(
  sql: Connection,
  workloads: readonly WorkloadName[],
): Promise<Map<string, PoolSkip[]>> {
  const { rows } = await sql.query<WorkloadName & { storage_pool: string; reason: string; until: Date }>(
    `SELECT asked.kind, asked.id, s.storage_pool, s.reason, s.until
       FROM unnest($1::text[], $2::text[]) AS asked(kind, id) JOIN placement_skips s ON s.workload_kind = asked.kind AND s.workload_id = asked.id
      ORDER BY s.storage_pool`,
    [workloads.map(({ kind }) => kind), workloads.map(({ id }) => id)],
  );
  const skips = Map.groupBy(rows, nameKey);
  return new Map([...skips].map(([key, found]) => [key, found.map(poolSkip)]));
}

function poolSkip(row: { storage_pool: string; reason: string; until: Date }): PoolSkip {
  return { storagePool: row.storage_pool, reason: row.reason, untilMs: row.until.getTime() };
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
