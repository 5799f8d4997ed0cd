/**
 * Sessions of browsers and the one-time tickets that open them. Both are found by the hash of what is sent and belong to a
 * key; whoever asks whether one opens something asks for its key in the same statement.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { KeyRights, KeyScope } from "../../core/accounts/key-scopes.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { batchedRead } from "../database/batched-read.ts";
import { HOLDER_COLUMNS, holderOf, type HolderRow, IS_LIVE, type KeyHolder } from "./api-keys.ts";
import { endSessionsBecause } from "./ended-sessions.ts";

/** That open something, of one account; one more ends the oldest. */
const MAX_LIVE_SESSIONS = 100;

/** When one was last used is for people to read; to write it with every request would be a write per read. */
const TOUCH_EVERY_SECONDS = 60;

/** That could still be used, of one key. */
export const MAX_OPEN_TICKETS = 20;

export interface BrowserSession {
  id: number;
  expiresAt: Date;
  /** Null where it was opened by a server that wrote none down. */
  lastUsedAt: Date | null;
}

export interface SessionHolder extends KeyHolder {
  session: BrowserSession;
}

/** By the hash of the cookie's value; null for one that is not known or was ended, and where its key was revoked. */
export const holderOfSession = batchedRead(holdersOfSessions);

async function holdersOfSessions(
  sql: Connection,
  tokenHashes: readonly string[],
): Promise<ReadonlyMap<string, SessionHolder>> {
  const { rows } = await sql.query<
    HolderRow & {
      token_hash: string;
      session_id: number;
      session_expires_at: Date;
      session_used_at: Date | null;
    }
  >(
    `SELECT s.token_hash, s.id AS session_id, s.expires_at AS session_expires_at, s.last_used_at AS session_used_at,
            ${HOLDER_COLUMNS}
       FROM browser_sessions s JOIN api_keys k ON k.id = s.api_key_id JOIN customers c ON c.id = k.customer_id
      WHERE s.token_hash = ANY($1::text[]) AND ${IS_LIVE}`,
    [tokenHashes],
  );
  return new Map(
    rows.map((row) => {
      const session = {
        id: row.session_id,
        expiresAt: row.session_expires_at,
        lastUsedAt: row.session_used_at,
      };
      return [row.token_hash, { ...holderOf(row), session }];
    }),
  );
}

/** Asks nothing of the database while the last use that was read is young enough. */
export async function touchSession(
  sql: Connection,
  { id, lastUsedAt }: BrowserSession,
  { now, address }: { now: Date; address: string },
): Promise<void> {
  const youngest = now.getTime() - TOUCH_EVERY_SECONDS * MS_PER_SECOND;
  if (lastUsedAt !== null && lastUsedAt.getTime() >= youngest) return;
  await sql.query(
    `UPDATE browser_sessions SET last_used_at = $2, last_address = $3
      WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - make_interval(secs => $4))`,
    [id, now, address, TOUCH_EVERY_SECONDS],
  );
}

export interface NewSession {
  tokenHash: string;
  apiKeyId: number;
  customerId: number;
  now: Date;
  expiresAt: Date;
  address: string;
  /** What the browser calls itself. */
  userAgent: string | null;
}

/** Beyond the most that an account may have, its oldest end. */
export async function insertSession(sql: Transaction, session: NewSession): Promise<number> {
  const { rows: oldest } = await sql.query<{ id: number }>(
    "SELECT id FROM browser_sessions WHERE customer_id = $1 ORDER BY id DESC OFFSET $2",
    [session.customerId, MAX_LIVE_SESSIONS - 1],
  );
  if (oldest.length > 0)
    await endSessionsBecause(sql, { ids: oldest.map(({ id }) => id), why: "crowded-out" });
  const { rows } = await sql.change<{ id: number }>(
    `INSERT INTO browser_sessions (token_hash, api_key_id, customer_id, created_at, expires_at, last_used_at, last_address, user_agent)
     VALUES ($1, $2, $3, $4, $5, $4, $6, $7) RETURNING id`,
    [
      session.tokenHash,
      session.apiKeyId,
      session.customerId,
      session.now,
      session.expiresAt,
      session.address,
      session.userAgent,
    ],
    { makes: "browser-session" },
  );
  return (rows[0] as { id: number }).id;
}

