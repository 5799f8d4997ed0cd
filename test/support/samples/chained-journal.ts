/** A journal as an agent keeps it: rows are chained as they are written, and sent in batches of any cut. */
import { randomUUID } from "node:crypto";
import {
  GENESIS_HASH,
  JournalBatch,
  type JournalEntry,
  type JournalRow,
  signedText,
} from "@remotegpu/shared/proof/journal-row";
import { rowHash } from "@remotegpu/shared/proof/row-hash";

export class ChainedJournal {
  readonly id: string;
  readonly #sign: (text: string) => string;
  readonly #rows: JournalRow[] = [];

  /** `sign` is the host's, for who looks at signatures. */
  constructor(id: string = randomUUID(), sign: (text: string) => string = () => "signed") {
    this.id = id;
    this.#sign = sign;
  }

  /** Answers the row's seq. */
  append(entry: JournalEntry): number {
    const seq = this.#rows.length + 1;
    this.#rows.push({ seq, entry, hash: rowHash(this.id, seq, this.#hashOf(seq - 1), entry) });
    return seq;
  }

  /** Forgets the row and all after it, so that others are written in their places. */
  cutBefore(seq: number): void {
    this.#rows.length = seq - 1;
  }

  /** The row's content is gone: a lost row stands in its place and keeps its hash. */
  lose(seq: number): void {
    const row = this.#rows[seq - 1];
    if (row !== undefined) row.entry = { kind: "lost", reason: "the row does not match its hash" };
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
      signature: this.#sign(signedText(this.id, lastSeq, this.#hashOf(lastSeq))),
    });
  }

  #hashOf(seq: number): string {
    return seq === 0 ? GENESIS_HASH : (this.#rows[seq - 1]?.hash ?? GENESIS_HASH);
  }
}
