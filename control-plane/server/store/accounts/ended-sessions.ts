/**
 * Why a session of a browser opens nothing any more, for the browser that still sends its cookie. What a browser ended
 * itself is not here: it has lost its cookie.
 */
import type { Connection, Transaction } from "../database/database.ts";

/** `ended`: by its account, from elsewhere. `crowded-out`: by one session more than an account may have. */
export type SessionEnd = "ended" | "crowded-out" | "key-ended";

/** False where none of them was there any more. */
export async function endSessionsBecause(
  sql: Connection,
  { ids, why }: { ids: readonly number[]; why: Exclude<SessionEnd, "key-ended"> },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `WITH ended AS (DELETE FROM browser_sessions WHERE id = ANY($1::bigint[]) RETURNING token_hash, expires_at)
     INSERT INTO ended_browser_sessions (token_hash, expires_at, why) SELECT token_hash, expires_at, $2 FROM ended
     ON CONFLICT (token_hash) DO NOTHING`,
    [ids, why],
  );
  return rowCount > 0;
}

/** The reason why a session that nobody is found by ended; null where that is not known. */
export async function whyEnded(sql: Connection, tokenHash: string): Promise<SessionEnd | null> {
  const { rows } = await sql.query<{ why: SessionEnd }>(
    `SELECT why FROM ended_browser_sessions WHERE token_hash = $1
     UNION ALL
     SELECT 'key-ended' FROM browser_sessions s JOIN api_keys k ON k.id = s.api_key_id
      WHERE s.token_hash = $1 AND k.revoked_at IS NOT NULL`,
    [tokenHash],
  );
  return rows[0]?.why ?? null;
}

/** Those that would be over by now: no browser sends their cookies. So many. */
export async function forgetEndedSessions(
  sql: Transaction,
  { now, limit }: { now: Date; limit: number },
): Promise<void> {
  await sql.change(
    `DELETE FROM ended_browser_sessions WHERE token_hash = ANY (ARRAY(
       SELECT token_hash FROM ended_browser_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2))`,
    [now, limit],
  );
}
