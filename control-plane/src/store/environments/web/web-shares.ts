/** Links that let those without an account in to one service or port of an environment, until they end. */
import type { Connection } from "../../database/database.ts";

/** The last use is a label for people; writing it with every request would be a write per read. */
const TOUCH_EVERY_SECONDS = 60;

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
  await sql.query(
    `UPDATE web_shares SET last_used_at = $2
      WHERE id = ANY($1::bigint[])
        AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - make_interval(secs => $3))`,
    [ids, now, TOUCH_EVERY_SECONDS],
  );
}
