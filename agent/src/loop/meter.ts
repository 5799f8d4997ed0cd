/**
 * Record: one look at every unfinished run's processes, written down as proven time. What a run holds is what its
 * container's control group holds, so this works without the runtime and against its word.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { GpuUuid, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import { isSameRun, type Container } from "../core/container/container.ts";
import {
  disagreement,
  disagreementSince,
  isEndUntold,
  lastingDisagreements,
  type Disagreement,
} from "../core/metering/disagreement.ts";
import { meter } from "../core/metering/metering.ts";
import {
  finishedMs,
  isOfRun,
  meteredRun,
  pidsToRead,
  processOfRun,
  unseenSpan,
  type RunSighting,
} from "../core/metering/metered-run.ts";
import { endOfBoot, provenByAccess } from "../core/metering/run-access.ts";
import { cardsOfRuns, type CardProof } from "../core/metering/run-cards.ts";
import type { RunRecord } from "../core/runs/run-record.ts";
import { EXTEND_EVERY_MS, type UsageInterval, type Moment } from "../core/metering/usage-interval.ts";
import type { ContainerGroups } from "../host/processes/container-groups.ts";
import { readContainers, readProcessLife } from "../host/processes/process-liveness.ts";
import type { Journal } from "../journal/journal.ts";
import { momentOf, type Clock } from "../host/moment.ts";
import type { Observation } from "./watch/observation.ts";
import type { DeviceAccessWatch } from "./watch/gpus/device-access-watch.ts";
import type { GpuWatch } from "./watch/gpus/gpu-watch.ts";

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
  readonly #accessWatch: Pick<DeviceAccessWatch, "accessOf">;
  readonly #groups: Pick<ContainerGroups, "processesOf">;
  readonly #log: Log;
  readonly #disagreements = new Map<RunId, Disagreement>();
  #tickedMs = Number.NEGATIVE_INFINITY;
  #ticks = 0;

  constructor(parts: {
    clock: Clock;
    journal: Journal;
    observation: Observation;
    gpuWatch: GpuWatch;
    accessWatch: Pick<DeviceAccessWatch, "accessOf">;
    groups: Pick<ContainerGroups, "processesOf">;
    log: Log;
  }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#groups = parts.groups;
    this.#journal = parts.journal;
    this.#observation = parts.observation;
    this.#gpuWatch = parts.gpuWatch;
    this.#accessWatch = parts.accessWatch;
  }

  /** Until the next tick is due; not above 0 when it is. */
  get untilTickMs(): number {
    return this.#tickedMs + EXTEND_EVERY_MS - this.#clock.monotonicMs();
  }

  /** Where the runtime and the kernel disagree about a run for longer than one of them takes, with the sentence for it. */
  get disagreements(): ReadonlyMap<RunId, HostReason> {
    return lastingDisagreements(this.#disagreements, this.#clock.monotonicMs());
  }

  /** How many were written down since the agent's start. */
  get ticks(): number {
    return this.#ticks;
  }

  /** When the last one was written down, on the boot clock; null before the first. */
  get tickedMs(): number | null {
    return this.#ticks === 0 ? null : this.#tickedMs;
  }

  /** @throws JournalError */
  async tick(seen: Seen): Promise<void> {
    const journal = this.#journal;
    const orders = journal.desired.read().instances;
    const gpus = cardsOfRuns(orders, this.#observation.own);
    const intervals = journal.intervals();
    const before = momentOf(this.#clock);
    const unfinished = journal.runs.unfinished();
    for (const runId of this.#disagreements.keys())
      if (!unfinished.some((record) => record.runId === runId)) this.#disagreements.delete(runId);
    const sightings = await Promise.all(
      unfinished.map((record) =>
        this.#sightingOf(record, intervals.get(record.runId) ?? null, { ...seen, orders, now: before }),
      ),
    );
    // The moment before the look: a process seen alive was alive up to then, so that is what is claimed.
    const runs = sightings
      .map((sighting) => {
        const held = gpus.get(sighting.record.runId) ?? [];
        return meteredRun({ ...sighting, ...this.#cardsOf(sighting, held, before) }, before);
      })
      .filter((run) => run !== null);
    journal.record(meter(runs, intervals, before, { isShortOfSpace: journal.isShortOfSpace }), before.nowMs);
    this.#tickedMs = this.#clock.monotonicMs();
    this.#ticks += 1;
    await this.#gpuWatch.follow(this.#observation.own, this.#clock.wallMs());
  }

  /** What a run's cards say of its time in this boot, and of what is still open from one before. */
  #cardsOf(
    { record, interval }: RunSighting,
    held: readonly GpuUuid[],
    now: Moment,
  ): Pick<RunSighting, "cards" | "endOfBoot"> {
    const cards = this.#proofOf(record, held, now);
    const isFromBefore = interval?.isOpen === true && interval.bootId !== now.bootId;
    const ended = isFromBefore
      ? endOfBoot(record, interval, this.#gpuWatch.health.provenInBoot(held, interval))
      : undefined;
    return { ...(cards !== undefined && { cards }), ...(ended !== undefined && { endOfBoot: ended }) };
  }

  /** Undefined for a run without cards. */
  #proofOf(record: RunRecord, held: readonly GpuUuid[], now: Moment): CardProof | undefined {
    if (held.length === 0) return undefined;
    const access = this.#accessWatch.accessOf(record.runId);
    return provenByAccess(this.#gpuWatch.health.proofOf(held, now.nowMs), { record, access }, now);
  }

  async #sightingOf(
    record: RunRecord,
    interval: UsageInterval | null,
    { now, orders, ...seen }: Seen & { orders: readonly DesiredInstance[]; now: Moment },
  ): Promise<RunSighting> {
    const container =
      seen.containers?.find(({ owner }) => owner !== null && isSameRun(owner, record)) ?? null;
    const status = container?.status ?? null;
    const order = orders.find((one) => isSameRun(one, record)) ?? null;
    return {
      record,
      interval,
      process: await this.#processOf(record, interval, { ...seen, status, now }),
      finishedMs: status?.state === "exited" ? finishedMs(status, { ...seen, interval }, now) : null,
      unseen:
        status?.state === "exited" ? unseenSpan(status, { ...seen, record, interval, order }, now) : null,
    };
  }

  async #processOf(
    record: RunRecord,
    interval: UsageInterval | null,
    { status, containers, wasUpSinceMs, now }: Seen & { status: Container["status"] | null; now: Moment },
  ): Promise<RunSighting["process"]> {
    const isSilent = containers === null;
    try {
      const alive = this.#aliveOf(record, status);
      const containerPid = status?.state === "running" ? status.pid : null;
      const read = await this.#processNow(record, interval, { containerPid, alive, now });
      // A runtime that is silent says nothing else than before.
      if (!isSilent)
        this.#note(record.runId, disagreement({ status, alive, hasProcess: read !== null }), now.nowMs);
      const noted = this.#disagreements.get(record.runId) ?? null;
      const late = wasUpSinceMs === null ? null : "late";
      const isUntold = isEndUntold(isSilent ? late : noted, now.nowMs);
      return processOfRun(interval, read, { alive, isEndUntold: isUntold, now });
    } catch (error) {
      // The kernel could not be asked: not to be told from here, so neither alive nor ended is claimed.
      this.#log.error({ runId: record.runId, error }, `run ${record.runId}: whether it is alive is unknown`);
      return "unknown";
    }
  }

  /** The first process of the run that lives; of the runtime's word for it only one that its group's name vouches for. */
  async #processNow(
    { containerId }: RunRecord,
    interval: UsageInterval | null,
    { containerPid, alive, now }: { containerPid: number | null; alive: readonly number[]; now: Moment },
  ): Promise<{ pid: number; startTicks: number } | null> {
    for (const pid of pidsToRead(interval, { containerPid, alive }, now)) {
      const life = await readProcessLife(pid);
      if (!life.alive) continue;
      const process = { pid, startTicks: life.startTicks };
      const isVouchedFor = async () =>
        pid === containerPid &&
        containerId !== null &&
        (await readContainers(pid))?.includes(containerId) === true;
      if (isOfRun(process, interval, { alive, now }) || (await isVouchedFor())) return process;
    }
    return null;
  }

  /** By the kernel, whatever the runtime says, and also while it is silent. */
  #aliveOf({ containerId, holding }: RunRecord, status: Container["status"] | null): readonly number[] {
    if (status?.state === "left-behind") return status.pids;
    if (containerId === null) return [];
    const group = holding?.containerId === containerId ? holding.group : null;
    return this.#groups.processesOf(containerId, group);
  }

  #note(runId: RunId, kind: Disagreement["kind"] | null, nowMs: number): void {
    const since = disagreementSince(kind, this.#disagreements.get(runId), nowMs);
    if (since === null) this.#disagreements.delete(runId);
    else this.#disagreements.set(runId, since);
  }
}
