/**
 * Writes down placements that were decided under locks: instances at their next epochs, placements, runs with their
 * lines, cards, leases, events, the hosts' generations and what they hold, and the workloads' new status. The same few
 * statements for one start or hundreds; each host's generation rises once.
 */
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { PlacedInstance } from "../../../core/placement/placement.ts";
import type { Turn } from "../../../core/queue/oldest.ts";
import { type NewRun, openRuns, waiveEarlierRuns } from "../../billing/runs/runs.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import type { PlacedCheckOutcome } from "../../orders/checks/order-checks.ts";
import { appendEvents, INSTANCE_EVENT } from "../../events/events.ts";
import { raiseGenerations, refreshHostUse } from "../../hosts/hosts.ts";
import { leaseForStarts, type PlannedStart } from "../../leases/start-leases.ts";
import { takeCards } from "../../workloads/instances/gpu-allocations.ts";
import { nextEpochs } from "../../workloads/instances/instance-epochs.ts";
import { isSealed } from "../../../core/secrets/env-var-seal.ts";
import type { PlaceableStart } from "../../../core/workloads/placeable-start.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../../workloads/kinds.ts";
import type { GangPlaces } from "./gang-places.ts";
import type { CommitOutcome, CommitTerms } from "./proposals.ts";

export interface AcceptedStart {
  placeable: PlaceableStart;
  /** Whose turn it was; absent: its payer's and its workspace's. */
  turn?: Turn | undefined;
  /** In the order of its ranks. */
  places: readonly PlacedInstance[];
  models: readonly (string | null)[];
  check: Extract<PlacedCheckOutcome, { passed: true }>;
  /** What becomes of its ports; null for kinds without any. */
  leases: PlannedStart | null;
  /** The runs of earlier placements. */
  openRunIds: readonly string[];
  /** The places of a start with several instances. */
  gang: GangPlaces | null;
}

/** One container of a start, with the ids that it gets. */
interface NewInstance {
  accepted: AcceptedStart;
  rank: number;
  place: PlacedInstance;
  instanceId: string;
  epoch: number;
  runId: string;
}

export async function writePlacements(
  sql: Transaction,
  accepted: readonly AcceptedStart[],
  { now, newId, nameOf }: CommitTerms & { nameOf: ReadonlyMap<string, string> },
): Promise<CommitOutcome[]> {
  if (accepted.length === 0) return [];
  const instances = await newInstances(sql, accepted, newId);
  const hostIds = [...new Set(instances.map(({ place }) => place.hostId))];
  const leases = accepted.flatMap(({ leases }) => leases ?? []);
  const giving = leases.flatMap(({ plan }) => plan.release.map(({ hostId }) => hostId));
  const cards = instances.flatMap(({ place, instanceId, epoch }) =>
    place.gpus.map((grant) => ({ ...grant, instanceId, epoch })),
  );
  const runIds = accepted.flatMap(({ openRunIds }) => openRunIds);
  const [, , , cardEvents, generations] = await Promise.all([
    // Whatever an earlier placement is still found to have run is metered, and not charged.
    waiveEarlierRuns(sql, { runIds, from: now }),
    insertPlacements(sql, instances, now),
    openRuns(
      sql,
      instances.map((instance) => newRun(instance, now)),
    ),
    takeCards(sql, cards, now),
    raiseGenerations(sql, [...new Set([...hostIds, ...giving])]),
  ]);
  await Promise.all([
    appendEvents(sql, [...cardEvents, ...instances.map((instance) => placedEvent(instance, now))]),
    refreshHostUse(sql, hostIds),
    moveWorkloads(sql, accepted, { nameOf, now }),
    leaseForStarts(sql, leases, { generations, newId, actor: "control-plane", now }),
  ]);
  const made = Map.groupBy(instances, (instance) => instance.accepted);
  return accepted.map((one) => committed(one, made.get(one) ?? []));
}

async function newInstances(
  sql: Connection,
  accepted: readonly AcceptedStart[],
  newId: CommitTerms["newId"],
): Promise<NewInstance[]> {
  const ranks = accepted.flatMap((one) =>
    one.places.map((place, index) => ({ accepted: one, place, rank: one.placeable.start.firstRank + index })),
  );
  const epochs = await nextEpochs(
    sql,
    ranks.map(({ accepted: { placeable }, rank }) => ({
      newInstanceId: newId("ins"),
      kind: placeable.start.kind,
      workloadId: placeable.start.id,
      rank,
    })),
  );
  return ranks.map((one, index) => {
    const epoch = epochs[index];
    if (epoch === undefined)
      throw new Error(`rank ${one.rank} of ${one.accepted.placeable.start.id} has no instance`);
    return { ...one, ...epoch, runId: newId("run") };
  });
}

