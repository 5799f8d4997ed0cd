/**
 * The way to Postgres: a pool, one way to ask, one way to run a transaction. Knows no table. What a column becomes in
 * JavaScript stands in column-types.ts; the other way round, a jsonb array must be passed as JSON.stringify(array),
 * since the driver makes a Postgres array of an array.
 */
import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import type { DistributionCounter } from "@remotegpu/shared/metrics/distribution";
import type { QUERY_SCOPES } from "../../core/metrics/label-values.ts";
import { distributionOf } from "../../core/metrics/server-counters.ts";
import { postgresPlaces, postgresUrls } from "@remotegpu/shared/settings/postgres-urls";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { Client, DatabaseError, Pool, type PoolClient, type PoolConfig, type QueryResultRow } from "pg";
import { APPLICATION_ROLE } from "./connection/application-role.ts";
import { ConnectionRole } from "./connection/connection-role.ts";
import { isStalePlan } from "./connection/prepared-statements.ts";
import { type Statement, statementAlone } from "./connection/statement-in-role.ts";
import type { Answer } from "./connection/batch.ts";
import { arrayLiteral } from "./values/array-literal.ts";
import { columnTypes } from "./values/column-types.ts";
import { copyFrom } from "./connection/copy-from.ts";
import { CopyIn } from "./connection/copy-in.ts";
import { readInTurns } from "./connection/large-answers.ts";
import { Pipeline } from "./connection/pipeline.ts";
import { primaryClient } from "./connection/primary-client.ts";
import {
  forgetfulMemory,
  NoPrimaryError,
  PrimaryWatch,
  type TimelineMemory,
} from "./connection/primary-watch.ts";
import { type AuditScope, NO_CHANGES, watch } from "./audit-scope.ts";
import {
  CONFIRM_WITHIN_MS,
  type Confirmation,
  confirmed,
  REQUEST_CONFIRMATION,
  StandbyMissingError,
  UnconfirmedCommitError,
} from "./confirmation.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** How much longer we wait than the server does, so that it is the server that gives up. */
const TIMEOUT_GRACE_MS = 5_000;
const MAX_CONNECTIONS = 20;
/** A transaction that lost against another is tried this often in all. */
const MAX_TRANSACTION_ATTEMPTS = 8;
const FIRST_RETRY_WITHIN_MS = 10;

const SERIALIZATION_FAILURE = "40001";
const DEADLOCK_DETECTED = "40P01";
const UNIQUE_VIOLATION = "23505";

/** Postgres refused, or could not be reached. `code` is the SQLSTATE, or the system's word (ECONNREFUSED). */
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

/**
 * True where Postgres itself said that the statement, or the commit, failed. Where it said nothing, or that it was being
 * shut down, the work may be done all the same.
 */
export function isUndone(error: unknown): boolean {
  if (error instanceof StandbyMissingError) return true;
  const code = error instanceof StoreError ? (error.code ?? "") : "";
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P|58|XX)/.test(code);
}

