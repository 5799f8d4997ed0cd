/**
 * Watches whether containers do anything: those whose order asks for it are looked at every few seconds, and once one has
 * done nothing for as long as its order says that is told, with what its processes wait for, and when it goes on. Of every
 * container it is told whether somebody outside holds it still. Nothing of this is written down: a new life of the agent
 * sees it anew, and until it has it says nothing.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import { MAX_REPORTED_PROCESSES, type Idleness } from "@remotegpu/shared/instance/progress";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { isSameRun, type OwnedContainer } from "../../core/container/container.ts";
import { afterSample, idleMs, type CardLoad, type ActivityState } from "../../core/progress/idleness.ts";
import type { ProgressFacts } from "../../core/progress/progress-facts.ts";
import { waitingProcesses, type ProcessState } from "../../core/progress/waiting-processes.ts";
import { ownedContainers, type Knowledge } from "../../core/runs/run-view.ts";
import type { ContainerFigures } from "../../host/processes/container-figures.ts";

/** Shorter than the loop's own rest, so that each of its rounds looks. */
const CHECK_EVERY_MS = 4 * MS_PER_SECOND;

type RunningContainer = OwnedContainer & { pid: number };

export type ProgressWatchParts = {
  figures: (container: RunningContainer) => ContainerFigures;
  cards: () => readonly (CardLoad & { uuid: string })[];
  isFrozen: (container: RunningContainer) => boolean;
  /** Of at most so many of its processes. */
  processes: (container: RunningContainer, most: number) => ProcessState[];
  log: Log;
};

/** `wasFound`: it ran before this life of the agent, which may have been told that it is idle. */
type Watched = { wasFound: boolean; state: ActivityState | null; idleness: Idleness | null };

export class ProgressWatch {
  readonly #parts: ProgressWatchParts;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #watched: ReadonlyMap<RunId, Watched> = new Map();
  #facts: ReadonlyMap<RunId, ProgressFacts> = new Map();

  constructor(parts: ProgressWatchParts) {
    this.#parts = parts;
  }

  /** To be told of each run that is there. */
  get facts(): ReadonlyMap<RunId, ProgressFacts> {
    return this.#facts;
  }

  /** To be called in each round; does nothing while it has only just looked. */
  check(knowledge: Knowledge, nowMs: number): void {
    if (nowMs - this.#checkedMs < CHECK_EVERY_MS) return;
    const isFirst = this.#checkedMs === Number.NEGATIVE_INFINITY;
    this.#checkedMs = nowMs;
    const watched = new Map<RunId, Watched>();
    const facts = new Map<RunId, ProgressFacts>();
    for (const container of ownedContainers(knowledge)) {
      const { owner, status } = container;
      if (status.state !== "running") continue;
      const running = { ...container, pid: status.pid };
      const order = knowledge.desired.find((one) => isSameRun(one, owner));
      const hasBegun = knowledge.runs.some((record) => isSameRun(record, owner) && record.gate !== null);
      const before = this.#watched.get(owner.runId) ?? { wasFound: isFirst, state: null, idleness: null };
      const seen = this.#seen(running, hasBegun ? order : undefined, before, nowMs);
      watched.set(owner.runId, seen.watched);
      facts.set(owner.runId, { idleness: seen.watched.idleness, isFrozen: seen.isFrozen });
    }
    this.#watched = watched;
    this.#facts = facts;
  }

  /** What cannot be read of one is said in the log, and it is as it was. */
  #seen(
    container: RunningContainer,
    order: DesiredInstance | undefined,
    before: Watched,
    nowMs: number,
  ): { watched: Watched; isFrozen: boolean } {
    try {
      const isFrozen = this.#parts.isFrozen(container);
      const after = order?.live.stallAfterSeconds;
      if (order === undefined || after === undefined) return { watched: before, isFrozen };
      return {
        watched: this.#after(container, order, before, { nowMs, stallMs: after * MS_PER_SECOND }),
        isFrozen,
      };
    } catch (error) {
      const { containerId } = container;
      this.#parts.log.warn({ containerId, error }, "the activity of a container is unknown");
      return { watched: before, isFrozen: false };
    }
  }

  #after(
    container: RunningContainer,
    { spec }: DesiredInstance,
    { wasFound, state: before, idleness: reported }: Watched,
    { nowMs, stallMs }: { nowMs: number; stallMs: number },
  ): Watched {
    const { cpuMs, networkInBytes, networkOutBytes, lastOutputAgeMs } = this.#parts.figures(container);
    const uuids = new Set<string>(spec.gpus.map(({ uuid }) => uuid));
    const isHeard = networkInBytes !== null && networkOutBytes !== null;
    const check = {
      nowMs,
      cpuMs,
      networkBytes: isHeard ? networkInBytes + networkOutBytes : null,
      lastOutputAgeMs,
      cards: this.#parts.cards().filter(({ uuid }) => uuids.has(uuid)),
    };
    const bounds = { cpuMilli: spec.cpuMilli, otherRanks: Math.max(0, (spec.hosts?.length ?? 1) - 1) };
    const state = afterSample(before, check, bounds);
    const idle = idleMs(state);
    if (idle >= stallMs) {
      const processes = reported?.isIdle === true ? reported.processes : this.#processesOf(container);
      return { wasFound, state, idleness: { isIdle: true, processes } };
    }
    // The first look of all says nothing yet, and one that was never told to be idle need not be told to be busy.
    const isBusy = before !== null && idle === 0;
    const isChange = reported?.isIdle === true || wasFound;
    return {
      wasFound,
      state,
      idleness: isBusy && isChange ? { isIdle: false, processes: [] } : reported,
    };
  }

  #processesOf(container: RunningContainer): Idleness["processes"] {
    return waitingProcesses(this.#parts.processes(container, MAX_REPORTED_PROCESSES));
  }
}
