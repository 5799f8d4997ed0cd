/** How far each run is covered. Kept in place, so that extending needs no new room on the disk. */
import type { BootId, RunId } from "@remotegpu/shared/ids";
import type { Interval } from "../core/usage-interval.ts";
import type { JournalDatabase } from "./journal-database.ts";

interface StoredInterval {
  run_id: RunId;
  boot_id: BootId;
  pid: number;
  start_ticks: number;
  start_ms: number;
  end_ms: number;
  wall_end_ms: number;
  is_open: number;
}

export class IntervalStore {
  readonly #database: JournalDatabase;

  constructor(database: JournalDatabase) {
    this.#database = database;
  }

  all(): Map<RunId, Interval> {
    const stored = this.#database.sqlite.prepare<[], StoredInterval>("SELECT * FROM intervals").all();
    return new Map(stored.map((row) => [row.run_id, intervalOf(row)]));
  }

  /** Call it inside a transaction. */
  put(interval: Interval): void {
    this.#database.sqlite
      .prepare(
        `INSERT INTO intervals (run_id, boot_id, pid, start_ticks, start_ms, end_ms, wall_end_ms, is_open)
         VALUES (:runId, :bootId, :pid, :startTicks, :startMs, :endMs, :wallEndMs, :isOpen)
         ON CONFLICT (run_id) DO UPDATE SET boot_id = :bootId, pid = :pid, start_ticks = :startTicks,
           start_ms = :startMs, end_ms = :endMs, wall_end_ms = :wallEndMs, is_open = :isOpen`,
      )
      .run({ ...interval, isOpen: interval.isOpen ? 1 : 0 });
  }

  /** Call it inside a transaction. */
  remove(runId: RunId): void {
    this.#database.sqlite.prepare("DELETE FROM intervals WHERE run_id = ?").run(runId);
  }
}

function intervalOf(stored: StoredInterval): Interval {
  return {
    runId: stored.run_id,
    bootId: stored.boot_id,
    pid: stored.pid,
    startTicks: stored.start_ticks,
    startMs: stored.start_ms,
    endMs: stored.end_ms,
    wallEndMs: stored.wall_end_ms,
    isOpen: stored.is_open === 1,
  };
}
