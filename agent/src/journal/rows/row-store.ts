/**
 * The chained rows on disk and their head. Rows beyond the watermark are the outbox. Nobody reads a row without its
 * hash being checked, since SQLite does not notice a flipped bit.
 */
import assert from "node:assert";
import type { JournalId } from "@remotegpu/shared/values/ids";
import { entryText, GENESIS_HASH, type ReadRow, type UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { rowHash, sha256 } from "@remotegpu/shared/proof/row-hash";
import { examine, parsedEntry, type ChainLink, type StoredRow } from "./chain.ts";
import type { JournalDatabase } from "../database/journal-database.ts";

export interface ChainState {
  journalId: JournalId;
  /** Rows up to here are decided in Postgres, as far as was told. */
  watermark: number;
  dbIncarnation: number;
  /** The last row that was forgotten; the kept ones follow it. */
  base: ChainLink;
  head: ChainLink;
}

export interface VerifiedRows {
  /** The hash before the first of the rows. */
  previousHash: string;
  rows: ReadRow[];
  /** Seqs that were found damaged now; those of them that are `lost` rows could not be mended. */
  damaged: number[];
}

interface StoredChain {
  journal_id: JournalId;
  watermark: number;
  db_incarnation: number;
  base_seq: number;
  base_hash: string;
  head_seq: number;
  head_hash: string;
}

export class RowStore {
  readonly #database: JournalDatabase;

  constructor(database: JournalDatabase) {
    this.#database = database;
  }

  chain(): ChainState {
    const stored = this.#database
      .prepare<[], StoredChain>(
        "SELECT journal_id, watermark, db_incarnation, base_seq, base_hash, head_seq, head_hash FROM meta",
      )
      .get();
    assert(stored !== undefined, "the journal has no meta row");
    return {
      journalId: stored.journal_id,
      watermark: stored.watermark,
      dbIncarnation: stored.db_incarnation,
      base: { seq: stored.base_seq, hash: stored.base_hash },
      head: { seq: stored.head_seq, hash: stored.head_hash },
    };
  }

  /** Chains the entries to the head. Call it inside a transaction. */
  append(entries: readonly UsageEntry[]): void {
    if (entries.length === 0) return;
    const { journalId, head } = this.chain();
    const insert = this.#database.prepare("INSERT INTO rows (seq, entry, hash) VALUES (?, ?, ?)");
    let { seq, hash } = head;
    for (const entry of entries) {
      seq += 1;
      hash = rowHash(journalId, seq, hash, entry);
      insert.run(seq, entryText(entry), hash);
    }
    this.#setHead({ seq, hash });
  }

  /**
   * Rows after `afterSeq` (or after the base, if that is later), at most `limit`. Damaged ones are mended on the disk
   * first, so what is returned is always a chain.
   */
  verified(afterSeq: number, limit: number): VerifiedRows {
    const { journalId, base, head } = this.chain();
    const startSeq = Math.max(afterSeq, base.seq);
    // The row before is examined as well: its damaged hash would make the first one look damaged.
    const previous = this.#linkAt(Math.max(startSeq - 1, base.seq), base);
    const lastSeq = Math.min(head.seq, startSeq + limit);
    const stored = this.#between(previous.seq + 1, lastSeq + 1);
    const beyond = stored.at(-1)?.seq === lastSeq + 1 ? stored.pop() : undefined;
    const after = beyond ?? { headHash: lastSeq === head.seq ? head.hash : null };
    const { rows, mended } = examine({ journalId, previous, rows: stored, lastSeq, after });

    const last = rows.at(-1);
    const isHeadDamaged = last?.seq === head.seq && last.hash !== head.hash;
    // What was confirmed is not thrown away for the sake of a neighbour's damaged hash.
    const writeBack = mended.filter((row) => row.seq > startSeq || row.entry.kind !== "lost");
    if (writeBack.length > 0) this.#database.errors.add("damaged-row", writeBack.length);
    if (writeBack.length > 0 || isHeadDamaged)
      this.#database.write(() => {
        this.#replace(writeBack);
        if (isHeadDamaged) this.#setHead(last);
      });
    return {
      previousHash: rows.find((row) => row.seq === startSeq)?.hash ?? previous.hash,
      rows: rows.filter((row) => row.seq > startSeq),
      damaged: writeBack.map((row) => row.seq),
    };
  }

  /** What the wall clock showed at the end of the oldest unconfirmed row; null where there is none, or it is damaged. */
  oldestUnconfirmedMs(): number | null {
    const stored = this.#database
      .prepare<[], { entry: string }>(
        "SELECT entry FROM rows WHERE seq > (SELECT watermark FROM meta) ORDER BY seq LIMIT 1",
      )
      .get();
    return stored === undefined ? null : wallEndMs(stored.entry);
  }

  /** Deletes confirmed rows up to `seq`; the chain goes on from its hash. Call it inside a transaction. */
  forgetUpTo(seq: number): void {
    const { base } = this.chain();
    const { hash } = this.#linkAt(seq, base);
    this.#database.prepare("DELETE FROM rows WHERE seq <= ?").run(seq);
    this.#database.prepare("UPDATE meta SET base_seq = ?, base_hash = ?").run(seq, hash);
  }

  /** Begins at seq 1 under a new id; what the old chain held is gone. Call it inside a transaction. */
  startNewChain(journalId: JournalId): void {
    this.#database.prepare("DELETE FROM rows").run();
    this.#database
      .prepare(
        `UPDATE meta SET journal_id = :journalId, journal_id_hash = :idHash, watermark = 0, base_seq = 0, base_hash = :genesis,
                head_seq = 0, head_hash = :genesis`,
      )
      .run({ journalId, idHash: sha256(journalId), genesis: GENESIS_HASH });
  }

  #between(firstSeq: number, lastSeq: number): StoredRow[] {
    return this.#database
      .prepare<[number, number], StoredRow>(
        "SELECT seq, entry, hash FROM rows WHERE seq BETWEEN ? AND ? ORDER BY seq",
      )
      .all(firstSeq, lastSeq);
  }

  #linkAt(seq: number, base: ChainLink): ChainLink {
    if (seq <= base.seq) return base;
    const hash = this.#between(seq, seq)[0]?.hash;
    // A missing row has no hash that anything follows; the row after it will be found damaged.
    return { seq, hash: hash ?? GENESIS_HASH };
  }

  #replace(rows: readonly ReadRow[]): void {
    const put = this.#database.prepare("INSERT OR REPLACE INTO rows (seq, entry, hash) VALUES (?, ?, ?)");
    for (const { seq, entry, hash } of rows) put.run(seq, entryText(entry), hash);
  }

  #setHead({ seq, hash }: ChainLink): void {
    this.#database.prepare("UPDATE meta SET head_seq = ?, head_hash = ?").run(seq, hash);
  }
}

function wallEndMs(text: string): number | null {
  const entry = parsedEntry({ entry: text });
  if (entry?.kind !== "usage") return null;
  const endMs = Date.parse(entry.wallEnd);
  return Number.isNaN(endMs) ? null : endMs;
}
