/** Links that let those without an account in to one service or port of an environment, until they end. */
import { targetText, type WebTarget } from "../../../core/environments/web-target.ts";
import type { Connection, Transaction } from "../../database/database.ts";

export interface WebShareRow {
  id: number;
  env_id: string;
  target: string;
  customer_id: number;
  made_at: Date;
  expires_at: Date;
  last_used_at: Date | null;
  ended_at: Date | null;
  ended_by: string | null;
}

const COLUMNS = "id, env_id, target, customer_id, made_at, expires_at, last_used_at, ended_at, ended_by";

/** The last use is a label for people; writing it with every request would be a write per read. */
const TOUCH_EVERY_SECONDS = 60;

export async function insertShare(
  sql: Transaction,
  share: {
    environmentId: string;
    target: WebTarget;
    tokenHash: string;
    customerId: number;
    now: Date;
    expiresAt: Date;
  },
): Promise<WebShareRow> {
  const { rows } = await sql.change<WebShareRow>(
    `INSERT INTO web_shares (env_id, target, token_hash, customer_id, made_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
    [
      share.environmentId,
      targetText(share.target),
      share.tokenHash,
      share.customerId,
      share.now,
      share.expiresAt,
    ],
    { makes: "web-share" },
  );
  return rows[0] as WebShareRow;
}

/** Newest first; fetches one row more than the limit. */
export async function sharesOf(
  sql: Connection,
  environmentId: string,
  page: { limit: number; after: number | null },
): Promise<WebShareRow[]> {
  const { rows } = await sql.query<WebShareRow>(
    `SELECT ${COLUMNS} FROM web_shares WHERE env_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [environmentId, page.after, page.limit + 1],
  );
  return rows;
}

/** How many of the environment's open something. */
export async function countOpenShares(sql: Connection, environmentId: string, now: Date): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    "SELECT count(*) AS n FROM web_shares WHERE env_id = $1 AND ended_at IS NULL AND expires_at > $2",
    [environmentId, now],
  );
  return rows[0]?.n ?? 0;
}

/** Null where it is not open, or not of this environment. */
export async function changeShare(
  sql: Connection,
  { environmentId, id, expiresAt, now }: { environmentId: string; id: number; expiresAt: Date; now: Date },
): Promise<WebShareRow | null> {
  const { rows } = await sql.change<WebShareRow>(
    `UPDATE web_shares SET expires_at = $3
      WHERE env_id = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $4 RETURNING ${COLUMNS}`,
    [environmentId, id, expiresAt, now],
  );
  return rows[0] ?? null;
}

/** False where it is not open, or not of this environment. */
export async function endShare(
  sql: Connection,
  { environmentId, id, actor, now }: { environmentId: string; id: number; actor: string; now: Date },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE web_shares SET ended_at = $4, ended_by = $3
      WHERE env_id = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $4`,
    [environmentId, id, actor, now],
  );
  return rowCount > 0;
}

/** By what its link carries; null where nothing that is open has it. */
export async function openShare(
  sql: Connection,
  tokenHash: string,
  now: Date,
): Promise<{ id: number; expiresAt: Date } | null> {
  const { rows } = await sql.query<{ id: number; expiresAt: Date }>(
    `SELECT id, expires_at AS "expiresAt" FROM web_shares
      WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > $2`,
    [tokenHash, now],
  );
  return rows[0] ?? null;
}

export async function touchShares(sql: Connection, ids: readonly number[], now: Date): Promise<void> {
  if (ids.length === 0) return;
  await sql.change(
    `UPDATE web_shares SET last_used_at = $2
      WHERE id = ANY($1::bigint[])
        AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - make_interval(secs => $3))`,
    [ids, now, TOUCH_EVERY_SECONDS],
  );
}
