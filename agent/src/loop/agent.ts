/**
 * The one loop: wake → observe → decide → act → record → report. Everything that happens only wakes it; each round
 * reads the whole wanted state from the journal and the whole seen state from the runtime. Nothing slow is waited
 * for inside a round, so a hung runtime or a lost control plane never holds up metering or heartbeats.
 */
import { AssertionError } from "node:assert";
import type { Log } from "@remotegpu/shared/log";
import { inTrace } from "@remotegpu/shared/tracing/current-trace";
import type { TraceContext } from "@remotegpu/shared/tracing/trace-context";
import { WakingTrace } from "@remotegpu/shared/tracing/waking-trace";
import { isUnsettled } from "../core/runs/run-view.ts";
import type { ServiceNotifier } from "../host/notify.ts";
import { DamagedJournalError } from "../journal/database/integrity.ts";
import type { CanaryWatch } from "./canary/canary-watch.ts";
import type { ControlPlaneLink, Vitals } from "./control-plane-link.ts";
import type { Doors } from "./doors.ts";
import type { HealthReport } from "./health-report.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { ImagePulls } from "./images/image-pulls.ts";
import type { LeaseExchange } from "./lease-exchange.ts";
import type { Meter } from "./meter.ts";
import type { Clock } from "../host/moment.ts";
import type { DeviceAccessWatch } from "./watch/gpus/device-access-watch.ts";
import type { DrillWatch } from "./watch/drill-watch.ts";
import type { GangWatch } from "./watch/gang-watch.ts";
import type { ProbeWatch } from "./watch/probe-watch.ts";
import type { Observation } from "./watch/observation.ts";
import type { Reconciliation } from "./reconciliation.ts";
import type { RunPerformer } from "./run-performer.ts";
import type { DiskWatch } from "./storage/disk-watch.ts";
import type { FileWatch } from "./storage/file-watch.ts";
import type { StorageSampling } from "./storage/storage-sampling.ts";

/** While something is under way the loop looks this often; else it sleeps until woken or the next tick. */
const BUSY_ROUND_MS = 1_000;
const IDLE_ROUND_MS = 5_000;

export type AgentParts = {
  clock: Clock;
  observation: Observation;
  reconciliation: Reconciliation;
  performer: RunPerformer;
  imagePulls: ImagePulls;
  meter: Meter;
  housekeeping: Housekeeping;
  diskWatch: Pick<DiskWatch, "checkWhenDue">;
  fileWatch: Pick<FileWatch, "checkWhenDue">;
  canaryWatch: Pick<CanaryWatch, "checkWhenDue" | "close">;
  drillWatch: Pick<DrillWatch, "check">;
  leaseExchange: LeaseExchange;
  doors: Pick<Doors, "keep" | "settled">;
  gangWatch: Pick<GangWatch, "close">;
  probeWatch: Pick<ProbeWatch, "close">;
  accessWatch: Pick<DeviceAccessWatch, "close">;
  reportNow: () => Vitals;
  /** Called after each round with how long it took. */
  onRound?: (tookMs: number) => void;
  link: ControlPlaneLink;
  healthReport: Pick<HealthReport, "ready" | "writeWhenDue">;
  storageSampling: StorageSampling;
  notifier: ServiceNotifier;
  log: Log;
};

export class Agent {
  readonly #parts: AgentParts;
  #isWoken = false;
  #wakeUp: () => void = () => undefined;
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();
  #isReady = false;
  readonly #waking = new WakingTrace();

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /** `cause`: what the next round does was ordered in this trace, which it continues. */
  wake(cause: TraceContext | null = null): void {
    this.#isWoken = true;
    this.#waking.note(cause);
    this.#wakeUp();
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Finishes what is under way and writes the last tick down; containers go on. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.wake();
    await this.#loop;
    await this.#parts.performer.settled();
    await this.#parts.imagePulls.close();
    await this.#parts.canaryWatch.close();
    await this.#parts.housekeeping.settled();
    await this.#parts.gangWatch.close();
    await this.#parts.probeWatch.close();
    await this.#parts.accessWatch.close();
    await this.#parts.doors.settled();
    await this.#parts.meter.tick({ containers: null, wasUpSinceMs: null });
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#isWoken = false;
      const begunMs = performance.now();
      await inTrace(this.#waking.begin(), () => this.#round());
      this.#parts.onRound?.(performance.now() - begunMs);
      if (!this.#isStopping && !this.#isWoken) await this.#sleep();
    }
  }

  async #round(): Promise<void> {
    const { clock, observation, reconciliation, performer, meter, housekeeping, leaseExchange } = this.#parts;
    const { imagePulls, diskWatch, fileWatch, canaryWatch, doors } = this.#parts;
    await this.#attempt("looking for a drill", () => this.#parts.drillWatch.check());
    const nowMs = clock.monotonicMs();
    const check = await this.#attempt("looking at the containers", () =>
      observation.check({ nowMs, untilTickMs: meter.untilTickMs, mark: performer.endedWorks }),
    );
    const seen = check?.seen ?? null;

