/**
 * Writes down how this agent stands, for the unit that upgrades it (core/upgrade/health.ts): at each metering tick, at each
 * answered heartbeat, and when it is ready. Nobody waits for it.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { AgentHealth } from "../core/upgrade/health.ts";
import { controlPlaneAt, healthGpus, healthInstances, processOf } from "../core/upgrade/health.ts";
import type { Clock } from "../host/moment.ts";
import { writeHealth } from "../host/health-file.ts";
import { startTicksOf } from "../host/processes/process-liveness.ts";
import type { Journal } from "../journal/journal.ts";
import type { ControlPlaneLink } from "./control-plane-link.ts";
import type { Meter } from "./meter.ts";
import type { Reconciliation } from "./reconciliation.ts";
import type { Observation } from "./watch/observation.ts";
import type { VersionWatch } from "./watch/version-watch.ts";

export type HealthReportParts = {
  stateDir: string;
  version: string;
  clock: Clock;
  journal: Pick<Journal, "head">;
  observation: Pick<Observation, "own">;
  meter: Pick<Meter, "ticks" | "tickedMs">;
  reconciliation: Pick<Reconciliation, "unorderedEnds">;
  link: Pick<ControlPlaneLink, "heartbeats" | "heardMs" | "heardDegraded">;
  gpuWatch: { gpus: readonly { uuid: string }[]; closed: ReadonlyMap<string, unknown> } & {
    health: { cards: ReadonlyMap<string, unknown> };
  };
  versionWatch: Pick<VersionWatch, "versions">;
  degraded: () => string[];
};

export class HealthReport {
  readonly #parts: HealthReportParts;
  readonly #startedMs: number;
  readonly #agentEpoch: number;
  #readyMs: number | null = null;
  #writtenAt = "";

  constructor(parts: HealthReportParts) {
    this.#parts = parts;
    this.#startedMs = parts.clock.monotonicMs();
    this.#agentEpoch = parts.journal.head().agentEpoch;
  }

  /** Systemd is about to be notified. */
  ready(): void {
    this.#readyMs ??= this.#parts.clock.monotonicMs();
  }

  /** To be called in each round; does nothing where nothing that it is written for has happened. @throws what the disk says */
  async writeWhenDue(): Promise<void> {
    const { clock, meter, link, reconciliation } = this.#parts;
    // A jump of the wall clock, and no drift of it.
    const offsetMinutes = Math.round((clock.wallMs() - clock.monotonicMs()) / MS_PER_MINUTE);
    const words = [offsetMinutes, JSON.stringify(this.#gpus()), ...this.#parts.degraded()];
    const at = [meter.ticks, link.heartbeats, this.#readyMs, reconciliation.unorderedEnds, ...words].join(
      " ",
    );
    if (at === this.#writtenAt) return;
    writeHealth(this.#parts.stateDir, await this.#now());
    this.#writtenAt = at;
  }

  #gpus(): AgentHealth["gpus"] {
    const { gpus, closed, health } = this.#parts.gpuWatch;
    return healthGpus({
      listed: gpus.map(({ uuid }) => uuid),
      closed: closed.keys(),
      known: health.cards.keys(),
    });
  }

  #driver(): string | null {
    const { components = [] } = this.#parts.versionWatch.versions ?? {};
    return components.find(({ component }) => component === "nvidia-driver")?.version ?? null;
  }

  async #now(): Promise<AgentHealth> {
    const { version, clock, observation, meter, link, reconciliation } = this.#parts;
    const { own } = observation;
    const startTicks = await startTicksOf(own.map(processOf).filter((pid) => pid !== null));
    const nowMs = clock.monotonicMs();
    return {
      version,
      pid: process.pid,
      bootId: clock.bootId,
      agentEpoch: this.#agentEpoch,
      startedMs: this.#startedMs,
      readyMs: this.#readyMs,
      writtenMs: nowMs,
      heartbeats: link.heartbeats,
      controlPlane: controlPlaneAt(link.heardMs, nowMs),
      ticks: meter.ticks,
      lastTickMs: meter.tickedMs,
      instances: healthInstances(own, startTicks),
      unorderedEnds: reconciliation.unorderedEnds,
      wallMs: clock.wallMs(),
      degraded: this.#parts.degraded(),
      heardDegraded: [...link.heardDegraded],
      gpus: this.#gpus(),
      driver: this.#driver(),
    };
  }
}
