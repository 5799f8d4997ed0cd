/** A journal as an agent keeps it: rows are chained as they are written, and sent in batches of any cut. */
import { randomUUID } from "node:crypto";
import {
  GENESIS_HASH,
  JournalBatch,
  type JournalEntry,
  type JournalRow,
  rowHash,
} from "@remotegpu/shared/journal-row";

export class ChainedJournal {
  readonly id: string;
  readonly #rows: JournalRow[] = [];

  constructor(id: string = randomUUID()) {
    this.id = id;
  }

  /** Answers the row's seq. */
  append(entry: JournalEntry): number {
    const seq = this.#rows.length + 1;
    this.#rows.push({ seq, entry, hash: rowHash(this.id, seq, this.#hashOf(seq - 1), entry) });
    return seq;
  }

  get head(): number {
    return this.#rows.length;
  }

  /** The rows from one seq to another, both included; by default all. */
  batch(firstSeq = 1, lastSeq = this.#rows.length): JournalBatch {
    return JournalBatch.parse({
      kind: "journal-batch",
      journalId: this.id,
      previousHash: this.#hashOf(firstSeq - 1),
      rows: this.#rows.slice(firstSeq - 1, lastSeq),
      signature: "signed",
    });
  }

  #hashOf(seq: number): string {
    return seq === 0 ? GENESIS_HASH : (this.#rows[seq - 1]?.hash ?? GENESIS_HASH);
  }
}
