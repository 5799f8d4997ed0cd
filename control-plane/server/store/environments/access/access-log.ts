/** The access log of an environment: who was in, and what came to nothing; and how long it is kept. */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type { AccessAttempts, SessionLogin } from "@remotegpu/shared/instance/ssh-access";
import type { SessionEnd } from "../../../core/environments/access/access-belief.ts";
import type { Connection } from "../../database/database.ts";

/** The bound of an environment, sessions and attempts each: the oldest beyond go before their time. */
export const MAX_STORED_OF_ENVIRONMENT = 10_000;

/** A terminal in the browser came by no lease. */
export type SessionService = LeaseService | "terminal";

/** What was told of a login, and whose key that was; all null where none was told. */
export interface LoginColumns {
  /** browser: of a terminal, told by the gateway. */
  login_method: SessionLogin["method"] | "browser" | null;
  login_at: Date | null;
  key_fingerprint: string | null;
  key_customer_id: number | null;
  key_username: string | null;
  key_name: string | null;
  key_ticket_id: number | null;
}

export interface AccessLogRow extends LoginColumns {
  id: number;
  kind: "session" | "attempts";
  host_id: string;
  service_type: SessionService;
  client_address: string;
  began_at: Date;
  /** Null of a session that is open. */
  ended_at: Date | null;
  outcome: SessionEnd | AccessAttempts["outcome"] | null;
  detail: string;
  /** How many connections came to nothing; null of a session. */
  attempts: number | null;
  /** Null of attempts, as is what is told of a login. */
  bytes_in: number | null;
  bytes_out: number | null;
  /** With what its place in the list is told by. */
  began_micros: string;
}

export interface AccessLogFilter {
  environmentId: string;
  kind: "session" | "attempts" | null;
  service: SessionService | null;
  clientAddress: string | null;
  /** Whose key it was. */
  customerId: number | null;
}

/** Both in one form: `$2` … `$4` are the filter's, `$6` and `$7` the place after which the page begins. */
const SESSIONS = `SELECT s.id, 'session' AS kind, s.host_id, s.service_type, s.client_address, s.opened_at AS began_at,
    s.ended_at, s.ended_by AS outcome, s.end_detail AS detail, NULL::bigint AS attempts, s.bytes_in, s.bytes_out,
    s.login_method, s.login_at, s.key_fingerprint, s.key_customer_id, s.key_name, s.key_ticket_id
  FROM access_sessions s WHERE s.env_id = $1 AND ($5::bigint IS NULL OR s.key_customer_id = $5)`;
const ATTEMPTS = `SELECT a.id, 'attempts' AS kind, a.host_id, a.service_type, a.client_address, a.first_at AS began_at,
    a.last_at AS ended_at, a.outcome, '' AS detail, a.attempts, NULL::bigint AS bytes_in, NULL::bigint AS bytes_out,
    NULL AS login_method, NULL::timestamptz AS login_at, NULL AS key_fingerprint, NULL::bigint AS key_customer_id,
    NULL AS key_name, NULL::bigint AS key_ticket_id
  FROM access_attempts a WHERE a.env_id = $1 AND $5::bigint IS NULL`;
const MICROS = "(extract(epoch FROM l.began_at) * 1000000)::bigint";

/** By its begin, newest first; fetches one row more than the limit. */
export async function accessLog(
  sql: Connection,
  filter: AccessLogFilter,
  page: { limit: number; after: { micros: string; id: number } | null },
): Promise<AccessLogRow[]> {
  const { rows } = await sql.query<AccessLogRow>(
    `SELECT l.*, c.username AS key_username, ${MICROS}::text AS began_micros
       FROM (${SESSIONS} UNION ALL ${ATTEMPTS}) l LEFT JOIN customers c ON c.id = l.key_customer_id
      WHERE ($2::text IS NULL OR l.kind = $2) AND ($3::text IS NULL OR l.service_type = $3)
        AND ($4::text IS NULL OR l.client_address = $4)
        AND ($6::bigint IS NULL OR (${MICROS}, l.id) < ($6, $7::bigint))
      ORDER BY l.began_at DESC, l.id DESC LIMIT $8`,
    [
      filter.environmentId,
      filter.kind,
      filter.service,
      filter.clientAddress,
      filter.customerId,
      page.after?.micros ?? null,
      page.after?.id ?? null,
      page.limit + 1,
    ],
  );
  return rows;
}

/** Those that ended before that moment, some at a time. Answers how many went. */
export async function forgetOldAccess(
  sql: Connection,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  const [sessions, attempts] = await Promise.all([
    sql.change(
      `DELETE FROM access_sessions WHERE id IN (
         SELECT id FROM access_sessions WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)`,
      [before, limit],
    ),
    sql.change(
      `DELETE FROM access_attempts WHERE id IN (
         SELECT id FROM access_attempts WHERE last_at < $1 ORDER BY last_at LIMIT $2)`,
      [before, limit],
    ),
  ]);
  return sessions.rowCount + attempts.rowCount;
}

/**
 * The environments of which something new was written keep the newest: what is beyond the bound goes, the oldest first.
 */
export async function keepNewest(sql: Connection, environmentIds: readonly string[]): Promise<void> {
  if (environmentIds.length === 0) return;
  const beyond = (table: string, began: string) =>
    `DELETE FROM ${table} WHERE id IN (
       SELECT old.id FROM unnest($1::text[]) e (id) CROSS JOIN LATERAL (
         SELECT t.id FROM ${table} t WHERE t.env_id = e.id ORDER BY t.${began} DESC, t.id DESC OFFSET $2) old)`;
  const values = [[...new Set(environmentIds)], MAX_STORED_OF_ENVIRONMENT];
  await Promise.all([
    sql.change(beyond("access_sessions", "opened_at"), values),
    sql.change(beyond("access_attempts", "first_at"), values),
  ]);
}
