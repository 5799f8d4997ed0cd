/** How far each run is covered. Kept in place, so that extending needs no new room on the disk. */
import { BootId, RunId } from "@remotegpu/shared/values/ids";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { z } from "zod";
import type { UsageInterval } from "../core/metering/usage-interval.ts";
import type { Statements } from "./database/journal-database.ts";
import { seal, unseal, type StoredSeal } from "./database/sealed.ts";

/** Of no process that lives: whichever comes is another one. */
const NO_HANDLERS = { pid: 1, startTicks: 0 };

const Milliseconds = z.int().nonnegative();

export const StoredInterval: z.ZodType<UsageInterval> = z.object({
  runId: RunId,
  bootId: BootId,
  pid: z.int().positive(),
  startTicks: z.int().nonnegative(),
  startMs: Milliseconds,
  endMs: Milliseconds,
  wallEndMs: z.int(),
  isOpen: z.boolean(),
});

export class IntervalStore {
  readonly #database: Statements;

  constructor(database: Statements) {
    this.#database = database;
  }

  all(): Map<RunId, UsageInterval> {
    const intervals = this.#stored()
      .map((row) => unseal(row, StoredInterval))
      .filter((interval) => interval !== null);
    return new Map(intervals.map((interval) => [interval.runId, interval]));
  }

  /** Call it inside a transaction. */
  put(interval: UsageInterval): void {
    this.#database
      .prepare(
        `INSERT INTO intervals (run_id, entry, entry_hash) VALUES (:runId, :entry, :entry_hash)
         ON CONFLICT (run_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
      )
      .run({ runId: interval.runId, ...seal(interval) });
  }

  /** Call it inside a transaction. */
  remove(runId: RunId): void {
    this.#database.prepare("DELETE FROM intervals WHERE run_id = ?").run(runId);
  }

  /**
   * Drops damaged intervals, since their time cannot be proven. What is a row already must not be claimed again, so
   * a closed one that ends with the run's last row takes their place. Returns whose they were.
   * @param lastRowOf the run's last usage row, null where none is found
   */
  mend(lastRowOf: (runId: RunId) => UsageEntry | null): RunId[] {
    const damaged = this.#stored().filter((row) => unseal(row, StoredInterval) === null);
    if (damaged.length > 0)
      this.#database.write(() => {
        for (const { run_id: runId } of damaged) {
          this.remove(runId);
          const last = lastRowOf(runId);
          if (last !== null) this.put(coveredBy(last));
        }
      });
    return damaged.map((row) => row.run_id);
  }

  #stored(): (StoredSeal & { run_id: RunId })[] {
    return this.#database
      .prepare<[], StoredSeal & { run_id: RunId }>("SELECT run_id, entry, entry_hash FROM intervals")
      .all();
  }
}

function coveredBy({ runId, bootId, endMs }: UsageEntry): UsageInterval {
  return { runId, bootId, ...NO_HANDLERS, startMs: endMs, endMs, wallEndMs: 0, isOpen: false };
}
