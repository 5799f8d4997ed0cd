/**
 * The journal rows of a run with what ties them to heads that their host signed. Rows of other runs lie between: of
 * those only the digest of the entry leaves this file. A run of weeks has tens of thousands of rows, so first comes
 * where they lie and then, a page at a time, what they are; rows never change, so a later page is still of that moment.
 */
import { GENESIS_HASH, type JournalEntry } from "@remotegpu/shared/proof/journal-row";
import { entryDigest, rowHash } from "@remotegpu/shared/proof/row-hash";
import { MAX_SEGMENT_ROWS, type Segment } from "../../../proof/proof-document.ts";
import type { Connection } from "../../database/database.ts";
import { beginningsAt, headsAt } from "./signed-batches.ts";

/** From a row of the run to the nearest signed head at or after it. */
export interface Span {
  readonly journalId: string;
  readonly firstSeq: number;
  /** Null for a row under no head. */
  readonly headSeq: number | null;
  /** How many rows of the run lie in it. */
  readonly own: number;
}

/** Rows that hang on no chain are not part of it; they stand among what was set aside. */
const CHAINED = "(u.verdict <> 'quarantined' OR u.reason IS DISTINCT FROM 'broken-chain')";

export async function spansOf(
  sql: Connection,
  { runId, hostId }: { runId: string; hostId: string },
): Promise<Span[]> {
  const { rows } = await sql.query<Span>(
    `SELECT u.journal_id AS "journalId", min(u.seq) AS "firstSeq", head.last_seq AS "headSeq", count(*) AS own
       FROM usage_rows u JOIN host_journals j USING (host_id, journal_id)
       LEFT JOIN LATERAL (
         SELECT b.last_seq FROM usage_batches b
           JOIN usage_rows l ON l.host_id = b.host_id AND l.journal_id = b.journal_id AND l.seq = b.last_seq
            AND l.hash = b.last_hash
          WHERE b.host_id = u.host_id AND b.journal_id = u.journal_id
            AND b.last_seq BETWEEN u.seq AND u.seq + ${MAX_SEGMENT_ROWS - 1}
          ORDER BY b.last_seq LIMIT 1) head ON true
      WHERE u.run_id = $1 AND u.host_id = $2 AND ${CHAINED}
      GROUP BY u.journal_id, head.last_seq, CASE WHEN head.last_seq IS NULL THEN u.seq END
      ORDER BY min(j.first_seen_at), u.journal_id, min(u.seq)`,
    [runId, hostId],
  );
  return rows;
}

interface StoredRow {
  nth: number;
  seq: number;
  run_id: string | null;
  entry: JournalEntry;
  hash: string;
  verdict: "accepted" | "quarantined" | "lost";
  reason: string | null;
  excess_ms: number | null;
  received_at: Date;
}

/** The segments of some spans, in their order. The limit keeps each span a look into the index, however long a journal is. */
export async function segmentsOf(
  sql: Connection,
  { runId, hostId }: { runId: string; hostId: string },
  spans: readonly Span[],
): Promise<Segment[]> {
  const ends = spans.map(({ firstSeq, headSeq }) => headSeq ?? firstSeq);
  const places = [spans.map((span) => span.journalId), spans.map((span) => span.firstSeq), ends];
  const { rows } = await sql.query<StoredRow>(
    `SELECT p.nth, u.seq, u.run_id, u.entry, u.hash, u.verdict, u.reason, u.received_at, aside.excess_ms
       FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) WITH ORDINALITY p (journal_id, first_seq, last_seq, nth)
      CROSS JOIN LATERAL (
        SELECT * FROM usage_rows r WHERE r.host_id = $1 AND r.journal_id = p.journal_id
           AND r.seq BETWEEN p.first_seq - 1 AND p.last_seq
         ORDER BY r.seq LIMIT ${MAX_SEGMENT_ROWS + 1}) u
       LEFT JOIN LATERAL (
         SELECT q.excess_ms FROM quarantine q
          WHERE u.verdict = 'accepted' AND u.reason IS NOT NULL AND u.run_id = $5 AND q.host_id = u.host_id
            AND q.journal_id = u.journal_id AND q.seq = u.seq AND q.hash = u.hash AND q.reason = u.reason
          ORDER BY q.id LIMIT 1) aside ON true
      ORDER BY p.nth, u.seq`,
    [hostId, ...places, runId],
  );
  const at = (seqs: readonly number[]) => spans.map(({ journalId }, n) => ({ journalId, seq: seqs[n] ?? 0 }));
  const heads = await headsAt(sql, hostId, at(ends));
  const beginnings = await beginningsAt(sql, hostId, at(spans.map((span) => span.firstSeq)));
  const stored = Map.groupBy(rows, (row) => row.nth);
  return spans.map((span, index) =>
    segmentOf(span, {
      runId,
      stored: stored.get(index + 1) ?? [],
      head: span.headSeq === null ? null : (heads.get(index) ?? null),
      beginning: beginnings.get(index) ?? null,
    }),
  );
}

function segmentOf(
  { journalId, firstSeq }: Span,
  {
    runId,
    stored,
    head,
    beginning,
  }: {
    runId: string;
    stored: readonly StoredRow[];
    head: Segment["head"];
    beginning: string | null;
  },
): Segment {
  const before = stored.find((row) => row.seq === firstSeq - 1)?.hash;
  const previous = { seq: firstSeq - 1, hash: before ?? (firstSeq === 1 ? GENESIS_HASH : beginning) };
  let previousHash: string | null = previous.hash;
  const rows: Segment["rows"] = [];
  for (const row of stored) {
    if (row.seq < firstSeq) continue;
    rows.push(visible(row, { journalId, runId, previousHash }));
    previousHash = row.hash;
  }
  return { journal_id: journalId as Segment["journal_id"], previous, rows, head };
}

function visible(
  row: StoredRow,
  { journalId, runId, previousHash }: { journalId: string; runId: string; previousHash: string | null },
): Segment["rows"][number] {
  const { seq, entry, hash, verdict, reason, excess_ms, received_at: receivedAt } = row;
  if (row.run_id === runId && entry.kind === "usage" && verdict !== "lost")
    return {
      kind: "own",
      seq,
      entry,
      hash,
      verdict,
      reason,
      excess_ms,
      received_at: receivedAt.toISOString(),
    };
  // A lost row keeps the hash of the row it stands for, unless that was lost as well.
  const isHashItsOwn = previousHash !== null && rowHash(journalId, seq, previousHash, entry) === hash;
  return entry.kind === "lost" && !isHashItsOwn
    ? { kind: "lost", seq, hash }
    : { kind: "other", seq, digest: entryDigest(entry) };
}
