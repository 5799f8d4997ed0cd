/**
 * What Postgres has decided, as heartbeats tell it, and when such rows may be forgotten: after a week of this
 * journal's own open time. No jump of the wall clock shortens that; time while the agent is down makes it longer.
 */
import type { JournalId } from "@remotegpu/shared/values/ids";
import { MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type { JournalDatabase } from "../database/journal-database.ts";
import type { RowStore } from "./row-store.ts";

export const KEEP_CONFIRMED_MS = 7 * MS_PER_DAY;
/** Confirmations are remembered by the hour; each matures a week after its hour has ended. */
const CONFIRMATION_STEP_MS = MS_PER_HOUR;
/** Rows forgotten in one tick at most, so that a tick stays short. */
const FORGET_AT_ONCE = 5_000;

export interface Confirmation {
  journalId: JournalId;
  watermark: number;
  dbIncarnation: number;
}

/** `rolled-back`: Postgres knows rows that this file lacks, so the journal goes on under a new id. */
export type ConfirmOutcome = "same" | "raised" | "lowered" | "stale" | "rolled-back";

export class ConfirmationStore {
  readonly #database: JournalDatabase;
  readonly #rows: RowStore;
  readonly #newJournalId: () => JournalId;

  constructor(database: JournalDatabase, rows: RowStore, newJournalId: () => JournalId) {
    this.#database = database;
    this.#rows = rows;
    this.#newJournalId = newJournalId;
  }

  /**
   * A lower watermark than before (Postgres was restored) is believed: rows are sent again from there. One beyond the
   * head means that this file is an old copy of itself, and its next rows would be taken for ones already decided.
   */
  confirm({ journalId, watermark, dbIncarnation }: Confirmation): ConfirmOutcome {
    const chain = this.#rows.chain();
    if (journalId !== chain.journalId || dbIncarnation < chain.dbIncarnation) return "stale";
    if (watermark === chain.watermark && dbIncarnation === chain.dbIncarnation) return "same";
    return this.#database.write(() => {
      if (dbIncarnation > chain.dbIncarnation)
        this.#database.prepare("UPDATE meta SET db_incarnation = ?, stops_guarded = 1").run(dbIncarnation);
      if (watermark === chain.watermark) return "same";
      if (watermark > chain.head.seq) {
        this.#database.prepare("DELETE FROM confirmations").run();
        this.#rows.startNewChain(this.#newJournalId());
        return "rolled-back";
      }
      this.#database.prepare("UPDATE meta SET watermark = ?").run(watermark);
      if (watermark > chain.watermark) {
        this.#remember(watermark);
        return "raised";
      }
      this.#database.prepare("UPDATE confirmations SET watermark = min(watermark, ?)").run(watermark);
      return "lowered";
    });
  }

  /** Adds to the journal's open time and forgets what has matured. Call it inside a transaction. */
  age(elapsedMs: number): void {
    this.#database.prepare("UPDATE meta SET clock_ms = clock_ms + ?").run(elapsedMs);
    const { base } = this.#rows.chain();
    const matured = this.#database
      .prepare<[], { watermark: number | null }>(
        `SELECT max(confirmations.watermark) AS watermark FROM confirmations, meta
          WHERE matures_ms <= clock_ms`,
      )
      .get()?.watermark;
    if (matured === undefined || matured === null) return;
    const upToSeq = Math.min(matured, base.seq + FORGET_AT_ONCE);
    if (upToSeq > base.seq) this.#rows.forgetUpTo(upToSeq);
    this.#database.prepare("DELETE FROM confirmations WHERE watermark <= ?").run(Math.max(upToSeq, base.seq));
  }

  #remember(watermark: number): void {
    this.#database
      .prepare(
        `INSERT INTO confirmations (matures_ms, watermark)
         SELECT (clock_ms / :step + 1) * :step + :keep, :watermark FROM meta WHERE true
         ON CONFLICT (matures_ms) DO UPDATE SET watermark = :watermark`,
      )
      .run({ step: CONFIRMATION_STEP_MS, keep: KEEP_CONFIRMED_MS, watermark });
  }
}
