/**
 * Making a placement: one transaction in which everything that the scheduler assumed is looked at again under locks
 * and then written down, run included. Unique indexes make a double placement impossible even if this is wrong.
 * What a placement becomes later is in environment-orders.ts and observed.ts.
 */
import { canonicalJson, sha256 } from "@remotegpu/shared/journal-row";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { environmentLive, environmentSpec } from "../../core/desired-set.ts";
import { placementRequest } from "../../core/environment-order.ts";
import { waitsFor } from "../../core/environment-status.ts";
import { describeObstacle } from "../../core/placement/fits-on.ts";
import { type GpuGrant, place } from "../../core/placement/placement.ts";
import { type Connection, type Database, isUniqueViolation, StoreError, transaction } from "../database.ts";
import {
  checkEnvironment,
  type CheckOutcome,
  pricedModelsFor,
  specOf,
} from "../environments/environment-checks.ts";
import { heldPlacement } from "../environments/environment-placements.ts";
import { type EnvironmentRow, lockEnvironment, moveEnvironment } from "../environments/environments.ts";
import { idOnHosts } from "../environments/id-on-hosts.ts";
import { appendInstanceEvent, INSTANCE_EVENT } from "../events.ts";
import { fleetSnapshot } from "./fleet-snapshot.ts";
import { takeCard } from "./gpu-allocations.ts";
import { raiseGeneration, refreshHostUse } from "../hosts/hosts.ts";
import { assertTerm } from "../leader.ts";
import { leaseForStart } from "../leases/environment-leases.ts";
import { lockAccount } from "../billing/ledger.ts";
import { poolSkips } from "./pool-skips.ts";
import { openRun, waiveEarlierRuns } from "../billing/runs.ts";

export type NewId = (kind: "ins" | "run" | "lease") => string;

export interface PlacementProposal {
  environmentId: string;
  hostId: string;
  term: number;
  now: Date;
  newId: NewId;
}

export type CommitOutcome =
  | {
      committed: true;
      instanceId: string;
      epoch: number;
      runId: string;
      /** Whose desired sets changed: the placement's own, and of hosts that are to give ports of it back. */
      hostIds: string[];
    }
  /** Stopped, deleted or placed meanwhile: nothing to do. */
  | { committed: false; reason: "not-queued"; detail: string }
  /** Somebody else was faster: look again. */
  | { committed: false; reason: "taken"; detail: string }
  /** It waits on, with this sentence. */
  | { committed: false; reason: "still-held" | "price" | "quota" | "funds"; detail: string }
  /** It cannot start as it is: the order mounts what it may not. */
  | { committed: false; reason: "mount-not-found" | "mount-not-ready"; detail: string };

const FOREIGN_KEY_VIOLATION = "23503";

/** @throws LeadershipLostError when the term is over */
export async function commitPlacement(
  database: Database,
  proposal: PlacementProposal,
): Promise<CommitOutcome> {
  try {
    return await transaction(database, (sql) => commit(sql, proposal));
  } catch (error) {
    // Another scheduler's card or placement: the indexes and the card's mode stood in the way.
    if (isUniqueViolation(error) || (error instanceof StoreError && error.code === FOREIGN_KEY_VIOLATION))
      return { committed: false, reason: "taken", detail: error.message };
    throw error;
  }
}

async function commit(sql: Connection, proposal: PlacementProposal): Promise<CommitOutcome> {
  const { environmentId, hostId, term, now } = proposal;
  await assertTerm(sql, term);
  const environment = await lockEnvironment(sql, environmentId);
  if (environment?.status !== "queued")
    return { committed: false, reason: "not-queued", detail: "It does not wait any more." };
  const held = await heldPlacement(sql, environmentId);
  if (held !== null)
    return {
      committed: false,
      reason: "still-held",
      detail: `Waiting for host ${held.host_name} to confirm that the container of the last start has stopped.`,
    };
  // The payer's account before the host: the order of locks everywhere.
  await lockAccount(sql, environment.payer_id);
  await sql.query("SELECT id FROM hosts WHERE id = $1 FOR NO KEY UPDATE", [hostId]);
  const request = placementRequest(environment, {
    skips: await poolSkips(sql, environmentId),
    pricedModels: await pricedModelsFor(sql, environment, now),
  });
  const decision = place(await fleetSnapshot(sql, { now, onlyHostId: hostId }), [request], {
    policy: "best-fit",
    seed: 0,
    now: now.getTime(),
  }).decisions[0];
  if (decision?.placed !== true) {
    const obstacles = decision?.hosts[0]?.obstacles ?? [];
    return { committed: false, reason: "taken", detail: obstacles.map(describeObstacle).join(", ") };
  }
  const grants = decision.instances[0]?.gpus ?? [];
  const model = await modelOf(sql, grants);
  const check = await checkEnvironment(sql, environment, { card: { model }, now });
  if (!check.passed) return { committed: false, reason: check.obstacle, detail: check.detail };
  return await write(sql, proposal, { environment, grants, check, model });
}

