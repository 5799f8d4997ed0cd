/**
 * The memory behind Idempotency-Key: which key was used for which request, and its answer (sealed by the caller).
 *
 * What is only in the database is done once by being one transaction with its answer: whoever holds the key keeps the
 * answer at its end, and a transaction that dies leaves neither. What reaches beyond is claimed first and answered
 * later; a claim whose request died ends with the longest that the request may take. Servers of an earlier version
 * claimed for everything: such a claim ends, too.
 */
import type { Connection, Transaction } from "../database/database.ts";

const KEY_RETENTION_HOURS = 24;
/** A server that died with its machine, of which Postgres hears nothing, holds a key no longer than this. */
export const KEY_FREE_WITHIN_MS = 8_000;
/** Longer than any request takes that is claimed first, of this version or the one before. */
const LONGEST_CLAIM_SECONDS = 120;

interface IdempotencySlot {
  apiKeyId: number;
  route: string;
  key: string;
}

export interface KeyedRequest {
  slot: IdempotencySlot;
  bodyHash: string;
  now: Date;
}

export interface SealedAnswer {
  status: number;
  sealedBody: string;
}

export type Recalled =
  | { outcome: "new" }
  | { outcome: "in-progress" }
  | { outcome: "other-body" }
  | ({ outcome: "done" } & SealedAnswer);

/** Another request with the same key is under way, or has just been answered. */
export class KeyInUseError extends Error {
  override readonly name = "KeyInUseError";
}

/** What came of the key within the last hours. */
export async function recallKey(sql: Connection, { slot, bodyHash, now }: KeyedRequest): Promise<Recalled> {
  const { rows } = await sql.query<{
    body_hash: string;
    state: string;
    response_status: number | null;
    sealed: string | null;
  }>(
    `SELECT body_hash, state, response_status, response_body->>'sealed' AS sealed
       FROM idempotency_keys
      WHERE api_key_id = $1 AND route = $2 AND key = $3 AND created_at > $4::timestamptz - make_interval(hours => $5)
        AND NOT (state = 'in_progress' AND body_hash = $6 AND created_at <= $4::timestamptz - make_interval(secs => $7))`,
    [slot.apiKeyId, slot.route, slot.key, now, KEY_RETENTION_HOURS, bodyHash, LONGEST_CLAIM_SECONDS],
  );
  const [first] = rows;
  if (first === undefined) return { outcome: "new" };
  if (first.body_hash !== bodyHash) return { outcome: "other-body" };
  if (first.state !== "done" || first.response_status === null || first.sealed === null)
    return { outcome: "in-progress" };
  return { outcome: "done", status: first.response_status, sealedBody: first.sealed };
}

/**
 * Holds the keys until the transaction ends, those that nobody else holds: true for each of them. Nobody waits here,
 * since a transaction may carry the requests of many.
 */
