/**
 * Environments on their way from one status to the next: with sentence, deadline, event and messages to webhooks. Which
 * move is right is decided in core/environments/environment-status.ts.
 */
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import { type EndCause, statusMessage } from "../../core/alerts/work-messages.ts";
import { limitMs } from "../../core/environments/environment-status.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { OLD_PORTS, SOUND_ENVIRONMENT } from "../database/values/old-values.ts";
import { reasonColumns, reasonLists } from "../database/values/reason-columns.ts";
import { appendEvents, STATUS_EVENT } from "../events/events.ts";
import { NO_CAUSE, queueWorkMessages } from "../events/message-outbox.ts";
import { isOfEnvironment } from "./environment-instances.ts";
import { type EnvironmentRow, lockEnvironment } from "./environments.ts";

const HAS_INSTANCE = `EXISTS (SELECT FROM instances i WHERE ${isOfEnvironment("i", "m.id")})`;
const MOVED_PORTS = OLD_PORTS.map(
  (port) =>
    `${port} = CASE WHEN ${port} BETWEEN 1 AND 65535 AND (m.status <> 'queued' OR ${HAS_INSTANCE}) THEN ${port} END`,
).join(", ");

/** A start that its host could not carry out waits again, from where it was in the line. */
const QUEUED_AT = `CASE WHEN m.status <> 'queued'
      OR queued_at IS NOT NULL AND e.status IN ('creating', 'running', 'restarting') THEN queued_at ELSE m.at END`;

/** From which Jupyter's token in the run that begins follows (core/environments/jupyter-tokens.ts); none outlives a run. */
const JUPYTER_TOKEN = `CASE WHEN m.status IN ('creating', 'restarting') AND coalesce(e.jupyter_enabled, true)
      THEN 'r' || encode(gen_random_bytes(31), 'hex') WHEN m.status = 'running' THEN e.jupyter_token END`;

export interface StatusMove {
  environment: Pick<EnvironmentRow, "id" | "status" | "customer_id">;
  to: EnvironmentStatus;
  /** Null where there is nothing to say. */
  reason: Reason | null;
  actor: string;
  now: Date;
  /** Where it is being placed, or was. */
  hostId?: string | null;
  /** Nothing of it is left anywhere: the deletion is complete with this move. */
  isGone?: boolean;
  /** The cause of an end: who ordered it and how the container ended. */
  cause?: EndCause;
}

/** Writes the status with its sentence and deadline, an event, and messages to webhooks. The row is locked by the caller. */
export async function moveEnvironment(sql: Transaction, move: StatusMove): Promise<void> {
  await moveEnvironments(sql, [move]);
}

/** The host of an environment is declared lost, and what ran there with it. */
export async function loseHost(
  sql: Transaction,
  environmentId: string,
  { hostId, actor, now }: { hostId: string; actor: string; now: Date },
): Promise<void> {
  const environment = await lockEnvironment(sql, environmentId);
  // One that is being deleted goes on to be: nothing of it is left. One that waits for a place waits on.
  if (environment === null || environment.status === "deleting" || environment.status === "queued") return;
  const to = environment.status === "stopping" ? "stopped" : "error";
  const reason = { code: "lost-with-host", params: {} } as const;
  await moveEnvironment(sql, { environment, to, reason, actor, now, hostId });
}

/**
 * The same of several, each at most once. All of it is one UPDATE: a second one in a transaction checks the foreign
 * keys, and ids of the old system may point nowhere. From its first start on they do not, and what only the old system
 * knew (ports, pod) is gone.
 */
export async function moveEnvironments(sql: Transaction, moves: readonly StatusMove[]): Promise<void> {
  if (moves.length === 0) return;
  const [, eventIds] = await Promise.all([writeStatuses(sql, moves), appendStatusEvents(sql, moves)]);
  await queueWorkMessages(
    sql,
    moves.flatMap(({ environment, to, reason, now, cause = NO_CAUSE }, nth) => {
      const message = statusMessage(to, reason && inEnglish(reason), cause);
      return message === null
        ? []
        : [
            {
              workload: { kind: "environment", id: environment.id },
              eventId: eventIds[nth] ?? 0,
              at: now,
              message,
            },
          ];
    }),
  );
}

