/** Training jobs on their way from one status to the next: with sentence, deadline and event. */
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { jobMessage } from "../../core/alerts/job-messages.ts";
import { GANG_PLACED_LIMIT_MS, limitMs, PLACED_LIMIT_MS } from "../../core/training/job-status.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { PlacedStart } from "../../core/workloads/placeable-start.ts";
import type { Explanation, WorkloadMove } from "../../core/workloads/workload-move.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { limitSeconds, stopSeconds } from "../database/values/limit-seconds.ts";
import { reasonColumns, reasonLists } from "../database/values/reason-columns.ts";
import { SOUND_SIZES } from "../database/values/old-values.ts";
import { appendEvents, type NewEvent, STATUS_EVENT } from "../events/events.ts";
import { NO_CAUSE, queueWorkMessages } from "../events/message-outbox.ts";

/**
 * A running one lasts as long as its own limit allows, a stop its grace and a little more, and one that waits again has no
 * places any more.
 */
export async function moveJobs(
  sql: Transaction,
  moves: readonly WorkloadMove<TrainingJobStatus>[],
): Promise<void> {
  if (moves.length === 0) return;
  const { texts, codes, params } = reasonLists(moves.map(({ reason }) => reason));
  await sql.change(
    `UPDATE training_jobs j SET ${SOUND_SIZES}, status = m.status, status_reason = m.reason,
            status_reason_code = m.reason_code, status_reason_params = m.reason_params,
            status_deadline_at = CASE WHEN m.status = 'running' THEN m.at + make_interval(secs => ${limitSeconds("j")})
              WHEN m.status = 'stopping' THEN m.at + make_interval(secs => ${stopSeconds("j")}) ELSE m.deadline END,
            cancel_ordered_at = CASE WHEN m.cancels THEN coalesce(j.cancel_ordered_at, m.at) ELSE j.cancel_ordered_at END,
            attempt = coalesce(m.attempt, j.attempt),
            infrastructure_retries = coalesce(m.infrastructure_retries, j.infrastructure_retries),
            program_retries = coalesce(m.program_retries, j.program_retries),
            placed_at = CASE WHEN m.status IN ('pending', 'queued') THEN NULL ELSE j.placed_at END,
            started_at = CASE WHEN m.status = 'running' THEN m.at ELSE j.started_at END,
            completed_at = CASE WHEN m.status IN ('completed', 'failed', 'cancelled') THEN m.at ELSE j.completed_at END
       FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::int[], $8::int[],
                   $9::boolean[], $10::text[], $11::jsonb[])
              AS m(id, status, reason, deadline, at, attempt, infrastructure_retries, program_retries, cancels,
                   reason_code, reason_params)
      WHERE j.id = m.id`,
    [
      moves.map(({ workload }) => workload.id),
      moves.map(({ to }) => to),
      texts,
      moves.map(({ to, now, limitMs: own }) => {
        const limit = own ?? limitMs(to);
        return limit === null ? null : new Date(now.getTime() + limit);
      }),
      moves.map(({ now }) => now),
      moves.map(({ tries }) => tries?.attempt ?? null),
      moves.map(({ tries }) => tries?.infrastructureRetries ?? null),
      moves.map(({ tries }) => tries?.programRetries ?? null),
      moves.map(({ cancels }) => cancels ?? false),
      codes,
      params,
    ],
  );
  const eventIds = await appendEvents(
    sql,
    moves.map(({ workload, to, reason, actor, now, hostId }) => ({
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "training" as const,
      workloadId: workload.id,
      customerId: workload.customerId,
      ...(hostId === undefined || hostId === null ? {} : { hostId }),
      actor,
      old: workload.status,
      new: to,
      reason,
    })),
  );
  await queueWorkMessages(
    sql,
    moves.flatMap(({ workload, to, reason, now, cause = NO_CAUSE, tries }, nth) => {
      const attempt = workload.retry?.tries.attempt ?? 1;
      const message = jobMessage({
        to,
        reason: reason && inEnglish(reason),
        cause,
        attempt,
        nextAttempt: tries?.attempt ?? null,
      });
      if (message === null) return [];
      return [
        {
          workload: { kind: "training", id: workload.id },
          eventId: eventIds[nth] ?? 0,
          at: now,
          message,
        },
      ];
    }),
  );
}

/** They wait on for their hosts, out of the line and free of charge, until every rank runs. */
export async function notePlacedJobs(sql: Connection, placed: readonly PlacedStart[]): Promise<void> {
  if (placed.length === 0) return;
  const { texts, codes, params } = reasonLists(placed.map(placedReason));
  await sql.change(
    `UPDATE training_jobs j SET ${SOUND_SIZES}, placed_at = p.at, status_reason = p.reason,
            status_reason_code = p.reason_code, status_reason_params = p.reason_params, status_deadline_at = p.deadline
       FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::jsonb[])
              AS p(id, reason, at, deadline, reason_code, reason_params)
      WHERE j.id = p.id`,
    [
      placed.map(({ placeable }) => placeable.start.id),
      texts,
      placed.map(({ now }) => now),
      placed.map(({ now, hosts }) => {
        const limit = hosts.length === 1 ? PLACED_LIMIT_MS : GANG_PLACED_LIMIT_MS;
        return new Date(now.getTime() + limit);
      }),
      codes,
      params,
    ],
  );
  await appendEvents(sql, placed.map(placedEvent));
}

function placedEvent(placed: PlacedStart): NewEvent {
  const { start, order } = placed.placeable;
  return {
    at: placed.now,
    kind: STATUS_EVENT,
    workloadKind: "training",
    workloadId: start.id,
    customerId: order.customerId,
    actor: "control-plane",
    old: "queued",
    new: "queued",
    reason: placedReason(placed),
  };
}

function placedReason({ hosts }: PlacedStart): Reason {
  const names = [...new Set(hosts.map(({ name }) => name))];
  const [only] = names;
  return only !== undefined && names.length === 1
    ? { code: "job-placed", params: { host_name: only } }
    : {
        code: "job-placed-on-hosts",
        params: { host_count: names.length, hosts: { names, more: 0 } },
      };
}

/** A placed one that says nothing of its own keeps the sentence that says where. */
export async function explainJob(
  sql: Connection,
  { id, status, reason }: Explanation<TrainingJobStatus>,
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `UPDATE training_jobs SET status_reason = $3, status_reason_code = $4, status_reason_params = $5
      WHERE id = $1 AND status = $2 AND (status_reason, status_reason_code) IS DISTINCT FROM ($3, $4)
        AND ($3::text IS NOT NULL OR status <> 'queued')`,
    [id, status, text, code, params],
  );
}

export async function explainWaitingJobs(
  sql: Transaction,
  reported: readonly { id: string; reason: Reason }[],
): Promise<void> {
  const { texts, codes, params } = reasonLists(reported.map(({ reason }) => reason));
  await sql.change(
    `WITH held AS (
       SELECT j.id, s.reason, s.code, s.params
         FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) AS s(id, reason, code, params)
         JOIN training_jobs j ON j.id = s.id
        WHERE j.status = 'queued' AND j.placed_at IS NULL
          AND (j.status_reason, j.status_reason_code) IS DISTINCT FROM (s.reason, s.code)
        ORDER BY j.id FOR NO KEY UPDATE OF j)
     UPDATE training_jobs j SET ${SOUND_SIZES}, status_reason = held.reason, status_reason_code = held.code,
            status_reason_params = held.params
       FROM held WHERE j.id = held.id`,
    [reported.map(({ id }) => id), texts, codes, params],
  );
}
