/**
 * Rows of the hosts' journals, each once and for ever: what was decided about it, how far each journal is decided
 * without a gap (the watermark), and what was set aside (quarantine).
 */
import type { JournalBatch, JournalRow } from "@remotegpu/shared/journal-row";
import { raiseAlarm } from "../alarms.ts";
import type { Connection } from "../database.ts";

export interface JournalKey {
  readonly hostId: string;
  readonly journalId: string;
}

export interface JournalState {
  readonly watermark: number;
  readonly watermarkHash: string | null;
}

export interface LockedJournal extends JournalState {
  /** What its host runs is not known until it has reported: the database was restored. */
  readonly awaitsReport: boolean;
}

export interface DecidedRow {
  readonly row: JournalRow;
  readonly verdict: "accepted" | "quarantined" | "lost";
  readonly reason: string | null;
}

export interface Quarantined {
  readonly seq: number | null;
  readonly runId: string | null;
  readonly reason: string;
  readonly excessMs: number | null;
  readonly entry: unknown;
  readonly hash: string | null;
}

/** A host begins a journal where it has lost one. One that names a new one each time comes to this bound. */
const MAX_JOURNALS_OF_HOST = 1_000;

/**
 * Holds the journal to the end of the transaction, the first lock of ingest; null for a host that does not exist, or
 * that has had more journals than any host.
 */
export async function lockJournal(
  transaction: Connection,
  key: JournalKey,
  now: Date,
): Promise<LockedJournal | null> {
  const known = await lockKnownJournal(transaction, key);
  if (known !== null) return known;
  await openJournalRow(transaction, key, now);
  return await lockKnownJournal(transaction, key);
}

async function lockKnownJournal(transaction: Connection, key: JournalKey): Promise<LockedJournal | null> {
  const { rows } = await transaction.query<LockedJournal>(
    `SELECT j.watermark, j.watermark_hash AS "watermarkHash", h.restore_shown_at IS NOT NULL AS "awaitsReport"
       FROM host_journals j JOIN hosts h ON h.id = j.host_id
      WHERE j.host_id = $1 AND j.journal_id = $2 FOR NO KEY UPDATE OF j`,
    [key.hostId, key.journalId],
  );
  return rows[0] ?? null;
}

/** Nothing happens where it is there, or where the host has too many. */
export async function openJournalRow(transaction: Connection, key: JournalKey, now: Date): Promise<void> {
  await transaction.query(
    `INSERT INTO host_journals (host_id, journal_id, first_seen_at)
     SELECT id, $2, $3 FROM hosts
      WHERE id = $1 AND (SELECT count(*) FROM host_journals j WHERE j.host_id = $1) < $4
     ON CONFLICT DO NOTHING`,
    [key.hostId, key.journalId, now, MAX_JOURNALS_OF_HOST],
  );
}

/** Hashes of the rows that are decided already, among these and the one before them. */
export async function decidedHashes(
  connection: Connection,
  key: JournalKey,
  { firstSeq, lastSeq }: { firstSeq: number; lastSeq: number },
): Promise<Map<number, string>> {
  const { rows } = await connection.query<{ seq: number; hash: string }>(
    `SELECT seq, hash FROM usage_rows
      WHERE host_id = $1 AND journal_id = $2 AND seq BETWEEN $3::bigint - 1 AND $4::bigint`,
    [key.hostId, key.journalId, firstSeq, lastSeq],
  );
  return new Map(rows.map((row) => [row.seq, row.hash]));
}

export async function insertUsageRows(
  transaction: Connection,
  key: JournalKey,
  decided: readonly DecidedRow[],
  now: Date,
): Promise<void> {
  if (decided.length === 0) return;
  await transaction.query(
    `INSERT INTO usage_rows (host_id, journal_id, seq, kind, run_id, boot_id, start_ms, end_ms, proof, final,
                             verdict, reason, entry, hash, received_at)
     SELECT $1, $2, d.seq, d.entry ->> 'kind', d.entry ->> 'runId', (d.entry ->> 'bootId')::uuid,
            (d.entry ->> 'startMs')::bigint, (d.entry ->> 'endMs')::bigint, d.entry ->> 'proof',
            coalesce((d.entry ->> 'final')::boolean, false), d.verdict, d.reason, d.entry, d.hash, $4
       FROM jsonb_to_recordset($3::jsonb) AS d (seq bigint, verdict text, reason text, entry jsonb, hash text)`,
    [
      key.hostId,
      key.journalId,
      JSON.stringify(
        decided.map(({ row, verdict, reason }) => ({
          seq: row.seq,
          verdict,
          reason,
          entry: row.entry,
          hash: row.hash,
        })),
      ),
      now,
    ],
  );
}

