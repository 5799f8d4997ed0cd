/**
 * The events of a recorded log, one at a time: an arrival or an end, an arrival first where both are at one time, and
 * the queue's core serves the line after each. Which job starts is the core's to say, here only the time passes.
 */
import { type Line, type Rules, serve } from "@remotegpu/control-plane/server/core/queue/backfill";
import type { PoolJob, ProcessorPool } from "./processor-pool.ts";

export interface LoggedJob extends PoolJob {
  submittedAt: number;
}

/** When each of the jobs starts. They arrive in the order given. */
export function replay<Job extends LoggedJob>(
  jobs: readonly Job[],
  pool: ProcessorPool<Job>,
  rules: Rules<Job>,
): Map<Job, number> {
  const startedAt = new Map<Job, number>();
  let line: Line<Job> = { head: null, behind: [] };
  let arrived = 0;
  for (;;) {
    const served = serve(line, pool, rules);
    for (const job of served.started) startedAt.set(job, pool.now);
    line = served.line;

    const arriving = jobs[arrived];
    const ending = pool.running[0];
    if (arriving !== undefined && (ending === undefined || arriving.submittedAt <= ending.endsAt)) {
      pool.advanceTo(arriving.submittedAt);
      line = { head: line.head, behind: [...line.behind, arriving] };
      arrived += 1;
    } else if (ending === undefined) return startedAt;
    else pool.endNext();
  }
}