export async function holdKeys(sql: Transaction, requests: readonly KeyedRequest[]): Promise<boolean[]> {
  const names = requests.map(({ slot }) => JSON.stringify([slot.apiKeyId, slot.route, slot.key]));
  const { rows } = await sql.query<{ held: boolean }>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended(name, 0)) AS held
       FROM unnest($1::text[]) WITH ORDINALITY AS asked (name, number) ORDER BY number`,
    [names],
  );
  // One transaction may hold a lock twice.
  return rows.map(({ held }, index) => held && names.indexOf(names[index] ?? "") === index);
}

/**
 * Keeps the answers to requests whose keys this transaction holds.
 * @throws KeyInUseError where one was answered between the look at it and the hold of it: nothing may stay of this one
 */
export async function keepAnswers(
  sql: Transaction,
  answers: readonly (KeyedRequest & SealedAnswer)[],
): Promise<void> {
  const stored = await sql.query(
    `INSERT INTO idempotency_keys AS known (api_key_id, route, key, body_hash, state, created_at, response_status, response_body)
     SELECT api_key_id, route, key, body_hash, 'done', at, status, jsonb_build_object('sealed', sealed)
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[], $7::text[])
         AS given (api_key_id, route, key, body_hash, at, status, sealed)
     ON CONFLICT (api_key_id, route, key) DO UPDATE
       SET body_hash = EXCLUDED.body_hash, state = 'done', created_at = EXCLUDED.created_at,
           response_status = EXCLUDED.response_status, response_body = EXCLUDED.response_body
     WHERE known.created_at <= EXCLUDED.created_at - make_interval(hours => $8)
        OR known.state = 'in_progress' AND known.body_hash = EXCLUDED.body_hash
           AND known.created_at <= EXCLUDED.created_at - make_interval(secs => $9)`,
    [
      answers.map(({ slot }) => slot.apiKeyId),
      answers.map(({ slot }) => slot.route),
      answers.map(({ slot }) => slot.key),
      answers.map(({ bodyHash }) => bodyHash),
      answers.map(({ now }) => now),
      answers.map(({ status }) => status),
      answers.map(({ sealedBody }) => sealedBody),
      KEY_RETENTION_HOURS,
      LONGEST_CLAIM_SECONDS,
    ],
  );
  if (stored.rowCount < answers.length)
    throw new KeyInUseError("a request with this key has just been answered");
}

/** Takes the key for this request, or says what the first request with it came to. */
export async function claimKey(
  sql: Connection,
  request: KeyedRequest,
  { boundSeconds }: { boundSeconds: number },
): Promise<Recalled> {
  const { slot, bodyHash, now } = request;
  // An outlived row is taken over in the same statement, so that two requests cannot both do it.
  const taken = await sql.query(
    `INSERT INTO idempotency_keys AS known (api_key_id, route, key, body_hash, state, created_at)
     VALUES ($1, $2, $3, $4, 'in_progress', $5)
     ON CONFLICT (api_key_id, route, key) DO UPDATE
       SET body_hash = EXCLUDED.body_hash, state = 'in_progress', created_at = EXCLUDED.created_at,
           response_status = NULL, response_body = NULL
     WHERE known.created_at <= $5::timestamptz - make_interval(hours => $6)
        OR known.state = 'in_progress' AND known.body_hash = EXCLUDED.body_hash
           AND known.created_at <= $5::timestamptz - make_interval(secs => $7)`,
    [slot.apiKeyId, slot.route, slot.key, bodyHash, now, KEY_RETENTION_HOURS, boundSeconds],
  );
  if (taken.rowCount === 1) return { outcome: "new" };
  const known = await recallKey(sql, request);
  // Released between the two statements: the first request just failed, and the caller may ask again.
  return known.outcome === "new" ? { outcome: "in-progress" } : known;
}

/** Not where the claim has ended meanwhile: the key is another request's then. */
export async function finishKey(
  sql: Connection,
  { slot, now }: KeyedRequest,
  { status, sealedBody }: SealedAnswer,
): Promise<void> {
  await sql.query(
    `UPDATE idempotency_keys
        SET state = 'done', response_status = $5, response_body = jsonb_build_object('sealed', $6::text)
      WHERE api_key_id = $1 AND route = $2 AND key = $3 AND state = 'in_progress' AND created_at = $4`,
    [slot.apiKeyId, slot.route, slot.key, now, status, sealedBody],
  );
}

/** The request was refused and did nothing: the key is free again. */
export async function releaseKey(sql: Connection, { slot, now }: KeyedRequest): Promise<void> {
  await sql.query(
    `DELETE FROM idempotency_keys
      WHERE api_key_id = $1 AND route = $2 AND key = $3 AND state = 'in_progress' AND created_at = $4`,
    [slot.apiKeyId, slot.route, slot.key, now],
  );
}

/** Keys are taken over when they are used again; the many that never are go here. */
export async function forgetOldKeys(sql: Connection, now: Date): Promise<void> {
  await sql.query(
    "DELETE FROM idempotency_keys WHERE created_at <= $1::timestamptz - make_interval(hours => $2)",
    [now, KEY_RETENTION_HOURS],
  );
}
