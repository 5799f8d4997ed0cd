/**
 * Lays together what a journal says is wanted and recorded and what the runtime lists, for the loop and for the shadow of an
 * upgrade alike. It reads and changes nothing.
 */
import type { Feature } from "@remotegpu/shared/instance/features";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { Container } from "../../core/container/container.ts";
import { doubtsAbout, withLeftBehind, type Doubt } from "../../core/runs/left-behind.ts";
import { ordersOfRemovedHost } from "../../core/reconcile/removed-host.ts";
import { sortedOrders } from "../../core/runs/unserved-order.ts";
import type { Knowledge } from "../../core/runs/run-view.ts";
import type { ContainerGroups } from "../../host/processes/container-groups.ts";
import type { RunsAndOrders } from "../../journal/journal-view.ts";

/** In place of the pids of a group that cannot be read. */
const UNTOLD = 0;

export type HostKnowledgeParts = {
  hostId: HostId;
  journal: RunsAndOrders;
  groups: Pick<ContainerGroups, "processesOf">;
  /** What this agent does on this host. */
  features: readonly Feature[];
  log: Log;
};

export class HostKnowledge {
  readonly #parts: HostKnowledgeParts;

  constructor(parts: HostKnowledgeParts) {
    this.#parts = parts;
  }

  /** What the runtime calls ended, or does not know any more, is looked for among the living. */
  withLeftBehind(seen: readonly Container[]): Container[] {
    const { hostId, journal } = this.#parts;
    const runs = journal.runs.all();
    const alive = new Map(doubtsAbout(seen, runs).map((doubt) => [doubt.containerId, this.#aliveIn(doubt)]));
    return withLeftBehind(seen, { hostId, runs, alive });
  }

  /** What is wanted, recorded and seen, side by side. */
  of(observed: readonly Container[], { hasLeftFleet }: { hasLeftFleet: boolean }): Knowledge {
    const { hostId, journal, features } = this.#parts;
    const { instances, notUnderstood } = journal.desired.read();
    const orders = hasLeftFleet
      ? sortedOrders(ordersOfRemovedHost(instances), ordersOfRemovedHost(notUnderstood), features)
      : sortedOrders(instances.filter(isNamed), notUnderstood.filter(isNamed), features);
    const { runs } = journal;
    return { hostId, ...orders, observed, runs: runs.all(), knownEpochs: runs.knownEpochs() };
  }

  /** Of a group that cannot be read nothing is known, and so nothing of it is free. */
  #aliveIn({ containerId, group }: Doubt): readonly number[] {
    try {
      return this.#parts.groups.processesOf(containerId, group);
    } catch (error) {
      this.#parts.log.error({ containerId, error }, "which processes of a container are alive is unknown");
      return [UNTOLD];
    }
  }
}

/** The last set names it. */
function isNamed({ isAbsent }: { isAbsent: boolean }): boolean {
  return !isAbsent;
}
