/** The hashes of the journal's rows, by Node's SHA-256; what is hashed stands in journal-row.ts. */
import { hash } from "node:crypto";
import { entryText, type JournalEntry, linkText, type ReadEntry, type ReadRow } from "./journal-row.ts";

export function rowHash(journalId: string, seq: number, previousHash: string, entry: ReadEntry): string {
  return hashOfText(journalId, seq, previousHash, entryText(entry));
}

function hashOfText(journalId: string, seq: number, previousHash: string, text: string): string {
  return linkHash({ journalId, seq, previousHash, digest: sha256(text) });
}

/** What a row's hash says of its entry. It tells nobody the entry who does not know it: run ids cannot be guessed. */
export function entryDigest(entry: JournalEntry): string {
  return sha256(entryText(entry));
}

/** The hash of a row of which only the digest of its entry is known. */
export function linkHash(link: Parameters<typeof linkText>[0]): string {
  return sha256(linkText(link));
}

/**
 * Whether `row` may stand after a row with `previousHash`. A `lost` row keeps the hash of the row it stands for: the
 * rows after it, and the signed head, commit to that hash, so they stay as they were sent, and only the lost
 * content itself can no longer be checked. `text` is that of its entry, for whoever has it at hand.
 */
export function followsInChain(
  journalId: string,
  previousHash: string,
  { seq, entry, hash: claimed }: ReadRow,
  text = entryText(entry),
): boolean {
  return entry.kind === "lost" || claimed === hashOfText(journalId, seq, previousHash, text);
}

export function sha256(text: string): string {
  return hash("sha256", text, "hex");
}