/** What store functions ask through: the whole database, or the connection of a transaction. */
export interface Connection {
  /** The caller says what a row looks like; the SQL beside it is the proof. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  readonly query: <Row extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ) => Promise<{ rows: Row[]; rowCount: number }>;
  /**
   * The same for a statement that changes something, which the audit scope of a request must know. `makes`: what kind of
   * thing the answered rows are, each with its id.
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  change<Row extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: readonly unknown[],
    of?: { makes?: string },
  ): Promise<{ rows: Row[]; rowCount: number }>;
}

declare const handedOut: unique symbol;

/**
 * The connection of a transaction, which `transaction` alone hands out. Who asks for one writes what must be true together,
 * or holds rows until whoever called it has done what it holds them for.
 */
export interface Transaction extends Connection {
  readonly [handedOut]: true;
  /**
   * Many rows at once: `text` is COPY … FROM STDIN, `pieces` have copyLine's lines, some in each. A piece is asked for
   * once the one before is on its way.
   */
  copyIn(text: string, pieces: IterableIterator<string>): Promise<void>;
  /** A file of COPY's format, of any length. What reading it throws comes through as it is. */
  copyFrom(text: string, source: Readable): Promise<void>;
}

export interface Database extends Connection {
  readonly pool: Pool;
  /** Which server is the primary; null where the URL names one host. */
  readonly primaryWatch: PrimaryWatch | null;
  /** As whom its connections work. */
  readonly role: ConnectionRole;
  /** How long its statements and transactions took. */
  readonly times: DistributionCounter;
  /** In which all changes by this handle are; the server's own are in none. */
  readonly auditScope: AuditScope | undefined;
  close(): Promise<void>;
}

/**
 * Opens a pool, which connects at the first query. `url` is a postgres:// URL. Each connection that leads to a session of
 * its own prepares what it sends (prepared-statements.ts), which takes about a third off the time of most. It acts for
 * the application, in whose role each transaction and each single statement is where the user of the URL may do more,
 * unless it is to change the schema: then as the `owner`, who is that user. Nothing else is ever kept in a session. Of
 * several hosts its connections are to the primary (connection/primary-watch.ts).
 */
export function openDatabase(
  url: string,
  {
    maxConnections = MAX_CONNECTIONS,
    runsAs = "application",
    timelines = forgetfulMemory(),
    onPrimary = () => undefined,
  }: {
    maxConnections?: number;
    runsAs?: "application" | "owner";
    timelines?: TimelineMemory;
    /** Told in one line that another server is the primary. */
    onPrimary?: (line: string) => void;
  } = {},
): Database {
  const role = new ConnectionRole(runsAs);
  const [first, ...others] = postgresUrls(url);
  const primaryWatch =
    others.length === 0 ? null : new PrimaryWatch(url, { memory: timelines, onChange: onPrimary });
  const pool = new Pool({
    ...(primaryWatch !== null && { Client: primaryClient(primaryWatch, first) }),
    // The pool hands the connection out once this is done, whatever its type says of waiting.
    onConnect: (client) => role.check(client),
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "remotegpu",
    types: columnTypes,
  });
  pool.on("error", ignoreBrokenConnection);
  pool.on("connect", readInTurns);
  const times = distributionOf("db_query_duration_seconds");
  const query: Connection["query"] = async (text, values) =>
    await timed(times, "statement", () =>
      requestAlone({ pool, role, primaryWatch }, { text, values, timeoutMs: STATEMENT_TIMEOUT_MS }),
    );
  const close = async () => {
    await pool.end();
    primaryWatch?.close();
  };
  return { pool, primaryWatch, role, times, auditScope: undefined, query, change: query, close };
}

async function timed<T>(
  times: DistributionCounter,
  scope: (typeof QUERY_SCOPES)[number],
  work: () => Promise<T>,
): Promise<T> {
  const startedMs = performance.now();
  try {
    return await work();
  } finally {
    times.observe([scope], (performance.now() - startedMs) / MS_PER_SECOND);
  }
}

/**
 * The database by a handle whose changes are in this scope: a single one is a transaction together with what is recorded
 * of it.
 */
export function inAuditScope(database: Database, auditScope: AuditScope): Database {
  const inScope: Database = {
    ...database,
    auditScope,
    change: async (text, values, of) =>
      auditScope.isPresent
        ? await transaction(inScope, async (sql) => await sql.change(text, values, of))
        : await database.query(text, values),
  };
  return inScope;
}

export type Isolation = "read committed" | "repeatable read" | "serializable";

interface TransactionOptions {
  isolation?: Isolation;
  statementTimeoutMs?: number;
  /** How long Postgres waits for the next statement of who may be dead. */
  endsDeadWithinMs?: number;
  /** True for what is acknowledged though its handle is in no audit scope: a standby confirms it where one must. */
  acknowledges?: boolean;
}

/**
 * Runs `work` in one transaction: commits its value, rolls back when it throws. Where the handle is in an audit scope,
 * that adds its part before the commit, and a change is confirmed by a standby where one must. A serialization failure, a deadlock or a stale plan runs it again,
 * MAX_TRANSACTION_ATTEMPTS times in all, so `work` must have no effect but through its connection.
 * @throws StoreError for the database's failures; StandbyMissingError, UnconfirmedCommitError; whatever else `work` throws
 * comes through as it is
 */
export async function transaction<T>(
  database: Database,
  work: (sql: Transaction) => Promise<T>,
  {
    isolation = "read committed",
    statementTimeoutMs = STATEMENT_TIMEOUT_MS,
    endsDeadWithinMs = statementTimeoutMs,
    acknowledges = false,
  }: TransactionOptions = {},
): Promise<T> {
  const options = { isolation, statementTimeoutMs, endsDeadWithinMs, acknowledges };
  return await timed(database.times, "transaction", () => runUntilDone(database, work, options));
}

async function runUntilDone<T>(
  database: Database,
  work: (sql: Transaction) => Promise<T>,
  options: Required<TransactionOptions>,
): Promise<T> {
  let prepares = true;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runOnce(database, work, { ...options, prepares });
    } catch (error) {
      const isStale = error instanceof StoreError && isStalePlan(error.cause);
      if (attempt === MAX_TRANSACTION_ATTEMPTS || !(isStale || hasLostRace(error))) throw error;
      if (isStale) prepares = false;
      else await pauseBeforeRetry(attempt);
    }
  }
}

