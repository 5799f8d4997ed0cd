/**
 * The journal's file as the doctor reads it, beside a running agent or alone: nothing is mended and nothing written.
 * All that one reading tells is of one moment. Damaged entries are named and left out.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { JournalId } from "@remotegpu/shared/values/ids";
import { DesiredFetch } from "@remotegpu/shared/instance/image-fetch";
import { DesiredLease } from "@remotegpu/shared/instance/lease";
import type { StoredLink } from "@remotegpu/shared/proof/chain-walk";
import { z } from "zod";
import type { PulledImage } from "../core/images/image-rights.ts";
import type { RunRecord } from "../core/runs/run-record.ts";
import type { UsageInterval } from "../core/metering/usage-interval.ts";
import { StoredContact } from "./contact-store.ts";
import { isLocked } from "./database/folder-lock.ts";
import { complaintAbout } from "./database/integrity.ts";
import { JOURNAL_SCHEMA } from "./database/schema.ts";
import {
  assertReadable,
  NewerDatabaseError,
  schemaNumbers,
  type SchemaNumbers,
} from "./database/schema-steps.ts";
import { readUntouched } from "./database/untouched.ts";
import { StoredInterval } from "./interval-store.ts";
import { snapshotOf, type JournalSnapshot } from "./journal-view.ts";
import { JOURNAL_FILE } from "./journal.ts";
import { StoredOrphans } from "./orphan-store.ts";
import { StoredPulledImage } from "./pulled-images.ts";
import { StoredRecord } from "./run-store.ts";
import { storedOrder } from "./desired/stored-order.ts";
import { bySchema, unsealBy, type Reader, type StoredSeal } from "./database/sealed.ts";

/** Rows read in one go; a few megabytes. */
const ROWS_PER_PAGE = 5_000;

const Meta = z.object({
  journal_id: JournalId,
  watermark: z.int().nonnegative(),
  base_seq: z.int().nonnegative(),
  base_hash: z.string(),
  head_seq: z.int().nonnegative(),
  head_hash: z.string(),
});
export type JournalMeta = z.infer<typeof Meta>;

/** An entry whose bytes changed by themselves: which table, and its key. */
export type DamagedEntry = {
  table:
    | "desired"
    | "desired_leases"
    | "desired_fetches"
    | "pulled_images"
    | "runs"
    | "intervals"
    | "contact"
    | "orphans";
  key: string;
};

export type JournalState = {
  runs: RunRecord[];
  intervals: UsageInterval[];
  pulledImages: PulledImage[];
  /** Images by the names that orders and fetches say. */
  wantedImages: string[];
  damaged: DamagedEntry[];
};

export class NoJournalError extends Error {
  override name = "NoJournalError";
}

export class UnreadableJournalError extends Error {
  override name = "UnreadableJournalError";
}

/** What a reader may find wrong with the file. */
const UNREADABLE = [Database.SqliteError, NewerDatabaseError, z.ZodError];

/** @throws NoJournalError, UnreadableJournalError */
export function readJournal<T>(folder: string, read: (reading: JournalReading) => T): T {
  const path = join(folder, JOURNAL_FILE);
  if (!existsSync(path)) throw new NoJournalError(`there is no journal in ${folder}`);
  try {
    return readUntouched(
      path,
      () => isLocked(folder),
      (sqlite) => {
        assertReadable(sqlite, JOURNAL_SCHEMA);
        return read(new JournalReading(sqlite));
      },
    );
  } catch (cause) {
    if (!(cause instanceof Error && UNREADABLE.some((kind) => cause instanceof kind))) throw cause;
    throw new UnreadableJournalError(`the journal cannot be read: ${cause.message}`, { cause });
  }
}

export class JournalReading {
  readonly #sqlite: Database.Database;

  constructor(sqlite: Database.Database) {
    this.#sqlite = sqlite;
  }

  /** What is decided from, as the stores themselves read it. */
  snapshot(): JournalSnapshot {
    return snapshotOf(this.#sqlite);
  }

  schema(): SchemaNumbers {
    return schemaNumbers(this.#sqlite);
  }

  /** What is wrong with the file as a whole; null when nothing is. */
  complaint(): string | null {
    return complaintAbout(this.#sqlite);
  }

  meta(): JournalMeta {
    return Meta.parse(
      this.#sqlite
        .prepare("SELECT journal_id, watermark, base_seq, base_hash, head_seq, head_hash FROM meta")
        .get(),
    );
  }

  /** All rows that are kept, page by page, in the order of their seqs. */
  *pages(): Generator<StoredLink[]> {
    const page = this.#sqlite.prepare<[number], { seq: number; entry: string; hash: string }>(
      `SELECT seq, entry, hash FROM rows WHERE seq > ? ORDER BY seq LIMIT ${ROWS_PER_PAGE}`,
    );
    for (let afterSeq = 0; ;) {
      const rows = page.all(afterSeq);
      if (rows.length > 0) yield rows.map(({ seq, entry, hash }) => ({ seq, entry: jsonOf(entry), hash }));
      if (rows.length < ROWS_PER_PAGE) return;
      afterSeq = rows.at(-1)?.seq ?? afterSeq;
    }
  }

  state(): JournalState {
    const damaged: DamagedEntry[] = [];
    const sealed = <T>(table: DamagedEntry["table"], key: string, schema: z.ZodType<T>): T[] =>
      read(table, key, bySchema(schema));
    const read = <T>(table: DamagedEntry["table"], key: string, reader: Reader<T>): T[] =>
      this.#sqlite
        .prepare<[], StoredSeal & { key: string }>(
          `SELECT CAST(${key} AS TEXT) AS key, entry, entry_hash FROM ${table}`,
        )
        .all()
        .flatMap((row) => {
          const value = unsealBy(row, reader);
          if (value === null) damaged.push({ table, key: row.key });
          return value === null ? [] : [value];
        });
    const runs = sealed("runs", "run_id", StoredRecord);
    const intervals = sealed("intervals", "run_id", StoredInterval);
    sealed("contact", "singleton", StoredContact);
    sealed("orphans", "singleton", StoredOrphans);
    const orders = read("desired", "instance_id || ' epoch ' || placement_epoch", storedOrder);
    sealed("desired_leases", "lease_id", DesiredLease);
    const fetches = sealed("desired_fetches", "fetch_id", DesiredFetch);
    const pulledImages = sealed("pulled_images", "key", StoredPulledImage);
    damaged.push(...this.#misfiledOrders());
    const wanted = orders.flatMap((stored) =>
      stored.kind === "understood" && stored.order.want === "running" ? [stored.order.spec.image] : [],
    );
    const wantedImages = [...wanted, ...fetches.map(({ image }) => image)];
    return { runs, intervals, pulledImages, wantedImages, damaged };
  }

  /** The columns that decide what is dropped must say what the entry says. */
  #misfiledOrders(): DamagedEntry[] {
    return this.#sqlite
      .prepare<[], { key: string }>(
        `SELECT instance_id || ' epoch ' || placement_epoch AS key FROM desired
          WHERE json_valid(entry) AND (json_extract(entry, '$.instanceId') <> instance_id
             OR json_extract(entry, '$.placementEpoch') <> placement_epoch OR json_extract(entry, '$.want') <> want)`,
      )
      .all()
      .map(({ key }) => ({ table: "desired", key }));
  }
}

/** Undefined where the text is no JSON, which the walk calls unreadable. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
