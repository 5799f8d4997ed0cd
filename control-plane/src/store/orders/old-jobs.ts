/**
 * What people decide of training jobs that the old system had waiting: to have them run here, which is an order and is
 * checked as one, or not. Each is one step of a transaction that holds the job. Nothing starts jobs yet, so what is
 * confirmed waits as `pending`, and counts for no quota and no balance until it can start.
 */
import type { TrainingJobStatus } from "@remotegpu/shared/workload";
import type { Connection } from "../database/database.ts";
import { checkOrders } from "./checks/order-checks.ts";
import type { RefusedOrder } from "./environment-orders.ts";
import type { Orderer } from "./workload-stops.ts";
import { appendEvent, STATUS_EVENT } from "../events/events.ts";
import { fleetModels } from "../fleet/fleet.ts";
import { SOUND_SIZES } from "../database/old-values.ts";
import { type JobOrderRow, orderOfJob } from "../training/job-orders.ts";

const WAITS = "It waits: training jobs cannot be started here yet.";

export type JobOutcome = { done: true } | RefusedOrder;

/** Whoever pays must be able to, and the mounts, the image and the prices must be there, as at any order. */
export async function confirmJob(sql: Connection, job: JobOrderRow, orderer: Orderer): Promise<JobOutcome> {
  if (!isWaiting(job.status))
    return refused(`Only a job that waits is confirmed; this one is ${job.status}.`);
  if (job.confirmed_at !== null) return refused("The job is confirmed already.");
  if (job.orderer_id === null) return refused("The account that ordered it is no more.");
  const models = await fleetModels(sql);
  const [check] = await checkOrders(sql, [orderOfJob(job)], { models, now: orderer.now });
  if (check?.passed === false) return { done: false, refusal: "check", check };
  await move(sql, job, { to: "pending", reason: `Confirmed. ${WAITS}` }, orderer);
  return { done: true };
}

/** One that waits has no container anywhere, so it is over at once. */
export async function cancelJob(sql: Connection, job: JobOrderRow, orderer: Orderer): Promise<JobOutcome> {
  if (!isWaiting(job.status))
    return refused(`Only a job that waits is cancelled; this one is ${job.status}.`);
  await move(sql, job, { to: "cancelled", reason: `Cancelled by ${orderer.actor}.` }, orderer);
  return { done: true };
}

function isWaiting(status: TrainingJobStatus): boolean {
  return status === "pending" || status === "queued";
}

function refused(detail: string): RefusedOrder {
  return { done: false, refusal: "wrong-state", detail };
}

/** One UPDATE: a second one of a transaction checks the foreign keys, and ids of the old system may point nowhere. */
async function move(
  sql: Connection,
  job: JobOrderRow,
  { to, reason }: { to: "pending" | "cancelled"; reason: string },
  { actor, now }: Orderer,
): Promise<void> {
  await sql.query(
    `UPDATE training_jobs SET ${SOUND_SIZES}, status = $2::text, status_reason = $3, status_deadline_at = NULL,
            confirmed_at = CASE $2::text WHEN 'pending' THEN $4::timestamptz ELSE confirmed_at END,
            queued_at = CASE $2::text WHEN 'pending' THEN $4::timestamptz ELSE queued_at END,
            completed_at = CASE $2::text WHEN 'cancelled' THEN $4::timestamptz ELSE completed_at END
      WHERE id = $1`,
    [job.id, to, reason, now],
  );
  await appendEvent(sql, {
    at: now,
    kind: STATUS_EVENT,
    workloadKind: "training",
    workloadId: job.id,
    customerId: job.customer_id,
    actor,
    old: job.status,
    new: to,
    reason,
  });
}
