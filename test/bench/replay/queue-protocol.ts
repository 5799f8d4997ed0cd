/**
 * The published protocol under which schedulers of batch jobs are compared (RLScheduler, SC'20), on the product's own
 * queue. test/docs/queue-replay.md has its rules in full.
 */
import { MS_PER_SECOND, THOUSANDTHS } from "@remotegpu/shared/values/units";
import { inQueueOrder } from "@remotegpu/control-plane/server/core/queue/queue";
import type { Rules } from "@remotegpu/control-plane/server/core/queue/backfill";
import { replay } from "../../support/placement/log-replay.ts";
import { ProcessorPool } from "../../support/placement/processor-pool.ts";
import { ReplayError } from "./replay-error.ts";
import type { SwfJob } from "./swf-log.ts";

/** "product" is the order of the product's queue, in which all jobs are one payer's. */
export const ORDERS = ["fcfs", "sjf", "product"] as const;
export const BACKFILLS = ["none", "easy"] as const;

export interface Protocol {
  order: (typeof ORDERS)[number];
  backfill: (typeof BACKFILLS)[number];
  processors: number;
  /** How many consecutive jobs are replayed from each start. */
  length: number;
}

/** A job of a moment counts as one of this many seconds, or every short wait would be an enormous slowdown. */
const LEAST_RUN_SECONDS = 10;

/**
 * The mean bounded slowdown of the jobs from the `start`-th on, on a machine that is empty in the beginning.
 * @throws ReplayError where the log has too few jobs, or one of them fits no such machine
 */
export function meanSlowdown(log: readonly SwfJob[], start: number, protocol: Protocol): number {
  const { length, processors } = protocol;
  if (start + length > log.length)
    throw new ReplayError(
      `start ${start} with ${length} jobs goes beyond the log, of which ${log.length} jobs are replayed`,
    );
  const jobs = log.slice(start, start + length);
  for (const job of jobs) assertFits(job, processors);
  const pool = new ProcessorPool<SwfJob>({ processors, now: jobs[0]?.submittedAt ?? 0 });

  const startedAt = replay(
    jobs,
    pool,
    rulesOf(protocol, () => pool.now),
  );

  return jobs.reduce((sum, job) => sum + slowdown(job, startedAt.get(job) ?? Infinity), 0) / length;
}

function assertFits({ number, processors }: SwfJob, available: number): void {
  if (processors > available)
    throw new ReplayError(`job ${number} needs ${processors} processors, the machine has ${available}`);
  if (!Number.isInteger(processors) || processors < 1)
    throw new ReplayError(`job ${number} does not say how many processors it needs`);
}

/** @param now seconds, as the log has it */
function rulesOf({ order, backfill, processors }: Protocol, now: () => number): Rules<SwfJob> {
  const inOrder = {
    fcfs: bySubmission,
    sjf: shortestFirst,
    product: (behind: readonly SwfJob[]) => inOrderOfProduct(behind, { processors, now: now() }),
  }[order];
  const inBackfillOrder = order === "product" ? inOrder : bySubmission;
  return { inOrder, inBackfillOrder: backfill === "easy" ? inBackfillOrder : null };
}

/** Logs know no payers and no priorities: with one payer, who has had nothing yet, whoever came first is first. */
function inOrderOfProduct(
  behind: readonly SwfJob[],
  { processors, now }: { processors: number; now: number },
): SwfJob[] {
  const waiting = behind.map((job) => ({
    job,
    // Of jobs that came at once the first of the log is first.
    id: String(job.number).padStart(12, "0"),
    payer: "one",
    workspace: "one",
    priority: 0,
    orderedAtMs: job.submittedAt * MS_PER_SECOND,
    demand: { cpuMilli: 0, memoryMib: 0, gpuThousandths: job.processors * THOUSANDTHS },
  }));
  const ordered = inQueueOrder(waiting, {
    payers: new Map(),
    workspaces: new Map(),
    head: null,
    capacity: { cpuMilli: 0, memoryMib: 0, gpuThousandths: processors * THOUSANDTHS },
    now: now * MS_PER_SECOND,
  });
  return ordered.map(({ job }) => job);
}

/** Sorting is stable: jobs that are equal stay as they stood. */
function bySubmission(behind: readonly SwfJob[]): SwfJob[] {
  return behind.toSorted((a, b) => a.submittedAt - b.submittedAt);
}

function shortestFirst(behind: readonly SwfJob[]): SwfJob[] {
  return behind.toSorted((a, b) => a.runSeconds - b.runSeconds || a.submittedAt - b.submittedAt);
}

function slowdown({ submittedAt, runSeconds }: SwfJob, startedAt: number): number {
  return Math.max(1, (startedAt - submittedAt + runSeconds) / Math.max(runSeconds, LEAST_RUN_SECONDS));
}
