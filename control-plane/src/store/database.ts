/**
 * The connection to Postgres: a pool, one way to ask, one way to run a transaction. Knows no table.
 *
 * What a column becomes in JavaScript: int8 a number (one beyond 2^53 throws), numeric a string (money never becomes
 * a float), timestamptz a Date, date a "YYYY-MM-DD" string, jsonb its value, int8multirange its text. The other way
 * round a jsonb array must be passed as JSON.stringify(array); the driver would make a Postgres array of it.
 */
import pg from "pg";

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 20;
/** A transaction that lost against another is tried this often in all. */
const MAX_TRANSACTION_ATTEMPTS = 8;
const FIRST_RETRY_WITHIN_MS = 10;

const SERIALIZATION_FAILURE = "40001";
const DEADLOCK_DETECTED = "40P01";
const UNIQUE_VIOLATION = "23505";

/** Postgres refused or could not be reached. `code` is the SQLSTATE, or the system's word (ECONNREFUSED). */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: string | undefined;
  readonly constraint: string | undefined;

  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.code = textField(cause, "code");
    this.constraint = textField(cause, "constraint");
  }
}

/** True for a violated unique constraint or index, of that name where one is given. */
export function isUniqueViolation(error: unknown, constraint?: string): error is StoreError {
  return (
    error instanceof StoreError &&
    error.code === UNIQUE_VIOLATION &&
    (constraint === undefined || error.constraint === constraint)
  );
}

/** What store functions ask through: the whole database, or the connection of a transaction. */
export interface Connection {
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: Row[]; rowCount: number }>;
}

export interface Database extends Connection {
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** Opens a pool; connects at the first query. `url` is a postgres:// URL. */
export function openDatabase(
  url: string,
  { maxConnections = MAX_CONNECTIONS }: { maxConnections?: number } = {},
): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // On our side: poolers refuse statement_timeout in the start-up packet.
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: "remotegpu",
    types: { getTypeParser },
  });
  // An idle connection that breaks is dropped by the pool; the next query opens another and reports its own failure.
  pool.on("error", ignoreIdleFailure);
  return {
    pool,
    query: (text, values) => ask(pool, text, values),
    close: () => pool.end(),
  };
}

export type Isolation = "read committed" | "repeatable read" | "serializable";

/**
 * Runs `work` in one transaction: commits its value, rolls back what it throws. A serialization failure or deadlock
 * runs it again, up to MAX_TRANSACTION_ATTEMPTS times in all, so `work` must have no effect but through its connection.
 * @throws StoreError for the database's failures; what else `work` throws comes through as it is
 */
export async function transaction<T>(
  database: Database,
  work: (connection: Connection) => Promise<T>,
  {
    isolation = "read committed",
    statementTimeoutMs = STATEMENT_TIMEOUT_MS,
  }: { isolation?: Isolation; statementTimeoutMs?: number } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runOnce(database.pool, work, isolation, statementTimeoutMs);
    } catch (error) {
      if (attempt === MAX_TRANSACTION_ATTEMPTS || !isLostRace(error)) throw error;
      await pauseBeforeRetry(attempt);
    }
  }
}

async function runOnce<T>(
  pool: pg.Pool,
  work: (connection: Connection) => Promise<T>,
  isolation: Isolation,
  statementTimeoutMs: number,
): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw asStoreError(cause, pool);
  });
  // Without a listener a connection that breaks between two queries would end the process; the next query throws.
  client.on("error", ignoreIdleFailure);
  let broken: Error | undefined;
  try {
    await client.query(
      `BEGIN ISOLATION LEVEL ${isolation}; SET LOCAL statement_timeout = ${Math.trunc(statementTimeoutMs)}`,
    );
    const value = await work({ query: (text, values) => ask(client, text, values, statementTimeoutMs) });
    await client.query("COMMIT");
    return value;
  } catch (error) {
    await client.query("ROLLBACK").catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error(String(failure));
    });
    throw error instanceof pg.DatabaseError ? asStoreError(error, pool) : error;
  } finally {
    client.off("error", ignoreIdleFailure);
    client.release(broken);
  }
}

async function ask<Row extends pg.QueryResultRow>(
  on: pg.Pool | pg.PoolClient,
  text: string,
  values: readonly unknown[] | undefined,
  timeoutMs = STATEMENT_TIMEOUT_MS,
): Promise<{ rows: Row[]; rowCount: number }> {
  try {
    // Without values the simple protocol is used, which takes several statements at once.
    const config = {
      text,
      query_timeout: timeoutMs,
      ...(values === undefined ? {} : { values: [...values] }),
    };
    const result = await on.query<Row>(config);
    return { rows: result.rows, rowCount: result.rowCount ?? 0 };
  } catch (cause) {
    throw asStoreError(cause, on instanceof pg.Pool ? on : undefined);
  }
}

function isLostRace(error: unknown): boolean {
  return (
    error instanceof StoreError && (error.code === SERIALIZATION_FAILURE || error.code === DEADLOCK_DETECTED)
  );
}

async function pauseBeforeRetry(attempt: number): Promise<void> {
  const withinMs = FIRST_RETRY_WITHIN_MS * 2 ** attempt;
  await new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs));
}

function asStoreError(cause: unknown, pool: pg.Pool | undefined): StoreError {
  if (cause instanceof StoreError) return cause;
  if (cause instanceof pg.DatabaseError) return new StoreError(cause.message, cause);
  const where = pool === undefined ? "Postgres" : `Postgres at ${placeOf(pool.options)}`;
  const code = textField(cause, "code");
  const why = code ?? (cause instanceof Error ? cause.message : String(cause));
  return new StoreError(`cannot reach ${where}: ${why}`, cause);
}

/** Host and port for a message; never the password. */
function placeOf({ connectionString, host, port }: pg.PoolConfig): string {
  if (connectionString === undefined) return `${host ?? "localhost"}:${port ?? 5432}`;
  if (!URL.canParse(connectionString)) return "an address that is not a URL";
  const url = new URL(connectionString);
  return url.host === "" ? (url.searchParams.get("host") ?? "localhost") : url.host;
}

function textField(value: unknown, name: "code" | "constraint"): string | undefined {
  if (typeof value !== "object" || value === null || !(name in value)) return undefined;
  const field: unknown = (value as Record<string, unknown>)[name];
  return typeof field === "string" ? field : undefined;
}

function ignoreIdleFailure(): void {
  // The pool drops the connection by itself.
}

const { builtins } = pg.types;
const INT8_ARRAY = 1016;
const NUMERIC_ARRAY = 1231;

function getTypeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  if (oid === builtins.INT8) return safeInteger;
  if (oid === builtins.DATE || oid === builtins.NUMERIC) return String;
  if (oid === INT8_ARRAY)
    return (value) => textArray(value).map((item) => (item === null ? null : safeInteger(item)));
  if (oid === NUMERIC_ARRAY) return textArray;
  return pg.types.getTypeParser(oid, format) as (value: string) => unknown;
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the integer ${text} does not fit a number`);
  return value;
}

const TEXT_ARRAY = 1009;

function textArray(value: string): (string | null)[] {
  const parse = pg.types.getTypeParser(TEXT_ARRAY, "text") as (value: string) => (string | null)[];
  return parse(value);
}
