/**
 * One pass over what is wrong with the journal stream: an alarm for each thing that lasts, raised once and over with
 * it. A restart of NATS or a change of its leader is nobody's work, and comes to an end before it is told.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type StreamState, troublesOf } from "../../core/ingest/journal-stream.ts";
import { keepAlarms, openAlarms } from "../../store/events/alarms.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";

const KIND = "journal-stream";
const REPORTED_AFTER_MS = 30 * MS_PER_SECOND;
const MAX_LISTED = 10;

export class StreamAlarms {
  readonly #db: Database;
  readonly #sinceMs = new Map<string, number>();

  constructor(db: Database) {
    this.#db = db;
  }

  async pass(state: StreamState, { term, now }: { term: number; now: Date }): Promise<void> {
    const troubles = troublesOf(state);
    const nowMs = now.getTime();
    for (const subject of this.#sinceMs.keys()) if (!troubles.has(subject)) this.#sinceMs.delete(subject);
    for (const subject of troubles.keys()) if (!this.#sinceMs.has(subject)) this.#sinceMs.set(subject, nowMs);
    await transaction(this.#db, async (sql) => {
      await assertTerm(sql, term);
      // Raised by whoever led before: it lasts, however short this replica has known of it.
      const open = await openAlarms(sql, { kind: KIND, prefix: "" });
      const lasting = [...troubles].filter(
        ([subject]) =>
          open.has(subject) || nowMs - (this.#sinceMs.get(subject) ?? nowMs) >= REPORTED_AFTER_MS,
      );
      await keepAlarms(sql, {
        kind: KIND,
        prefix: "",
        alarms: new Map(lasting),
        most: MAX_LISTED,
        now,
      });
    });
  }
}
