/**
 * Record: one look at every unfinished run's process, written down as proven time. Works from /proc alone while the
 * runtime is silent.
 */
import { isSameRun, type Container } from "../core/container.ts";
import { meter } from "../core/metering.ts";
import { finishedMs, meteredRun, pidToRead, type RunSighting } from "../core/metered-run.ts";
import { cardsOfRuns } from "../core/run-cards.ts";
import type { RunRecord } from "../core/run-record.ts";
import { EXTEND_EVERY_MS, type Interval, type Moment } from "../core/usage-interval.ts";
import { readProcessLife } from "../host/process-liveness.ts";
import type { Journal } from "../journal/journal.ts";
import { momentOf, type Clock } from "./moment.ts";
import type { Observation } from "./observation.ts";
import type { GpuWatch } from "./watch/gpu-watch.ts";

type Seen = {
  /** Null when the runtime is silent. */
  containers: readonly Container[] | null;
  /** Since when the runtime was up before this look; null when its times are not to be trusted. */
  wasUpSinceMs: number | null;
};

export class Meter {
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #observation: Observation;
  readonly #gpuWatch: GpuWatch;
  #tickedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: { clock: Clock; journal: Journal; observation: Observation; gpuWatch: GpuWatch }) {
    this.#clock = parts.clock;
    this.#journal = parts.journal;
    this.#observation = parts.observation;
    this.#gpuWatch = parts.gpuWatch;
  }

  /** Until the next tick is due; not above 0 when it is. */
  get untilTickMs(): number {
    return this.#tickedMs + EXTEND_EVERY_MS - this.#clock.monotonicMs();
  }

  get hasTicked(): boolean {
    return this.#tickedMs !== Number.NEGATIVE_INFINITY;
  }

  /** @throws JournalError */
  async tick(seen: Seen): Promise<void> {
    const journal = this.#journal;
    const gpus = cardsOfRuns(journal.desired.read().instances, this.#observation.own);
    const intervals = journal.intervals();
    const before = momentOf(this.#clock);
    const sightings = await Promise.all(
      journal.runs
        .unfinished()
        .map((record) => sightingOf(record, intervals.get(record.runId) ?? null, seen, before)),
    );
    // The moment before the look: a process seen alive was alive up to then, so that is what is claimed.
    const runs = sightings
      .map((sighting) => {
        const held = gpus.get(sighting.record.runId) ?? [];
        const cards = held.length === 0 ? {} : { cards: this.#gpuWatch.proofOf(held, before.nowMs) };
        return meteredRun({ ...sighting, ...cards }, before);
      })
      .filter((run) => run !== null);
    journal.record(meter(runs, intervals, before, { isShortOfSpace: journal.isShortOfSpace }), before.nowMs);
    this.#tickedMs = this.#clock.monotonicMs();
    await this.#gpuWatch.follow(this.#observation.own, this.#clock.wallMs());
  }
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
