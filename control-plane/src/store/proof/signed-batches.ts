/** What hosts have signed and sent: the heads of their batches, and the hashes that these begin after. */
import { MAX_BATCH_ROWS } from "@remotegpu/shared/journal-row";
import type { Segment } from "../../proof/proof-document.ts";
import type { Connection } from "../database.ts";

/** A row of one of the host's journals. */
export interface RowPlace {
  readonly journalId: string;
  readonly seq: number;
}

/** The heads at these rows, by the rows' index; missing where there is none. */
export async function headsAt(
  connection: Connection,
  hostId: string,
  places: readonly RowPlace[],
): Promise<Map<number, NonNullable<Segment["head"]>>> {
  const { rows } = await connection.query<{
    nth: number;
    seq: number;
    hash: string;
    signature: string;
    received_at: Date;
  }>(
    `SELECT p.nth, b.last_seq AS seq, b.last_hash AS hash, b.signature, b.received_at
       FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY p (journal_id, seq, nth)
       JOIN usage_batches b ON b.host_id = $1 AND b.journal_id = p.journal_id AND b.last_seq = p.seq`,
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
  connection: Connection,
  hostId: string,
  places: readonly RowPlace[],
): Promise<Map<number, string>> {
  const { rows } = await connection.query<{ nth: number; hash: string }>(
    `SELECT DISTINCT ON (p.nth) p.nth, b.previous_hash AS hash
       FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY p (journal_id, seq, nth)
       JOIN usage_batches b ON b.host_id = $1 AND b.journal_id = p.journal_id AND b.first_seq = p.seq
        AND b.last_seq BETWEEN p.seq AND p.seq + ${MAX_BATCH_ROWS - 1}
      ORDER BY p.nth, b.last_seq`,
    [hostId, ...columnsOf(places)],
  );
  return new Map(rows.map(({ nth, hash }) => [nth - 1, hash]));
}

function columnsOf(places: readonly RowPlace[]): [string[], number[]] {
  return [places.map(({ journalId }) => journalId), places.map(({ seq }) => seq)];
}
