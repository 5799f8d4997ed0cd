/**
 * Rows of environments: made, read, renamed, and moved from one status to the next. Which move is right is decided in
 * core/environments/environment-status.ts; what it means for placements is in environment-orders.ts and observed.ts.
 */
import { DEFAULT_AUTO_RELEASE_HOURS } from "@remotegpu/shared/lease";
import type { EnvironmentStatus } from "@remotegpu/shared/workload";
import type { EnvironmentConfig } from "../../core/orders/order.ts";
import { limitMs } from "../../core/environments/environment-status.ts";
import type { Mount } from "../../core/orders/order-check.ts";
import { type EndCause, newsOfStatus } from "../../core/alerts/work-news.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Connection } from "../database/database.ts";
import { appendEvent, appendEvents, STATUS_EVENT } from "../events/events.ts";
import {
  knownStatus,
  OLD_PORTS,
  safeBigint,
  SOUND_ENVIRONMENT,
  SOUND_LEASE,
  SOUND_PORTS,
} from "../database/old-values.ts";
import { NO_CAUSE, queueWorkNews } from "../events/news-outbox.ts";
import { type WorkloadFilter, type WorkloadPage, workloadPage } from "../workloads/workload-pages.ts";

export interface EnvironmentRow {
  id: string;
  customer_id: number;
  /** Of whoever ordered it; null where an id of the old system points nowhere. */
  owner_username: string | null;
  workspace_id: number | null;
  /** Who pays for a run that starts now: the owner of the workspace, else the customer. */
  payer_id: number;
  /** The two as a run may name them: ids of the old system may point nowhere. */
  paying_workspace_id: number | null;
  orderer_id: number | null;
  host_id: string | null;
  host_name: string | null;
  name: string;
  description: string | null;
  image: string;
  status: EnvironmentStatus;
  status_reason: string | null;
  status_deadline_at: Date | null;
  storage_pool: string | null;
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  storage: number | null;
  temp_storage: number | null;
  ssh_enabled: boolean;
  jupyter_enabled: boolean;
  tensorboard_enabled: boolean;
  rdp_enabled: boolean;
  web_terminal_enabled: boolean;
  /** Hours without access after which its host gives a port back. */
  auto_release_hours: number;
  ssh_port: number | null;
  rdp_port: number | null;
  jupyter_port: number | null;
  tensorboard_port: number | null;
  mounted_datasets: Mount[] | null;
  mounted_models: Mount[] | null;
  env_vars: Record<string, string> | null;
  config: EnvironmentConfig | null;
  container_id: string | null;
  started_at: Date | null;
  stopped_at: Date | null;
  /** Null where the old system did not say. */
  created_at: Date | null;
  updated_at: Date | null;
}

const SELECT = `SELECT e.id, ${safeBigint("e.customer_id")} AS customer_id,
    (SELECT o.username FROM customers o WHERE o.id = e.customer_id) AS owner_username, ${safeBigint("e.workspace_id")} AS workspace_id,
    ${safeBigint("coalesce(w.owner_id, e.customer_id)")} AS payer_id, w.id AS paying_workspace_id,
    (SELECT c.id FROM customers c WHERE c.id = e.customer_id) AS orderer_id, e.host_id,
    (SELECT h.name FROM hosts h WHERE h.id = e.host_id) AS host_name, e.name, e.description, e.image,
    ${knownStatus("environment", "e")} AS status, e.status_reason, e.status_deadline_at, e.storage_pool, e.cpu,
    ${safeBigint("e.memory")} AS memory, coalesce(e.gpu, 0) AS gpu, ${safeBigint("e.gpu_memory")} AS gpu_memory,
    ${safeBigint("e.storage")} AS storage, ${safeBigint("e.temp_storage")} AS temp_storage,
    coalesce(e.ssh_enabled, true) AS ssh_enabled, coalesce(e.jupyter_enabled, true) AS jupyter_enabled,
    coalesce(e.tensorboard_enabled, false) AS tensorboard_enabled, coalesce(e.rdp_enabled, false) AS rdp_enabled,
    coalesce(e.web_terminal_enabled, true) AS web_terminal_enabled,
    coalesce(e.auto_release_hours, ${DEFAULT_AUTO_RELEASE_HOURS}) AS auto_release_hours, e.ssh_port, e.rdp_port, e.jupyter_port,
    e.tensorboard_port, e.mounted_datasets, e.mounted_models, e.env_vars, e.config, e.container_id, e.started_at,
    e.stopped_at, e.created_at, e.updated_at
  FROM environments e LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}`;

