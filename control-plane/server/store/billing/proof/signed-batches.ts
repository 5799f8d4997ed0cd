/**
 * What hosts have signed and sent: the heads of their batches, and the hashes that these begin after. A page is asked of
 * journals with millions of batches, so each place is a look into the index, which is what its limit is for.
 */
import { MAX_BATCH_ROWS } from "@remotegpu/shared/proof/journal-row";
import type { Segment } from "../../../proof/proof-document.ts";
import type { Connection } from "../../database/database.ts";

/** A row of one of the host's journals. */
export interface RowPlace {
  readonly journalId: string;
  readonly seq: number;
}

/** The heads at these rows, by the rows' index; missing where there is none. */
export async function headsAt(
  sql: Connection,
  hostId: string,
  places: readonly RowPlace[],
): Promise<Map<number, NonNullable<Segment["head"]>>> {
  const { rows } = await sql.query<{
    nth: number;
    seq: number;
    hash: string;
    signature: string;
    received_at: Date;
  }>(
    `SELECT p.nth, b.last_seq AS seq, b.last_hash AS hash, b.signature, b.received_at
       FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY p (journal_id, seq, nth)
      CROSS JOIN LATERAL (
        SELECT * FROM usage_batches WHERE host_id = $1 AND journal_id = p.journal_id AND last_seq = p.seq LIMIT 1) b`,
    [hostId, ...columnsOf(places)],
  );
  return new Map(
    rows.map(({ nth, received_at: receivedAt, ...head }) => [
      nth - 1,
      { ...head, received_at: receivedAt.toISOString() },
    ]),
  );
}

/**
 * The hashes that batches which begin with these rows follow, by the rows' index. Where the row before was lost with an
 * earlier state of the database, nobody else can say.
 */
export async function beginningsAt(
  sql: Connection,
  hostId: string,
  places: readonly RowPlace[],
): Promise<Map<number, string>> {
  const { rows } = await sql.query<{ nth: number; hash: string }>(
    `SELECT p.nth, b.previous_hash AS hash
       FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY p (journal_id, seq, nth)
      CROSS JOIN LATERAL (
        SELECT previous_hash FROM usage_batches WHERE host_id = $1 AND journal_id = p.journal_id AND first_seq = p.seq
           AND last_seq BETWEEN p.seq AND p.seq + ${MAX_BATCH_ROWS - 1}
         ORDER BY last_seq LIMIT 1) b`,
    [hostId, ...columnsOf(places)],
  );
  return new Map(rows.map(({ nth, hash }) => [nth - 1, hash]));
}

function columnsOf(places: readonly RowPlace[]): [string[], number[]] {
  return [places.map(({ journalId }) => journalId), places.map(({ seq }) => seq)];
}
