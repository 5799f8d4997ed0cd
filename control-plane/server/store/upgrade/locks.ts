/**
 * Holding everybody off while the tables change. Whoever uses them is waited for with a bound and then named; nobody is
 * cut off. Another process that is migrating is waited for as long as it takes.
 */
import type { Connection, Database, Transaction } from "../database/database.ts";
import { StoreError } from "../database/store-error.ts";
import { transaction } from "../database/transaction.ts";
import { MigrationError } from "./migration-error.ts";

/** What this process calls itself to Postgres while it changes the schema. */
export const MIGRATING = "remotegpu migrate";

/** A queue for the lock holds up everybody behind it, so we step back after this long and ask again. */
const LOCK_TIMEOUT_MS = 5_000;
/** How long others may go on using the tables before we give up. */
export const LOCK_WAIT_MS = 30_000;
const MAX_NAMED = 5;
const LOCK_NOT_AVAILABLE = "55P03";
const TIMED_OUT = "57014";

interface Holder {
  pid: number;
  application: string;
  tables: string;
  state: string;
}

/**
 * Runs `work` in one transaction that holds `tables` for itself alone.
 * @throws MigrationError that names who uses them
 */
export async function transactionAlone<T>(
  database: Database,
  tables: readonly string[],
  { timeoutMs, waitMs, log }: { timeoutMs: number; waitMs: number; log: (line: string) => void },
  work: (sql: Transaction) => Promise<T>,
): Promise<T> {
  const lockTimeoutMs = Math.min(LOCK_TIMEOUT_MS, waitMs);
  let waitedMs = 0;
  let waitedForMigrationMs = 0;
  for (;;) {
    let isLocked = false;
    try {
      return await transaction(
        database,
        async (sql) => {
          await lock(sql, tables, lockTimeoutMs);
          isLocked = true;
          return await work(sql);
        },
        { statementTimeoutMs: timeoutMs },
      );
    } catch (error) {
      if (isLocked || !(error instanceof StoreError) || error.code !== LOCK_NOT_AVAILABLE) throw error;
      const holders = await holdersOf(database, tables);
      log(`waiting for ${namesOf(holders)}`);
      if (holders.some(({ application }) => application === MIGRATING)) waitedForMigrationMs += lockTimeoutMs;
      else waitedMs += lockTimeoutMs;
      if (waitedMs >= waitMs || waitedForMigrationMs >= timeoutMs)
        throw new MigrationError(
          `the tables are in use by ${namesOf(holders)}; stop what uses this database and run this again. ` +
            "Nothing was changed",
          { cause: error },
        );
    }
  }
}

/** Who is changing this database's schema at the moment, in words; null when nobody is. */
export async function whoMigrates(sql: Connection): Promise<string | null> {
  // Since when is hidden from whoever is not the owner; the name stands for as long as the transaction is open.
  const { rows } = await sql.query<{ pid: number; since: Date | null }>(
    `SELECT pid, xact_start AS since FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()
     ORDER BY xact_start LIMIT 1`,
    [MIGRATING],
  );
  const [first] = rows;
  if (first === undefined) return null;
  const since = first.since === null ? "" : `, since ${first.since.toISOString()}`;
  return `process ${first.pid} of Postgres${since}`;
}

/** True for a statement that was given up for waiting, by Postgres or, without a code, by us. */
export function isGivenUp(error: unknown): boolean {
  return error instanceof StoreError && [undefined, TIMED_OUT, LOCK_NOT_AVAILABLE].includes(error.code);
}

async function lock(sql: Transaction, tables: readonly string[], timeoutMs: number): Promise<void> {
  await sql.query(`SET LOCAL application_name = '${MIGRATING}'; SET LOCAL lock_timeout = ${timeoutMs}`);
  if (tables.length > 0) await sql.query(`LOCK TABLE ${tables.join(", ")} IN ACCESS EXCLUSIVE MODE`);
  await sql.query("SET LOCAL lock_timeout = 0");
}

async function holdersOf(sql: Connection, tables: readonly string[]): Promise<Holder[]> {
  const { rows } = await sql.query<Holder>(
    `SELECT a.pid, a.application_name AS application, string_agg(DISTINCT c.relname, ', ') AS tables,
       a.state || COALESCE(' for ' || trunc(EXTRACT(epoch FROM now() - a.xact_start)) || ' s', '') AS state
     FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.granted AND l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1) AND a.pid <> pg_backend_pid()
     GROUP BY a.pid, a.application_name, a.state, a.xact_start ORDER BY a.pid LIMIT ${MAX_NAMED}`,
    [tables],
  );
  return rows;
}

function namesOf(holders: Holder[]): string {
  if (holders.length === 0) return "somebody who has gone meanwhile";
  return holders
    .map(({ pid, application, tables, state }) =>
      application === MIGRATING
        ? `another migration (process ${pid} of Postgres)`
        : `process ${pid} of Postgres ("${application}", ${state}: ${tables})`,
    )
    .join(" and ");
}
