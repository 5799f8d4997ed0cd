/**
 * Which rows to send next. It remembers in memory what was sent; only the watermark confirms. Without progress of the
 * watermark for a minute, and on every new connection, everything beyond it is sent again: a lost message costs that,
 * and never a row.
 */
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_ROWS,
  type OutgoingBatch,
  type OutgoingRow,
  type ReadRow,
  signedText,
} from "@remotegpu/shared/proof/journal-row";
import type { JournalId } from "@remotegpu/shared/values/ids";
import type { RowStore } from "./row-store.ts";

export const RESEND_AFTER_MS = 60_000;
/** Rows sent and not yet confirmed, at most; the rest waits for the watermark. */
export const MAX_ROWS_IN_FLIGHT = 100_000;
/** JSON around the rows of a batch: id, hashes, signature. */
const BATCH_FRAME_BYTES = 1_024;

export interface BatchLimits {
  nowMs: number;
  maxBatches: number;
  maxRows?: number;
  maxBytes?: number;
}

export class Outbox {
  readonly #rows: RowStore;
  readonly #sign: (text: string) => string;
  #journalId: JournalId | null = null;
  #watermark = 0;
  #sentSeq = 0;
  /** When the watermark last moved while something was on its way, or when that was first sent. */
  #progressMs = 0;

  /** `sign` gives the base64 nkey signature of a text. */
  constructor(rows: RowStore, sign: (text: string) => string) {
    this.#rows = rows;
    this.#sign = sign;
  }

  /** The next batches, in order. Each is to be published and then told to `sent`; one that is not comes again. */
  nextBatches({
    nowMs,
    maxBatches,
    maxRows = MAX_BATCH_ROWS,
    maxBytes = MAX_BATCH_BYTES,
  }: BatchLimits): OutgoingBatch[] {
    this.#follow(nowMs);
    const batches: OutgoingBatch[] = [];
    let afterSeq = this.#sentSeq;
    while (batches.length < maxBatches && afterSeq - this.#watermark < MAX_ROWS_IN_FLIGHT) {
      const batch = this.#batchAfter(afterSeq, maxRows, maxBytes);
      if (batch === null) break;
      batches.push(batch);
      afterSeq = lastOf(batch).seq;
    }
    return batches;
  }

  /** The batch was handed over (a PubAck confirms nothing). */
  sent(batch: OutgoingBatch, nowMs: number): void {
    if (batch.journalId !== this.#journalId) return;
    if (this.#sentSeq === this.#watermark) this.#progressMs = nowMs;
    this.#sentSeq = Math.max(this.#sentSeq, lastOf(batch).seq);
  }

  /** On a new connection: what the old one was given may be lost with the server behind it. */
  sendAgain(): void {
    this.#sentSeq = this.#watermark;
  }

  #follow(nowMs: number): void {
    const { journalId, watermark } = this.#rows.chain();
    const isOtherChain = journalId !== this.#journalId;
    const isRestored = watermark < this.#watermark;
    if (watermark > this.#watermark) this.#progressMs = nowMs;
    this.#journalId = journalId;
    this.#watermark = watermark;
    const isOverdue = nowMs - this.#progressMs >= RESEND_AFTER_MS;
    this.#sentSeq = isOtherChain || isRestored || isOverdue ? watermark : Math.max(this.#sentSeq, watermark);
  }

  #batchAfter(afterSeq: number, maxRows: number, maxBytes: number): OutgoingBatch | null {
    const { previousHash, rows } = this.#rows.verified(afterSeq, maxRows);
    const fitting = rowsWithin(rows.map(outgoing), maxBytes - BATCH_FRAME_BYTES);
    const last = fitting.at(-1);
    if (last === undefined) return null;
    const { journalId } = this.#rows.chain();
    const signature = this.#sign(signedText(journalId, last.seq, last.hash));
    return { kind: "journal-batch", journalId, previousHash, rows: fitting, signature };
  }
}

/** An entry of a later form goes out as it stands: whoever receives it may know it. */
function outgoing({ entry, ...row }: ReadRow): OutgoingRow {
  return { ...row, entry: entry.kind === "later" ? entry.raw : entry };
}

/** The longest beginning that fits, but at least one row: nothing may freeze the outbox. */
function rowsWithin(rows: readonly OutgoingRow[], maxBytes: number): OutgoingRow[] {
  let bytes = 0;
  const end = rows.findIndex((row, index) => {
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    return bytes > maxBytes && index > 0;
  });
  return rows.slice(0, end === -1 ? rows.length : end);
}

function lastOf(batch: OutgoingBatch): OutgoingRow {
  const last = batch.rows.at(-1);
  if (last === undefined) throw new Error("a batch has at least one row");
  return last;
}
