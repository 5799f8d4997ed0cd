/**
 * The shadow of an upgrade: sees and decides as the loop does, beside the agent that runs, and carries nothing out. What the
 * loop learns only by watching for a while (probes, device rules, health of GPUs, full disks, orphans) it takes as quiet, so
 * its plan is what orders, records and containers alone ask for.
 */
import type { Log } from "@remotegpu/shared/log";
import type { HostId, RunId } from "@remotegpu/shared/values/ids";
import { cutOffMs, resumedContact } from "../core/reconcile/contact.ts";
import { reconcile, type Flags } from "../core/reconcile/reconcile.ts";
import { areStopsUnconfirmed } from "../core/reconcile/stop-guard.ts";
import type { LeaseRecord } from "../core/leases/lease.ts";
import { agentFeatures } from "../core/runs/unserved-order.ts";
import { ownedContainers } from "../core/runs/run-view.ts";
import { processOf, type AgentHealth } from "../core/upgrade/health.ts";
import { shadowTick, type ShadowTick } from "../core/upgrade/shadow-tick.ts";
import { momentOf, monotonic, type Clock } from "../host/moment.ts";
import type { ContainerGroups } from "../host/processes/container-groups.ts";
import { startTicksOf } from "../host/processes/process-liveness.ts";
import type { JournalSnapshot } from "../journal/journal-view.ts";
import type { Containers } from "../runtime/containers.ts";
import { HostKnowledge } from "./watch/host-knowledge.ts";

export type ShadowParts = {
  hostId: HostId;
  clock: Clock;
  containers: Pick<Containers, "list">;
  groups: Pick<ContainerGroups, "processesOf">;
  /** As the running agent has it at this moment, with the names of entries that cannot be read. */
  journal: () => { snapshot: JournalSnapshot; unreadable: string[] };
  leases: () => { leases: LeaseRecord[]; damaged: string[] };
  health: () => AgentHealth | null;
  log: Log;
};

export class Shadow {
  readonly #parts: ShadowParts;

  constructor(parts: ShadowParts) {
    this.#parts = parts;
  }

  /** @throws RuntimeError, RuntimeDown, UnreadableJournalError */
  async tick(): Promise<ShadowTick> {
    const { hostId, clock, containers, groups, log } = this.#parts;
    const seen = await containers.list();
    const { snapshot, unreadable } = this.#parts.journal();
    const { leases, damaged } = this.#parts.leases();
    const health = this.#parts.health();
    const features = agentFeatures({ joinsGangs: true });
    const host = new HostKnowledge({ hostId, journal: snapshot, groups, features, log });
    const knowledge = host.of(host.withLeftBehind(seen), { hasLeftFleet: false });
    const now = monotonic(momentOf(clock));
    const own = ownedContainers(knowledge);
    const pids = [...own.map(processOf), ...[...snapshot.intervals.values()].map(({ pid }) => pid)];
    return shadowTick({
      knowledge,
      plan: reconcile({ ...knowledge, flags: quietFlags(snapshot, now), now }),
      bootId: clock.bootId,
      intervals: snapshot.intervals,
      orderedLeases: snapshot.leases,
      leases,
      unreadable: [...unreadable, ...damaged.map((leaseId) => `leases ${leaseId}`)],
      // One of an earlier life of an agent says nothing of the one that runs.
      health: health?.bootId === clock.bootId && health.agentEpoch === snapshot.agentEpoch ? health : null,
      startTicks: await startTicksOf(pids.filter((pid) => pid !== null)),
    });
  }
}

function quietFlags({ contact: stored, desired }: JournalSnapshot, now: ReturnType<typeof monotonic>): Flags {
  const contact = resumedContact(stored, now);
  const none = new Map<RunId, never>();
  return {
    startsRefused: null,
    lostGpus: new Map(),
    closedGpus: new Map(),
    refusedGpus: new Map(),
    unclearGpus: new Map(),
    overStorage: none,
    fillingDisk: none,
    probed: none,
    access: none,
    reapedOrphans: new Set(),
    letGo: new Set(),
    awaitsContact: !contact.wasHeardInBoot,
    disconnectedMs: cutOffMs(contact, now.ms),
    stopsUnconfirmed: areStopsUnconfirmed(desired.read(), { hasLeftFleet: false }),
  };
}