async function runOnce<T>(
  { pool, primaryWatch, role, auditScope: givenScope }: Database,
  work: (sql: Transaction) => Promise<T>,
  {
    isolation,
    statementTimeoutMs,
    endsDeadWithinMs,
    acknowledges,
    prepares,
  }: Required<TransactionOptions> & { prepares: boolean },
): Promise<T> {
  const client = await connected({ pool, primaryWatch }).catch((cause: unknown) => {
    throw asStoreError(cause, pool);
  });
  client.on("error", ignoreBrokenConnection);
  const timeoutMs = statementTimeoutMs + TIMEOUT_GRACE_MS;
  const pipeline = new Pipeline(client, prepares);
  let isOver = false;
  const query: Connection["query"] = async (text, values) => {
    assert(!isOver, "a statement was asked for after its transaction had ended");
    return await requestWithin({ client, pipeline }, { text, values, timeoutMs });
  };
  let broken = false;
  try {
    // SET LOCAL, since poolers refuse a statement timeout in the start-up packet and mix up sessions. A process that
    // is paused between two statements loses its transaction, and with it the rows that others wait for.
    const begin = [
      `BEGIN ISOLATION LEVEL ${isolation}`,
      ...(role.footing === "in-role" ? [`SET LOCAL ROLE ${APPLICATION_ROLE}`] : []),
      `SET LOCAL statement_timeout = ${Math.trunc(statementTimeoutMs)}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${Math.trunc(endsDeadWithinMs)}`,
    ];
    // They go out with the first of the work's own statements.
    const begun = Promise.all(begin.map((text) => pipeline.request({ text, timeoutMs })));
    begun.catch(() => undefined);
    const auditScope = givenScope?.isPresent === true ? givenScope : undefined;
    const mayAcknowledge = acknowledges || (auditScope !== undefined && auditScope !== NO_CHANGES);
    const confirmation = mayAcknowledge ? requestConfirmation(pipeline, timeoutMs) : Promise.resolve(null);
    confirmation.catch(() => undefined);
    const plain: Connection = { query, change: query };
    const watched = auditScope === undefined ? undefined : watch(plain, auditScope);
    const sql: Omit<Transaction, typeof handedOut> = {
      ...(watched ?? plain),
      copyIn: (text, pieces) =>
        pipeline.alone(() => copyIn(client, { copy: new CopyIn(text, pieces), timeoutMs })),
      copyFrom: (text, source) =>
        pipeline.alone(() =>
          copyFrom(client, text, source).catch((cause: unknown) => {
            throw source.errored === null ? asStoreError(cause, undefined) : cause;
          }),
        ),
    };
    // The brand is no member at run time.
    const value = await work(sql as Transaction);
    const isSealed = await watched?.seal();
    isOver = true;
    await begun.catch((cause: unknown) => {
      throw asStoreError(cause, undefined);
    });
    const isAcknowledged = acknowledges || isSealed === true;
    const standby = isAcknowledged ? await confirmation : null;
    if (standby?.attached === false) throw new StandbyMissingError();
    const { command, isConfirmed } = await pipeline.last(() =>
      standby === null ? commit(client, timeoutMs) : commitWithStandby({ client, pool }, standby),
    );
    // Postgres answers ROLLBACK, without an error, to the COMMIT of a transaction in which a statement failed.
    assert.equal(command, "COMMIT", "a failed statement was caught inside a transaction that went on");
    if (isSealed === true) auditScope?.committed();
    if (!isConfirmed) throw new UnconfirmedCommitError(undefined);
    return value;
  } catch (error) {
    isOver = true;
    // There is nothing to roll back; where Postgres said nothing, it may still be at it.
    if (error instanceof UnconfirmedCommitError) {
      broken = error.cause !== undefined;
      throw error;
    }
    await pipeline
      .last(() => requestSimply(client, { text: "ROLLBACK", timeoutMs }))
      .catch(() => {
        broken = true;
      });
    throw error;
  } finally {
    client.off("error", ignoreBrokenConnection);
    client.release(broken);
  }
}