export interface SessionRow {
  id: number;
  customer_id: number;
  api_key_id: number;
  key_name: string | null;
  created_at: Date;
  expires_at: Date;
  last_used_at: Date | null;
  last_address: string | null;
  user_agent: string | null;
  role: KeyRights["role"];
  scopes: KeyScope[];
}

const ROW = `SELECT s.id, s.customer_id, s.api_key_id, k.name AS key_name, s.created_at, s.expires_at, s.last_used_at,
            s.last_address, s.user_agent, k.role, k.scopes
       FROM browser_sessions s JOIN api_keys k ON k.id = s.api_key_id
      WHERE s.customer_id = $1 AND s.expires_at > $2 AND k.revoked_at IS NULL`;

/** That open something; one row more than the limit. */
export async function liveSessionsOf(
  sql: Connection,
  { customerId, now }: { customerId: number; now: Date },
  page: { limit: number; after: number | null },
): Promise<SessionRow[]> {
  const { rows } = await sql.query<SessionRow>(`${ROW} AND s.id > $3 ORDER BY s.id LIMIT $4`, [
    customerId,
    now,
    page.after ?? 0,
    page.limit + 1,
  ]);
  return rows;
}

export async function liveSession(
  sql: Connection,
  { customerId, now, id }: { customerId: number; now: Date; id: number },
): Promise<SessionRow | null> {
  const { rows } = await sql.query<SessionRow>(`${ROW} AND s.id = $3`, [customerId, now, id]);
  return rows[0] ?? null;
}

/** All that open something but one, which the transaction holds; of an account there are never many. */
export async function lockOtherSessions(
  sql: Transaction,
  { customerId, now, but }: { customerId: number; now: Date; but: number | null },
): Promise<SessionRow[]> {
  const { rows } = await sql.query<SessionRow>(
    `${ROW} AND s.id IS DISTINCT FROM $3 ORDER BY s.id FOR UPDATE OF s`,
    [customerId, now, but],
  );
  return rows;
}

/** By who sends it, whose browser loses the cookie. */
export async function endOwnSession(sql: Connection, tokenHash: string): Promise<void> {
  await sql.change("DELETE FROM browser_sessions WHERE token_hash = $1", [tokenHash]);
}

export interface NewSessionTicket {
  tokenHash: string;
  apiKeyId: number;
  now: Date;
  expiresAt: Date;
}

/** False where the key has as many open ones as there may be. */
export async function insertSessionTicket(sql: Transaction, ticket: NewSessionTicket): Promise<boolean> {
  // Of two at once the second one counts the first.
  await sql.query("SELECT FROM api_keys WHERE id = $1 FOR NO KEY UPDATE", [ticket.apiKeyId]);
  const { rowCount } = await sql.change(
    `INSERT INTO session_tickets (token_hash, api_key_id, made_at, expires_at)
     SELECT $1, $2, $3, $4
      WHERE (SELECT count(*) FROM session_tickets WHERE api_key_id = $2 AND expires_at > $3) < $5`,
    [ticket.tokenHash, ticket.apiKeyId, ticket.now, ticket.expiresAt, MAX_OPEN_TICKETS],
  );
  return rowCount === 1;
}

/** Whose key it speaks for. Of two that use it at once one is answered null, as is whoever comes later or too late. */
export async function useSessionTicket(
  sql: Transaction,
  { tokenHash, now }: { tokenHash: string; now: Date },
): Promise<number | null> {
  const { rows } = await sql.change<{ api_key_id: number }>(
    "DELETE FROM session_tickets WHERE token_hash = $1 AND expires_at > $2 RETURNING api_key_id",
    [tokenHash, now],
  );
  return rows[0]?.api_key_id ?? null;
}

/** What opens nothing any more, so many of each. */
export async function forgetExpiredSessions(
  sql: Transaction,
  { now, limit }: { now: Date; limit: number },
): Promise<void> {
  for (const [table, key] of [
    ["browser_sessions", "id"],
    ["session_tickets", "token_hash"],
  ] as const)
    await sql.change(
      `DELETE FROM ${table} WHERE ${key} = ANY (ARRAY(
         SELECT ${key} FROM ${table} WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2))`,
      [now, limit],
    );
}
