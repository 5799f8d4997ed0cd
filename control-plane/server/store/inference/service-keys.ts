/** Keys of inference services: each opens one service, is found by its hash and shown by its prefix, never readable again. */
import type { KeyLimits } from "../../core/gateway/services/key-limits.ts";
import type { Connection, Transaction } from "../database/database.ts";

export interface ServiceKeyRow {
  id: number;
  service_id: string;
  name: string;
  prefix: string;
  /** Who made it. */
  customer_id: number;
  made_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  revoked_by: string | null;
  requests_per_minute: number | null;
  max_in_flight: number | null;
  tokens_per_day: number | null;
}

const COLUMNS = `id, service_id, name, prefix, customer_id, made_at, expires_at, revoked_at, revoked_by,
  requests_per_minute, max_in_flight, tokens_per_day::float8 AS tokens_per_day`;

/** That open something, of one service. */
export const MAX_LIVE_SERVICE_KEYS = 100;

export type KeyInsertion = ServiceKeyRow | "too-many" | "name-taken";

/** The service is held by the caller. */
export async function insertServiceKey(
  sql: Transaction,
  key: {
    serviceId: string;
    name: string;
    prefix: string;
    keyHash: string;
    customerId: number;
    expiresAt: Date | null;
    limits: KeyLimits;
    now: Date;
  },
): Promise<KeyInsertion> {
  const { rows: live } = await sql.query<{ name: string; is_open: boolean }>(
    `SELECT name, expires_at IS NULL OR expires_at > $2 AS is_open FROM service_keys
      WHERE service_id = $1 AND revoked_at IS NULL`,
    [key.serviceId, key.now],
  );
  if (live.some(({ name }) => name === key.name)) return "name-taken";
  if (live.filter((one) => one.is_open).length >= MAX_LIVE_SERVICE_KEYS) return "too-many";
  const { rows } = await sql.change<ServiceKeyRow>(
    `INSERT INTO service_keys (service_id, name, prefix, key_hash, customer_id, made_at, expires_at,
       requests_per_minute, max_in_flight, tokens_per_day)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING ${COLUMNS}`,
    [
      key.serviceId,
      key.name,
      key.prefix,
      key.keyHash,
      key.customerId,
      key.now,
      key.expiresAt,
      key.limits.requestsPerMinute,
      key.limits.maxInFlight,
      key.limits.tokensPerDay,
    ],
    { makes: "service-key" },
  );
  return rows[0] as ServiceKeyRow;
}

/** Newest first; fetches one row more than the limit. */
export async function serviceKeys(
  sql: Connection,
  serviceId: string,
  page: { limit: number; after: number | null },
): Promise<ServiceKeyRow[]> {
  const { rows } = await sql.query<ServiceKeyRow>(
    `SELECT ${COLUMNS} FROM service_keys WHERE service_id = $1 AND ($2::bigint IS NULL OR id < $2)
      ORDER BY id DESC LIMIT $3`,
    [serviceId, page.after, page.limit + 1],
  );
  return rows;
}

/** False where there is no such live key of it. */
export async function revokeServiceKey(
  sql: Connection,
  { serviceId, id, actor, now }: { serviceId: string; id: number; actor: string; now: Date },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE service_keys SET revoked_at = $4, revoked_by = $3
      WHERE service_id = $1 AND id = $2 AND revoked_at IS NULL`,
    [serviceId, id, actor, now],
  );
  return rowCount > 0;
}
