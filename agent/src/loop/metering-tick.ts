/** One look at every unfinished run's process, written down. Works from /proc alone while the runtime is silent. */
import type { Container } from "../core/container.ts";
import { isSameRun } from "../core/container.ts";
import { meter } from "../core/metering.ts";
import { finishedMs, meteredRun, pidToRead, type RunSighting } from "../core/metered-run.ts";
import type { CardProof } from "../core/run-cards.ts";
import type { RunRecord } from "../core/run-record.ts";
import type { Interval, Moment } from "../core/usage-interval.ts";
import { readProcessLife } from "../host/process-liveness.ts";
import type { Journal } from "../journal/journal.ts";

export type Seen = {
  /** Null when the runtime is silent. */
  containers: readonly Container[] | null;
  /** Since when the runtime was up before this look; null when its times are not to be trusted. */
  wasUpSinceMs: number | null;
};

/**
 * Returns how many usage rows were written.
 * @param cardsOf what a run's cards say about its time; undefined where it holds none
 * @throws JournalError
 */
export async function takeMeteringTick(
  journal: Journal,
  seen: Seen,
  now: () => Moment,
  cardsOf: (record: RunRecord, nowMs: number) => CardProof | undefined = () => undefined,
): Promise<number> {
  const intervals = journal.intervals();
  const before = now();
  const sightings = await Promise.all(
    journal.runs
      .unfinished()
      .map((record) => sightingOf(record, intervals.get(record.runId) ?? null, seen, before)),
  );
  // The moment after the look: a process seen alive was alive up to `before`, so that is what is claimed.
  const runs = sightings
    .map((sighting) => {
      const cards = cardsOf(sighting.record, before.nowMs);
      return meteredRun({ ...sighting, ...(cards !== undefined && { cards }) }, before);
    })
    .filter((run) => run !== null);
  const steps = meter(runs, intervals, before, { isShortOfSpace: journal.isShortOfSpace });
  journal.record(steps, before.nowMs);
  return steps.reduce((count, step) => count + step.rows.length, 0);
}

async function sightingOf(
  record: RunRecord,
  interval: Interval | null,
  seen: Seen,
  now: Moment,
): Promise<RunSighting> {
  const container = seen.containers?.find(({ owner }) => owner !== null && isSameRun(owner, record)) ?? null;
  const status = container?.status ?? null;
  const containerPid = seen.containers === null ? undefined : status?.state === "running" ? status.pid : null;
  const pid = pidToRead(interval, containerPid, now);
  return {
    record,
    interval,
    process: pid === null ? { alive: false } : await processNow(pid),
    finishedMs: status?.state === "exited" ? finishedMs(status, { ...seen, interval }, now) : null,
  };
}

async function processNow(pid: number): Promise<RunSighting["process"]> {
  try {
    const life = await readProcessLife(pid);
    return life.alive ? { alive: true, pid, startTicks: life.startTicks } : { alive: false };
  } catch {
    // /proc itself failed: not to be told from here, so neither alive nor ended is claimed.
    return "unknown";
  }
}
