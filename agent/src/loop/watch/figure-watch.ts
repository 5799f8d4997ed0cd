/**
 * The figures of running containers for the heartbeats: those of replicas in each, by which services scale, and once a
 * minute those of the others; so many in one heartbeat, those that were told longest ago first. What a heartbeat that was
 * lost carried is told when its turn comes again.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import { MAX_FIGURES, type InstanceFigures } from "@remotegpu/shared/instance/instance-figures";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { OwnedContainer } from "../../core/container/container.ts";
import type { ContainerFigures } from "../../host/processes/container-figures.ts";

const FIGURES_EVERY_MS = MS_PER_MINUTE;
const NEVER = Number.NEGATIVE_INFINITY;

export class FigureWatch {
  readonly #read: (container: OwnedContainer & { pid: number }) => ContainerFigures;
  readonly #replicas: () => ReadonlySet<RunId>;
  readonly #log: Log;
  #reportedMs: ReadonlyMap<RunId, number> = new Map();

  constructor(parts: {
    read: (container: OwnedContainer & { pid: number }) => ContainerFigures;
    /** The runs that are asked whether they serve. */
    replicas: () => ReadonlySet<RunId>;
    log: Log;
  }) {
    this.#read = parts.read;
    this.#replicas = parts.replicas;
    this.#log = parts.log;
  }

  /** For the next heartbeat; none while all were told that are to be. */
  next(running: readonly OwnedContainer[], nowMs: number): InstanceFigures[] {
    const replicas = this.#replicas();
    const reportedMs = (runId: RunId) => this.#reportedMs.get(runId) ?? NEVER;
    const due = running
      .filter(({ owner: { runId } }) => replicas.has(runId) || nowMs - reportedMs(runId) >= FIGURES_EVERY_MS)
      .toSorted(
        ({ owner: one }, { owner: other }) => Math.sign(reportedMs(one.runId) - reportedMs(other.runId)) || 0,
      )
      .slice(0, MAX_FIGURES);
    const reported = new Set(due.map(({ owner }) => owner.runId));
    this.#reportedMs = new Map(
      running.map(({ owner: { runId } }) => [runId, reported.has(runId) ? nowMs : reportedMs(runId)]),
    );
    return due.flatMap((container) => {
      const { status, owner } = container;
      if (status.state !== "running") return [];
      const { instanceId, placementEpoch, runId } = owner;
      const figures = this.#figuresOf({ ...container, pid: status.pid });
      return figures === null ? [] : [{ instanceId, placementEpoch, runId, ...figures }];
    });
  }

  /** A heartbeat is never lost for them. */
  #figuresOf(container: OwnedContainer & { pid: number }): ContainerFigures | null {
    try {
      return this.#read(container);
    } catch (error) {
      this.#log.warn({ containerId: container.containerId, error }, "a container's figures cannot be read");
      return null;
    }
  }
}
