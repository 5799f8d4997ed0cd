/**
 * The rows an agent writes down and the batches it sends. Each row's hash covers its content and the hash before
 * it, so a flipped bit or a missing row shows; each batch's head is signed with the host's nkey. The hash covers the
 * content by its digest alone, so that whoever may not see a row can still follow the chain over it. The hashing itself
 * is row-hash.ts, so that what is here runs in a browser, too.
 */
import { z } from "zod";
import { BootId, InstanceId, JournalId, RunId } from "../values/ids.ts";
import { text } from "../values/text.ts";

/** How sure the agent is that the run was alive over the whole interval. Only `unproven` is free. */
const PROOFS = ["exact", "bounded", "reconstructed", "unproven"] as const;
export type Proof = (typeof PROOFS)[number];

/** A stretch of a run's time, [startMs, endMs) on the host's monotonic clock of one boot. */
export const UsageEntry = z.object({
  kind: z.literal("usage"),
  runId: RunId,
  instanceId: InstanceId,
  placementEpoch: z.int().positive(),
  bootId: BootId,
  startMs: z.int().nonnegative(),
  endMs: z.int().nonnegative(),
  proof: z.enum(PROOFS),
  /** True on the last row of a run: it is over. */
  final: z.boolean(),
  /** What the host's wall clock showed at the end, RFC 3339; a label, never used for charging. */
  wallEnd: text(40),
});
export type UsageEntry = z.infer<typeof UsageEntry>;

/** Stands at the seq of a row that was found corrupt, and keeps that row's hash (see followsInChain). */
export const LostEntry = z.object({ kind: z.literal("lost"), reason: text(500) });
export type LostEntry = z.infer<typeof LostEntry>;

export const JournalEntry = z.discriminatedUnion("kind", [UsageEntry, LostEntry]);
export type JournalEntry = z.infer<typeof JournalEntry>;

/**
 * The form of an entry's members. A later one is named in the entry as `format`, counted from 2; an entry that names none
 * has the first form. A row's hash covers its entry's canonical JSON whatever the form, so its link can always be followed.
 */
const Later = z.looseObject({ kind: text(40), format: z.int().min(2) });

/** An entry of a form that is not known here: only its link is understood. It goes on as it stands. */
interface LaterEntry {
  kind: "later";
  raw: z.infer<typeof Later>;
}

/** As a stored or sent entry is understood. */
export type ReadEntry = JournalEntry | LaterEntry;
export interface ReadRow {
  seq: number;
  entry: ReadEntry;
  hash: string;
}

/** Null for what is no entry of a journal. */
export function readEntry(value: unknown): ReadEntry | null {
  const later = Later.safeParse(value);
  if (later.success) return { kind: "later", raw: later.data };
  const known = JournalEntry.safeParse(value);
  return known.success ? known.data : null;
}

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
/** The hash before the first row of a journal. */
export const GENESIS_HASH = "0".repeat(64);

export const JournalRow = z.object({ seq: z.int().positive(), entry: JournalEntry, hash: Hash });
export type JournalRow = z.infer<typeof JournalRow>;

export const MAX_BATCH_ROWS = 500;
/** Below the server's 1 MiB payload limit with room for headers. */
export const MAX_BATCH_BYTES = 768 * 1024;

export const JournalBatch = z.object({
  kind: z.literal("journal-batch"),
  journalId: JournalId,
  /** Hash of the row before the first of this batch. */
  previousHash: Hash,
  rows: z.array(JournalRow).min(1).max(MAX_BATCH_ROWS),
  /** Base64 nkey signature of `signedText(journalId, seq, hash)` of the last row. */
  signature: z.string().max(128),
});
export type JournalBatch = z.infer<typeof JournalBatch>;

/** As an agent sends it. Whoever receives it may know forms of entries that the agent does not. */
export type OutgoingRow = Omit<JournalRow, "entry"> & { entry: JournalEntry | LaterEntry["raw"] };
export type OutgoingBatch = Omit<JournalBatch, "rows"> & { rows: OutgoingRow[] };

export function signedText(journalId: string, seq: number, hash: string): string {
  return `remotegpu journal head ${journalId} ${seq} ${hash}`;
}

/** The entry as canonicalJson would write it, without looking for its members: ingest hashes every row there is. */
export function entryText(entry: ReadEntry): string {
  return entry.kind === "later" ? canonicalJson(entry.raw) : JSON.stringify(inOrderOfNames(entry));
}

function inOrderOfNames(entry: JournalEntry): JournalEntry {
  if (entry.kind === "lost") return { kind: entry.kind, reason: entry.reason };
  return {
    bootId: entry.bootId,
    endMs: entry.endMs,
    final: entry.final,
    instanceId: entry.instanceId,
    kind: entry.kind,
    placementEpoch: entry.placementEpoch,
    proof: entry.proof,
    runId: entry.runId,
    startMs: entry.startMs,
    wallEnd: entry.wallEnd,
  };
}

/** What a row's hash is the SHA-256 of; of its entry by its digest alone, which is the SHA-256 of entryText. */
export function linkText(link: {
  journalId: string;
  seq: number;
  previousHash: string;
  digest: string;
}): string {
  return JSON.stringify([link.journalId, link.seq, link.previousHash, link.digest]);
}

/** JSON with sorted keys: the same value gives the same bytes on both sides. Undefined members are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}
