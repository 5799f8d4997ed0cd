/**
 * Seals what the database holds plain, and seals anew what is under another key than the one that seals now: some rows at
 * a time, each such step a transaction of its own. Ended anywhere, it begins again and finds what is left. Values stay what
 * they are, so nobody is told: no updated_at, no generation and no hash of a running container's spec changes.
 */
import { type Database, StoreError, type Transaction, transaction } from "../database/database.ts";
import { type Place, type ReadTable, SEALED_TABLES, type Seals } from "./sealed-tables.ts";

const ROWS_OF_STEP = 100;
const CHECK_VIOLATION = "23514";
const START: Place = { id: "", number: 0 };

export interface Resealed {
  /** Rows that are as they should be now. */
  sealed: number;
  /** Rows of which something does not open with any key that there is, or that break a CHECK: "table id". */
  left: string[];
}

interface Scope {
  seals: Seals;
  /** "plain": what no key seals. "other-keys": that, and what another key seals. */
  of: "plain" | "other-keys";
  /** First in each step's transaction. */
  assert?: (sql: Transaction) => Promise<void>;
}

/** Bounded by the rows that there are: each is looked at once. */
export async function resealAll(database: Database, scope: Scope): Promise<Resealed> {
  const done: Resealed = { sealed: 0, left: [] };
  for (const table of SEALED_TABLES) {
    let after: Place | null = START;
    while (after !== null) after = await step(database, table, { ...scope, after, done });
  }
  return done;
}

type Step = Scope & { after: Place; done: Resealed };

async function step(database: Database, table: ReadTable, of: Step): Promise<Place | null> {
  try {
    return await sealSome(database, table, of, ROWS_OF_STEP);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== CHECK_VIOLATION) throw error;
  }
  // A row of the old system breaks a CHECK that every change of it meets: the others need not wait for it.
  try {
    return await sealSome(database, table, of, 1);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== CHECK_VIOLATION) throw error;
    const next = await transaction(database, (sql) => rowsBehind(sql, table, of, 1));
    of.done.left.push(...next.map((place) => named(table, place)));
    return next[0] ?? null;
  }
}

/** Answers where to go on; null at the end. */
async function sealSome(
  database: Database,
  table: ReadTable,
  of: Step,
  limit: number,
): Promise<Place | null> {
  const { seals, done, assert } = of;
  const { rows, unopened } = await transaction(database, async (sql) => {
    await assert?.(sql);
    await sql.query("SET LOCAL remotegpu.keeps_updated_at = 'on'");
    const held = await rowsBehind(sql, table, of, limit);
    return { rows: held, unopened: held.length === 0 ? [] : await table.reseal(sql, held, seals) };
  });
  done.sealed += rows.length - unopened.length;
  done.left.push(...unopened.map((place) => named(table, place)));
  return rows.at(-1) ?? null;
}

/** Held to the end of the transaction. */
async function rowsBehind(
  sql: Transaction,
  { columns, from, behind, isPlain, isUnderOther, order }: ReadTable,
  { after, of, seals }: Step,
  limit: number,
): Promise<Place[]> {
  const which = of === "plain" ? `${isPlain} AND $3::text IS NOT NULL` : `(${isPlain} OR ${isUnderOther})`;
  const found = await sql.query<Place & object>(
    `SELECT ${columns} FROM ${from} WHERE ${behind} AND ${which} ORDER BY ${order} LIMIT $4 FOR NO KEY UPDATE OF t`,
    [after.id, after.number, seals.envVars.sealedBy, limit],
  );
  return found.rows;
}

function named({ name }: ReadTable, { id, number }: Place): string {
  return number === 0 ? `${name} ${id}` : `${name} ${id}/${number}`;
}

export interface SealedCount {
  table: string;
  /** Rows with something plain. */
  plain: number;
  /** Rows with something under another key than the one that seals now. */
  otherKeys: number;
}

/** What is left to be done, table by table. */
export async function unsealedCounts(database: Database, { envVars }: Seals): Promise<SealedCount[]> {
  const counts: SealedCount[] = [];
  for (const { name, from, isPlain, isUnderOther } of SEALED_TABLES) {
    const { rows } = await database.query<{ plain: number; other: number }>(
      `SELECT (count(*) FILTER (WHERE ${isPlain}))::int AS plain, (count(*) FILTER (WHERE ${isUnderOther}))::int AS other
         FROM ${from} WHERE $1::text IS NOT NULL AND $2::int IS NOT NULL AND $3::text IS NOT NULL`,
      ["", 0, envVars.sealedBy],
    );
    counts.push({ table: name, plain: rows[0]?.plain ?? 0, otherKeys: rows[0]?.other ?? 0 });
  }
  return counts;
}
