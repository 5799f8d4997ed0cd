/**
 * The history of cards as this server hears it: heartbeats are counted in memory, and each five minutes are written once
 * they are over. Every server does so for what it hears; their parts of a bucket are added in the database.
 */
import type { Heartbeat } from "@remotegpu/shared/messages/protocol";
import { isBlind } from "../../core/hosts/blindness.ts";
import { GpuTallies } from "../../core/hosts/history/gpu-tallies.ts";
import type { Database } from "../../store/database/database.ts";
import { keepHeard } from "../../store/hosts/gpus/gpu-history.ts";

/** The GPUs of one statement, which takes some milliseconds: heartbeats go on between them. */
const MAX_CARDS = 500;

export class GpuHistory {
  readonly #tallies = new GpuTallies();
  readonly #parts: { db: Database; now: () => Date };

  constructor(parts: { db: Database; now: () => Date }) {
    this.#parts = parts;
  }

  /** A heartbeat that was accepted. */
  note(hostId: string, { gpus, degraded }: Heartbeat): void {
    if (isBlind(degraded)) return;
    const atMs = this.#parts.now().getTime();
    for (const { uuid, ...reported } of gpus) {
      const reading = {
        utilization: reported.utilizationPercent,
        memory_used: reported.memoryUsedMib,
        temperature: reported.temperatureC,
        power: reported.powerW,
      };
      this.#tallies.note({ hostId, uuid, reading, atMs });
    }
  }

  /** Writes what is over. */
  async pass(): Promise<void> {
    await this.#write({ all: false });
  }

  /** Writes what is not over either: nothing more is heard here. */
  async end(): Promise<void> {
    await this.#write({ all: true });
  }

  async #write({ all }: { all: boolean }): Promise<void> {
    const nowMs = this.#parts.now().getTime();
    for (;;) {
      const heard = this.#tallies.next({ nowMs, all, limit: MAX_CARDS });
      if (heard === null) return;
      await keepHeard(this.#parts.db, heard);
      this.#tallies.forget(heard);
    }
  }
}
