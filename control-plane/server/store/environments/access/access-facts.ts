/**
 * What is known of a host's sessions and attempts, and of what was ordered there that they may be of: what its words are
 * compared with. Asked in one turn, however many they are.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type {
  AccessFacts,
  KnownSession,
  OrderedLease,
  OrderedRun,
} from "../../../core/environments/access/access-belief.ts";
import type { Connection } from "../../database/database.ts";
import { idOnHosts } from "../../database/values/id-on-hosts.ts";
import { RUN_IS_OVER } from "./access-ends.ts";

export async function accessFacts(
  sql: Connection,
  { hostId, access, now }: { hostId: string; access: AccessReport; now: Date },
): Promise<AccessFacts> {
  const { sessions, attempts } = access;
  const leaseIds = [...sessions, ...attempts].map(({ leaseId }) => leaseId);
  const hourAgo = new Date(now.getTime() - MS_PER_HOUR);
  const [leases, runs, known, counted, newInHour] = await Promise.all([
    orderedLeases(sql, hostId, leaseIds),
    orderedRuns(
      sql,
      hostId,
      sessions.map(({ runId }) => runId),
    ),
    knownSessions(
      sql,
      hostId,
      sessions.map(({ sessionId }) => sessionId),
    ),
    knownAttempts(
      sql,
      hostId,
      attempts.map(({ attemptsId }) => attemptsId),
    ),
    newSince(sql, hostId, hourAgo),
  ]);
  return { leases, runs, sessions: known, attempts: counted, newInHour };
}

async function orderedLeases(
  sql: Connection,
  hostId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OrderedLease>> {
  const { rows } = await sql.query<{
    id: string;
    env_id: string;
    service_type: LeaseService;
    ordered_at: Date;
  }>(
    "SELECT id, env_id, service_type, ordered_at FROM lease_orders WHERE host_id = $1 AND id = ANY($2::text[])",
    [hostId, [...new Set(ids)]],
  );
  return new Map(
    rows.map(({ id, env_id: environmentId, service_type: service, ordered_at: orderedAt }) => [
      id,
      { environmentId, workloadId: idOnHosts(environmentId), service, orderedAt },
    ]),
  );
}

async function orderedRuns(
  sql: Connection,
  hostId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OrderedRun>> {
  const { rows } = await sql.query<OrderedRun & { id: string }>(
    `SELECT r.id, r.instance_id AS "instanceId", r.resource_id AS "environmentId", r.ordered_at AS "orderedAt",
            ${RUN_IS_OVER} AS "isOver"
       FROM runs r WHERE r.host_id = $1 AND r.id = ANY($2::text[]) AND r.resource_type = 'environment'`,
    [hostId, [...new Set(ids)]],
  );
  return new Map(rows.map(({ id, ...run }) => [id, run]));
}

async function knownSessions(
  sql: Connection,
  hostId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownSession>> {
  const { rows } = await sql.query<KnownSession & { id: string }>(
    `SELECT session_id AS id, env_id AS "environmentId", run_id AS "runId", lease_id AS "leaseId",
            opened_at AS "openedAt", bytes_in AS "bytesIn", bytes_out AS "bytesOut",
            login_method IS NOT NULL AS "hasLogin", ended_by AS "endedBy"
       FROM access_sessions WHERE host_id = $1 AND session_id = ANY($2::text[])`,
    [hostId, ids],
  );
  return new Map(rows.map(({ id, ...session }) => [id, session]));
}

async function knownAttempts(
  sql: Connection,
  hostId: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT attempts_id AS id FROM access_attempts WHERE host_id = $1 AND attempts_id = ANY($2::text[])`,
    [hostId, ids],
  );
  return new Set(rows.map(({ id }) => id));
}

async function newSince(
  sql: Connection,
  hostId: string,
  since: Date,
): Promise<{ sessions: number; attempts: number }> {
  const { rows } = await sql.query<{ sessions: number; attempts: number }>(
    `SELECT (SELECT count(*) FROM access_sessions
               WHERE host_id = $1 AND first_reported_at > $2 AND gateway_id IS NULL) AS sessions,
            (SELECT count(*) FROM access_attempts WHERE host_id = $1 AND reported_at > $2) AS attempts`,
    [hostId, since],
  );
  return rows[0] ?? { sessions: 0, attempts: 0 };
}