async function requestConfirmation(pipeline: Pipeline, timeoutMs: number): Promise<Confirmation | null> {
  const { rows } = await pipeline.request({ text: REQUEST_CONFIRMATION, values: [], timeoutMs });
  return (rows[0] as Confirmation | undefined) ?? null;
}

interface Committed {
  command: string;
  isConfirmed: boolean;
}

async function commit(client: PoolClient, timeoutMs: number): Promise<Committed> {
  const { command } = await requestSimply(client, { text: "COMMIT", timeoutMs });
  return { command, isConfirmed: true };
}

/** @throws UnconfirmedCommitError where Postgres did not say what came of it */
async function commitWithStandby(
  { client, pool }: { client: PoolClient; pool: Pool },
  { pid }: Confirmation,
): Promise<Committed> {
  const [url] = postgresUrls(pool.options.connectionString ?? "");
  const makeClient = () => new Client({ connectionString: url, connectionTimeoutMillis: CONFIRM_WITHIN_MS });
  try {
    const { answer, isConfirmed } = await confirmed(client, { pid, makeClient }, (timeoutMs) =>
      requestSimply(client, { text: "COMMIT", timeoutMs }),
    );
    return { command: answer.command, isConfirmed };
  } catch (error) {
    throw isUndone(error) ? error : new UnconfirmedCommitError(error);
  }
}

/** The primary may be another one since it was looked at: of several hosts it is looked at again, once. */
async function connected({ pool, primaryWatch }: Way): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    if (primaryWatch === null || error instanceof NoPrimaryError) throw error;
    primaryWatch.doubt();
    return await pool.connect();
  }
}

type Way = Pick<Database, "pool" | "primaryWatch">;

