/**
 * Seals what the database holds plain, and seals anew what is under another key than the one that seals now: some rows at
 * a time, found by a scan and then sealed in a short transaction of their own. Ended anywhere, it begins again and finds what is left. Values stay what
 * they are, so nobody is told: no updated_at, no generation and no hash of a running container's spec changes.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Connection, Database, Transaction } from "../database/database.ts";
import { StoreError } from "../database/store-error.ts";
import { transaction } from "../database/transaction.ts";
import { type Place, type ReadTable, SEALED_TABLES, type Seals } from "./sealed-tables.ts";

const ROWS_OF_STEP = 100;
/** A table of years may be read to its end before a row is found. */
const SCAN_TIMEOUT_MS = 10 * MS_PER_MINUTE;
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
  /** First in each transaction that writes. */
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

/** Answers where to go on; null at the end. */
async function step(database: Database, table: ReadTable, of: Step): Promise<Place | null> {
  const places = await scanned(database, (sql) => placesBehind(sql, table, of));
  if (places.length === 0) return null;
  try {
    await seal(database, table, of, places);
  } catch (error) {
    if (!isCheckViolation(error)) throw error;
    await sealEach(database, table, of, places);
  }
  return places.at(-1) ?? null;
}

/** A row of the old system breaks a CHECK that every change of it meets: the others need not wait for it. */
async function sealEach(
  database: Database,
  table: ReadTable,
  of: Step,
  places: readonly Place[],
): Promise<void> {
  for (const place of places)
    try {
      await seal(database, table, of, [place]);
    } catch (error) {
      if (!isCheckViolation(error)) throw error;
      of.done.left.push(named(table, place));
    }
}

/** Those that are to be sealed still, since others may have written meanwhile. */
async function seal(
  database: Database,
  table: ReadTable,
  { seals, of, done, assert }: Step,
  places: readonly Place[],
): Promise<void> {
  const { rows, unopened } = await transaction(database, async (sql) => {
    await assert?.(sql);
    await sql.query("SET LOCAL remotegpu.keeps_updated_at = 'on'");
    const { rows: held } = await sql.query<Place & object>(
      `SELECT ${table.columns} FROM ${table.from} WHERE ${table.among} AND ${toBeSealed(table, of)}
        ORDER BY ${table.order} FOR NO KEY UPDATE OF t`,
      [places.map(({ id }) => id), places.map(({ number }) => number), seals.envVars.sealedBy],
    );
    return { rows: held, unopened: held.length === 0 ? [] : await table.reseal(sql, held, seals) };
  });
  done.sealed += rows.length - unopened.length;
  done.left.push(...unopened.map((place) => named(table, place)));
}

async function placesBehind(sql: Connection, table: ReadTable, of: Step): Promise<Place[]> {
  const { after, seals } = of;
  const { rows } = await sql.query<Place & object>(
    `SELECT ${table.columns} FROM ${table.from} WHERE ${table.behind} AND ${toBeSealed(table, of.of)}
      ORDER BY ${table.order} LIMIT $4`,
    [after.id, after.number, seals.envVars.sealedBy, ROWS_OF_STEP],
  );
  return rows.map(({ id, number }) => ({ id, number }));
}

/** SQL for the WHERE, which names $3. */
function toBeSealed({ isPlain, isUnderOther }: ReadTable, of: Scope["of"]): string {
  return of === "plain" ? `${isPlain} AND $3::text IS NOT NULL` : `(${isPlain} OR ${isUnderOther})`;
}

/** Holds nothing: for as long as it takes, a leader renews its lease and everybody writes. */
async function scanned<T>(database: Database, check: (sql: Connection) => Promise<T>): Promise<T> {
  return await transaction(database, check, { statementTimeoutMs: SCAN_TIMEOUT_MS });
}

function isCheckViolation(error: unknown): boolean {
  return error instanceof StoreError && error.code === CHECK_VIOLATION;
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
    const { rows } = await scanned(database, (sql) =>
      sql.query<{ plain: number; other: number }>(
        `SELECT (count(*) FILTER (WHERE ${isPlain}))::int AS plain, (count(*) FILTER (WHERE ${isUnderOther}))::int AS other
           FROM ${from} WHERE $1::text IS NOT NULL AND $2::int IS NOT NULL AND $3::text IS NOT NULL`,
        ["", 0, envVars.sealedBy],
      ),
    );
    counts.push({ table: name, plain: rows[0]?.plain ?? 0, otherKeys: rows[0]?.other ?? 0 });
  }
  return counts;
}
