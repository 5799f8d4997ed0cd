/**
 * Who asked for which change, and what came of it; besides, what administrators looked at that belongs to others. Rows
 * are only ever added.
 */
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import type { AuditFields } from "../../core/accounts/audit-difference.ts";
import { type Connection, type Database, transaction } from "../database/database.ts";

export const AUDIT_OUTCOMES = ["done", "repeated", "refused", "failed"] as const;
type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

export interface AuditEntry {
  at: Date;
  requestId: string | null;
  traceId: string | null;
  apiKeyId: number | null;
  actorCustomerId: number | null;
  actorRole: "admin" | "customer" | null;
  method: string;
  route: string;
  action: string;
  targetKind: string | null;
  targetId: string | null;
  subject: string | null;
  outcome: AuditOutcome;
  status: number | null;
  problem: string | null;
  /** As core/accounts/audit-reason.ts has it; null where nothing was refused. */
  reason: AnyReason | null;
  before: AuditFields | null;
  after: AuditFields | null;
  attempts: number;
}

/** In their order, with one statement. */
export async function appendAuditEntries(sql: Connection, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await sql.query(
    `INSERT INTO audit_log (at, request_id, trace_id, api_key_id, actor_customer_id, actor_role, method, route, action,
            target_kind, target_id, subject, outcome, status, problem, reason_code, reason_params, before, after, attempts)
     SELECT e.at, e."requestId", e."traceId", e."apiKeyId", e."actorCustomerId", e."actorRole", e.method, e.route, e.action,
            e."targetKind", e."targetId", e.subject, e.outcome, e.status, e.problem, e.reason ->> 'code',
            e.reason -> 'params', nullif(e.before, 'null'), nullif(e.after, 'null'), e.attempts
       FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (at timestamptz, "requestId" uuid, "traceId" text, "apiKeyId" bigint,
              "actorCustomerId" bigint, "actorRole" text, method text, route text, action text, "targetKind" text,
              "targetId" text, subject text, outcome text, status int, problem text, reason jsonb, before jsonb, after jsonb,
              attempts int)) WITH ORDINALITY AS e(at, "requestId", "traceId", "apiKeyId", "actorCustomerId", "actorRole",
              method, route, action, "targetKind", "targetId", subject, outcome, status, problem, reason, before, after, attempts, nth)
      ORDER BY e.nth`,
    [JSON.stringify(entries)],
  );
}

/** Where no transaction is at hand: append-only tables are written in one, which alone has its role for sure. */
export async function appendAuditEntriesAlone(db: Database, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await transaction(db, async (sql) => await appendAuditEntries(sql, entries));
}

export interface AuditRow {
  id: number;
  at: Date;
  at_micros: string;
  request_id: string | null;
  trace_id: string | null;
  api_key_id: number | null;
  actor_customer_id: number | null;
  actor_name: string | null;
  actor_role: string | null;
  method: string;
  route: string;
  action: string;
  target_kind: string | null;
  target_id: string | null;
  subject: string | null;
  outcome: string;
  status: number | null;
  problem: string | null;
  reason_code: string | null;
  reason_params: Record<string, unknown> | null;
  before: AuditFields | null;
  after: AuditFields | null;
  attempts: number;
}

export interface AuditFilter {
  actorCustomerId: number | null;
  /** The username of whoever has it now. */
  actorName: string | null;
  targetKind: string | null;
  targetId: string | null;
  action: string | null;
  outcome: AuditOutcome | null;
  /** The first moment that is in. */
  since: Date | null;
  /** The first one that is not. */
  until: Date | null;
}

/** Newest first; fetches one row more than the limit. Each filter is a comparison of its own, so that an index serves it. */
export async function auditEntries(
  sql: Connection,
  filter: AuditFilter,
  { limit, after }: { limit: number; after: { micros: string; id: string } | null },
): Promise<AuditRow[]> {
  const values: unknown[] = [];
  const value = (one: unknown) => `$${values.push(one)}`;
  const conditions = [
    filter.actorCustomerId === null ? [] : `actor_customer_id = ${value(filter.actorCustomerId)}`,
    filter.actorName === null
      ? []
      : `actor_customer_id = (SELECT c.id FROM customers c WHERE c.username = ${value(filter.actorName)})`,
    filter.targetKind === null ? [] : `target_kind = ${value(filter.targetKind)}`,
    filter.targetId === null ? [] : `target_id = ${value(filter.targetId)}`,
    filter.action === null ? [] : `action = ${value(filter.action)}`,
    // As a literal: a partial index is used only where it is known to hold the row.
    filter.outcome === null ? [] : `outcome = '${filter.outcome}'`,
    filter.since === null ? [] : `at >= ${value(filter.since)}`,
    filter.until === null ? [] : `at < ${value(filter.until)}`,
    after === null
      ? []
      : `(at, id) < (timestamptz 'epoch' + ${value(after.micros)}::bigint * interval '1 microsecond', ${value(after.id)}::bigint)`,
  ].flat();
  const { rows } = await sql.query<AuditRow>(
    `SELECT id, at, (extract(epoch FROM at) * 1000000)::bigint::text AS at_micros, request_id, trace_id, api_key_id,
            actor_customer_id, (SELECT c.username FROM customers c WHERE c.id = actor_customer_id) AS actor_name, actor_role, method, route, action, target_kind, target_id, subject, outcome, status,
            problem, reason_code, reason_params, before, after, attempts
       FROM audit_log ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
      ORDER BY at DESC, id DESC LIMIT ${value(limit + 1)}`,
    values,
  );
  return rows;
}

/** Whose key that is or was: it may be revoked, or its account suspended. */
export async function holderOfKey(
  sql: Connection,
  keyHash: string,
): Promise<{ apiKeyId: number; customerId: number; isAdmin: boolean } | null> {
  const { rows } = await sql.query<{ id: number; customer_id: number; is_admin: boolean }>(
    `SELECT k.id, k.customer_id, coalesce(k.login_role, c.user_type) IS NOT DISTINCT FROM 'admin' AS is_admin
       FROM api_keys k JOIN customers c ON c.id = k.customer_id WHERE k.key_hash = $1`,
    [keyHash],
  );
  const [row] = rows;
  return row === undefined ? null : { apiKeyId: row.id, customerId: row.customer_id, isAdmin: row.is_admin };
}
