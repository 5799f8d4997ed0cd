/**
 * Do the rows of a proof belong to chains that their host has signed? Each row's hash is computed anew and followed up
 * to the signed head, over the rows of others by their digests alone. What the rows say is not looked at.
 */
import { entryText, GENESIS_HASH, linkText, signedText } from "@remotegpu/shared/proof/journal-row";
import type { ProofDocument, Segment } from "./proof-document.ts";

/** Hashes and signatures, as Node or a browser has them. */
export interface Cryptography {
  /** In hex. */
  readonly sha256: (text: string) => string;
  /** Whether that public nkey signed the text; the signature is base64, and anything malformed is false. */
  readonly verifySignature: (nkey: string, text: string, signature: string) => boolean;
}

export interface CheckedChains {
  readonly faults: readonly string[];
  /** Rows of the run that lead to a signed head without a gap. */
  readonly signed: number;
  /** Rows that do not: a lost row stands between, or the row before the first one is not known. */
  readonly untied: number;
  readonly heads: number;
}

export function checkChains(proof: ProofDocument, cryptography: Cryptography): CheckedChains {
  const faults: string[] = [];
  const seen = new Set<string>();
  const nkeys = proof.host_keys.map((key) => key.nkey);
  let [signed, untied] = [0, 0];
  for (const segment of proof.segments) {
    for (const row of segment.rows) {
      const key = `${row.seq} of journal ${segment.journal_id}`;
      if (row.kind === "own" && seen.has(key)) faults.push(`row ${key} is here twice`);
      if (row.kind === "own") seen.add(key);
    }
    const walked = walk(segment, cryptography);
    faults.push(...walked.faults, ...headFaults(segment, { endHash: walked.endHash, nkeys, cryptography }));
    signed += walked.tied;
    untied += walked.untied;
  }
  if (seen.size !== proof.run.rows)
    faults.push(`run ${proof.run.id} has ${proof.run.rows} rows, and ${seen.size} are here`);
  return { faults, signed, untied, heads: proof.segments.length };
}

interface Walked {
  readonly faults: string[];
  readonly endHash: string | null;
  readonly tied: number;
  readonly untied: number;
}

function walk({ journal_id: journalId, previous, rows }: Segment, { sha256 }: Cryptography): Walked {
  const faults: string[] = [];
  let { seq: previousSeq, hash: previousHash } = previous;
  if (previousSeq === 0 && previousHash !== GENESIS_HASH)
    faults.push(`journal ${journalId} does not begin with the hash that every journal begins with`);
  let [tied, untied] = [0, 0];
  for (const row of rows) {
    const name = `row ${row.seq} of journal ${journalId}`;
    if (row.seq !== previousSeq + 1)
      faults.push(`${name} stands after row ${previousSeq}: what belongs there is missing`);
    previousSeq = row.seq;
    if (row.kind === "lost") {
      // Nothing tells what the lost row followed, so the head that comes says nothing of the rows before it.
      [tied, untied] = [0, untied + tied];
      previousHash = row.hash;
      continue;
    }
    const digest = row.kind === "own" ? sha256(entryText(row.entry)) : row.digest;
    const hash =
      previousHash === null ? null : sha256(linkText({ journalId, seq: row.seq, previousHash, digest }));
    if (row.kind === "own") {
      if (hash !== null && hash !== row.hash)
        faults.push(`${name} does not have the hash of its content after the row before it`);
      if (hash === null) untied += 1;
      else tied += 1;
    }
    previousHash = row.kind === "own" ? row.hash : hash;
  }
  return { faults, endHash: previousHash, tied, untied };
}

function headFaults(
  segment: Segment,
  of: { endHash: string | null; nkeys: readonly string[]; cryptography: Cryptography },
): string[] {
  const { endHash, nkeys, cryptography } = of;
  const { journal_id: journalId, rows, head } = segment;
  const [first, last] = [rows[0]?.seq ?? 0, rows.at(-1)?.seq ?? 0];
  if (head === null)
    return [`row ${first} of journal ${journalId} is under no head that the host has signed`];
  const name = `the head at row ${head.seq} of journal ${journalId}`;
  const text = signedText(journalId, head.seq, head.hash);
  return [
    ...(head.seq === last && head.hash === endHash
      ? []
      : [`${name} is not where the rows from row ${first} on lead to`]),
    ...(nkeys.some((nkey) => cryptography.verifySignature(nkey, text, head.signature))
      ? []
      : [`${name} has a signature of none of the host's keys`]),
  ];
}
