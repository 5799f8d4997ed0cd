/**
 * Writes down placements that were decided under locks: instances at their next epochs, placements, runs with their
 * lines, cards, leases, events, the hosts' generations and what they hold, and the workloads' new status. The same few
 * statements for one order or hundreds; each host's generation rises once.
 */
import { canonicalJson, sha256 } from "@remotegpu/shared/journal-row";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { waitsFor } from "../../../core/environments/environment-status.ts";
import type { PlacedInstance } from "../../../core/placement/placement.ts";
import { type NewRun, openRuns, waiveEarlierRuns } from "../../billing/runs/runs.ts";
import type { Connection } from "../../database/database.ts";
import type { CheckOutcome } from "../../orders/checks/environment-checks.ts";
import { moveEnvironments } from "../../environments/environments.ts";
import { specOf } from "../../orders/checks/order-prices.ts";
import { appendEvents, INSTANCE_EVENT } from "../../events/events.ts";
import { raiseGenerations, refreshHostUse } from "../../hosts/hosts.ts";
import { leaseForStarts, type PlannedStart } from "../../leases/start-leases.ts";
import { startJobs } from "../../training/job-orders.ts";
import { takeCards } from "../../workloads/gpu-allocations.ts";
import { nextEpochs } from "../../workloads/instance-epochs.ts";
import { instanceLive, instanceSpec, type PlaceableOrder } from "./placeable-orders.ts";
import type { CommitOutcome, CommitTerms } from "./proposals.ts";

export interface AcceptedOrder {
  order: PlaceableOrder;
  /** In the order of the ranks. */
  places: readonly PlacedInstance[];
  models: readonly (string | null)[];
  check: Extract<CheckOutcome, { passed: true }>;
  /** What becomes of an environment's leases. */
  start: PlannedStart | null;
  /** Of earlier placements. */
  openRunIds: readonly string[];
}

/** One container of an order, with the ids that it gets. */
interface NewInstance {
  accepted: AcceptedOrder;
  rank: number;
  place: PlacedInstance;
  instanceId: string;
  epoch: number;
  runId: string;
}

export async function writePlacements(
  sql: Connection,
  accepted: readonly AcceptedOrder[],
  { now, newId }: CommitTerms,
): Promise<CommitOutcome[]> {
  if (accepted.length === 0) return [];
  const instances = await newInstances(sql, accepted, newId);
  // Whatever an earlier placement is still found to have run is metered, and not charged.
  await waiveEarlierRuns(sql, { runIds: accepted.flatMap(({ openRunIds }) => openRunIds), from: now });
  await insertPlacements(sql, instances, now);
  await openRuns(
    sql,
    instances.map((instance) => newRun(instance, now)),
  );
  await takeCards(
    sql,
    instances.flatMap(({ place, instanceId, epoch }) =>
      place.gpus.map((grant) => ({ ...grant, instanceId, epoch })),
    ),
    now,
  );
  await appendEvents(
    sql,
    instances.map((instance) => placedEvent(instance, now)),
  );
  const hostIds = [...new Set(instances.map(({ place }) => place.hostId))];
  const starts = accepted.flatMap(({ start }) => start ?? []);
  const giving = starts.flatMap(({ plan }) => plan.release.map(({ hostId }) => hostId));
  const generations = await raiseGenerations(sql, [...new Set([...hostIds, ...giving])]);
  await refreshHostUse(sql, hostIds);
  await moveWorkloads(sql, accepted, now);
  await leaseForStarts(sql, starts, { generations, newId, actor: "control-plane", now });
  const made = Map.groupBy(instances, (instance) => instance.accepted);
  return accepted.map((one) => committed(one, made.get(one) ?? []));
}

async function newInstances(
  sql: Connection,
  accepted: readonly AcceptedOrder[],
  newId: CommitTerms["newId"],
): Promise<NewInstance[]> {
  const ranks = accepted.flatMap((one) => one.places.map((place, rank) => ({ accepted: one, place, rank })));
  const epochs = await nextEpochs(
    sql,
    ranks.map(({ accepted: { order }, rank }) => ({
      newInstanceId: newId("ins"),
      kind: order.kind,
      workloadId: order.row.id,
      rank,
    })),
  );
  return ranks.map((one, index) => {
    const epoch = epochs[index];
    if (epoch === undefined)
      throw new Error(`rank ${one.rank} of ${one.accepted.order.row.id} has no instance`);
    return { ...one, ...epoch, runId: newId("run") };
  });
}

