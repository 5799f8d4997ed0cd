/**
 * One pass over 100,000 waiting jobs: who is next among a thousand payers, and who of them starts on a pool that is
 * nearly full. The order beside a plain sort of the same rows by priority and age, which knows nothing of fairness.
 */
import { serve } from "@remotegpu/control-plane/core/queue/backfill";
import {
  AGEING_STEP_MS,
  inQueueOrder,
  prepareQueue,
  queueOrder,
  type Waiting,
} from "@remotegpu/control-plane/core/queue/queue";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { type PoolJob, ProcessorPool } from "../support/placement/processor-pool.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";

const ROUNDS = 7;
const WAITING = 100_000;
const PAYERS = 1_000;
const GPUS = 10_000;
const NOW = 20_000 * AGEING_STEP_MS;

type WaitingJob = Waiting & PoolJob;

export async function measureQueue(say: (line: string) => void): Promise<void> {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => measureOnce(drawnFrom(round + 1)));
  say(headLine(`Queue: one pass over ${WAITING} waiting jobs, ${PAYERS} payers (${ROUNDS} rounds)`));
  say(
    ratioLine(
      "the order, to a plain sort by priority and age",
      rounds.map(({ orderMs, sortMs }) => ({ ours: orderMs, bare: sortMs })),
    ),
  );
  say(
    ratioLine(
      "the whole pass, to that sort",
      rounds.map(({ passMs, sortMs }) => ({ ours: passMs, bare: sortMs })),
    ),
  );
  say(
    valuesLine(
      "the plain sort",
      rounds.map(({ sortMs }) => sortMs),
      "ms",
    ),
  );
  say(
    valuesLine(
      "the order",
      rounds.map(({ orderMs }) => orderMs),
      "ms",
    ),
  );
  say(
    valuesLine(
      "order, head and backfill",
      rounds.map(({ passMs }) => passMs),
      "ms",
    ),
  );
}

function measureOnce(draw: (below: number) => number): { sortMs: number; orderMs: number; passMs: number } {
  const waiting = Array.from({ length: WAITING }, (_, index) => aJob(index, draw));
  const payers = new Map(
    Array.from({ length: PAYERS }, (_, index) => [
      `${index}`,
      {
        had: { cpuMilli: 0, memoryMib: 0, gpuThousandths: draw(GPUS) * THOUSANDTHS },
        weight: 1 + draw(4),
        lastStartMs: NOW - draw(AGEING_STEP_MS),
      },
    ]),
  );
  const pool = nearlyFull(draw);
  const capacity = { cpuMilli: 0, memoryMib: 0, gpuThousandths: GPUS * THOUSANDTHS };
  const standing = { payers, workspaces: new Map(), head: null, capacity, now: NOW };

  const sortMs = msOf(() =>
    waiting.toSorted(
      (a, b) => b.priority - a.priority || a.orderedAtMs - b.orderedAtMs || (a.id < b.id ? -1 : 1),
    ),
  );
  const orderMs = msOf(() => inQueueOrder(waiting, standing));
  const passMs = msOf(() =>
    serve({ head: null, behind: waiting }, pool, {
      inOrder: (behind) => queueOrder(prepareQueue(behind, standing), standing),
      inBackfillOrder: "in-line",
    }),
  );
  return { sortMs, orderMs, passMs };
}

function aJob(index: number, draw: (below: number) => number): WaitingJob {
  const processors = 2 ** draw(6);
  const payer = draw(PAYERS);
  const runSeconds = 60 * (1 + draw(1_440));
  return {
    id: `job-${index}`,
    priority: draw(4),
    orderedAtMs: NOW - draw(3 * AGEING_STEP_MS),
    payer: `${payer}`,
    workspace: `${payer}-${draw(3)}`,
    demand: { cpuMilli: 0, memoryMib: 0, gpuThousandths: processors * THOUSANDTHS },
    processors,
    runSeconds,
  };
}

function nearlyFull(draw: (below: number) => number): ProcessorPool<WaitingJob> {
  const pool = new ProcessorPool<WaitingJob>({ processors: GPUS, now: 0 });
  for (let index = 0; pool.free > GPUS / 20; index += 1) pool.start(aJob(index, draw));
  return pool;
}

function msOf(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}

/** Whole numbers below a bound, the same for the same seed: a linear congruential generator of 32 bits. */
function drawnFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
