/**
 * Quotas of customers and of workspaces. A row holds until it is changed; without one the defaults of the
 * setting DEFAULT_QUOTA_LEVEL hold for a customer, and nothing beyond the customer's quota limits a workspace.
 */
import { defaultQuota, type Quota } from "../../core/orders/quota-levels.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { setting } from "./settings.ts";

export interface QuotaRow extends Quota {
  quota_level: string;
}

const COLUMNS = "quota_level, cpu_quota, memory_quota, gpu_quota, storage_quota, environment_quota";

/** Rows of the old system may lack a number, which then is what a level that nobody named gives. */
const FREE = defaultQuota("free");
const VALUES = `coalesce(quota_level, 'free') AS quota_level, coalesce(cpu_quota, ${FREE.cpu_quota}) AS cpu_quota,
    ${safeBigint(`coalesce(memory_quota, ${FREE.memory_quota})`)} AS memory_quota,
    coalesce(gpu_quota, ${FREE.gpu_quota}) AS gpu_quota,
    ${safeBigint(`coalesce(storage_quota, ${FREE.storage_quota})`)} AS storage_quota,
    coalesce(environment_quota, ${FREE.environment_quota}) AS environment_quota`;
const SELECT = `SELECT ${VALUES} FROM resource_quotas`;

/** The quota of a customer over all workspaces they pay for. */
export async function customerQuota(sql: Connection, customerId: number): Promise<QuotaRow> {
  const { rows } = await sql.query<QuotaRow>(
    `${SELECT} WHERE customer_id = $1 AND workspace_id IS NULL ORDER BY id LIMIT 1`,
    [customerId],
  );
  return rows[0] ?? defaultQuota(await setting(sql, "DEFAULT_QUOTA_LEVEL"));
}

/** The quota of one workspace, or null where none was set. */
export async function workspaceQuota(sql: Connection, workspaceId: number): Promise<QuotaRow | null> {
  const { rows } = await sql.query<QuotaRow>(`${SELECT} WHERE workspace_id = $1 ORDER BY id LIMIT 1`, [
    workspaceId,
  ]);
  return rows[0] ?? null;
}

export interface QuotaLimits {
  /** By customer; whoever has none of their own is not in it. */
  customers: Map<number, QuotaRow>;
  workspaces: Map<number, QuotaRow>;
}

/** The quotas that were set, of several customers and workspaces at once. */
export async function quotaLimits(
  sql: Connection,
  owners: { customerIds: readonly number[]; workspaceIds: readonly number[] },
): Promise<QuotaLimits> {
  const { rows } = await sql.query<QuotaRow & { customer_id: number | null; workspace_id: number | null }>(
    `SELECT CASE WHEN workspace_id IS NULL THEN customer_id END AS customer_id, workspace_id, ${VALUES}
       FROM resource_quotas
      WHERE customer_id = ANY($1::bigint[]) AND workspace_id IS NULL OR workspace_id = ANY($2::bigint[])
      ORDER BY id DESC`,
    [owners.customerIds, owners.workspaceIds],
  );
  // Of two rows of one owner, which old data may have, the first one holds: it comes last here.
  const limits: QuotaLimits = { customers: new Map(), workspaces: new Map() };
  for (const { customer_id, workspace_id, ...row } of rows)
    if (workspace_id !== null) limits.workspaces.set(workspace_id, row);
    else if (customer_id !== null) limits.customers.set(customer_id, row);
  return limits;
}

/** Replaces the quota of a customer (`workspaceId` null) or of one of their workspaces. */
export async function putQuota(
  sql: Transaction,
  owner: { customerId: number; workspaceId: number | null },
  quota: QuotaRow,
): Promise<QuotaRow> {
  // Two rows of one owner cannot be ruled out by a unique index where the old data has them: replace them all.
  await sql.query("SELECT id FROM customers WHERE id = $1 FOR UPDATE", [owner.customerId]);
  await sql.change(
    `DELETE FROM resource_quotas
      WHERE CASE WHEN $2::bigint IS NULL THEN customer_id = $1 AND workspace_id IS NULL ELSE workspace_id = $2 END`,
    [owner.customerId, owner.workspaceId],
  );
  const { rows } = await sql.change<QuotaRow>(
    `INSERT INTO resource_quotas (customer_id, workspace_id, ${COLUMNS})
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`,
    [
      owner.customerId,
      owner.workspaceId,
      quota.quota_level,
      quota.cpu_quota,
      quota.memory_quota,
      quota.gpu_quota,
      quota.storage_quota,
      quota.environment_quota,
    ],
  );
  return rows[0] as QuotaRow;
}
