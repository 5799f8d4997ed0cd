/**
 * Takes what a host tells of who is in its environments into the access log, by as few statements however many there
 * are. What cannot be true changes nothing and is shown to the operators (core/environments/access/access-belief.ts).
 */
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";
import {
  type BelievedAttempts,
  type BelievedSession,
  believeAccess,
} from "../../../core/environments/access/access-belief.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { clearAlarm, raiseAlarmOnce } from "../../events/alarms.ts";
import { endSessionsOfEndedRuns, endUntold } from "./access-ends.ts";
import { accessFacts } from "./access-facts.ts";
import { keepNewest } from "./access-log.ts";
import { keyOwners } from "./key-owners.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

/** An alarm names so many and counts the rest. */
const MAX_NAMED = 5;

export interface AccessMerge {
  hostId: string;
  access: AccessReport;
  now: Date;
}

/**
 * Once the report's ends of runs are noted; null: the host tells nothing of access this time. Its row is locked by the
 * caller, so nobody else writes of its sessions but who orders a cut.
 */
export async function takeAccess(
  sql: Transaction,
  { hostId, access, now }: Omit<AccessMerge, "access"> & { access: AccessReport | null },
): Promise<void> {
  if (access !== null) await mergeAccess(sql, { hostId, access, now });
  await endSessionsOfEndedRuns(sql, { hostId, now });
}

async function mergeAccess(sql: Transaction, merge: AccessMerge): Promise<void> {
  const { hostId, access, now } = merge;
  const belief = believeAccess(access, await accessFacts(sql, merge), now);
  const reported = access.sessions.map(({ sessionId }) => sessionId);
  await Promise.all([
    putSessions(sql, merge, belief.sessions),
    putAttempts(sql, merge, belief.attempts),
    access.isWhole && endUntold(sql, { hostId, reported, now }),
    notifyOperators(sql, merge, belief.disbelieved),
  ]);
  const begun = [...belief.sessions.filter(({ isNew }) => isNew), ...belief.attempts];
  await keepNewest(
    sql,
    begun.map(({ environmentId }) => environmentId),
  );
}

async function putSessions(
  sql: Connection,
  { hostId, now }: AccessMerge,
  sessions: readonly BelievedSession[],
): Promise<void> {
  if (sessions.length === 0) return;
  const ownerOf = await keyOwners(
    sql,
    sessions.flatMap(({ environmentId, login }) =>
      login?.fingerprint == null ? [] : [{ environmentId, fingerprint: login.fingerprint }],
    ),
  );
  const rows = sessions.map(({ login, ended, ...session }) => {
    const { environmentId } = session;
    const fingerprint = login?.fingerprint ?? null;
    const owner = fingerprint === null ? null : ownerOf({ environmentId, fingerprint });
    return {
      ...session,
      method: login?.method ?? null,
      loginAt: login?.at ?? null,
      fingerprint,
      customerId: owner?.customerId ?? null,
      keyName: owner?.name ?? null,
      ticketId: owner?.ticketId ?? null,
      endedAt: ended?.at ?? null,
      endedBy: ended?.by ?? null,
      detail: ended?.detail ?? "",
    };
  });
  await sql.change(
    `INSERT INTO access_sessions AS s (host_id, session_id, env_id, instance_id, run_id, lease_id, service_type,
            client_address, opened_at, bytes_in, bytes_out, login_method, login_at, key_fingerprint, key_customer_id,
            key_name, key_ticket_id, first_reported_at, reported_at, ended_at, ended_by, end_detail)
     SELECT $1, "sessionId", "environmentId", "instanceId", "runId", "leaseId", service, "from", "openedAt", "bytesIn",
            "bytesOut", method, "loginAt", fingerprint, "customerId", "keyName", "ticketId", $3, $3, "endedAt", "endedBy",
            detail
       FROM jsonb_to_recordset($2::jsonb) AS t("sessionId" text, "environmentId" text, "instanceId" text, "runId" text,
              "leaseId" text, service text, "from" text, "openedAt" timestamptz, "bytesIn" bigint, "bytesOut" bigint,
              method text, "loginAt" timestamptz, fingerprint text, "customerId" bigint, "keyName" text,
              "ticketId" bigint, "endedAt" timestamptz, "endedBy" text, detail text)
     ON CONFLICT (host_id, session_id) DO UPDATE SET bytes_in = excluded.bytes_in, bytes_out = excluded.bytes_out,
            login_method = coalesce(s.login_method, excluded.login_method),
            login_at = coalesce(s.login_at, excluded.login_at),
            key_fingerprint = coalesce(s.key_fingerprint, excluded.key_fingerprint),
            key_customer_id = coalesce(s.key_customer_id, excluded.key_customer_id),
            key_name = coalesce(s.key_name, excluded.key_name),
            key_ticket_id = coalesce(s.key_ticket_id, excluded.key_ticket_id),
            reported_at = excluded.reported_at, ended_at = excluded.ended_at, ended_by = excluded.ended_by,
            end_detail = excluded.end_detail`,
    [hostId, JSON.stringify(rows), now],
  );
}

async function putAttempts(
  sql: Connection,
  { hostId, now }: AccessMerge,
  attempts: readonly BelievedAttempts[],
): Promise<void> {
  if (attempts.length === 0) return;
  await sql.change(
    `INSERT INTO access_attempts (id, host_id, attempts_id, env_id, lease_id, service_type, client_address, outcome,
            attempts, first_at, last_at, reported_at)
     SELECT nextval(pg_get_serial_sequence('access_sessions', 'id')), $1, "attemptsId", "environmentId", "leaseId",
            service, "from", outcome, count, "firstAt", "lastAt", $3
       FROM jsonb_to_recordset($2::jsonb) AS t("attemptsId" text, "environmentId" text, "leaseId" text, service text,
              "from" text, outcome text, count bigint, "firstAt" timestamptz, "lastAt" timestamptz)
     ON CONFLICT (host_id, attempts_id) DO NOTHING`,
    [hostId, JSON.stringify(attempts), now],
  );
}

/** One alarm for a host, however much it claims; cleared when a whole book is sound again. */
async function notifyOperators(
  sql: Transaction,
  { hostId, now }: AccessMerge,
  claims: readonly string[],
): Promise<void> {
  const kind = "access-disbelieved";
  if (claims.length === 0) return await clearAlarm(sql, { kind, subject: hostId, now });
  const more = claims.length > MAX_NAMED ? ` and ${claims.length - MAX_NAMED} more` : "";
  const params = { host_id: hostId, claims: `${claims.slice(0, MAX_NAMED).join("; ")}${more}` };
  const reason: Reason = { code: "host-claims-disbelieved", params };
  await raiseAlarmOnce(sql, { kind, subject: hostId, reason, now });
}
