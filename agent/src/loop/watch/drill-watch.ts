/**
 * What a drill that runs on this host has the agent see, and the certificate of the last one for the report. Without the
 * drill's file, which only root can write, and its living process, nothing of it is ever in effect.
 */
import type { SignedDrill } from "@remotegpu/shared/messages/drill-report";
import type { Log } from "@remotegpu/shared/log";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { DrillFolder, Switches } from "../../host/drill-folder.ts";

export type DrillWatchParts = {
  folder: Pick<DrillFolder, "switches" | "certificate" | "cleanUp">;
  /** In ticks since boot; null where there is no such process. */
  processStart: (pid: number) => Promise<number | null>;
  log: Log;
};

export class DrillWatch {
  readonly #parts: DrillWatchParts;
  #switches: Switches | null = null;
  #certificate: SignedDrill | null = null;

  constructor(parts: DrillWatchParts) {
    this.#parts = parts;
  }

  /** By which this agent's wall clock is to be ahead. */
  get clockAheadMs(): number {
    return this.#switches?.clockAheadMs ?? 0;
  }

  /** The card that is to be taken for gone. */
  get lostCard(): GpuUuid | null {
    return this.#switches?.lostCard ?? null;
  }

  /** As the heartbeat says it: nothing new is placed on the host meanwhile. */
  get degraded(): string[] {
    return this.#switches === null ? [] : ["drill"];
  }

  get report(): SignedDrill | null {
    return this.#certificate;
  }

  /** To be called in each round; removes what a drill has left that was killed. */
  async check(): Promise<void> {
    const { folder, processStart, log } = this.#parts;
    this.#certificate = folder.certificate();
    const switches = folder.switches();
    const isAlive = switches !== null && (await processStart(switches.pid)) === switches.startTicks;
    if (switches !== null && !isAlive) {
      log.warn({}, "a drill ended before its end; what it had done to this host is taken back");
      folder.cleanUp();
    }
    this.#switches = isAlive ? switches : null;
  }
}
