/**
 * Finds rows whose bytes changed by themselves, and says how to go on. Pure: the usage store applies it.
 *
 * A damaged hash is computed again if the next row (or the head) agrees. A damaged entry is replaced by a `lost` one
 * that keeps the row's hash. So the hashes after it stay what they were, whether sent before or not, and the control
 * plane still verifies all but the lost content (followsInChain in shared). A row of a later form is followed by its hash, and
 * kept and sent as it stands.
 */
import { readEntry, type LostEntry, type ReadEntry, type ReadRow } from "@remotegpu/shared/proof/journal-row";
import { followsInChain, rowHash } from "@remotegpu/shared/proof/row-hash";
import type { JournalId } from "@remotegpu/shared/values/ids";

export interface StoredRow {
  seq: number;
  entry: string;
  hash: string;
}

export interface ChainLink {
  seq: number;
  hash: string;
}

/** Stored rows of one stretch, and what vouches for its ends. */
export interface Stretch {
  journalId: JournalId;
  /** The link before the first row. */
  previous: ChainLink;
  /** In order of seq; missing ones count as damaged. */
  rows: readonly StoredRow[];
  lastSeq: number;
  /** What follows `lastSeq`: the next row, or the head's hash when there is none. */
  after: StoredRow | { headHash: string | null };
}

export interface Examined {
  /** The stretch as it may be sent. */
  rows: ReadRow[];
  /** The rows among them that must be written back. */
  mended: ReadRow[];
}

const HASH = /^[0-9a-f]{64}$/;

export function examine({ journalId, previous, rows, lastSeq, after }: Stretch): Examined {
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  const examined: Examined = { rows: [], mended: [] };
  let previousHash = previous.hash;
  for (let seq = previous.seq + 1; seq <= lastSeq; seq += 1) {
    const stored = bySeq.get(seq) ?? null;
    const next = seq === lastSeq ? after : (bySeq.get(seq + 1) ?? null);
    const intact = stored === null ? null : intactRow(stored, journalId, previousHash);
    const row = intact ?? mendedRow({ seq, stored, next, journalId, previousHash });
    examined.rows.push(row);
    if (intact === null) examined.mended.push(row);
    previousHash = row.hash;
  }
  return examined;
}

function intactRow(stored: StoredRow, journalId: JournalId, previousHash: string): ReadRow | null {
  const entry = parsedEntry(stored);
  if (entry === null || !HASH.test(stored.hash)) return null;
  const row = { seq: stored.seq, entry, hash: stored.hash };
  return followsInChain(journalId, previousHash, row) ? row : null;
}

interface Damaged {
  seq: number;
  stored: StoredRow | null;
  next: Stretch["after"] | null;
  journalId: JournalId;
  previousHash: string;
}

function mendedRow({ seq, stored, next, journalId, previousHash }: Damaged): ReadRow {
  const entry = stored === null ? null : parsedEntry(stored);
  const computed = entry === null ? null : rowHash(journalId, seq, previousHash, entry);
  if (entry !== null && computed !== null && vouchesFor(next, computed, journalId))
    return { seq, entry, hash: computed };
  const lost: LostEntry = {
    kind: "lost",
    reason: stored === null ? "the row is missing" : "the row does not match its hash",
  };
  return { seq, entry: lost, hash: storedHash(stored, next) ?? rowHash(journalId, seq, previousHash, lost) };
}

function storedHash(stored: StoredRow | null, next: Damaged["next"]): string | null {
  if (next !== null && "headHash" in next && next.headHash !== null) return next.headHash;
  return stored !== null && HASH.test(stored.hash) ? stored.hash : null;
}

function vouchesFor(next: Damaged["next"], hash: string, journalId: JournalId): boolean {
  if (next === null) return false;
  if ("headHash" in next) return next.headHash === hash;
  const entry = parsedEntry(next);
  return entry !== null && entry.kind !== "lost" && rowHash(journalId, next.seq, hash, entry) === next.hash;
}

/** Null where it is not what was written. */
export function parsedEntry(stored: Pick<StoredRow, "entry">): ReadEntry | null {
  try {
    return readEntry(JSON.parse(stored.entry));
  } catch {
    // Any failure to read it means the same: this is not what was written.
    return null;
  }
}
