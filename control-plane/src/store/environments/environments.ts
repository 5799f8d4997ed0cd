/**
 * Rows of environments: made, read, renamed, and moved from one status to the next. Which move is right is decided in
 * core/environment-status.ts; what it means for placements is in environment-orders.ts and observed.ts.
 */
import type { EnvironmentStatus } from "@remotegpu/shared/workload";
import type { EnvironmentConfig } from "../../core/environment-order.ts";
import { limitMs } from "../../core/environment-status.ts";
import type { Mount } from "../../core/order-check.ts";
import type { Connection } from "../database.ts";
import { appendEvent } from "../events.ts";

export interface EnvironmentRow {
  id: string;
  customer_id: number;
  workspace_id: number | null;
  /** Who pays for a run that starts now: the owner of the workspace, else the customer. */
  payer_id: number;
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
  created_at: Date;
  updated_at: Date;
}

const SELECT = `SELECT e.id, e.customer_id, e.workspace_id, coalesce(w.owner_id, e.customer_id) AS payer_id, e.host_id,
    (SELECT h.name FROM hosts h WHERE h.id = e.host_id) AS host_name, e.name, e.description, e.image, e.status,
    e.status_reason, e.status_deadline_at, e.storage_pool, e.cpu, e.memory, coalesce(e.gpu, 0) AS gpu, e.gpu_memory,
    e.storage, e.temp_storage, e.ssh_enabled, e.jupyter_enabled, e.tensorboard_enabled, e.rdp_enabled,
    e.web_terminal_enabled, e.ssh_port, e.rdp_port, e.jupyter_port, e.tensorboard_port, e.mounted_datasets,
    e.mounted_models, e.env_vars, e.config, e.container_id, e.started_at, e.stopped_at, e.created_at, e.updated_at
  FROM environments e LEFT JOIN workspaces w ON w.id = e.workspace_id`;

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

