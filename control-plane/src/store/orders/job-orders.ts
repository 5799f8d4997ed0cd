/**
 * What people order of training jobs: a new one, the cancellation and the deletion of one, and that one which the old
 * system had waiting is wanted here. Each is one step of a transaction that holds the job.
 */
import { afterCancel, afterRetry, ENDED } from "../../core/training/job-status.ts";
import { MAX_ATTEMPTS } from "../../core/training/retries.ts";
import type { Transaction } from "../database/database.ts";
import { fleetModels } from "../fleet/fleet.ts";
import type { EmptyFleet } from "../fleet/empty-fleet.ts";
import { type JobOrderRow, lockedJob, orderOfJob, orderOfNewJob } from "../training/job-orders.ts";
import { moveJobs } from "../training/job-moves.ts";
import { insertJob, markAgain, markDeleted, markWanted, type NewJob } from "../training/new-jobs.ts";
import { checkOrders } from "./checks/order-checks.ts";
import { orderImpossibilities } from "./checks/order-impossibility.ts";
import { boundToSpec } from "./checks/spec-model.ts";
import type { OrderOutcome, RefusedOrder } from "./environment-orders.ts";
import { type Orderer, removeInstances, stopInstances } from "./workload-stops.ts";

const WAITS = "Waiting for a place.";

interface JobOrder {
  order: NewJob;
  /** The owner of its workspace. */
  payerId: number;
  /** As if nothing ran on it: what never fits it is refused. */
  fleet: EmptyFleet;
  orderer: Orderer;
}

export async function orderJob(
  sql: Transaction,
  { order, payerId, fleet, orderer }: JobOrder,
): Promise<{ done: true; id: string } | RefusedOrder> {
  const { actor, now } = orderer;
  const bound = await boundToSpec(sql, order);
  if ("done" in bound) return bound;
  const asked = orderOfNewJob(bound, payerId);
  const [impossible] = await orderImpossibilities(sql, [{ order: asked, fleet }], now);
  if (impossible != null) return { done: false, refusal: "impossible", impossibility: impossible };
  const [check] = await checkOrders(sql, [asked], { models: fleet.models, now });
  if (check?.passed === false) return { done: false, refusal: "check", check };
  await insertJob(sql, bound, { actor, reason: WAITS, now });
  return { done: true, id: order.id };
}

/** Whoever pays must be able to, and the mounts, the image and the prices must be there, as at any order. */
export async function confirmJob(
  sql: Transaction,
  job: JobOrderRow,
  orderer: Orderer,
): Promise<OrderOutcome> {
  if (job.status !== "pending" && job.status !== "queued")
    return refused(`Only a job that waits is confirmed; this one is ${job.status}.`);
  if (job.confirmed_at !== null) return refused("The job is confirmed already.");
  if (job.orderer_id === null) return refused("The account that ordered it is no more.");
  const models = await fleetModels(sql);
  const [check] = await checkOrders(sql, [orderOfJob(job)], { models, now: orderer.now });
  if (check?.passed === false) return { done: false, refusal: "check", check };
  await markWanted(sql, job, { ...orderer, reason: `Confirmed. ${WAITS}` });
  return { done: true, hostIds: [] };
}

/** One that has ended runs once more, with a new attempt; it must pass as at any order. */
export async function retryJob(sql: Transaction, job: JobOrderRow, orderer: Orderer): Promise<OrderOutcome> {
  const verdict = afterRetry(job.status);
  if (!verdict.legal) return refused(verdict.why);
  if (job.attempt >= MAX_ATTEMPTS) return refused(`It has had its ${MAX_ATTEMPTS} attempts; order it again.`);
  if (job.orderer_id === null || job.confirmed_at === null)
    return refused("The job was ordered in the old system; order it again.");
  const models = await fleetModels(sql);
  const [check] = await checkOrders(sql, [orderOfJob(job)], { models, now: orderer.now });
  if (check?.passed === false) return { done: false, refusal: "check", check };
  await markAgain(sql, job, { ...orderer, reason: `Attempt ${job.attempt + 1} was ordered. ${WAITS}` });
  return { done: true, hostIds: [] };
}

/** One of which no host has anything is over at once. */
export async function cancelJob(sql: Transaction, job: JobOrderRow, orderer: Orderer): Promise<OrderOutcome> {
  const verdict = afterCancel(job.status, {
    isPlaced: job.placed_at !== null,
    isCancelled: job.cancel_ordered_at !== null,
  });
  if (!verdict.legal) return refused(verdict.why);
  const { actor, now } = orderer;
  const reason = orderer.reason ?? `Cancelled by ${actor}.`;
  const workload = lockedJob(job);
  const cause = { by: orderer.by, exitCode: null };
  await moveJobs(sql, [{ workload, to: verdict.status, reason, actor, now, cause, cancels: true }]);
  if (verdict.status === "cancelled") return { done: true, hostIds: [] };
  return { done: true, hostIds: await stopInstances(sql, { kind: "training", id: job.id }, orderer) };
}

/** Legal in every status: one that is not over is cancelled first. Its hosts remove what they still have of it. */
export async function deleteJob(sql: Transaction, job: JobOrderRow, orderer: Orderer): Promise<OrderOutcome> {
  const { actor, now } = orderer;
  if (!ENDED.includes(job.status)) {
    const reason = `Deleted by ${actor}.`;
    const cause = { by: orderer.by, exitCode: null };
    await moveJobs(sql, [{ workload: lockedJob(job), to: "cancelled", reason, actor, now, cause }]);
  }
  await markDeleted(sql, job.id, now);
  return { done: true, hostIds: await removeInstances(sql, { kind: "training", id: job.id }, orderer) };
}

function refused(detail: string): RefusedOrder {
  return { done: false, refusal: "wrong-state", detail };
}
