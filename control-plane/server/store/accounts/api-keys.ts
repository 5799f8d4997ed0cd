/** API keys: found by their hash, shown by their prefix, never readable again. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { KeyRights, KeyScope } from "../../core/accounts/key-scopes.ts";
import type { LoginRole } from "../../core/sign-on/login-claims.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { batchedRead } from "../database/batched-read.ts";

/** A key's last use is a label for people; writing it on every request would be a write per read. */
const TOUCH_EVERY_SECONDS = 60;

/** That open something, of one customer. */
export const MAX_LIVE_KEYS = 100;

export interface KeyHolder {
  actor: {
    apiKeyId: number;
    customerId: number;
    customerUuid: string;
    username: string;
    isAdmin: boolean;
    keyRights: KeyRights;
    keyExpiresAt: Date | null;
    identityId: number | null;
    loginRole: LoginRole | null;
  };
  customerStatus: string;
  lastUsedAt: Date | null;
}

/** By the key's hash; null for one that is not known or was revoked. */
export const actorOfKey = batchedRead(actorsOfKeys);

async function actorsOfKeys(
  sql: Connection,
  keyHashes: readonly string[],
): Promise<ReadonlyMap<string, KeyHolder>> {
  return await holders(sql, "k.key_hash = ANY($1::text[])", keyHashes);
}

/** By its number, for what was made with it; null for one that was revoked. */
export async function actorOfKeyId(sql: Connection, apiKeyId: number): Promise<KeyHolder | null> {
  const found = await holders(sql, "k.id = ANY($1::bigint[])", [apiKeyId]);
  return [...found.values()][0] ?? null;
}

/** By the hashes of their keys. */
async function holders(
  sql: Connection,
  which: string,
  values: readonly (string | number)[],
): Promise<ReadonlyMap<string, KeyHolder>> {
  const { rows } = await sql.query<HolderRow & { key_hash: string }>(
    `SELECT k.key_hash, ${HOLDER_COLUMNS} FROM api_keys k JOIN customers c ON c.id = k.customer_id
      WHERE ${which} AND ${IS_LIVE}`,
    [values],
  );
  return new Map(rows.map((row) => [row.key_hash, holderOf(row)]));
}

/** The columns of a key `k` and its account `c`. */
export const HOLDER_COLUMNS = `k.id AS api_key_id, k.last_used_at, k.role, k.scopes, k.expires_at,
            k.identity_id, k.login_role, c.id AS customer_id,
            c.uuid, c.username, c.user_type, coalesce(c.status, 'active') AS status`;
export const IS_LIVE = "k.revoked_at IS NULL AND c.deleted_at IS NULL";

export interface HolderRow {
  api_key_id: number;
  customer_id: number;
  uuid: string;
  username: string;
  user_type: string;
  status: string;
  last_used_at: Date | null;
  role: KeyRights["role"];
  scopes: KeyScope[];
  expires_at: Date | null;
  identity_id: number | null;
  login_role: LoginRole | null;
}

export function holderOf(row: HolderRow): KeyHolder {
  return {
    actor: {
      apiKeyId: row.api_key_id,
      customerId: row.customer_id,
      customerUuid: row.uuid,
      username: row.username,
      isAdmin: (row.login_role ?? row.user_type) === "admin",
      keyRights: rightsOf(row),
      keyExpiresAt: row.expires_at,
      identityId: row.identity_id,
      loginRole: row.login_role,
    },
    customerStatus: row.status,
    lastUsedAt: row.last_used_at,
  };
}

export function rightsOf({ role, scopes }: { role: KeyRights["role"]; scopes: KeyScope[] }): KeyRights {
  return role === "metrics" ? { role } : { role, scopes };
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
  name: string | null;
  prefix: string;
  role: KeyRights["role"];
  scopes: KeyScope[];
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

const COLUMNS =
  "id, customer_id, name, prefix, role, scopes, created_at, expires_at, last_used_at, revoked_at";

export interface NewKeyRow {
  customerId: number;
  name: string;
  prefix: string;
  keyHash: string;
  rights: KeyRights;
  expiresAt: Date | null;
  now: Date;
  /** Of one that a login makes: whose. */
  identityId?: number;
  /** In place of the account's type. */
  loginRole?: LoginRole | null;
}

/** False where the customer has as many live keys as there may be. Call in the transaction that makes another. */
export async function hasRoomForKey(
  sql: Transaction,
  { customerId, now }: { customerId: number; now: Date },
): Promise<boolean> {
  // Of two at once the second one counts the first.
  await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [customerId]);
  const { rows } = await sql.query<{ live: number }>(
    `SELECT count(*) AS live FROM api_keys
      WHERE customer_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
    [customerId, now],
  );
  return (rows[0]?.live ?? 0) < MAX_LIVE_KEYS;
}

export async function insertApiKey(sql: Connection, key: NewKeyRow): Promise<ApiKeyRow> {
  const { rows } = await sql.change<ApiKeyRow>(
    `INSERT INTO api_keys (customer_id, name, prefix, key_hash, created_at, role, scopes, expires_at, identity_id, login_role)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING ${COLUMNS}`,
    [
      key.customerId,
      key.name,
      key.prefix,
      key.keyHash,
      key.now,
      key.rights.role,
      key.rights.role === "account" ? key.rights.scopes : [],
      key.expiresAt,
      key.identityId ?? null,
      key.loginRole ?? null,
    ],
    { makes: "api-key" },
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

/** The keys of one customer that open something; there are MAX_LIVE_KEYS at most. */
export async function liveKeysOf(
  sql: Connection,
  { customerId, now }: { customerId: number; now: Date },
): Promise<ApiKeyRow[]> {
  const { rows } = await sql.query<ApiKeyRow>(
    `SELECT ${COLUMNS} FROM api_keys
      WHERE customer_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) ORDER BY id`,
    [customerId, now],
  );
  return rows;
}

/** Null where the customer has no such key, or it was revoked. */
export async function liveKey(
  sql: Connection,
  { customerId, apiKeyId }: { customerId: number; apiKeyId: number },
): Promise<ApiKeyRow | null> {
  const { rows } = await sql.query<ApiKeyRow>(
    `SELECT ${COLUMNS} FROM api_keys WHERE id = $1 AND customer_id = $2 AND revoked_at IS NULL`,
    [apiKeyId, customerId],
  );
  return rows[0] ?? null;
}

/** True when the key was this customer's and live. */
export async function revokeApiKey(
  sql: Connection,
  key: { customerId: number; apiKeyId: number; now: Date },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    "UPDATE api_keys SET revoked_at = $3 WHERE id = $1 AND customer_id = $2 AND revoked_at IS NULL",
    [key.apiKeyId, key.customerId, key.now],
  );
  return rowCount === 1;
}