async function insertPlacements(
  sql: Connection,
  instances: readonly NewInstance[],
  now: Date,
): Promise<void> {
  const specs = instances.map(({ accepted: { placeable, check, gang }, place, rank }) => ({
    ...placeable.spec({
      rank,
      gpus: place.gpus,
      datasets: check.datasets,
      models: check.models,
      gang: gang?.ranks[rank - placeable.start.firstRank] ?? null,
    }),
    tempStorageBytes: check.tempStorageBytes,
  }));
  const texts = specs.map(canonicalJson);
  const lives = instances.map(({ accepted: { placeable, places } }) =>
    placeable.live(new Set(places.map(({ hostId }) => hostId)).size),
  );
  await sql.change(
    `INSERT INTO placements (instance_id, epoch, host_id, run_id, spec, spec_hash, live, cpu_milli, memory_bytes,
            temp_storage_bytes, storage_bytes, gang_network, state_changed_at, created_at, env_is_sealed,
            chosen_grace_seconds, is_payers_turn, is_workspaces_turn)
     SELECT p.*
       FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::jsonb[], $8::int[],
                   $9::bigint[], $10::bigint[], $11::bigint[], $12::int[], $13::timestamptz[], $13::timestamptz[],
                   $14::boolean[], $15::int[], $16::boolean[], $17::boolean[]) AS p`,
    [
      instances.map(({ instanceId }) => instanceId),
      instances.map(({ epoch }) => epoch),
      instances.map(({ place }) => place.hostId),
      instances.map(({ runId }) => runId),
      texts,
      texts.map(sha256),
      lives.map((live) => JSON.stringify(live)),
      instances.map(({ accepted: { placeable } }) => placeable.order.cpuMilli),
      specs.map(({ memoryBytes }) => memoryBytes),
      // Room of the host's disk is set aside for what was ordered alone.
      instances.map(({ accepted: { placeable } }) => placeable.order.tempStorageBytes),
      specs.map(({ storageBytes }) => storageBytes),
      instances.map(({ accepted: { gang } }) => gang?.number ?? null),
      instances.map(() => now),
      // What an earlier version ordered may be plain still.
      instances.map(({ accepted: { placeable } }) => isSealed(placeable.envVars)),
      instances.map(({ accepted: { placeable } }) => placeable.chosenGraceSeconds),
      instances.map(({ accepted: { turn } }) => turn?.isPayers ?? true),
      instances.map(({ accepted: { turn } }) => turn?.isWorkspaces ?? true),
    ],
  );
}

function newRun({ accepted, rank, place, instanceId, epoch, runId }: NewInstance, now: Date): NewRun {
  const { start, order, name, actorId, payingWorkspaceId } = accepted.placeable;
  const index = rank - start.firstRank;
  return {
    id: runId,
    instanceId,
    epoch,
    hostId: place.hostId,
    customerId: order.payerId,
    orderedBy: actorId,
    workspaceId: payingWorkspaceId,
    resourceType: start.kind,
    resourceId: start.id,
    resourceName: name,
    spec: order.spec,
    gpuModel: accepted.models[index] ?? null,
    orderedAt: now,
    lines: accepted.check.lines[index] ?? [],
  };
}

function placedEvent({ accepted: { placeable }, place, instanceId, epoch }: NewInstance, now: Date) {
  return {
    at: now,
    kind: INSTANCE_EVENT,
    workloadKind: placeable.start.kind,
    workloadId: placeable.start.id,
    instanceId,
    hostId: place.hostId,
    actor: "control-plane",
    old: null,
    new: "placed",
    reason: { code: "instance-placed" as const, params: { epoch, host_id: place.hostId } },
  };
}

async function moveWorkloads(
  sql: Transaction,
  accepted: readonly AcceptedStart[],
  { nameOf, now }: { nameOf: ReadonlyMap<string, string>; now: Date },
): Promise<void> {
  const placed = accepted.map(({ placeable, places }) => ({
    placeable,
    hosts: places.map(({ hostId }) => ({ id: hostId, name: nameOf.get(hostId) ?? hostId })),
    now,
  }));
  for (const kind of KINDS_IN_LOCK_ORDER) {
    const ofKind = placed.filter(({ placeable }) => placeable.start.kind === kind);
    if (ofKind.length > 0) await storeOf(kind).notePlaced(sql, ofKind);
  }
}

function committed({ leases }: AcceptedStart, instances: readonly NewInstance[]): CommitOutcome {
  const own = instances.map(({ instanceId, epoch, runId, place }) => ({
    instanceId,
    epoch,
    runId,
    hostId: place.hostId,
  }));
  const giving = leases?.plan.release.map(({ hostId }) => hostId) ?? [];
  return {
    committed: true,
    instances: own,
    hostIds: [...new Set([...own.map(({ hostId }) => hostId), ...giving])],
  };
}
