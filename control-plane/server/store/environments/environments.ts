/** Rows of environments: made, read, held and renamed. How they move from one status to the next is environment-moves.ts. */
import type { Reason } from "../../core/reasons/reason.ts";
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import { DEFAULT_AUTO_RELEASE_HOURS } from "@remotegpu/shared/instance/lease";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import type { EnvironmentConfig } from "../../core/environments/environment-config.ts";
import type { Mount } from "../../core/orders/order-check.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvents, STATUS_EVENT } from "../events/events.ts";
import {
  reasonColumns,
  type StatusReasonRow,
  statusReasonColumns,
} from "../database/values/reason-columns.ts";
import { knownStatus, safeBigint, SOUND_ENVIRONMENT, SOUND_PORTS } from "../database/values/old-values.ts";

export interface EnvironmentRow extends StatusReasonRow {
  id: string;
  customer_id: number;
  /** The name of whoever ordered it; null where an id of the old system points nowhere. */
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
  env_vars: StoredEnvVars | null;
  config: EnvironmentConfig | null;
  container_id: string | null;
  started_at: Date | null;
  stopped_at: Date | null;
  /** Null where the old system did not say. */
  created_at: Date | null;
  updated_at: Date | null;
}

export const ENVIRONMENT_SELECT = `SELECT e.id, ${safeBigint("e.customer_id")} AS customer_id,
    (SELECT o.username FROM customers o WHERE o.id = e.customer_id) AS owner_username, ${safeBigint("e.workspace_id")} AS workspace_id,
    ${safeBigint("coalesce(w.owner_id, e.customer_id)")} AS payer_id, w.id AS paying_workspace_id,
    (SELECT c.id FROM customers c WHERE c.id = e.customer_id) AS orderer_id, e.host_id,
    (SELECT h.name FROM hosts h WHERE h.id = e.host_id) AS host_name, e.name, e.description, e.image,
    ${knownStatus("environment", "e")} AS status, e.status_reason, ${statusReasonColumns("e")}, e.status_deadline_at, e.storage_pool, e.cpu,
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
  envVars: StoredEnvVars;
  config: EnvironmentConfig;
}

/** Makes them as `queued`. Call in the transaction that checked the orders. */
export async function insertEnvironments(
  sql: Transaction,
  orders: readonly { order: NewEnvironment; actor: string; now: Date; traceId?: string | null }[],
  reason: Reason,
): Promise<void> {
  if (orders.length === 0) return;
  const { text, code, params } = reasonColumns(reason);
  const rows = orders.map(({ order, now }) => ({ ...order, created_at: now }));
  const inserted = sql.change(
    `INSERT INTO environments (id, customer_id, workspace_id, name, description, image, status, status_reason, status_reason_code,
            status_reason_params, cpu, memory,
            gpu, gpu_memory, storage, temp_storage, ssh_enabled, jupyter_enabled, tensorboard_enabled, rdp_enabled,
            web_terminal_enabled, mounted_datasets, mounted_models, env_vars, config, created_at, queued_at)
     SELECT o.id, o."customerId", o."workspaceId", o.name, o.description, o.image, 'queued', $2, $3, $4::jsonb, o.cpu, o.memory, o.gpu,
            o."gpuMemory", o.storage, o."tempStorage", o."sshEnabled", o."jupyterEnabled", o."tensorboardEnabled",
            o."rdpEnabled", o."webTerminalEnabled", o."mountedDatasets", o."mountedModels", o."envVars", o.config,
            o.created_at, o.created_at
       FROM jsonb_to_recordset($1::jsonb) AS o(id text, "customerId" bigint, "workspaceId" bigint, name text,
              description text, image text, cpu int, memory bigint, gpu int, "gpuMemory" bigint, storage bigint,
              "tempStorage" bigint, "sshEnabled" boolean, "jupyterEnabled" boolean, "tensorboardEnabled" boolean,
              "rdpEnabled" boolean, "webTerminalEnabled" boolean, "mountedDatasets" jsonb, "mountedModels" jsonb,
              "envVars" jsonb, config jsonb, created_at timestamptz)
     RETURNING id`,
    [JSON.stringify(rows), text, code, params],
    { makes: "environment" },
  );
  const reported = appendEvents(
    sql,
    orders.map(({ order, actor, now, traceId }) => ({
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "environment",
      workloadId: order.id,
      customerId: order.customerId,
      actor,
      new: "queued",
      reason,
      ...(traceId !== undefined && { traceId }),
    })),
  );
  await Promise.all([inserted, reported]);
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
    `${ENVIRONMENT_SELECT} WHERE e.id = ANY($1::text[]) AND e.deleted_at IS NULL`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** The same, held to the end of the transaction. Environments are locked before accounts, placements and hosts. */
export async function lockEnvironment(sql: Transaction, id: string): Promise<EnvironmentRow | null> {
  return (await lockEnvironments(sql, [id])).get(id) ?? null;
}

/** Several, in the order of their ids. */
export async function lockEnvironments(
  sql: Transaction,
  ids: readonly string[],
): Promise<Map<string, EnvironmentRow>> {
  // Read once the rows are held.
  const [held, found] = await Promise.all([
    sql.query<{ id: string }>(
      "SELECT id FROM environments WHERE id = ANY($1::text[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
      [ids],
    ),
    environmentsById(sql, ids),
  ]);
  const heldIds = new Set(held.rows.map(({ id }) => id));
  return new Map([...found].filter(([id]) => heldIds.has(id)));
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
  /** Its other settings stay; null takes one away. */
  config?: { idle_stop_minutes?: number | null | undefined; wake?: boolean | null | undefined } | undefined;
}

/** The row alone; what follows from a change is environment-changes.ts. */
export async function updateEnvironment(
  sql: Connection,
  id: string,
  change: EnvironmentChange,
): Promise<void> {
  await sql.change(
    `UPDATE environments SET ${SOUND_ENVIRONMENT}, ${SOUND_PORTS}, status = ${knownStatus("environment", "environments")},
            name = coalesce($2, name), description = CASE WHEN $3 THEN $4 ELSE description END,
            ssh_enabled = coalesce($5, ssh_enabled), jupyter_enabled = coalesce($6, jupyter_enabled),
            tensorboard_enabled = coalesce($7, tensorboard_enabled), rdp_enabled = coalesce($8, rdp_enabled),
            web_terminal_enabled = coalesce($9, web_terminal_enabled),
            auto_release_hours = coalesce($10, auto_release_hours),
            config = CASE WHEN $11::jsonb IS NULL THEN config ELSE (coalesce(config, '{}') || $11) - $12::text[] END
      WHERE id = $1`,
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
      change.config === undefined ? null : JSON.stringify(change.config),
      Object.entries(change.config ?? {}).flatMap(([name, value]) => (value === null ? [name] : [])),
    ],
  );
}
