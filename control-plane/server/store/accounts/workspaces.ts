/** Workspaces and who belongs to them. An archived workspace is gone for everybody; its bills still name it. */
import { WORKSPACE_ROLES, type WorkspaceRole } from "../../core/accounts/access-rights.ts";
import type { Connection, Database, Transaction } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { batchedRead } from "../database/batched-read.ts";

export interface WorkspaceRow {
  id: number;
  uuid: string;
  owner_id: number;
  name: string;
  description: string | null;
  type: string;
  member_count: number;
  status: string;
  /** How much GPU time it is due beside others that wait. */
  share_weight: number;
  /** Null where the old system did not say. */
  created_at: Date | null;
  updated_at: Date | null;
}

const COLUMNS = `w.id, w.uuid, ${safeBigint("w.owner_id")} AS owner_id, w.name, w.description, w.type,
    coalesce(w.member_count, 1) AS member_count, coalesce(w.status, 'active') AS status, w.share_weight, w.created_at, w.updated_at`;

/** The active role of `customer` in `w`, as SQL; the owner is one even where the old data lacks the member's row. */
export const roleOf = (customer: string) => `CASE WHEN w.owner_id = ${customer} THEN 'owner' ELSE (
    SELECT coalesce(m.role, 'member') FROM workspace_members m
     WHERE m.workspace_id = w.id AND m.customer_id = ${customer} AND coalesce(m.status, 'active') = 'active'
       AND coalesce(m.role, 'member') IN ('admin', 'member', 'viewer')) END`;
const ROLE = roleOf("$1");

/** SQL: `w` is not archived; rows of the old system may lack a word. Who has a workload in an archived one pays alone. */
export const LIVE = "coalesce(w.status, 'active') = 'active'";

export interface WorkspaceWithRole extends WorkspaceRow {
  role: WorkspaceRole | null;
}

/** The workspace and how the customer stands to it; null when there is none. */
export async function workspaceFor(
  sql: Connection,
  { workspaceId, customerId }: { workspaceId: number; customerId: number },
): Promise<WorkspaceWithRole | null> {
  const { rows } = await sql.query<WorkspaceWithRole>(
    `SELECT ${COLUMNS}, ${ROLE} AS role FROM workspaces w WHERE w.id = $2 AND ${LIVE}`,
    [customerId, workspaceId],
  );
  return rows[0] ?? null;
}

/** Where a workload without workspace_id goes: the personal workspace made with the account. */
async function personalWorkspaceId(sql: Connection, customerId: number): Promise<number | null> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT id FROM workspaces w WHERE owner_id = $1 AND type = 'personal' AND ${LIVE} ORDER BY id LIMIT 1`,
    [customerId],
  );
  return rows[0]?.id ?? null;
}

/** The same, as one finds one's own. */
export const personalWorkspace = batchedRead(personalWorkspaces);

async function personalWorkspaces(
  sql: Connection,
  customerIds: readonly number[],
): Promise<ReadonlyMap<number, WorkspaceWithRole>> {
  const { rows } = await sql.query<WorkspaceWithRole>(
    `SELECT DISTINCT ON (w.owner_id) ${COLUMNS}, 'owner' AS role FROM workspaces w
      WHERE w.owner_id = ANY($1::bigint[]) AND w.type = 'personal' AND ${LIVE} ORDER BY w.owner_id, w.id`,
    [customerIds],
  );
  return new Map(rows.map((row) => [row.owner_id, row]));
}

/** The id of it, made where it is missing: accounts of the old system need not have one. */
export async function ensurePersonalWorkspace(
  database: Database,
  { customerId, username }: { customerId: number; username: string },
): Promise<number> {
  const known = await personalWorkspaceId(database, customerId);
  if (known !== null) return known;
  return await transaction(database, async (sql) => {
    // Of two first orders at once one makes it, and the other finds it.
    await sql.query("SELECT id FROM customers WHERE id = $1 FOR NO KEY UPDATE", [customerId]);
    const made = await personalWorkspaceId(sql, customerId);
    return made ?? (await insertPersonalWorkspace(sql, { customerId, username })).id;
  });
}

export async function insertPersonalWorkspace(
  sql: Transaction,
  { customerId, username }: { customerId: number; username: string },
): Promise<WorkspaceRow> {
  return await insertWorkspace(sql, {
    ownerId: customerId,
    name: `${username}'s workspace`,
    description: null,
    type: "personal",
  });
}

