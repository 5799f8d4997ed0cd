/**
 * Hosts' journals: each held while its rows are decided, and how far it is decided without a gap (the watermark). The
 * rows themselves are in usage-rows.ts. What is asked together is one journal of each host, so hosts name the answers.
 */
import type { Transaction } from "../database/database.ts";

export interface JournalKey {
  readonly hostId: string;
  readonly journalId: string;
}

interface JournalState {
  readonly watermark: number;
  readonly watermarkHash: string | null;
}

export interface LockedJournal extends JournalState {
  /** What its host runs is not known until it has reported: the database was restored. */
  readonly awaitsReport: boolean;
  /** Its host's last heartbeat; null before the first. */
  readonly heardAt: Date | null;
}

/** A host begins a journal where it has lost one. One that names a new one each time comes to this bound. */
const MAX_JOURNALS_OF_HOST = 1_000;

/**
 * Holds the journals to the end of the transaction, the first lock of ingest, in the order of their keys. One is missing
 * whose host does not exist, or has had more journals than any host.
 */
export async function lockJournals(
  sql: Transaction,
  keys: readonly JournalKey[],
  now: Date,
): Promise<Map<string, LockedJournal>> {
  const known = await lockKnownJournals(sql, keys);
  const unknown = keys.filter(({ hostId }) => !known.has(hostId));
  if (unknown.length === 0) return known;
  await openJournalRows(sql, unknown, now);
  // Nobody holds one that was just begun and waits for one that was there, so these come after without a circle.
  return new Map([...known, ...(await lockKnownJournals(sql, unknown))]);
}

async function lockKnownJournals(
  sql: Transaction,
  keys: readonly JournalKey[],
): Promise<Map<string, LockedJournal>> {
  const { rows } = await sql.query<LockedJournal & { host_id: string }>(
    `SELECT j.host_id, j.watermark, j.watermark_hash AS "watermarkHash", h.restore_detected_at IS NOT NULL AS "awaitsReport",
            h.last_heartbeat AS "heardAt"
       FROM unnest($1::text[], $2::uuid[]) k (host_id, journal_id)
       JOIN host_journals j USING (host_id, journal_id) JOIN hosts h ON h.id = j.host_id
      ORDER BY j.host_id, j.journal_id FOR NO KEY UPDATE OF j`,
    columnsOf(keys),
  );
  return new Map(rows.map(({ host_id, ...journal }) => [host_id, journal]));
}

/** Nothing happens where one is there, or where its host has too many. */
export async function openJournalRows(
  sql: Transaction,
  keys: readonly JournalKey[],
  now: Date,
): Promise<void> {
  await sql.change(
    `INSERT INTO host_journals (host_id, journal_id, first_seen_at)
     SELECT h.id, k.journal_id, $3 FROM unnest($1::text[], $2::uuid[]) k (host_id, journal_id)
       JOIN hosts h ON h.id = k.host_id
      WHERE (SELECT count(*) FROM host_journals j WHERE j.host_id = h.id) < $4
      ORDER BY h.id, k.journal_id
     ON CONFLICT DO NOTHING`,
    [...columnsOf(keys), now, MAX_JOURNALS_OF_HOST],
  );
}

export interface DecidedBatch extends JournalKey {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly state: JournalState;
  /** Hashes of the rows that are stored by now, among the batch's and the one before them. */
  readonly stored: ReadonlyMap<number, string>;
}

/**
 * Moves each watermark over every row decided without a gap. A batch that starts beyond the next row cannot close the
 * gap, so it is not even looked for: a host that sends far ahead costs nothing.
 * @returns the watermarks by host
 */
export async function advanceWatermarks(
  sql: Transaction,
  batches: readonly DecidedBatch[],
  now: Date,
): Promise<Map<string, number>> {
  const reached = new Map(batches.map((batch) => [batch.hostId, throughBatch(batch)]));
  const closing = batches.filter(({ firstSeq, state }) => firstSeq <= state.watermark + 1);
  for (const { host_id, seq, hash } of await beyondBatches(sql, closing, reached))
    reached.set(host_id, { watermark: seq, watermarkHash: hash });
  const states = batches.map(({ hostId, state }) => reached.get(hostId) ?? state);
  await sql.change(
    `UPDATE host_journals j SET watermark = d.watermark, watermark_hash = d.hash, last_batch_at = $6,
            head_seq = greatest(j.head_seq, d.last_seq)
       FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[])
         d (host_id, journal_id, watermark, hash, last_seq)
      WHERE j.host_id = d.host_id AND j.journal_id = d.journal_id`,
    [
      ...columnsOf(batches),
      states.map(({ watermark }) => watermark),
      states.map(({ watermarkHash }) => watermarkHash),
      batches.map(({ lastSeq }) => lastSeq),
      now,
    ],
  );
  return new Map([...reached].map(([hostId, { watermark }]) => [hostId, watermark]));
}

/** As far as the batch itself goes on without a gap: mostly all the way, and then there is little left to look for. */
function throughBatch({ state, stored }: DecidedBatch): JournalState {
  let { watermark, watermarkHash } = state;
  for (let hash = stored.get(watermark + 1); hash !== undefined; hash = stored.get(watermark + 1)) {
    watermark += 1;
    watermarkHash = hash;
  }
  return { watermark, watermarkHash };
}

/** What was stored before, out of turn, and goes on without a gap where the batch ends. */
async function beyondBatches(
  sql: Transaction,
  batches: readonly DecidedBatch[],
  reached: ReadonlyMap<string, JournalState>,
): Promise<{ host_id: string; seq: number; hash: string }[]> {
  const { rows } = await sql.query<{ host_id: string; seq: number; hash: string }>(
    `SELECT k.host_id, beyond.seq, beyond.hash
       FROM unnest($1::text[], $2::uuid[], $3::bigint[]) k (host_id, journal_id, reached)
      CROSS JOIN LATERAL (
        SELECT seq, hash FROM (
          SELECT u.seq, u.hash, u.seq - row_number() OVER (ORDER BY u.seq) AS before_stretch FROM usage_rows u
           WHERE u.host_id = k.host_id AND u.journal_id = k.journal_id AND u.seq > k.reached) stretches
         WHERE before_stretch = k.reached ORDER BY seq DESC LIMIT 1) beyond`,
    [...columnsOf(batches), batches.map(({ hostId, state }) => (reached.get(hostId) ?? state).watermark)],
  );
  return rows;
}

function columnsOf(keys: readonly JournalKey[]): [string[], string[]] {
  return [keys.map(({ hostId }) => hostId), keys.map(({ journalId }) => journalId)];
}
