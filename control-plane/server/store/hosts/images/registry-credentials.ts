/** Credentials of registries as they are kept: whose, for which registry, as whom, and the password under seal. */
import type { Connection, Transaction } from "../../database/database.ts";

/** The bound of one workspace, and of one customer beside the workspaces. */
export const MAX_CREDENTIALS = 50;

export interface RegistryCredential {
  id: string;
  /** Whose it is, or who gave it to the workspace. */
  customerId: number;
  /** Null for a customer's own. */
  workspaceId: number | null;
  registry: string;
  username: string;
  sealedPassword: Uint8Array;
  /** Names the key. */
  sealedBy: string;
  createdAt: Date;
}

const COLUMNS = `c.id, c.customer_id AS "customerId", c.workspace_id AS "workspaceId", c.registry, c.username,
    c.sealed_password AS "sealedPassword", c.sealed_by AS "sealedBy", c.created_at AS "createdAt"`;

/** In place of the one that was there for this registry. False where there are as many as there may be. */
export async function putCredential(sql: Transaction, row: RegistryCredential): Promise<boolean> {
  const { id, customerId, workspaceId, registry, username, sealedPassword, sealedBy, createdAt } = row;
  // Of two at once the second one sees the first.
  if (workspaceId === null)
    await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [customerId]);
  else await sql.query("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", [workspaceId]);
  await sql.change(`DELETE FROM registry_credentials c WHERE ${OF_OWNER} AND c.registry = $3`, [
    customerId,
    workspaceId,
    registry,
  ]);
  const { rowCount } = await sql.change(
    `INSERT INTO registry_credentials (id, customer_id, workspace_id, registry, username, sealed_password, sealed_by, created_at)
     SELECT $3, $1, $2, $4, $5, $6, $7, $8 WHERE (SELECT count(*) FROM registry_credentials c WHERE ${OF_OWNER}) < $9 RETURNING id`,
    [customerId, workspaceId, id, registry, username, sealedPassword, sealedBy, createdAt, MAX_CREDENTIALS],
    { makes: "registry-credential" },
  );
  return rowCount === 1;
}

const OF_OWNER =
  "c.workspace_id IS NOT DISTINCT FROM $2::bigint AND ($2::bigint IS NOT NULL OR c.customer_id = $1::bigint)";

/** Null for one that is not there. */
export async function credentialById(sql: Connection, id: string): Promise<RegistryCredential | null> {
  const { rows } = await sql.query<RegistryCredential>(
    `SELECT ${COLUMNS} FROM registry_credentials c WHERE c.id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** In the order of their ids; fetches one row more than the limit. */
export async function listCredentials(
  sql: Connection,
  keepers: {
    /** Whose own ones; null for none. */
    customerId: number | null;
    workspaceIds: readonly number[];
  },
  page: { limit: number; after: string | null },
): Promise<RegistryCredential[]> {
  const { rows } = await sql.query<RegistryCredential>(
    `SELECT ${COLUMNS} FROM registry_credentials c
      WHERE (c.workspace_id IS NULL AND c.customer_id = $1 OR c.workspace_id = ANY($2::bigint[])) AND c.id > $3
      ORDER BY c.id LIMIT $4`,
    [keepers.customerId, keepers.workspaceIds, page.after ?? "", page.limit + 1],
  );
  return rows;
}

/** Sealed by no key that there is, it is as none until it is given anew. */
export async function markUnusable(sql: Connection, id: string): Promise<void> {
  await sql.change("UPDATE registry_credentials SET sealed_by = '' WHERE id = $1", [id]);
}

export async function deleteCredential(sql: Connection, id: string): Promise<void> {
  await sql.change("DELETE FROM registry_credentials WHERE id = $1", [id]);
}

/** The credentials of a workspace that nobody can order in any more. */
export async function deleteCredentialsOfWorkspace(sql: Connection, workspaceId: number): Promise<void> {
  await sql.change("DELETE FROM registry_credentials WHERE workspace_id = $1", [workspaceId]);
}
