/** Code of training jobs in its parts: brought, ordered with, handed to hosts, and given up where a customer has too much. */
import { codeParts, codePartBytes } from "@remotegpu/shared/instance/code";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type { Connection, Transaction } from "../database/database.ts";

/** Of one customer; what no unfinished job names makes room for more. */
export const MAX_CODES_BYTES = 1_000_000_000;
/** Something that was just brought is about to be ordered with. */
const RETENTION_MS = MS_PER_HOUR;

export interface CodeRow {
  id: string;
  sha256: string;
  size: number;
  isReady: boolean;
  /** Parts that are not here yet, in their order. */
  missing: number[];
}

const ROW = `SELECT c.id, c.sha256, c.size::int AS size, c.ready_at IS NOT NULL AS "isReady" FROM codes c`;

type Bare = Omit<CodeRow, "missing">;

/** As far as it is here already. Null where others of the customer leave no room for it. */
export async function beginCode(
  sql: Transaction,
  code: { id: string; customerId: number; sha256: string; size: number; now: Date },
): Promise<CodeRow | null> {
  await makeRoom(sql, code);
  const { rows } = await sql.change<{ id: string }>(
    `INSERT INTO codes (id, customer_id, sha256, size, created_at, used_at) VALUES ($1, $2, $3, $4, $5, $5)
       ON CONFLICT (customer_id, sha256) DO UPDATE SET used_at = excluded.used_at
         WHERE codes.size = excluded.size RETURNING id`,
    [code.id, code.customerId, code.sha256, code.size, code.now],
  );
  const [row] = rows;
  const { rows: sums } = await sql.query<{ bytes: string }>(
    "SELECT coalesce(sum(size), 0) AS bytes FROM codes WHERE customer_id = $1",
    [code.customerId],
  );
  if (row === undefined || Number(sums[0]?.bytes) > MAX_CODES_BYTES) return null;
  return await ownCode(sql, { id: row.id, customerId: code.customerId });
}

/** The account is held, so that two beginnings at once see each other. */
async function makeRoom(
  sql: Transaction,
  { customerId, sha256, size, now }: { customerId: number; sha256: string; size: number; now: Date },
): Promise<void> {
  await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [customerId]);
  await sql.change(
    `WITH others AS (
       SELECT id, size, used_at, used_at >= $5 OR EXISTS (
                SELECT FROM training_jobs j WHERE j.code_id = c.id AND j.deleted_at IS NULL
                   AND j.status NOT IN ('completed', 'failed', 'cancelled')) AS stays
         FROM codes c WHERE customer_id = $1 AND sha256 <> $2),
     ranked AS (SELECT id, stays, sum(size) OVER (ORDER BY stays DESC, used_at DESC, id) AS bytes FROM others)
     DELETE FROM codes c USING ranked r
      WHERE r.id = c.id AND NOT r.stays AND r.bytes + $3 > $4 AND c.used_at < $5`,
    [customerId, sha256, size, MAX_CODES_BYTES, new Date(now.getTime() - RETENTION_MS)],
  );
}

/** Null for one of somebody else, too. */
export async function ownCode(
  sql: Connection,
  { id, customerId }: { id: string; customerId: number },
): Promise<CodeRow | null> {
  const { rows } = await sql.query<Bare>(`${ROW} WHERE c.id = $1 AND c.customer_id = $2`, [id, customerId]);
  const [row] = rows;
  if (row === undefined) return null;
  const { rows: there } = await sql.query<{ number: number }>(
    "SELECT number FROM code_parts WHERE code_id = $1",
    [id],
  );
  const had = new Set(there.map(({ number }) => number));
  const all = Array.from({ length: codeParts(row.size) }, (_, part) => part);
  return { ...row, missing: all.filter((part) => !had.has(part)) };
}

/** @returns false where it is no part of a code of that customer that is still brought, or not as long as it has to be */
export async function putCodePart(
  sql: Connection,
  { id, customerId, part, bytes }: { id: string; customerId: number; part: number; bytes: Uint8Array },
): Promise<boolean> {
  const { rows } = await sql.query<Bare>(`${ROW} WHERE c.id = $1 AND c.customer_id = $2`, [id, customerId]);
  const [row] = rows;
  if (row === undefined || row.isReady || bytes.length !== codePartBytes(row.size, part)) return false;
  if (bytes.length === 0) return false;
  const { rowCount } = await sql.change(
    `INSERT INTO code_parts (code_id, number, bytes)
     SELECT id, $2, $3 FROM codes WHERE id = $1 AND ready_at IS NULL FOR KEY SHARE
       ON CONFLICT (code_id, number) DO UPDATE SET bytes = excluded.bytes`,
    [id, part, Buffer.from(bytes)],
  );
  return rowCount === 1;
}

/** Null where it is not here. */
export async function codePart(
  sql: Connection,
  { id, part }: { id: string; part: number },
): Promise<Buffer | null> {
  const { rows } = await sql.query<{ bytes: Buffer }>(
    "SELECT bytes FROM code_parts WHERE code_id = $1 AND number = $2",
    [id, part],
  );
  return rows[0]?.bytes ?? null;
}

export async function codeIsReady(sql: Connection, { id, now }: { id: string; now: Date }): Promise<void> {
  await sql.change("UPDATE codes SET ready_at = coalesce(ready_at, $2) WHERE id = $1", [id, now]);
}

/** It is not what it was said to be, or may not be; nothing of it stays. */
export async function dropCode(sql: Connection, id: string): Promise<void> {
  await sql.change("DELETE FROM codes WHERE id = $1 AND ready_at IS NULL", [id]);
}

/** Held to the end of the order's transaction, so that it does not give way meanwhile. */
export async function orderWithCode(
  sql: Transaction,
  { id, customerId, now }: { id: string; customerId: number; now: Date },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    "UPDATE codes SET used_at = $3 WHERE id = $1 AND customer_id = $2 AND ready_at IS NOT NULL",
    [id, customerId, now],
  );
  return rowCount === 1;
}

/** Whoever deletes all data of a customer deletes this, too. */
export async function deleteCodesOf(sql: Connection, customerId: number): Promise<void> {
  await sql.change("DELETE FROM codes WHERE customer_id = $1", [customerId]);
}

/** Of what is placed on that very host; whoever it belongs to, what has that SHA-256 is the same. */
export async function codePartForHost(
  sql: Connection,
  { hostId, sha256, part }: { hostId: string; sha256: string; part: number },
): Promise<Buffer | null> {
  const { rows } = await sql.query<{ bytes: Buffer }>(
    `SELECT p.bytes FROM codes c JOIN code_parts p ON p.code_id = c.id
      WHERE c.sha256 = $2::text::char(64) AND c.ready_at IS NOT NULL AND p.number = $3
        AND EXISTS (SELECT FROM placements WHERE host_id = $1 AND gone_at IS NULL
                       AND spec #>> '{code,sha256}' = $2::text)
      LIMIT 1`,
    [hostId, sha256, part],
  );
  return rows[0]?.bytes ?? null;
}
