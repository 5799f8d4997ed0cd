/** Training jobs on their way from one status to the next: with sentence, deadline and event. */
import type { TrainingJobStatus } from "@remotegpu/shared/workload";
import { jobMessage } from "../../core/alerts/job-messages.ts";
import { GANG_PLACED_LIMIT_MS, limitMs, PLACED_LIMIT_MS } from "../../core/training/job-status.ts";
import type { PlacedStart } from "../../core/workloads/placeable-start.ts";
import type { Explanation, WorkloadMove } from "../../core/workloads/workload-move.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { limitSeconds, stopSeconds } from "../database/values/limit-seconds.ts";
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
  await sql.query(
    `UPDATE training_jobs j SET ${SOUND_SIZES}, status = m.status, status_reason = m.reason,
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
                   $9::boolean[])
              AS m(id, status, reason, deadline, at, attempt, infrastructure_retries, program_retries, cancels)
      WHERE j.id = m.id`,
    [
      moves.map(({ workload }) => workload.id),
      moves.map(({ to }) => to),
      moves.map(({ reason }) => reason),
      moves.map(({ to, now, limitMs: own }) => {
        const limit = own ?? limitMs(to);
        return limit === null ? null : new Date(now.getTime() + limit);
      }),
      moves.map(({ now }) => now),
      moves.map(({ tries }) => tries?.attempt ?? null),
      moves.map(({ tries }) => tries?.infrastructureRetries ?? null),
      moves.map(({ tries }) => tries?.programRetries ?? null),
      moves.map(({ cancels }) => cancels ?? false),
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
      const message = jobMessage({ to, reason, cause, attempt, nextAttempt: tries?.attempt ?? null });
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
  await sql.query(
    `UPDATE training_jobs j SET ${SOUND_SIZES}, placed_at = p.at, status_reason = p.reason,
            status_deadline_at = p.deadline
       FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS p(id, reason, at, deadline)
      WHERE j.id = p.id`,
    [
      placed.map(({ placeable }) => placeable.start.id),
      placed.map(placedSentence),
      placed.map(({ now }) => now),
      placed.map(({ now, hosts }) => {
        const limit = hosts.length === 1 ? PLACED_LIMIT_MS : GANG_PLACED_LIMIT_MS;
        return new Date(now.getTime() + limit);
      }),
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
    reason: placedSentence(placed),
  };
}

function placedSentence({ hosts }: PlacedStart): string {
  const names = [...new Set(hosts.map(({ name }) => name))];
  return names.length === 1
    ? `Placed on host ${names.join()}, free of charge until it runs.`
    : `Placed on ${names.length} hosts, free of charge until all ranks run: ${names.join(", ")}.`;
}

/** A placed one that says nothing of its own keeps the sentence that says where. */
export async function explainJob(
  sql: Connection,
  { id, status, reason }: Explanation<TrainingJobStatus>,
): Promise<void> {
  await sql.query(
    `UPDATE training_jobs SET status_reason = $3
      WHERE id = $1 AND status = $2 AND status_reason IS DISTINCT FROM $3
        AND ($3::text IS NOT NULL OR status <> 'queued')`,
    [id, status, reason],
  );
}

export async function explainWaitingJobs(
  sql: Transaction,
  reported: readonly { id: string; reason: string }[],
): Promise<void> {
  await sql.query(
    `WITH held AS (
       SELECT j.id, s.reason FROM unnest($1::text[], $2::text[]) AS s(id, reason) JOIN training_jobs j ON j.id = s.id
        WHERE j.status = 'queued' AND j.placed_at IS NULL AND j.status_reason IS DISTINCT FROM s.reason
        ORDER BY j.id FOR NO KEY UPDATE OF j)
     UPDATE training_jobs j SET ${SOUND_SIZES}, status_reason = held.reason FROM held WHERE j.id = held.id`,
    [reported.map(({ id }) => id), reported.map(({ reason }) => reason)],
  );
}
