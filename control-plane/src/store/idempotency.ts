/** The memory behind Idempotency-Key: which key was used for which request, and its answer (sealed by the caller). */
import type { Connection } from "./database.ts";

export const KEY_KEPT_HOURS = 24;

export interface IdempotencySlot {
  apiKeyId: number;
  route: string;
  key: string;
}

export type Claim =
  | { outcome: "claimed" }
  | { outcome: "in-progress" }
  | { outcome: "other-body" }
  | { outcome: "done"; status: number; sealedBody: string };

/** Takes the key for this request, or says what the first request with it came to. */
export async function claimKey(
  sql: Connection,
  slot: IdempotencySlot,
  { bodyHash, now }: { bodyHash: string; now: Date },
): Promise<Claim> {
  // An outlived row is taken over in the same statement, so that two requests cannot both do it.
  const taken = await sql.query(
    `INSERT INTO idempotency_keys AS known (api_key_id, route, key, body_hash, state, created_at)
     VALUES ($1, $2, $3, $4, 'in_progress', $5)
     ON CONFLICT (api_key_id, route, key) DO UPDATE
       SET body_hash = EXCLUDED.body_hash, state = 'in_progress', created_at = EXCLUDED.created_at,
           response_status = NULL, response_body = NULL
     WHERE known.created_at <= $5::timestamptz - make_interval(hours => $6)`,
    [slot.apiKeyId, slot.route, slot.key, bodyHash, now, KEY_KEPT_HOURS],
  );
  if (taken.rowCount === 1) return { outcome: "claimed" };

  const { rows } = await sql.query<{
    body_hash: string;
    state: string;
    response_status: number | null;
    sealed: string | null;
  }>(
    `SELECT body_hash, state, response_status, response_body->>'sealed' AS sealed
       FROM idempotency_keys WHERE api_key_id = $1 AND route = $2 AND key = $3`,
    [slot.apiKeyId, slot.route, slot.key],
  );
  const [first] = rows;
  // Released between the two statements: the first request just failed, and the caller may ask again.
  if (first === undefined) return { outcome: "in-progress" };
  if (first.body_hash !== bodyHash) return { outcome: "other-body" };
  if (first.state !== "done" || first.response_status === null || first.sealed === null)
    return { outcome: "in-progress" };
  return { outcome: "done", status: first.response_status, sealedBody: first.sealed };
}

export async function finishKey(
  sql: Connection,
  slot: IdempotencySlot,
  { status, sealedBody }: { status: number; sealedBody: string },
): Promise<void> {
  await sql.query(
    `UPDATE idempotency_keys
        SET state = 'done', response_status = $4, response_body = jsonb_build_object('sealed', $5::text)
      WHERE api_key_id = $1 AND route = $2 AND key = $3`,
    [slot.apiKeyId, slot.route, slot.key, status, sealedBody],
  );
}

/** The request was refused and did nothing: the key is free again. */
export async function releaseKey(sql: Connection, slot: IdempotencySlot): Promise<void> {
  await sql.query(
    `DELETE FROM idempotency_keys
      WHERE api_key_id = $1 AND route = $2 AND key = $3 AND state = 'in_progress'`,
    [slot.apiKeyId, slot.route, slot.key],
  );
}

/** Keys are taken over when they are used again; the many that never are go here. */
export async function forgetOldKeys(sql: Connection, now: Date): Promise<void> {
  await sql.query(
    "DELETE FROM idempotency_keys WHERE created_at <= $1::timestamptz - make_interval(hours => $2)",
    [now, KEY_KEPT_HOURS],
  );
}
