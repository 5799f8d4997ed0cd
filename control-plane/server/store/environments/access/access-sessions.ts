/** Sessions in environments as their people see them, and their end by order: a cut, of which the host is told until it is done. */
import type { HostId } from "@remotegpu/shared/values/ids";
import { type Cut, MAX_CUTS } from "@remotegpu/shared/instance/ssh-access";
import type { SessionEnd } from "../../../core/environments/access/access-belief.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import type { LoginColumns, SessionService } from "./access-log.ts";

export interface AccessSessionRow extends LoginColumns {
  id: number;
  host_id: string;
  service_type: SessionService;
  client_address: string;
  opened_at: Date;
  bytes_in: number;
  bytes_out: number;
  reported_at: Date;
  ended_at: Date | null;
  ended_by: SessionEnd | null;
  end_detail: string;
  cut_at: Date | null;
}

const SELECT = `SELECT s.id, s.host_id, s.service_type, s.client_address, s.opened_at, s.bytes_in, s.bytes_out,
    s.login_method, s.login_at, s.key_fingerprint, s.key_customer_id, c.username AS key_username, s.key_name,
    s.key_ticket_id, s.reported_at, s.ended_at, s.ended_by, s.end_detail, s.cut_at
  FROM access_sessions s LEFT JOIN customers c ON c.id = s.key_customer_id`;

/** Newest first; fetches one row more than the limit. */
export async function openSessions(
  sql: Connection,
  environmentId: string,
  page: { limit: number; after: number | null },
): Promise<AccessSessionRow[]> {
  const { rows } = await sql.query<AccessSessionRow>(
    `${SELECT} WHERE s.env_id = $1 AND s.ended_at IS NULL AND ($2::bigint IS NULL OR s.id < $2)
      ORDER BY s.id DESC LIMIT $3`,
    [environmentId, page.after, page.limit + 1],
  );
  return rows;
}

export async function sessionOf(
  sql: Connection,
  { environmentId, id }: { environmentId: string; id: number },
): Promise<AccessSessionRow | null> {
  const { rows } = await sql.query<AccessSessionRow>(`${SELECT} WHERE s.env_id = $1 AND s.id = $2`, [
    environmentId,
    id,
  ]);
  return rows[0] ?? null;
}

/**
 * Null where it has ended, or is to end already. `tells`: the host that is to end it, whose generation the caller raises;
 * null where a gateway does, which looks by itself.
 */
export async function orderCut(
  sql: Transaction,
  {
    environmentId,
    id,
    actor,
    reason,
    now,
  }: { environmentId: string; id: number; actor: string; reason: string; now: Date },
): Promise<{ hostId: HostId; reports: HostId | null } | null> {
  const { rows } = await sql.change<{ host_id: HostId; is_gateways: boolean }>(
    `UPDATE access_sessions SET cut_at = $5, cut_by = $3, cut_reason = $4
      WHERE env_id = $1 AND id = $2 AND ended_at IS NULL AND cut_at IS NULL
      RETURNING host_id, gateway_id IS NOT NULL AS is_gateways`,
    [environmentId, id, actor, reason, now],
  );
  const [row] = rows;
  return row === undefined ? null : { hostId: row.host_id, reports: row.is_gateways ? null : row.host_id };
}

/** What the host is told, in a fixed order; of more than it can be told the later ones wait for these. */
export async function desiredCuts(sql: Connection, hostId: string): Promise<Cut[]> {
  const { rows } = await sql.query<Cut>(
    `SELECT session_id AS "sessionId", cut_reason AS because FROM access_sessions
      WHERE host_id = $1 AND gateway_id IS NULL AND ended_at IS NULL AND cut_at IS NOT NULL ORDER BY cut_at, id LIMIT $2`,
    [hostId, MAX_CUTS],
  );
  return rows;
}