/** Makes it as `queued`. Call in the transaction that checked the order. */
export async function insertEnvironment(
  sql: Connection,
  order: NewEnvironment,
  { reason, now, actor }: { reason: string; now: Date; actor: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, description, image, status, status_reason, cpu, memory,
            gpu, gpu_memory, storage, temp_storage, ssh_enabled, jupyter_enabled, tensorboard_enabled, rdp_enabled,
            web_terminal_enabled, mounted_datasets, mounted_models, env_vars, config, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
            $22, $23)`,
    [
      order.id,
      order.customerId,
      order.workspaceId,
      order.name,
      order.description,
      order.image,
      reason,
      order.cpu,
      order.memory,
      order.gpu,
      order.gpuMemory,
      order.storage,
      order.tempStorage,
      order.sshEnabled,
      order.jupyterEnabled,
      order.tensorboardEnabled,
      order.rdpEnabled,
      order.webTerminalEnabled,
      JSON.stringify(order.mountedDatasets),
      JSON.stringify(order.mountedModels),
      JSON.stringify(order.envVars),
      JSON.stringify(order.config),
      now,
    ],
  );
  await appendEvent(sql, {
    at: now,
    kind: STATUS_EVENT,
    workloadKind: "environment",
    workloadId: order.id,
    customerId: order.customerId,
    actor,
    new: "queued",
    reason,
  });
}

/** Null for one that does not exist or is deleted. */
export async function environmentById(sql: Connection, id: string): Promise<EnvironmentRow | null> {
  const { rows } = await sql.query<EnvironmentRow>(`${SELECT} WHERE e.id = $1 AND e.deleted_at IS NULL`, [
    id,
  ]);
  return rows[0] ?? null;
}

/** The same, held to the end of the transaction. Environments are locked before accounts, placements and hosts. */
export async function lockEnvironment(sql: Connection, id: string): Promise<EnvironmentRow | null> {
  const { rowCount } = await sql.query(
    "SELECT id FROM environments WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
    [id],
  );
  return rowCount === 0 ? null : await environmentById(sql, id);
}

export interface EnvironmentFilter {
  /** Environments of these workspaces and this customer's own ones without workspace; null: everybody's. */
  visibleTo: { customerId: number; workspaceIds: readonly number[] } | null;
  workspaceId: number | null;
  customerId: number | null;
  status: EnvironmentStatus | null;
  hostId: string | null;
  name: string | null;
}

/** Newest first; fetches one row more than the limit. `after` is the key of the last row seen. */
export async function listEnvironments(
  sql: Connection,
  filter: EnvironmentFilter,
  page: { limit: number; after: { micros: string; id: string } | null },
): Promise<(EnvironmentRow & { created_micros: string })[]> {
  const { rows } = await sql.query<EnvironmentRow & { created_micros: string }>(
    `SELECT * FROM (SELECT page.*, (extract(epoch FROM page.created_at) * 1000000)::bigint::text AS created_micros
       FROM (${SELECT}
        WHERE e.deleted_at IS NULL
          AND ($1::bigint IS NULL OR e.workspace_id = ANY($2::bigint[])
               OR (e.workspace_id IS NULL AND e.customer_id = $1))
          AND ($3::bigint IS NULL OR e.workspace_id = $3) AND ($4::bigint IS NULL OR e.customer_id = $4)
          AND ($5::text IS NULL OR e.status = $5) AND ($6::text IS NULL OR e.host_id = $6)
          AND ($7::text IS NULL OR e.name = $7)) page) keyed
      WHERE $8::bigint IS NULL OR (created_micros::bigint, id) < ($8::bigint, $9::text)
      ORDER BY created_micros::bigint DESC, id DESC LIMIT $10`,
    [
      filter.visibleTo?.customerId ?? null,
      filter.visibleTo?.workspaceIds ?? [],
      filter.workspaceId,
      filter.customerId,
      filter.status,
      filter.hostId,
      filter.name,
      page.after?.micros ?? null,
      page.after?.id ?? null,
      page.limit + 1,
    ],
  );
  return rows;
}

export async function updateEnvironment(
  sql: Connection,
  id: string,
  change: { name?: string | undefined; description?: string | null | undefined },
): Promise<void> {
  await sql.query(
    `UPDATE environments SET name = coalesce($2, name),
            description = CASE WHEN $3 THEN $4 ELSE description END WHERE id = $1`,
    [id, change.name ?? null, change.description !== undefined, change.description ?? null],
  );
}

export const STATUS_EVENT = "status";

export interface StatusMove {
  environment: Pick<EnvironmentRow, "id" | "status" | "customer_id">;
  to: EnvironmentStatus;
  /** A sentence; null where there is nothing to say. */
  reason: string | null;
  actor: string;
  now: Date;
  hostId?: string | null;
}

/** Writes the status with its sentence and deadline and an event. The row is locked by the caller. */
export async function moveEnvironment(sql: Connection, move: StatusMove): Promise<void> {
  const limit = limitMs(move.to);
  await sql.query(
    `UPDATE environments SET status = $2::text, status_reason = $3, status_deadline_at = $4,
            started_at = CASE WHEN $2::text = 'running' THEN $5::timestamptz ELSE started_at END,
            stopped_at = CASE WHEN $2::text IN ('stopped', 'error') THEN $5::timestamptz ELSE stopped_at END,
            host_id = CASE WHEN $2::text = 'queued' THEN NULL ELSE host_id END,
            container_id = CASE WHEN $2::text IN ('queued', 'stopped', 'error') THEN NULL ELSE container_id END
      WHERE id = $1`,
    [
      move.environment.id,
      move.to,
      move.reason,
      limit === null ? null : new Date(move.now.getTime() + limit),
      move.now,
    ],
  );
  await appendEvent(sql, {
    at: move.now,
    kind: STATUS_EVENT,
    workloadKind: "environment",
    workloadId: move.environment.id,
    customerId: move.environment.customer_id,
    ...(move.hostId === undefined || move.hostId === null ? {} : { hostId: move.hostId }),
    actor: move.actor,
    old: move.environment.status,
    new: move.to,
    reason: move.reason,
  });
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

/** Deletions of which no host holds anything any more are complete. Without ids: all of them. */
export async function completeDeletions(
  sql: Connection,
  { ids, now }: { ids: readonly string[] | null; now: Date },
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `UPDATE environments e SET deleted_at = $2, status_deadline_at = NULL
      WHERE e.status = 'deleting' AND e.deleted_at IS NULL AND ($1::text[] IS NULL OR e.id = ANY($1))
        AND NOT EXISTS (
          SELECT FROM instances i JOIN placements p ON p.instance_id = i.id
           WHERE i.workload_kind = 'environment' AND i.workload_id = e.id AND p.gone_at IS NULL)
      RETURNING id`,
    [ids, now],
  );
  await sql.query(
    `UPDATE port_mappings SET status = 'released', released_at = $2
      WHERE env_id = ANY($1::text[]) AND status <> 'released'`,
    [rows.map(({ id }) => id), now],
  );
  return rows.map(({ id }) => id);
}
