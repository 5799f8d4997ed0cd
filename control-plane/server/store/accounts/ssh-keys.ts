/** Customers' SSH public keys; one row per customer and fingerprint. */
import { MAX_KEYS_OF_SET } from "@remotegpu/shared/instance/ssh-access";
import type { Connection, Transaction } from "../database/database.ts";

export interface SshKeyRow {
  id: number;
  customer_id: number;
  name: string;
  public_key: string;
  fingerprint: string;
  created_at: Date;
}

const COLUMNS = "id, customer_id, name, public_key, fingerprint, created_at";

export const MAX_SSH_KEYS = MAX_KEYS_OF_SET;

/** Call in the transaction that adds one. */
export async function hasRoomForSshKey(sql: Transaction, customerId: number): Promise<boolean> {
  // Of two at once the second one counts the first.
  await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [customerId]);
  const { rows } = await sql.query<{ n: number }>(
    "SELECT count(*) AS n FROM ssh_keys WHERE customer_id = $1",
    [customerId],
  );
  return (rows[0]?.n ?? 0) < MAX_SSH_KEYS;
}

/** Null when the customer has this key already. */
export async function insertSshKey(
  sql: Connection,
  key: { customerId: number; name: string; publicKey: string; fingerprint: string; now: Date },
): Promise<SshKeyRow | null> {
  const { rows } = await sql.change<SshKeyRow>(
    `INSERT INTO ssh_keys (customer_id, name, public_key, fingerprint, created_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (customer_id, fingerprint) DO NOTHING RETURNING ${COLUMNS}`,
    [key.customerId, key.name, key.publicKey, key.fingerprint, key.now],
    { makes: "ssh-key" },
  );
  return rows[0] ?? null;
}

export async function sshKeysOf(
  sql: Connection,
  customerId: number,
  page: { limit: number; after: number | null },
): Promise<SshKeyRow[]> {
  const { rows } = await sql.query<SshKeyRow>(
    `SELECT ${COLUMNS} FROM ssh_keys WHERE customer_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    [customerId, page.after ?? 0, page.limit + 1],
  );
  return rows;
}

export async function sshKeyById(sql: Connection, keyId: number): Promise<SshKeyRow | null> {
  const { rows } = await sql.query<SshKeyRow>(`SELECT ${COLUMNS} FROM ssh_keys WHERE id = $1`, [keyId]);
  return rows[0] ?? null;
}

export async function renameSshKey(sql: Connection, keyId: number, name: string): Promise<void> {
  await sql.change("UPDATE ssh_keys SET name = $2 WHERE id = $1", [keyId, name]);
}

export async function deleteSshKey(sql: Connection, keyId: number): Promise<void> {
  await sql.change("DELETE FROM ssh_keys WHERE id = $1", [keyId]);
}
