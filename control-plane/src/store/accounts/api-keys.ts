/** API keys: found by their hash, shown by their prefix, never readable again. */
import { MS_PER_SECOND } from "@remotegpu/shared/units";
import type { Connection } from "../database.ts";
import { together } from "../together.ts";

/** A key's last use is a label for people; writing it on every request would be a write per read. */
const TOUCH_EVERY_SECONDS = 60;

export interface KeyHolder {
  actor: {
    apiKeyId: number;
    customerId: number;
    customerUuid: string;
    username: string;
    isAdmin: boolean;
  };
  customerStatus: string;
  lastUsedAt: Date | null;
}

/** By the key's hash; null for one that is not known or was revoked. */
export const actorOfKey = together(actorsOfKeys);

async function actorsOfKeys(
  sql: Connection,
  keyHashes: readonly string[],
): Promise<ReadonlyMap<string, KeyHolder>> {
  const { rows } = await sql.query<{
    key_hash: string;
    api_key_id: number;
    customer_id: number;
    uuid: string;
    username: string;
    user_type: string;
    status: string;
    last_used_at: Date | null;
  }>(
    `SELECT k.key_hash, k.id AS api_key_id, k.last_used_at, c.id AS customer_id, c.uuid, c.username, c.user_type,
            coalesce(c.status, 'active') AS status
       FROM api_keys k JOIN customers c ON c.id = k.customer_id
      WHERE k.key_hash = ANY($1::text[]) AND k.revoked_at IS NULL AND c.deleted_at IS NULL`,
    [keyHashes],
  );
  return new Map(
    rows.map((row) => [
      row.key_hash,
      {
        actor: {
          apiKeyId: row.api_key_id,
          customerId: row.customer_id,
          customerUuid: row.uuid,
          username: row.username,
          isAdmin: row.user_type === "admin",
        },
        customerStatus: row.status,
        lastUsedAt: row.last_used_at,
      },
    ]),
  );
}

/** Asks nothing of the database while the last use that was read is young enough. */
export async function touchKey(
  sql: Connection,
  { actor: { apiKeyId }, lastUsedAt }: KeyHolder,
  now: Date,
): Promise<void> {
  const youngest = now.getTime() - TOUCH_EVERY_SECONDS * MS_PER_SECOND;
  if (lastUsedAt !== null && lastUsedAt.getTime() >= youngest) return;
  await sql.query(
    `UPDATE api_keys SET last_used_at = $2
      WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - make_interval(secs => $3))`,
    [apiKeyId, now, TOUCH_EVERY_SECONDS],
  );
}

export interface ApiKeyRow {
  id: number;
  customer_id: number;
  name: string;
  prefix: string;
  created_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

const COLUMNS = "id, customer_id, name, prefix, created_at, last_used_at, revoked_at";

export async function insertApiKey(
  sql: Connection,
  key: { customerId: number; name: string; prefix: string; keyHash: string; now: Date },
): Promise<ApiKeyRow> {
  const { rows } = await sql.query<ApiKeyRow>(
    `INSERT INTO api_keys (customer_id, name, prefix, key_hash, created_at)
     VALUES ($1, $2, $3, $4, $5) RETURNING ${COLUMNS}`,
    [key.customerId, key.name, key.prefix, key.keyHash, key.now],
  );
  return rows[0] as ApiKeyRow;
}

export async function apiKeysOfCustomer(
  sql: Connection,
  customerId: number,
  page: { limit: number; after: number | null },
): Promise<ApiKeyRow[]> {
  const { rows } = await sql.query<ApiKeyRow>(
    `SELECT ${COLUMNS} FROM api_keys
      WHERE customer_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    [customerId, page.after ?? 0, page.limit + 1],
  );
  return rows;
}

/** True when the key was this customer's and live. */
export async function revokeApiKey(
  sql: Connection,
  key: { customerId: number; apiKeyId: number; now: Date },
): Promise<boolean> {
  const { rowCount } = await sql.query(
    "UPDATE api_keys SET revoked_at = $3 WHERE id = $1 AND customer_id = $2 AND revoked_at IS NULL",
    [key.apiKeyId, key.customerId, key.now],
  );
  return rowCount === 1;
}
