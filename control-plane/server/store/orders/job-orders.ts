/**
 * What people order of training jobs: a new one, the cancellation and the deletion of one, and that one which the old
 * system had waiting is wanted here. Each is one step of a transaction that holds the job.
 */
import { WAITING_FOR_PLACE } from "../../core/queue/waiting-reasons.ts";
import { afterCancel, afterRetry, ENDED } from "../../core/training/job-status.ts";
import type { Points } from "@remotegpu/shared/values/money";
import { hourlyPrice } from "../../core/orders/prices/price-lines.ts";
import { widthOf } from "../../core/training/array.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { MIN_MEMORY } from "../../core/orders/order-check.ts";
import { neverStarts, NO_IMAGE } from "../../core/training/old-jobs.ts";
import { MAX_ATTEMPTS } from "../../core/training/retries.ts";
import type { Transaction } from "../database/database.ts";
import { fleetModels } from "../fleet/fleet.ts";
import { type EmptyFleet, emptyFleet } from "../fleet/empty-fleet.ts";
import { type JobOrderRow, lockedJob, orderOfJob, orderOfNewJob } from "../training/job-orders.ts";
import { moveJobs } from "../training/job-moves.ts";
import { insertArray, type NewArray } from "../training/job-arrays.ts";
import {
  insertJobs,
  markAgain,
  markDeleted,
  markWanted,
  type NewJob,
  type NewJobRow,
} from "../training/new-jobs.ts";
import { checkOrders } from "./checks/order-checks.ts";
import { orderImpossibilities } from "./checks/order-impossibility.ts";
import { boundToSpec } from "./checks/spec-model.ts";
import type { OrderOutcome, RefusedOrder } from "./environment-orders.ts";
import { type OrderContext, removeInstancesOf, stopInstancesOf } from "./workload-stops.ts";
import { statusPhrase, type GivenReason } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";

interface JobOrder {
  order: NewJob;
  rows: readonly NewJobRow[];
  /** The array of which the rows are the elements. */
  array: NewArray | null;
  /** The owner of its workspace. */
  payerId: number;
  /** As if nothing ran on it: what never fits it is refused. */
  fleet: EmptyFleet;
  context: OrderContext;
}

/**
 * One that is an array passes where as many of it as run at once would, one beside the other. Answers what an hour of
 * these costs at most.
 */
export async function orderJob(
  sql: Transaction,
  { order, rows, array, payerId, fleet, context }: JobOrder,
): Promise<{ done: true; hourly: Points } | RefusedOrder> {
  const { actor, now } = context;
  const bound = await boundToSpec(sql, order);
  if ("done" in bound) return bound;
  const requested = orderOfNewJob(bound, payerId);
  const [impossible] = await orderImpossibilities(sql, [{ order: requested, fleet }], now);
  if (impossible != null) return { done: false, refusal: "impossible", impossibility: impossible };
  const together = Array.from({ length: array === null ? 1 : widthOf(array.range) }, () => requested);
  let hourly: Points = 0n;
  const starts = rows.length;
  for (const check of await checkOrders(sql, together, { models: fleet.models, now, starts })) {
    if (!check.passed) return { done: false, refusal: "check", check };
    hourly += check.lines.reduce((sum, lines) => sum + hourlyPrice(lines), 0n);
  }
  if (array !== null) await insertArray(sql, array, now);
  await insertJobs(sql, { job: bound, rows }, { actor, reason: WAITING_FOR_PLACE, now });
  return { done: true, hourly };
}

/** Whoever pays must be able to, and the mounts, the image and the prices must be there, as at any order. */
export async function confirmJob(
  sql: Transaction,
  job: JobOrderRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  if (job.status !== "pending" && job.status !== "queued")
    return refused({ code: "job-not-waiting", params: { status: statusPhrase(job.status) } });
  if (job.confirmed_at !== null) return refused("job-confirmed-already");
  if (job.orderer_id === null) return refused("actor-account-gone");
  if (job.image === NO_IMAGE) return refused(neverStarts("image"));
  if (job.memory < MIN_MEMORY) return refused(neverStarts("memory"));
  const order = orderOfJob(job);
  const fleet = await emptyFleet(sql);
  const [impossible] = await orderImpossibilities(sql, [{ order, fleet }], context.now);
  if (impossible != null) return { done: false, refusal: "impossible", impossibility: impossible };
  const [check] = await checkOrders(sql, [order], { models: fleet.models, now: context.now });
  if (check?.passed === false) return { done: false, refusal: "check", check };
  await markWanted(sql, job, {
    ...context,
    reason: { code: "job-confirmed", params: { next: WAITING_FOR_PLACE } },
  });
  return { done: true, hostIds: [] };
}

