/** Terminals in the browser among the sessions of environments, written by the gateway that serves them. */
import type { SessionEnd } from "../../../core/environments/access/access-belief.ts";
import type { Connection } from "../../database/database.ts";
import { keepNewest } from "./access-log.ts";

export interface TerminalSessionRow {
  /** Unguessable, by which the gateway knows it. */
  sessionId: string;
  environmentId: string;
  instanceId: string;
  placementEpoch: number;
  /** The address of who came. */
  from: string;
  customerId: number;
  /** The key of the API by whose right it is open. */
  keyId: number;
  openedAt: Date;
  /** The bytes of what is typed and drawn. */
  bytesIn: number;
  bytesOut: number;
  ended: { at: Date; by: SessionEnd; detail: string } | null;
}

/** As they are now, told before or not. Of a placement that is none any more nothing is written. */
export async function putTerminalSessions(
  sql: Connection,
  { gatewayId, sessions, now }: { gatewayId: string; sessions: readonly TerminalSessionRow[]; now: Date },
): Promise<void> {
  if (sessions.length === 0) return;
  const rows = sessions.map(({ ended, ...session }) => ({
    ...session,
    endedAt: ended?.at ?? null,
    endedBy: ended?.by ?? null,
    detail: ended?.detail ?? "",
  }));
  await sql.change(
    `INSERT INTO access_sessions (host_id, session_id, env_id, instance_id, run_id, gateway_id, service_type,
            client_address, opened_at, bytes_in, bytes_out, login_method, login_at, key_customer_id, key_name,
            first_reported_at, reported_at, ended_at, ended_by, end_detail)
     SELECT p.host_id, t."sessionId", e.id, p.instance_id, p.run_id, $1, 'terminal', t."from", t."openedAt", t."bytesIn",
            t."bytesOut", 'browser', t."openedAt", t."customerId", k.name, $3, $3, CASE WHEN t."endedAt" IS NOT NULL THEN greatest(t."endedAt", t."openedAt") END,
            t."endedBy", t.detail
       FROM jsonb_to_recordset($2::jsonb) AS t("sessionId" text, "environmentId" text, "instanceId" text,
              "placementEpoch" int, "from" text, "customerId" bigint, "keyId" bigint, "openedAt" timestamptz,
              "bytesIn" bigint, "bytesOut" bigint, "endedAt" timestamptz, "endedBy" text, detail text)
       JOIN environments e ON e.id = t."environmentId"
       JOIN placements p ON p.instance_id = t."instanceId" AND p.epoch = t."placementEpoch" AND p.run_id IS NOT NULL
       LEFT JOIN api_keys k ON k.id = t."keyId"
     ON CONFLICT (host_id, session_id) DO UPDATE SET bytes_in = excluded.bytes_in, bytes_out = excluded.bytes_out,
            reported_at = excluded.reported_at, ended_at = excluded.ended_at, ended_by = excluded.ended_by,
            end_detail = excluded.end_detail`,
    [gatewayId, JSON.stringify(rows), now],
  );
  await keepNewest(
    sql,
    sessions.map(({ environmentId }) => environmentId),
  );
}

/** Those of this gateway that are to end, with the reason. */
export async function cutTerminals(
  sql: Connection,
  gatewayId: string,
): Promise<{ sessionId: string; because: string }[]> {
  const { rows } = await sql.query<{ sessionId: string; because: string }>(
    `SELECT session_id AS "sessionId", cut_reason AS because FROM access_sessions
      WHERE gateway_id = $1 AND ended_at IS NULL AND cut_at IS NOT NULL`,
    [gatewayId],
  );
  return rows;
}