/** Every workspace where the customer has one of these active roles. */
export async function workspaceIdsOf(
  sql: Connection,
  customerId: number,
  roles: readonly WorkspaceRole[] = WORKSPACE_ROLES,
): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT w.id FROM workspaces w WHERE ${LIVE} AND ${ROLE} = ANY($2::text[]) ORDER BY w.id`,
    [customerId, roles],
  );
  return rows.map(({ id }) => id);
}

/** The customer's active roles, by the ids of their workspaces. */
export async function workspaceRolesOf(
  sql: Connection,
  customerId: number,
): Promise<Map<number, WorkspaceRole>> {
  const { rows } = await sql.query<{ id: number; role: WorkspaceRole }>(
    `SELECT * FROM (SELECT w.id, ${ROLE} AS role FROM workspaces w WHERE ${LIVE}) x WHERE role IS NOT NULL ORDER BY id`,
    [customerId],
  );
  return new Map(rows.map(({ id, role }) => [id, role]));
}

export interface Membership {
  customerId: number;
  workspaceId: number;
}

/** Those of the pairs in which the customer has an active role in the workspace. */
export async function membershipsAmong(sql: Connection, pairs: readonly Membership[]): Promise<Membership[]> {
  const { rows } = await sql.query<{ customer_id: number; workspace_id: number }>(
    `SELECT DISTINCT asked.customer_id, w.id AS workspace_id
       FROM unnest($1::bigint[], $2::bigint[]) AS asked(customer_id, workspace_id)
       JOIN workspaces w ON w.id = asked.workspace_id
      WHERE ${LIVE} AND ${roleOf("asked.customer_id")} IS NOT NULL`,
    [pairs.map(({ customerId }) => customerId), pairs.map(({ workspaceId }) => workspaceId)],
  );
  return rows.map((row) => ({ customerId: row.customer_id, workspaceId: row.workspace_id }));
}

/** By id, of those that are no more as well. */
export async function workspaceNames(sql: Connection, ids: readonly number[]): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<{ id: number; name: string }>(
    "SELECT id, name FROM workspaces WHERE id = ANY($1::bigint[])",
    [ids],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** The workspaces a customer belongs to; all of them for an administrator. */
export async function listWorkspaces(
  sql: Connection,
  {
    customerId,
    all,
    page,
  }: { customerId: number; all: boolean; page: { limit: number; after: number | null } },
): Promise<WorkspaceWithRole[]> {
  const { rows } = await sql.query<WorkspaceWithRole>(
    `SELECT * FROM (SELECT ${COLUMNS}, ${ROLE} AS role FROM workspaces w WHERE ${LIVE} AND w.id > $2) x
      WHERE $3 OR role IS NOT NULL ORDER BY id LIMIT $4`,
    [customerId, page.after ?? 0, all, page.limit + 1],
  );
  return rows;
}

/** Makes a workspace with its owner as its first member. */
export async function insertWorkspace(
  sql: Transaction,
  workspace: {
    ownerId: number;
    name: string;
    description: string | null;
    type: "personal" | "team" | "enterprise";
  },
): Promise<WorkspaceRow> {
  const { rows } = await sql.change<WorkspaceRow>(
    `INSERT INTO workspaces AS w (owner_id, name, description, type) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`,
    [workspace.ownerId, workspace.name, workspace.description, workspace.type],
    { makes: "workspace" },
  );
  const made = rows[0] as WorkspaceRow;
  await sql.change(
    "INSERT INTO workspace_members (workspace_id, customer_id, role, status, joined_at) VALUES ($1, $2, 'owner', 'active', now())",
    [made.id, workspace.ownerId],
  );
  return made;
}

export async function updateWorkspace(
  sql: Connection,
  workspaceId: number,
  change: { name?: string | undefined; description?: string | null | undefined },
): Promise<void> {
  await sql.change(
    `UPDATE workspaces SET name = coalesce($2, name),
            description = CASE WHEN $3 THEN $4 ELSE description END WHERE id = $1`,
    [workspaceId, change.name ?? null, change.description !== undefined, change.description ?? null],
  );
}

/** False where there is no such workspace. */
export async function setShareWeight(
  sql: Connection,
  workspaceId: number,
  shareWeight: number,
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE workspaces w SET share_weight = $2 WHERE w.id = $1 AND ${LIVE}`,
    [workspaceId, shareWeight],
  );
  return rowCount > 0;
}

/** Archives it, unless workloads are left in it: then answers how many. */
export async function archiveWorkspace(
  sql: Transaction,
  workspaceId: number,
): Promise<{ liveWorkloads: number }> {
  await sql.query("SELECT id FROM workspaces WHERE id = $1 FOR UPDATE", [workspaceId]);
  const { rows } = await sql.query<{ live: number }>(
    `SELECT (SELECT count(*) FROM environments WHERE workspace_id = $1 AND deleted_at IS NULL)
          + (SELECT count(*) FROM training_jobs WHERE workspace_id = $1 AND deleted_at IS NULL
              AND status NOT IN ('completed', 'failed', 'cancelled'))
          + (SELECT count(*) FROM inference_services WHERE workspace_id = $1 AND deleted_at IS NULL) AS live`,
    [workspaceId],
  );
  const liveWorkloads = rows[0]?.live ?? 0;
  if (liveWorkloads === 0)
    await sql.change("UPDATE workspaces SET status = 'archived' WHERE id = $1", [workspaceId]);
  return { liveWorkloads };
}