export interface NewEnvironment {
  id: string;
  customerId: number;
  workspaceId: number;
  name: string;
  description: string | null;
  image: string;
  cpu: number;
  memory: number;
  gpu: number;
  gpuMemory: number | null;
  storage: number | null;
  tempStorage: number | null;
  sshEnabled: boolean;
  jupyterEnabled: boolean;
  tensorboardEnabled: boolean;
  rdpEnabled: boolean;
  webTerminalEnabled: boolean;
  mountedDatasets: Mount[];
  mountedModels: Mount[];
  envVars: Record<string, string>;
  config: EnvironmentConfig;
}

/** Makes them as `queued`. Call in the transaction that checked the orders. */
export async function insertEnvironments(
  sql: Connection,
  orders: readonly { order: NewEnvironment; actor: string; now: Date }[],
  reason: string,
): Promise<void> {
  if (orders.length === 0) return;
  const rows = orders.map(({ order, now }) => ({ ...order, created_at: now }));
  await sql.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, description, image, status, status_reason, cpu, memory,
            gpu, gpu_memory, storage, temp_storage, ssh_enabled, jupyter_enabled, tensorboard_enabled, rdp_enabled,
            web_terminal_enabled, mounted_datasets, mounted_models, env_vars, config, created_at, queued_at)
     SELECT o.id, o."customerId", o."workspaceId", o.name, o.description, o.image, 'queued', $2, o.cpu, o.memory, o.gpu,
            o."gpuMemory", o.storage, o."tempStorage", o."sshEnabled", o."jupyterEnabled", o."tensorboardEnabled",
            o."rdpEnabled", o."webTerminalEnabled", o."mountedDatasets", o."mountedModels", o."envVars", o.config,
            o.created_at, o.created_at
       FROM jsonb_to_recordset($1::jsonb) AS o(id text, "customerId" bigint, "workspaceId" bigint, name text,
              description text, image text, cpu int, memory bigint, gpu int, "gpuMemory" bigint, storage bigint,
              "tempStorage" bigint, "sshEnabled" boolean, "jupyterEnabled" boolean, "tensorboardEnabled" boolean,
              "rdpEnabled" boolean, "webTerminalEnabled" boolean, "mountedDatasets" jsonb, "mountedModels" jsonb,
              "envVars" jsonb, config jsonb, created_at timestamptz)
     RETURNING id`,
    [JSON.stringify(rows), reason],
  );
  await appendEvents(
    sql,
    orders.map(({ order, actor, now }) => ({
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "environment",
      workloadId: order.id,
      customerId: order.customerId,
      actor,
      new: "queued",
      reason,
    })),
  );
}

/** Null for one that does not exist or is deleted. */
export async function environmentById(sql: Connection, id: string): Promise<EnvironmentRow | null> {
  return (await environmentsById(sql, [id])).get(id) ?? null;
}

/** Those that exist and are not deleted. */
export async function environmentsById(
  sql: Connection,
  ids: readonly string[],
): Promise<Map<string, EnvironmentRow>> {
  const { rows } = await sql.query<EnvironmentRow>(
    `${SELECT} WHERE e.id = ANY($1::text[]) AND e.deleted_at IS NULL`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** The same, held to the end of the transaction. Environments are locked before accounts, placements and hosts. */
export async function lockEnvironment(sql: Connection, id: string): Promise<EnvironmentRow | null> {
  return (await lockEnvironments(sql, [id])).get(id) ?? null;
}

/** Several, in the order of their ids. */
export async function lockEnvironments(
  sql: Connection,
  ids: readonly string[],
): Promise<Map<string, EnvironmentRow>> {
  const { rowCount } = await sql.query(
    "SELECT FROM environments WHERE id = ANY($1::text[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
    [ids],
  );
  return rowCount === 0 ? new Map() : await environmentsById(sql, ids);
}

/** Newest first; fetches one row more than the limit. */
export async function listEnvironments(
  sql: Connection,
  filter: WorkloadFilter,
  page: WorkloadPage,
): Promise<(EnvironmentRow & { created_micros: string })[]> {
  return await workloadPage<EnvironmentRow>(sql, { kind: "environment", select: SELECT, filter, page });
}

/** What is left out stays as it is. */
export interface EnvironmentChange {
  name?: string | undefined;
  description?: string | null | undefined;
  ssh_enabled?: boolean | undefined;
  jupyter_enabled?: boolean | undefined;
  tensorboard_enabled?: boolean | undefined;
  rdp_enabled?: boolean | undefined;
  web_terminal_enabled?: boolean | undefined;
  auto_release_hours?: number | undefined;
}

/** The row alone; what follows from a change is environment-changes.ts. */
export async function updateEnvironment(
  sql: Connection,
  id: string,
  change: EnvironmentChange,
): Promise<void> {
  await sql.query(
    `UPDATE environments SET ${SOUND_ENVIRONMENT}, ${SOUND_PORTS}, status = ${knownStatus("environment", "environments")},
            name = coalesce($2, name), description = CASE WHEN $3 THEN $4 ELSE description END,
            ssh_enabled = coalesce($5, ssh_enabled), jupyter_enabled = coalesce($6, jupyter_enabled),
            tensorboard_enabled = coalesce($7, tensorboard_enabled), rdp_enabled = coalesce($8, rdp_enabled),
            web_terminal_enabled = coalesce($9, web_terminal_enabled),
            auto_release_hours = coalesce($10, auto_release_hours) WHERE id = $1`,
    [
      id,
      change.name ?? null,
      change.description !== undefined,
      change.description ?? null,
      change.ssh_enabled ?? null,
      change.jupyter_enabled ?? null,
      change.tensorboard_enabled ?? null,
      change.rdp_enabled ?? null,
      change.web_terminal_enabled ?? null,
      change.auto_release_hours ?? null,
    ],
  );
}

const HAS_INSTANCE = `EXISTS (SELECT FROM instances i WHERE i.workload_kind = 'environment' AND i.workload_id = m.id)`;
const MOVED_PORTS = OLD_PORTS.map(
  (port) =>
    `${port} = CASE WHEN ${port} BETWEEN 1 AND 65535 AND (m.status <> 'queued' OR ${HAS_INSTANCE}) THEN ${port} END`,
).join(", ");

/** A start that its host could not carry out waits again, from where it was in the line. */
const QUEUED_AT = `CASE WHEN m.status <> 'queued'
      OR queued_at IS NOT NULL AND e.status IN ('creating', 'running', 'restarting') THEN queued_at ELSE m.at END`;

export interface StatusMove {
  environment: Pick<EnvironmentRow, "id" | "status" | "customer_id">;
  to: EnvironmentStatus;
  /** A sentence; null where there is nothing to say. */
  reason: string | null;
  actor: string;
  now: Date;
  /** Where it is being placed, or was. */
  hostId?: string | null;
  /** Nothing of it is left anywhere: the deletion is complete with this move. */
  isGone?: boolean;
  /** Of an end: who ordered it and how the container ended. */
  cause?: EndCause;
}

/** Writes the status with its sentence and deadline, an event, and messages to webhooks. The row is locked by the caller. */
export async function moveEnvironment(sql: Connection, move: StatusMove): Promise<void> {
  await moveEnvironments(sql, [move]);
}

/**
 * The same of several, each at most once. All of it is one UPDATE: a second one in a transaction checks the foreign
 * keys, and ids of the old system may point nowhere. From its first start on they do not, and what only the old system
 * knew (ports, pod) is gone.
 */
export async function moveEnvironments(sql: Connection, moves: readonly StatusMove[]): Promise<void> {
  if (moves.length === 0) return;
  await sql.query(
    `UPDATE environments e SET ${SOUND_ENVIRONMENT}, status = m.status, status_reason = m.reason,
            status_deadline_at = m.deadline, ${MOVED_PORTS},
            started_at = CASE WHEN m.status = 'running' THEN m.at ELSE started_at END,
            queued_at = ${QUEUED_AT},
            stopped_at = CASE WHEN m.status IN ('stopped', 'error') THEN m.at ELSE stopped_at END,
            deleted_at = CASE WHEN m.gone THEN m.at ELSE deleted_at END,
            workspace_id = CASE WHEN m.status NOT IN ('queued', 'creating')
              OR EXISTS (SELECT FROM workspaces w WHERE w.id = workspace_id) THEN workspace_id END,
            host_id = CASE m.status WHEN 'queued' THEN NULL WHEN 'creating' THEN m.host ELSE host_id END,
            pod_name = CASE m.status WHEN 'queued' THEN NULL ELSE pod_name END,
            container_id = CASE WHEN m.status IN ('queued', 'stopped', 'error') THEN NULL ELSE container_id END
       FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::boolean[])
              AS m(id, status, reason, deadline, at, host, gone)
      WHERE e.id = m.id`,
    [
      moves.map(({ environment }) => environment.id),
      moves.map(({ to }) => to),
      moves.map(({ reason }) => reason),
      moves.map(deadlineOf),
      moves.map(({ now }) => now),
      moves.map(({ hostId }) => hostId ?? null),
      moves.map(({ isGone }) => isGone ?? false),
    ],
  );
  const eventIds = await appendEvents(
    sql,
    moves.map(({ environment, to, reason, actor, now, hostId }) => ({
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "environment",
      workloadId: environment.id,
      customerId: environment.customer_id,
      ...(hostId === undefined || hostId === null ? {} : { hostId }),
      actor,
      old: environment.status,
      new: to,
      reason,
    })),
  );
  await queueWorkNews(
    sql,
    moves.flatMap(({ environment, to, reason, now, cause = NO_CAUSE }, nth) => {
      const news = newsOfStatus(to, reason, cause);
      return news === null
        ? []
        : [{ environmentId: environment.id, eventId: eventIds[nth] ?? 0, at: now, news }];
    }),
  );
}

function deadlineOf({ to, now, isGone }: StatusMove): Date | null {
  const limit = limitMs(to);
  return limit === null || isGone === true ? null : new Date(now.getTime() + limit);
}

/** Another sentence while the status is still that one; no event, since it may change every few seconds. */
export async function explainEnvironment(
  sql: Connection,
  { id, status, reason }: { id: string; status: EnvironmentStatus; reason: string | null },
): Promise<void> {
  await sql.query(
    `UPDATE environments SET status_reason = $3
      WHERE id = $1 AND status = $2 AND status_reason IS DISTINCT FROM $3`,
    [id, status, reason],
  );
}

/** New sentences of those that still wait; in the order of their ids, so that two who write many never wait in a circle. */
export async function explainWaiting(sql: Connection, sentences: ReadonlyMap<string, string>): Promise<void> {
  const ids = [...sentences.keys()];
  await sql.query(
    `WITH held AS (
       SELECT e.id, s.reason FROM unnest($1::text[], $2::text[]) AS s(id, reason) JOIN environments e ON e.id = s.id
        WHERE e.status = 'queued' AND e.status_reason IS DISTINCT FROM s.reason
        ORDER BY e.id FOR NO KEY UPDATE OF e)
     UPDATE environments e SET status_reason = held.reason FROM held WHERE e.id = held.id`,
    [ids, ids.map((id) => sentences.get(id))],
  );
}

/** The status lasts on: until the new deadline, with this sentence. */
export async function extendDeadline(
  sql: Connection,
  { id, reason, until }: { id: string; reason: string; until: Date },
): Promise<void> {
  await sql.query("UPDATE environments SET status_reason = $2, status_deadline_at = $3 WHERE id = $1", [
    id,
    reason,
    until,
  ]);
}

/** Deletions that we ordered and of which no host holds anything any more are complete. Without ids: all of them. */
export async function completeDeletions(
  sql: Connection,
  { ids, now }: { ids: readonly string[] | null; now: Date },
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string; customer_id: number }>(
    `UPDATE environments e SET ${SOUND_ENVIRONMENT}, ${SOUND_PORTS}, deleted_at = $2, status_deadline_at = NULL
      WHERE e.status = 'deleting' AND e.deleted_at IS NULL AND ($1::text[] IS NULL OR e.id = ANY($1))
        AND EXISTS (SELECT FROM events v WHERE v.workload_kind = 'environment' AND v.workload_id = e.id)
        AND NOT EXISTS (
          SELECT FROM instances i JOIN placements p ON p.instance_id = i.id
           WHERE i.workload_kind = 'environment' AND i.workload_id = e.id AND p.gone_at IS NULL)
      RETURNING id, customer_id`,
    [ids, now],
  );
  for (const { id, customer_id: customerId } of rows)
    await appendEvent(sql, {
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "environment",
      workloadId: id,
      customerId,
      actor: "control-plane",
      old: "deleting",
      new: "deleted",
      reason: "Nothing of it is left on any host.",
    });
  const deleted = rows.map(({ id }) => id);
  await releaseOldLeasesOf(sql, { environmentIds: deleted, now });
  return deleted;
}

/** Leases of the old system, of which no host knows. Ours are released when their host says so. */
export async function releaseOldLeasesOf(
  sql: Connection,
  { environmentIds, now }: { environmentIds: readonly string[]; now: Date },
): Promise<void> {
  await sql.query(
    `UPDATE port_mappings SET status = 'released', released_at = $2
      WHERE env_id = ANY($1::text[]) AND lease_id IS NULL AND status IS DISTINCT FROM 'released' AND ${SOUND_LEASE}`,
    [environmentIds, now],
  );
}
