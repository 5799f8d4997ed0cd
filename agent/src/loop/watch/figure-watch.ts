/**
 * The figures of running containers for the heartbeats: once a minute those of each, so many in one heartbeat and the
 * others in the next ones. What a heartbeat that was lost carried is told a minute later.
 */
import type { RunId } from "@remotegpu/shared/ids";
import { MAX_FIGURES, type InstanceFigures } from "@remotegpu/shared/instance-figures";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import type { OwnedContainer } from "../../core/container/container.ts";
import type { ContainerFigures } from "../../host/processes/container-figures.ts";

const FIGURES_EVERY_MS = MS_PER_MINUTE;

export class FigureWatch {
  readonly #read: (container: OwnedContainer & { pid: number }) => ContainerFigures;
  readonly #log: Log;
  #begunMs = Number.NEGATIVE_INFINITY;
  /** Told since the round began. */
  readonly #told = new Set<RunId>();

  constructor(parts: { read: (container: OwnedContainer & { pid: number }) => ContainerFigures; log: Log }) {
    this.#read = parts.read;
    this.#log = parts.log;
  }

  /** For the next heartbeat; none while all were told in this minute. */
  next(running: readonly OwnedContainer[], nowMs: number): InstanceFigures[] {
    if (nowMs - this.#begunMs >= FIGURES_EVERY_MS) {
      this.#begunMs = nowMs;
      this.#told.clear();
    }
    const due = running.filter(({ owner }) => !this.#told.has(owner.runId)).slice(0, MAX_FIGURES);
    return due.flatMap((container) => {
      const { status, owner } = container;
      if (status.state !== "running") return [];
      this.#told.add(owner.runId);
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
