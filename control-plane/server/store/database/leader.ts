/**
 * Leadership: one row, a lease of 15 s and a term. Every leader transaction compares the term while holding the row,
 * so nobody can take over in the middle of it, and a paused leader's transaction is ended by Postgres itself.
 */
import type { Connection, Transaction } from "./database.ts";

export const LEADER_LEASE_MS = 15_000;
/** A leader that stops in the middle of a transaction loses it after this long, and with it the row's lock. */
const MAX_IDLE_IN_TRANSACTION_MS = 10_000;

export class LeadershipLostError extends Error {
  override readonly name = "LeadershipLostError";
}

/**
 * Takes or renews the lease. A lease that lapsed is a new term even for its holder.
 * @param former a holder whose process has ended, so that nobody needs to wait for the end of its lease
 * @returns the term, or null while somebody else holds the lease
 */
export async function acquireLeadership(
  sql: Connection,
  { holder, now, former = null }: { holder: string; now: Date; former?: string | null },
): Promise<number | null> {
  const { rows } = await sql.change<{ term: number }>(
    `UPDATE leader
        SET term = CASE WHEN holder = $1 AND lease_until > $2 THEN term ELSE term + 1 END,
            holder = $1, lease_until = $2 + make_interval(secs => $3::float8 / 1000)
      WHERE holder IS NULL OR holder = $1 OR holder = $4 OR lease_until <= $2
      RETURNING term`,
    [holder, now, LEADER_LEASE_MS, former],
  );
  return rows[0]?.term ?? null;
}

/** Gives the lease up, so that another replica need not wait for its end. */
export async function releaseLeadership(sql: Connection, holder: string): Promise<void> {
  await sql.change("UPDATE leader SET holder = NULL, lease_until = 'epoch' WHERE holder = $1", [holder]);
}

/** Null where nobody leads, by the database's own clock. */
export async function presentLeader(sql: Connection): Promise<string | null> {
  const { rows } = await sql.query<{ holder: string }>(
    "SELECT holder FROM leader WHERE holder IS NOT NULL AND lease_until > now()",
  );
  return rows[0]?.holder ?? null;
}

export async function currentTerm(sql: Connection): Promise<number> {
  const { rows } = await sql.query<{ term: number }>("SELECT term FROM leader");
  return rows[0]?.term ?? 0;
}

/** Raises the term above one that a host reports: the database is older than what that host has seen. */
export async function raiseTermAbove(sql: Connection, reportedTerm: number): Promise<void> {
  await sql.change("UPDATE leader SET term = $1::bigint + 1, holder = NULL WHERE term <= $1", [reportedTerm]);
}

/**
 * The first statement of every leader transaction.
 * @throws LeadershipLostError when another term has begun
 */
export async function assertTerm(sql: Transaction, term: number): Promise<void> {
  const [, { rows }] = await Promise.all([
    sql.query(`SET LOCAL idle_in_transaction_session_timeout = ${MAX_IDLE_IN_TRANSACTION_MS}`, []),
    sql.query<{ term: number }>("SELECT term FROM leader FOR SHARE", []),
  ]);
  const held = rows[0]?.term ?? 0;
  if (held !== term) throw new LeadershipLostError(`term ${term} is over: ${held} has begun`);
}
