/**
 * Rows of the hosts' journals, each once and for ever: what was decided about it, and the signed heads by which their
 * hosts claimed them. Held journals (journals.ts) see to it that nobody else writes the same.
 */
import type { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import type { DecidedRow } from "../../core/ingest/batch-decisions.ts";
import { copyLine } from "../database/connection/copy-in.ts";
import type { Connection, Transaction } from "../database/database.ts";
import type { JournalKey } from "./journals.ts";

/**
 * Hashes of the rows that are decided already, by host: among those from the first seq to the last of its journal, and
 * the one before them.
 */
export async function decidedHashes(
  sql: Connection,
  spans: readonly (JournalKey & { firstSeq: number; lastSeq: number })[],
): Promise<Map<string, Map<number, string>>> {
  const { rows } = await sql.query<{ host_id: string; seq: number; hash: string }>(
    `SELECT u.host_id, u.seq, u.hash
       FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[]) k (host_id, journal_id, first_seq, last_seq)
       JOIN usage_rows u ON u.host_id = k.host_id AND u.journal_id = k.journal_id
        AND u.seq BETWEEN k.first_seq - 1 AND k.last_seq`,
    [
      spans.map(({ hostId }) => hostId),
      spans.map(({ journalId }) => journalId),
      spans.map(({ firstSeq }) => firstSeq),
      spans.map(({ lastSeq }) => lastSeq),
    ],
  );
  const hashes = new Map(spans.map(({ hostId }) => [hostId, new Map<number, string>()]));
  for (const { host_id, seq, hash } of rows) hashes.get(host_id)?.set(seq, hash);
  return hashes;
}

const NO_CLAIM = { runId: null, bootId: null, startMs: null, endMs: null, proof: null, final: false };

interface DecidedRows extends JournalKey {
  readonly rows: readonly DecidedRow[];
}

/** By COPY, since nothing else of ingest is as much: an INSERT of the same takes half as long again. */
export async function insertUsageRows(
  sql: Transaction,
  decided: readonly DecidedRows[],
  now: Date,
): Promise<void> {
  if (decided.every(({ rows }) => rows.length === 0)) return;
  const receivedAt = now.toISOString();
  await sql.copyIn(
    `COPY usage_rows (host_id, journal_id, seq, kind, run_id, boot_id, start_ms, end_ms, proof, final, verdict, reason,
                      entry, hash, received_at) FROM STDIN`,
    pieces(decided, receivedAt),
  );
}

function* pieces(decided: readonly DecidedRows[], receivedAt: string): Generator<string> {
  for (const ofJournal of decided) yield linesOf(ofJournal, receivedAt);
}

function linesOf({ hostId, journalId, rows }: DecidedRows, receivedAt: string): string {
  const lines = rows.map(({ row, text, verdict, reason }) => {
    const { seq, entry, hash } = row;
    const { runId, bootId, startMs, endMs, proof, final } = entry.kind === "usage" ? entry : NO_CLAIM;
    const claim = [hostId, journalId, seq, entry.kind, runId, bootId, startMs, endMs, proof, final] as const;
    return copyLine([...claim, verdict, reason, text, hash, receivedAt]);
  });
  return lines.join("");
}

/** The signed heads of batches: proof of who claimed their rows; with what the first of them is chained to. */
export async function keepSignedHeads(
  sql: Transaction,
  batches: readonly { hostId: string; batch: JournalBatch }[],
  now: Date,
): Promise<void> {
  const heads = batches.map(({ hostId, batch }) => {
    const [first, head] = [batch.rows[0], batch.rows.at(-1)];
    // A host that sends its rows in no order has no beginning to show.
    const isInOrder = first !== undefined && head !== undefined && first.seq <= head.seq;
    const beginning = isInOrder
      ? { firstSeq: first.seq, previousHash: batch.previousHash }
      : { firstSeq: null, previousHash: null };
    return { hostId, batch, lastSeq: head?.seq, lastHash: head?.hash, ...beginning };
  });
  await sql.change(
    `INSERT INTO usage_batches (host_id, journal_id, last_seq, last_hash, signature, first_seq, previous_hash, received_at)
     SELECT *, $8::timestamptz
       FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[])
     ON CONFLICT DO NOTHING`,
    [
      heads.map(({ hostId }) => hostId),
      heads.map(({ batch }) => batch.journalId),
      heads.map(({ lastSeq }) => lastSeq),
      heads.map(({ lastHash }) => lastHash),
      heads.map(({ batch }) => batch.signature),
      heads.map(({ firstSeq }) => firstSeq),
      heads.map(({ previousHash }) => previousHash),
      now,
    ],
  );
}
