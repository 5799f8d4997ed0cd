/**
 * Decide and act: what core/reconcile decides from all that is known is handed to who carries it out. Nothing is
 * waited for; how it went is seen in a later round.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { Action } from "../core/runs/action.ts";
import { cutOffMs } from "../core/reconcile/contact.ts";
import type { Container } from "../core/container/container.ts";
import { reconcile, type Flags } from "../core/reconcile/reconcile.ts";
import { completedRemovals } from "../core/reconcile/removals.ts";
import type { HostObstacles } from "../core/reconcile/start-obstacle.ts";
import { areStopsUnconfirmed } from "../core/reconcile/stop-guard.ts";
import { isUnorderedEnd } from "../core/upgrade/unordered-ends.ts";
import type { Journal } from "../journal/journal.ts";
import type { ControlPlaneLink } from "./control-plane-link.ts";
import type { Housekeeping } from "./housekeeping.ts";
import { momentOf, monotonic, type Clock } from "../host/moment.ts";
import type { Observation } from "./watch/observation.ts";
import type { RunPerformer } from "./run-performer.ts";
import type { DeviceAccessWatch } from "./watch/gpus/device-access-watch.ts";
import type { DiskWatch } from "./storage/disk-watch.ts";
import type { FileWatch } from "./storage/file-watch.ts";
import type { GpuWatch } from "./watch/gpus/gpu-watch.ts";
import type { GangWatch } from "./watch/gang-watch.ts";
import type { OrphanWatch } from "./watch/orphan-watch.ts";
import type { ProbeWatch } from "./watch/probe-watch.ts";

/** A life began or ended: the tick that sees it is taken at once, before another life of the run can hide it. */
const METERED_AT_ONCE: ReadonlySet<Action["kind"]> = new Set([
  "adopt",
  "open-gate",
  "note-refusal",
  "close-run",
  "restart",
]);

export type ReconciliationParts = {
  clock: Clock;
  journal: Journal;
  observation: Observation;
  performer: RunPerformer;
  gpuWatch: GpuWatch;
  orphanWatch: OrphanWatch;
  gangWatch: Pick<GangWatch, "check" | "letGo">;
  probeWatch: Pick<ProbeWatch, "check" | "probed">;
  accessWatch: Pick<DeviceAccessWatch, "check" | "access" | "refusedGpus">;
  housekeeping: Pick<Housekeeping, "overStorage">;
  diskWatch: Pick<DiskWatch, "filling" | "isNearlyFull">;
  fileWatch: Pick<FileWatch, "over">;
  link: Pick<ControlPlaneLink, "contact" | "isSetCurrent">;
  log: Log;
};

export class Reconciliation {
  readonly #parts: ReconciliationParts;
  readonly #unorderedEnds = new Set<RunId>();
  #holdsStops = false;

  constructor(parts: ReconciliationParts) {
    this.#parts = parts;
  }

  /** As the heartbeat says it. */
  get degraded(): string[] {
    return this.#holdsStops ? ["stops-held"] : [];
  }

  /** How many runs it ended since the agent's start that no order wanted ended (core/upgrade/unordered-ends.ts). */
  get unorderedEnds(): number {
    return this.#unorderedEnds.size;
  }

  get hostObstacles(): HostObstacles {
    const { link, gpuWatch, accessWatch } = this.#parts;
    return {
      startsRefused: this.#startsRefused,
      awaitsContact: !link.contact.wasHeardInBoot,
      closedGpus: gpuWatch.closed,
      refusedGpus: accessWatch.refusedGpus,
      unclearGpus: gpuWatch.unclear,
    };
  }

  /**
   * Returns whether something was done that is worth a metering tick at once.
   * @param visibleWorks how many ended works of the performer `seen` shows
   */
  act(seen: readonly Container[], visibleWorks: number): boolean {
    const { journal, performer, clock, orphanWatch, observation, link, log } = this.#parts;
    const { gangWatch, probeWatch, accessWatch } = this.#parts;
    // Also a container that was started again lives anew, without an action for it: its gate has been open since.
    const showsStart = performer.visible(visibleWorks);
    const knowledge = observation.knowledge(seen);
    const now = monotonic(momentOf(clock));
    const set = journal.desired.read();
    const stopsUnconfirmed = areStopsUnconfirmed(set, observation);
    const { contact, isSetCurrent } = link;
    // Before the first set there is nobody who could have asked for anything.
    if (set.term > 0)
      orphanWatch.check({ nowMs: now.ms, observed: seen, contact, isSetCurrent, stopsUnconfirmed });
    gangWatch.check(knowledge);
    probeWatch.check(knowledge, now);
    accessWatch.check(knowledge, now);
    const actions = reconcile({ ...knowledge, flags: this.#flags(stopsUnconfirmed), now });

    this.#holdsStops = false;
    let hasChanged = showsStart;
    for (const action of actions) {
      if (action.kind === "hold-stops") {
        this.#holdsStops = true;
        log.warn(action, "stops of most of this host wait until they are confirmed");
        continue;
      }
      const isDone = performer.perform(action, now);
      if (isDone && isUnorderedEnd(action, knowledge)) this.#unorderedEnds.add(action.runId);
      hasChanged ||= isDone && METERED_AT_ONCE.has(action.kind);
    }
    if (set.stopsAreGuarded && !this.#holdsStops && set.generation > 0) journal.desired.liftStopGuard();
    return hasChanged;
  }

  /** Writes down which ordered removals are done, by containers that were seen just now. */
  confirmRemovals(): void {
    const { journal, observation, performer } = this.#parts;
    const { instances, notUnderstood } = journal.desired.read();
    const orders = [...instances, ...notUnderstood];
    const starting = new Set(performer.waits.keys());
    const left = { runs: journal.runs.all(), containers: observation.own, starting };
    for (const { instanceId, placementEpoch } of completedRemovals(orders, left))
      journal.desired.confirmGone(instanceId, placementEpoch);
  }

  get #startsRefused(): HostReason | null {
    const { journal, diskWatch } = this.#parts;
    if (!journal.acceptsStarts) return { code: "journal-disk-full", params: {} };
    return diskWatch.isNearlyFull ? { code: "host-disk-nearly-full", params: {} } : null;
  }

  #flags(stopsUnconfirmed: boolean): Flags {
    const { gpuWatch, link, clock, orphanWatch, housekeeping, diskWatch, fileWatch } = this.#parts;
    const { gangWatch, probeWatch, accessWatch } = this.#parts;
    return {
      ...this.hostObstacles,
      reapedOrphans: orphanWatch.reaped,
      letGo: gangWatch.letGo,
      probed: probeWatch.probed,
      access: accessWatch.access,
      lostGpus: gpuWatch.health.lost,
      overStorage: new Map([...fileWatch.over, ...housekeeping.overStorage]),
      fillingDisk: diskWatch.filling,
      disconnectedMs: cutOffMs(link.contact, clock.monotonicMs()),
      stopsUnconfirmed,
    };
  }
}