    const hasChanged =
      check !== null &&
      seen !== null &&
      (await this.#attempt("acting", () => reconciliation.act(seen, check.mark)));

    if (check !== null && seen !== null)
      await this.#attempt("fetching images", () => imagePulls.want(observation.desiredImages(seen)));

    if (hasChanged === true || meter.untilTickMs <= 0)
      await this.#attempt("metering", () =>
        meter.tick({ containers: seen, wasUpSinceMs: check?.wasUpSinceMs ?? null }),
      );
    if (seen !== null) await this.#attempt("confirming removals", () => reconciliation.confirmRemovals());
    await this.#attempt("looking at the disks", () => diskWatch.checkWhenDue(nowMs));
    await this.#attempt("looking at files of runs", () => fileWatch.checkWhenDue(nowMs));
    if (seen !== null) await this.#attempt("trying the canary", () => canaryWatch.checkWhenDue(nowMs));
    await this.#attempt("housekeeping", () => housekeeping.doWhenDue(nowMs));
    if (seen !== null && !observation.hasLeftFleet)
      housekeeping.keepSpareNetwork(nowMs, { isStarting: performer.isStarting });
    await this.#attempt("keeping the ways in", () =>
      doors.keep(observation.running, observation.knowledge().desired),
    );
    await this.#attempt("telling the access process", () => leaseExchange.exchange());
    await this.#attempt("reporting", () => this.#report());
    await this.#attempt("telling systemd", () => this.#notifySystemd());
    await this.#attempt("writing the health file", () => this.#parts.healthReport.writeWhenDue());
    if (hasChanged === true) this.wake();
  }

  /** One part of a round; should it fail, the others are done all the same and the next round tries it again. */
  async #attempt<T>(what: string, work: () => T | Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      // Our own bug, or a journal that cannot be trusted: starting anew mends what can be mended.
      if (error instanceof AssertionError || error instanceof DamagedJournalError) throw error;
      this.#parts.log.error({ error }, `${what} failed; the next round tries again`);
      return null;
    }
  }

  #report(): void {
    const { clock, link, reportNow, storageSampling } = this.#parts;
    link.converse(reportNow());
    // Who was never heard is asked for nothing yet.
    if (link.contact.wasHeardInBoot) storageSampling.checkWhenDue(clock.monotonicMs());
  }

  async #notifySystemd(): Promise<void> {
    const { notifier, clock, observation, meter, healthReport } = this.#parts;
    // While the runtime does not answer, the agent meters and reports all the same, and must not be ended for it.
    await notifier.alive(clock.monotonicMs(), { isStarting: !this.#isReady });
    if (this.#isReady || observation.containers === null || meter.ticks === 0) return;
    this.#isReady = true;
    healthReport.ready();
    await notifier.ready("looking after this host");
  }

  async #sleep(): Promise<void> {
    const { performer, imagePulls, observation, meter } = this.#parts;
    const isPending = performer.isBusy || imagePulls.isBusy || isUnsettled(observation.knowledge());
    const { untilTickMs } = meter;
    // A tick that is still due has failed just now; it is tried again, but not without a pause.
    const backoffMs = isPending || untilTickMs <= 0 ? BUSY_ROUND_MS : IDLE_ROUND_MS;
    const sleepMs = untilTickMs <= 0 ? backoffMs : Math.min(backoffMs, untilTickMs);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, sleepMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#isWoken) this.#wakeUp();
    });
    this.#wakeUp = () => undefined;
  }
}