interface Question {
  text: string;
  values: readonly unknown[] | undefined;
  timeoutMs: number;
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
async function requestWithin<Row extends QueryResultRow>(
  { client, pipeline }: { client: PoolClient; pipeline: Pipeline },
  question: Question,
): Promise<{ rows: Row[]; rowCount: number }> {
  const statement = requested(question);
  try {
    // Without values it may be several statements.
    const isAlone = question.values === undefined;
    const { rows, rowCount } = await (isAlone
      ? pipeline.alone(() => requestSimply(client, statement))
      : pipeline.request(statement));
    return { rows: rows as Row[], rowCount };
  } catch (cause) {
    throw asStoreError(cause, undefined);
  }
}

async function requestSimply(
  client: PoolClient,
  { timeoutMs, text }: Statement,
): Promise<{ rows: QueryResultRow[]; rowCount: number; command: string }> {
  // Read by the driver, of which its types do not tell.
  const timed = { text, query_timeout: timeoutMs };
  try {
    const { rows, rowCount, command } = await client.query<QueryResultRow>(timed);
    return { rows, rowCount: rowCount ?? 0, command };
  } catch (cause) {
    throw asStoreError(cause, undefined);
  }
}

/** Outside every transaction. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
async function requestAlone<Row extends QueryResultRow>(
  through: Way & { role: ConnectionRole },
  question: Question,
): Promise<{ rows: Row[]; rowCount: number }> {
  const statement = requested(question);
  try {
    const { rows, rowCount } = await answerOf(through, statement, true).catch(async (error: unknown) => {
      if (!isStalePlan(error)) throw error;
      return await answerOf(through, statement, false);
    });
    return { rows: rows as Row[], rowCount };
  } catch (cause) {
    throw asStoreError(cause, through.pool);
  }
}

async function answerOf(
  { pool, primaryWatch, role }: Way & { role: ConnectionRole },
  statement: Statement,
  prepares: boolean,
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    let isAgain = primaryWatch === null;
    const work: Parameters<Pool["connect"]>[0] = (unreachable, client, release) => {
      if (client === undefined) {
        if (isAgain || unreachable instanceof NoPrimaryError)
          return reject(unreachable ?? new Error("no connection"));
        isAgain = true;
        primaryWatch?.doubt();
        return pool.connect(work);
      }
      client.on("error", ignoreBrokenConnection);
      const sent = { takesRole: role.footing === "in-role", prepares };
      const alone = statementAlone(statement, sent, (failure, answer) => {
        client.off("error", ignoreBrokenConnection);
        release(failure ?? undefined);
        if (failure === null) resolve(answer);
        else reject(failure);
      });
      client.query(alone);
    };
    pool.connect(work);
  });
}

/** Without values the simple protocol is used, which takes several statements at once and prepares none. */
function requested({ text, values, timeoutMs }: Question): Statement {
  return { text, timeoutMs, ...(values !== undefined && { values: values.map(parameter) }) };
}

function parameter(value: unknown): unknown {
  return Array.isArray(value) ? (arrayLiteral(value) ?? value) : value;
}

async function copyIn(
  client: PoolClient,
  { copy, timeoutMs }: { copy: CopyIn; timeoutMs: number },
): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("COPY read timeout")), timeoutMs);
  try {
    // Both, since what stands before the driver may fail where the copy never begins.
    await Promise.all([Promise.resolve(client.query(copy)), Promise.race([copy.done, late])]);
  } catch (cause) {
    throw asStoreError(cause, undefined);
  } finally {
    clearTimeout(timer);
  }
}

function hasLostRace(error: unknown): boolean {
  return (
    error instanceof StoreError && (error.code === SERIALIZATION_FAILURE || error.code === DEADLOCK_DETECTED)
  );
}

async function pauseBeforeRetry(attempt: number): Promise<void> {
  const withinMs = FIRST_RETRY_WITHIN_MS * 2 ** attempt;
  await new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs));
}

function asStoreError(cause: unknown, pool: Pool | undefined): unknown {
  if (cause instanceof StoreError) return cause;
  if (cause instanceof DatabaseError) return new StoreError(cause.message, cause);
  // A value that does not fit a column type or cannot be sent is our bug, not Postgres' failure.
  if (cause instanceof RangeError || cause instanceof TypeError) return cause;
  if (cause instanceof NoPrimaryError) return new StoreError(cause.message, cause);
  const where = pool === undefined ? "Postgres" : `Postgres at ${placeOf(pool.options)}`;
  const why = textField(cause, "code") ?? (cause instanceof Error ? cause.message : String(cause));
  return new StoreError(`cannot reach ${where}: ${why}`, cause);
}

/** Hosts and ports for a message, never the password. */
function placeOf({ connectionString = "" }: PoolConfig): string {
  return postgresPlaces(connectionString).join(", ");
}

function textField(value: unknown, name: "code" | "constraint"): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field = (value as Partial<Record<typeof name, unknown>>)[name];
  return typeof field === "string" ? field : undefined;
}

/** Without a listener a connection that breaks between two queries would end the process. The next query reports it. */
function ignoreBrokenConnection(): void {}
