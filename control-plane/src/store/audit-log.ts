/** What administrators did to what belongs to others. Rows are only ever added. */
import type { Connection } from "./database.ts";

export interface AuditEntry {
  at: Date;
  apiKeyId: number;
  actorCustomerId: number;
  method: string;
  route: string;
  subject: string;
  status: number;
}

export async function appendAuditEntry(sql: Connection, entry: AuditEntry): Promise<void> {
  await sql.query(
    `INSERT INTO audit_log (at, api_key_id, actor_customer_id, method, route, subject, status)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [entry.at, entry.apiKeyId, entry.actorCustomerId, entry.method, entry.route, entry.subject, entry.status],
  );
}

export interface AuditRow {
  id: number;
  at: Date;
  api_key_id: number | null;
  actor_customer_id: number | null;
  method: string;
  route: string;
  subject: string | null;
  status: number;
}

/** Newest first. */
export async function auditEntries(
  sql: Connection,
  {
    actorCustomerId,
    page,
  }: { actorCustomerId: number | null; page: { limit: number; after: number | null } },
): Promise<AuditRow[]> {
  const { rows } = await sql.query<AuditRow>(
    `SELECT id, at, api_key_id, actor_customer_id, method, route, subject, status FROM audit_log
      WHERE ($1::bigint IS NULL OR actor_customer_id = $1) AND ($2::bigint IS NULL OR id < $2)
      ORDER BY id DESC LIMIT $3`,
    [actorCustomerId, page.after, page.limit + 1],
  );
  return rows;
}