interface Decided {
  environment: EnvironmentRow;
  grants: GpuGrant[];
  check: Extract<CheckOutcome, { passed: true }>;
  model: string | null;
}

async function write(
  sql: Connection,
  { hostId, now, newId }: PlacementProposal,
  { environment, grants, check, model }: Decided,
): Promise<CommitOutcome> {
  const { instanceId, epoch } = await nextEpoch(sql, environment.id, newId);
  // Whatever an earlier placement of it is still found to have run is metered, and not charged.
  await waiveEarlierRuns(sql, { instanceId, epoch, from: now });
  const runId = newId("run");
  const spec = environmentSpec(
    {
      id: idOnHosts(environment.id),
      workspaceId: networkNumber(environment),
      image: environment.image,
      command: environment.config?.command ?? null,
      cpuMilli: environment.cpu * THOUSANDTHS,
      memoryBytes: environment.memory,
      storageBytes: environment.storage,
      tempStorageBytes: environment.temp_storage,
      envVars: environment.env_vars ?? {},
      datasets: check.datasets,
      models: check.models,
      jupyter: environment.jupyter_enabled,
      tensorboard: environment.tensorboard_enabled,
    },
    grants,
  );
  await sql.query(
    `INSERT INTO placements (instance_id, epoch, host_id, run_id, spec, spec_hash, live, cpu_milli, memory_bytes,
            temp_storage_bytes, storage_bytes, state_changed_at, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`,
    [
      instanceId,
      epoch,
      hostId,
      runId,
      JSON.stringify(spec),
      sha256(canonicalJson(spec)),
      JSON.stringify(environmentLive()),
      spec.cpuMilli,
      spec.memoryBytes,
      spec.tempStorageBytes,
      spec.storageBytes,
      now,
    ],
  );
  await openRun(sql, {
    id: runId,
    instanceId,
    epoch,
    hostId,
    customerId: environment.payer_id,
    orderedBy: environment.orderer_id,
    workspaceId: environment.paying_workspace_id,
    resourceType: "environment",
    resourceId: environment.id,
    resourceName: environment.name,
    spec: specOf(environment),
    gpuModel: model,
    orderedAt: now,
    lines: check.lines,
  });
  for (const grant of grants) await takeCard(sql, grant, { instanceId, epoch, now });
  await appendInstanceEvent(sql, {
    at: now,
    kind: INSTANCE_EVENT,
    instanceId,
    hostId,
    actor: "control-plane",
    old: null,
    new: "placed",
    reason: `Placement ${epoch} on host ${hostId}.`,
  });
  const generation = await raiseGeneration(sql, hostId);
  await refreshHostUse(sql, hostId);
  await moveEnvironment(sql, {
    environment,
    to: "creating",
    reason: waitsFor("creating", await hostName(sql, hostId)),
    actor: "control-plane",
    now,
    hostId,
  });
  const leasing = { environment, hostId, generation, newId, actor: "control-plane", now };
  const leases = await leaseForStart(sql, leasing);
  return { committed: true, instanceId, epoch, runId, hostIds: [...new Set([hostId, ...leases.hostIds])] };
}

/** Without a workspace it gets a network of its customer's own: the leading 0 keeps that apart from any workspace's. */
function networkNumber({
  paying_workspace_id: workspaceId,
  customer_id: customerId,
}: EnvironmentRow): string {
  return workspaceId === null ? `0${customerId}` : String(workspaceId);
}

/** The environment's one instance, made at its first placement, at an epoch beyond any that a host has known. */
async function nextEpoch(
  sql: Connection,
  environmentId: string,
  newId: NewId,
): Promise<{ instanceId: string; epoch: number }> {
  const { rows } = await sql.query<{ id: string; current_epoch: number }>(
    `INSERT INTO instances (id, workload_kind, workload_id, rank, current_epoch, state)
     VALUES ($1, 'environment', $2, 0, 1, 'placed')
     ON CONFLICT (workload_kind, workload_id, rank)
       DO UPDATE SET current_epoch = greatest(instances.current_epoch, instances.known_epoch) + 1, state = 'placed'
     RETURNING id, current_epoch`,
    [newId("ins"), environmentId],
  );
  const row = rows[0] as { id: string; current_epoch: number };
  return { instanceId: row.id, epoch: row.current_epoch };
}

async function modelOf(sql: Connection, [first]: GpuGrant[]): Promise<string | null> {
  if (first === undefined) return null;
  const { rows } = await sql.query<{ name: string | null }>("SELECT name FROM gpus WHERE uuid = $1", [
    first.uuid,
  ]);
  return rows[0]?.name ?? null;
}

async function hostName(sql: Connection, hostId: string): Promise<string | null> {
  const { rows } = await sql.query<{ name: string }>("SELECT name FROM hosts WHERE id = $1", [hostId]);
  return rows[0]?.name ?? null;
}
