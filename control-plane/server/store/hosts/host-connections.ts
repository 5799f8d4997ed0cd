/** Which hosts have fallen silent, and writing down what that makes of their connection. */
import type { HostConnection } from "@remotegpu/shared/values/workload";
import type { HostStatus } from "../../core/hosts/host-liveness.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import type { Connection } from "../database/database.ts";
import { appendEvent } from "../events/events.ts";

export interface SilentHost {
  id: string;
  connection: HostConnection;
  cordoned: boolean;
  last_heartbeat: Date;
}

/** Hosts not heard since `since` and not yet unreachable. */
export async function silentHosts(sql: Connection, since: Date): Promise<SilentHost[]> {
  const { rows } = await sql.query<SilentHost>(
    `SELECT id, connection, cordoned, last_heartbeat FROM hosts
      WHERE deleted_at IS NULL AND connection IN ('connected', 'suspect') AND last_heartbeat <= $1 ORDER BY id`,
    [since],
  );
  return rows;
}

/** False when the host was heard meanwhile. */
export async function noteSilence(
  sql: Connection,
  { host, to, status, now }: { host: SilentHost; to: HostConnection; status: HostStatus; now: Date },
): Promise<boolean> {
  const since = host.last_heartbeat.toISOString();
  const reason: Reason = { code: "host-silent-since", params: { since } };
  const { text, code, params } = reasonColumns(reason);
  const { rowCount } = await sql.change(
    `UPDATE hosts SET connection = $3, status = $4, status_reason = $5, status_reason_code = $6, status_reason_params = $7
      WHERE id = $1 AND last_heartbeat = $2`,
    [host.id, host.last_heartbeat, to, status, text, code, params],
  );
  if (rowCount === 1)
    await appendEvent(sql, {
      at: now,
      kind: "host-connection",
      hostId: host.id,
      actor: "control-plane",
      old: host.connection,
      new: to,
      reason,
    });
  return rowCount === 1;
}