async function writeStatuses(sql: Transaction, moves: readonly StatusMove[]): Promise<void> {
  const { texts, codes, params } = reasonLists(moves.map(({ reason }) => reason));
  await sql.change(
    `UPDATE environments e SET ${SOUND_ENVIRONMENT}, status = m.status, status_reason = m.reason,
            status_reason_code = m.reason_code, status_reason_params = m.reason_params,
            status_deadline_at = m.deadline, ${MOVED_PORTS},
            started_at = CASE WHEN m.status = 'running' THEN m.at ELSE started_at END,
            queued_at = ${QUEUED_AT}, jupyter_token = ${JUPYTER_TOKEN},
            stopped_at = CASE WHEN m.status IN ('stopped', 'error') THEN m.at ELSE stopped_at END,
            deleted_at = CASE WHEN m.gone THEN m.at ELSE deleted_at END,
            workspace_id = CASE WHEN m.status NOT IN ('queued', 'creating')
              OR EXISTS (SELECT FROM workspaces w WHERE w.id = workspace_id) THEN workspace_id END,
            host_id = CASE m.status WHEN 'queued' THEN NULL WHEN 'creating' THEN m.host ELSE host_id END,
            pod_name = CASE m.status WHEN 'queued' THEN NULL ELSE pod_name END,
            container_id = CASE WHEN m.status IN ('queued', 'stopped', 'error') THEN NULL ELSE container_id END
       FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::boolean[],
                   $8::text[], $9::jsonb[])
              AS m(id, status, reason, deadline, at, host, gone, reason_code, reason_params)
      WHERE e.id = m.id`,
    [
      moves.map(({ environment }) => environment.id),
      moves.map(({ to }) => to),
      texts,
      moves.map(deadlineOf),
      moves.map(({ now }) => now),
      moves.map(({ hostId }) => hostId ?? null),
      moves.map(({ isGone }) => isGone ?? false),
      codes,
      params,
    ],
  );
}

async function appendStatusEvents(sql: Transaction, moves: readonly StatusMove[]): Promise<number[]> {
  return await appendEvents(
    sql,
    moves.map(({ environment, to, reason, actor, now, hostId }) => ({
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "environment",
      workloadId: environment.id,
      customerId: environment.customer_id,
      ...(hostId === undefined || hostId === null ? {} : { hostId }),
      actor,
      old: environment.status,
      new: to,
      reason,
    })),
  );
}

function deadlineOf({ to, now, isGone }: StatusMove): Date | null {
  const limit = limitMs(to);
  return limit === null || isGone === true ? null : new Date(now.getTime() + limit);
}

/** Another reason while the status is still that one; no event, since it may change every few seconds. */
export async function explainEnvironment(
  sql: Connection,
  { id, status, reason }: { id: string; status: EnvironmentStatus; reason: Reason | null },
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `UPDATE environments SET status_reason = $3, status_reason_code = $4, status_reason_params = $5
      WHERE id = $1 AND status = $2 AND (status_reason, status_reason_code) IS DISTINCT FROM ($3, $4)`,
    [id, status, text, code, params],
  );
}

/** New reasons of those that still wait; in the order of their ids, so that two who write many never wait in a circle. */
export async function explainWaiting(
  sql: Transaction,
  reported: readonly { id: string; reason: Reason }[],
): Promise<void> {
  const { texts, codes, params } = reasonLists(reported.map(({ reason }) => reason));
  await sql.change(
    `WITH held AS (
       SELECT e.id, s.reason, s.code, s.params
         FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) AS s(id, reason, code, params)
         JOIN environments e ON e.id = s.id
        WHERE e.status = 'queued' AND (e.status_reason, e.status_reason_code) IS DISTINCT FROM (s.reason, s.code)
        ORDER BY e.id FOR NO KEY UPDATE OF e)
     UPDATE environments e SET status_reason = held.reason, status_reason_code = held.code,
            status_reason_params = held.params
       FROM held WHERE e.id = held.id`,
    [reported.map(({ id }) => id), texts, codes, params],
  );
}