/** One that has ended runs once more, with a new attempt; it must pass as at any order. */
export async function retryJob(
  sql: Transaction,
  job: JobOrderRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  const verdict = afterRetry(job.status);
  if (!verdict.legal) return refused(verdict.why);
  if (job.attempt >= MAX_ATTEMPTS)
    return refused({ code: "attempts-used-up", params: { max_attempts: MAX_ATTEMPTS } });
  if (job.orderer_id === null || job.confirmed_at === null) return refused("job-of-old-system");
  if (job.code_id !== null && job.code_sha256 === null) return refused("code-dropped");
  const models = await fleetModels(sql);
  const [check] = await checkOrders(sql, [orderOfJob(job)], { models, now: context.now });
  if (check?.passed === false) return { done: false, refusal: "check", check };
  await markAgain(sql, job, {
    ...context,
    reason: { code: "attempt-ordered", params: { attempt: job.attempt + 1, next: WAITING_FOR_PLACE } },
  });
  return { done: true, hostIds: [] };
}

export async function cancelJob(
  sql: Transaction,
  job: JobOrderRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  const verdict = cancelVerdict(job);
  return verdict.legal ? await cancelJobs(sql, [job], context) : refused(verdict.why);
}

/** Those that are not over, or being cancelled, already. One of which no host has anything is over at once. */
export async function cancelJobs(
  sql: Transaction,
  jobs: readonly JobOrderRow[],
  context: OrderContext,
): Promise<OrderOutcome> {
  const { actor, now } = context;
  const reason: Reason = context.reason ?? { code: "cancelled-by", params: { actor } };
  const how = { actor, now, reason, cancels: true };
  const cause = { by: context.by, exitCode: null };
  const moves = jobs.flatMap((job) => {
    const verdict = cancelVerdict(job);
    return verdict.legal ? [{ workload: lockedJob(job), to: verdict.status, cause, ...how }] : [];
  });
  await moveJobs(sql, moves);
  const stopping = moves.flatMap(({ to, workload }) => (to === "cancelled" ? [] : [named(workload)]));
  return { done: true, hostIds: await stopInstancesOf(sql, stopping, context) };
}

function cancelVerdict(job: JobOrderRow): ReturnType<typeof afterCancel> {
  return afterCancel(job.status, {
    isPlaced: job.placed_at !== null,
    isCancelled: job.cancel_ordered_at !== null,
  });
}

function named({ id }: { id: string }): WorkloadName {
  return { kind: "training", id };
}

export async function deleteJob(
  sql: Transaction,
  job: JobOrderRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  return await deleteJobs(sql, [job], context);
}

/** Legal in every status: one that is not over is cancelled first. Its hosts remove what they still have of it. */
export async function deleteJobs(
  sql: Transaction,
  jobs: readonly JobOrderRow[],
  context: OrderContext,
): Promise<OrderOutcome> {
  const { actor, now } = context;
  const reason: Reason = { code: "deleted-by", params: { actor } };
  const how = { actor, now, reason, to: "cancelled" as const };
  const cause = { by: context.by, exitCode: null };
  const open = jobs.filter(({ status }) => !ENDED.includes(status));
  await moveJobs(
    sql,
    open.map((job) => ({ workload: lockedJob(job), cause, ...how })),
  );
  await markDeleted(
    sql,
    jobs.map(({ id }) => id),
    now,
  );
  return { done: true, hostIds: await removeInstancesOf(sql, jobs.map(named), context) };
}

function refused(reason: GivenReason): RefusedOrder {
  return { done: false, refusal: "wrong-state", reason };
}
