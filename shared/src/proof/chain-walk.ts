/**
 * Walks a stored journal's chain, page by page, and names every row that is missing or is not what was written. Pure
 * but for the hash; it mends nothing. What may stand after what is followsInChain's to say.
 */
import { readEntry } from "./journal-row.ts";
import { followsInChain, rowHash } from "./row-hash.ts";

/** A row as some table holds it; nothing of it is trusted. */
export interface StoredLink {
  readonly seq: number;
  /** The entry as JSON value; undefined where the text was no JSON. */
  readonly entry: unknown;
  readonly hash: string;
  /** Known not to hang together: its hash is taken as it stands. */
  readonly isSetAside?: boolean;
}

export type ChainFault =
  | { kind: "missing"; firstSeq: number; lastSeq: number }
  | { kind: "unreadable" | "does-not-follow"; seq: number };

/** How far the chain was walked: the last seq, and the hashes that the next row may follow; null for any. */
export interface ChainPlace {
  readonly seq: number;
  readonly hashes: readonly string[] | null;
}

export function placeAfter(seq: number, hash: string): ChainPlace {
  return { seq, hashes: [hash] };
}

/** Rows in the order of their seqs, all beyond `from`. */
export function walkChain(
  journalId: string,
  from: ChainPlace,
  rows: readonly StoredLink[],
): { faults: ChainFault[]; end: ChainPlace } {
  const faults: ChainFault[] = [];
  let place = from;
  for (const row of rows) {
    if (row.seq > place.seq + 1) {
      faults.push({ kind: "missing", firstSeq: place.seq + 1, lastSeq: row.seq - 1 });
      place = { seq: row.seq - 1, hashes: null };
    }
    const { fault, hashes } = judge(journalId, place, row);
    if (fault !== null) faults.push({ kind: fault, seq: row.seq });
    place = { seq: row.seq, hashes };
  }
  return { faults, end: place };
}

interface Judgement {
  fault: "unreadable" | "does-not-follow" | null;
  hashes: readonly string[];
}

/** A damaged hash and a damaged entry look alike; the next row may follow either, so that one damage is one fault. */
function judge(journalId: string, { hashes }: ChainPlace, row: StoredLink): Judgement {
  if (row.isSetAside === true) return { fault: null, hashes: [row.hash] };
  const entry = readEntry(row.entry);
  if (entry === null) return { fault: "unreadable", hashes: [row.hash] };
  const link = { seq: row.seq, entry, hash: row.hash };
  if (hashes === null || hashes.some((previous) => followsInChain(journalId, previous, link)))
    return { fault: null, hashes: [row.hash] };
  const computed = hashes.map((previous) => rowHash(journalId, row.seq, previous, entry));
  return { fault: "does-not-follow", hashes: [row.hash, ...computed] };
}