async function insertPlacements(
  sql: Connection,
  instances: readonly NewInstance[],
  now: Date,
): Promise<void> {
  const specs = instances.map(({ accepted: { order, check }, place, rank }) =>
    instanceSpec(order, { rank, gpus: place.gpus, datasets: check.datasets, models: check.models }),
  );
  const texts = specs.map(canonicalJson);
  const lives = instances.map(({ accepted: { order, places } }) =>
    instanceLive(order, new Set(places.map(({ hostId }) => hostId)).size),
  );
  await sql.query(
    `INSERT INTO placements (instance_id, epoch, host_id, run_id, spec, spec_hash, live, cpu_milli, memory_bytes,
            temp_storage_bytes, storage_bytes, state_changed_at, created_at)
     SELECT p.*, $12, $12
       FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::jsonb[], $8::int[],
                   $9::bigint[], $10::bigint[], $11::bigint[]) AS p`,
    [
      instances.map(({ instanceId }) => instanceId),
      instances.map(({ epoch }) => epoch),
      instances.map(({ place }) => place.hostId),
      instances.map(({ runId }) => runId),
      texts,
      texts.map(sha256),
      lives.map((live) => JSON.stringify(live)),
      instances.map(({ accepted: { order } }) => order.row.cpu * THOUSANDTHS),
      specs.map(({ memoryBytes }) => memoryBytes),
      specs.map(({ tempStorageBytes }) => tempStorageBytes),
      specs.map(({ storageBytes }) => storageBytes),
      now,
    ],
  );
}

function newRun({ accepted, rank, place, instanceId, epoch, runId }: NewInstance, now: Date): NewRun {
  const { row, kind, checked } = accepted.order;
  return {
    id: runId,
    instanceId,
    epoch,
    hostId: place.hostId,
    customerId: row.payer_id,
    orderedBy: row.orderer_id,
    workspaceId: row.paying_workspace_id,
    resourceType: kind,
    resourceId: row.id,
    resourceName: row.name,
    spec: specOf(checked),
    gpuModel: accepted.models[rank] ?? null,
    orderedAt: now,
    lines: accepted.check.lines[rank] ?? [],
  };
}

function placedEvent({ accepted: { order }, place, instanceId, epoch }: NewInstance, now: Date) {
  return {
    at: now,
    kind: INSTANCE_EVENT,
    workloadKind: order.kind,
    workloadId: order.row.id,
    instanceId,
    hostId: place.hostId,
    actor: "control-plane",
    old: null,
    new: "placed",
    reason: `Placement ${epoch} on host ${place.hostId}.`,
  };
}

async function moveWorkloads(sql: Connection, accepted: readonly AcceptedOrder[], now: Date): Promise<void> {
  const placed = accepted.map(({ order, places }) => ({
    order,
    hostIds: places.map(({ hostId }) => hostId),
  }));
  const nameOf = await hostNames(sql, [...new Set(placed.flatMap(({ hostIds }) => hostIds))]);
  await moveEnvironments(
    sql,
    placed.flatMap(({ order, hostIds: [hostId] }) =>
      order.kind === "environment" && hostId !== undefined
        ? [
            {
              environment: order.row,
              to: "creating",
              reason: waitsFor("creating", nameOf.get(hostId) ?? null),
              actor: "control-plane",
              now,
              hostId,
            },
          ]
        : [],
    ),
  );
  await startJobs(
    sql,
    placed.flatMap(({ order, hostIds }) =>
      order.kind === "training"
        ? [{ job: order.row, hostNames: hostIds.map((id) => nameOf.get(id) ?? id), now }]
        : [],
    ),
  );
}

async function hostNames(sql: Connection, hostIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql.query<{ id: string; name: string }>(
    "SELECT id, name FROM hosts WHERE id = ANY($1::text[])",
    [hostIds],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}

function committed({ start }: AcceptedOrder, instances: readonly NewInstance[]): CommitOutcome {
  const own = instances.map(({ instanceId, epoch, runId, place }) => ({
    instanceId,
    epoch,
    runId,
    hostId: place.hostId,
  }));
  const giving = start?.plan.release.map(({ hostId }) => hostId) ?? [];
  return {
    committed: true,
    instances: own,
    hostIds: [...new Set([...own.map(({ hostId }) => hostId), ...giving])],
  };
}