/**
 * Moves the watermark over every row decided without a gap. A batch that starts beyond the next row cannot close the
 * gap, so it is not even looked for: a host that sends far ahead costs nothing.
 */
export async function advanceWatermark(
  transaction: Connection,
  key: JournalKey,
  batch: { firstSeq: number; lastSeq: number; state: JournalState; now: Date },
): Promise<number> {
  const next =
    batch.firstSeq > batch.state.watermark + 1 ? null : await gaplessEnd(transaction, key, batch.state);
  const watermark = next ?? batch.state;
  await transaction.query(
    `UPDATE host_journals SET watermark = $3, watermark_hash = $4, last_batch_at = $6,
            head_seq = greatest(head_seq, $5::bigint) WHERE host_id = $1 AND journal_id = $2`,
    [key.hostId, key.journalId, watermark.watermark, watermark.watermarkHash, batch.lastSeq, batch.now],
  );
  return watermark.watermark;
}

async function gaplessEnd(
  transaction: Connection,
  key: JournalKey,
  state: JournalState,
): Promise<JournalState | null> {
  const { rows } = await transaction.query<{ seq: number; hash: string }>(
    `SELECT seq, hash FROM (
       SELECT seq, hash, seq - row_number() OVER (ORDER BY seq) AS before_stretch FROM usage_rows
        WHERE host_id = $1 AND journal_id = $2 AND seq > $3) beyond
      WHERE before_stretch = $3 ORDER BY seq DESC LIMIT 1`,
    [key.hostId, key.journalId, state.watermark],
  );
  const row = rows[0];
  return row === undefined ? null : { watermark: row.seq, watermarkHash: row.hash };
}

/** The signed head of a batch: proof of who claimed its rows; with what the first of them is chained to. */
export async function keepSignedHead(
  transaction: Connection,
  hostId: string,
  batch: JournalBatch,
  now: Date,
): Promise<void> {
  const head = batch.rows.at(-1);
  const first = batch.rows[0];
  // A host that sends its rows in no order has no beginning to show.
  const isInOrder = first !== undefined && head !== undefined && first.seq <= head.seq;
  const beginning = isInOrder ? [first.seq, batch.previousHash] : [null, null];
  await transaction.query(
    `INSERT INTO usage_batches (host_id, journal_id, last_seq, last_hash, signature, received_at, first_seq, previous_hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
    [hostId, batch.journalId, head?.seq, head?.hash, batch.signature, now, ...beginning],
  );
}

/**
 * Sets rows aside, each content once however often it is sent, and raises one alarm per host and reason while an
 * earlier one is open.
 * @returns how many were not known yet
 */
export async function quarantine(
  transaction: Connection,
  source: { hostId: string; journalId: string | null },
  rows: readonly Quarantined[],
  now: Date,
): Promise<number> {
  let added = 0;
  for (const row of rows) {
    const { rowCount } = await transaction.query(
      `INSERT INTO quarantine (host_id, journal_id, seq, run_id, reason, excess_ms, entry, hash, at)
       SELECT $1::text, $2::uuid, $3::bigint, $4::text, $5::text, $6::bigint, $7::jsonb, $8::text, $9::timestamptz
        WHERE NOT EXISTS (SELECT FROM quarantine q WHERE q.host_id = $1 AND q.journal_id IS NOT DISTINCT FROM $2
                             AND q.seq IS NOT DISTINCT FROM $3 AND q.hash IS NOT DISTINCT FROM $8
                             AND q.reason = $5)`,
      [
        source.hostId,
        source.journalId,
        row.seq,
        row.runId,
        row.reason,
        row.excessMs,
        JSON.stringify(row.entry),
        row.hash,
        now,
      ],
    );
    if (rowCount === 0) continue;
    added += 1;
    await raiseQuarantineAlarm(transaction, source.hostId, row, now);
  }
  return added;
}

async function raiseQuarantineAlarm(
  transaction: Connection,
  hostId: string,
  row: Quarantined,
  now: Date,
): Promise<void> {
  const subject = `${hostId} ${row.reason}`;
  const open = await transaction.query(
    "SELECT FROM alarms WHERE kind = 'usage-quarantined' AND subject = $1 AND cleared_at IS NULL LIMIT 1",
    [subject],
  );
  if (open.rowCount > 0) return;
  const detail = `row ${row.seq ?? "?"} of run ${row.runId ?? "?"}: ${row.reason}`;
  await raiseAlarm(transaction, { kind: "usage-quarantined", subject, detail, now });
}
