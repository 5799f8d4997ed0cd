/** The one way to run a transaction: what must be true together, confirmed by a standby where one must. */
import assert from "node:assert/strict";
import { Client, type Pool, type PoolClient } from "pg";
import { postgresUrls } from "@remotegpu/shared/settings/postgres-urls";
import { type AuditScope, NO_CHANGES, watch } from "./audit-scope.ts";
import {
  CONFIRM_WITHIN_MS,
  type Confirmation,
  confirmed,
  REQUEST_CONFIRMATION,
  StandbyMissingError,
  UnconfirmedCommitError,
} from "./confirmation.ts";
import { APPLICATION_ROLE } from "./connection/application-role.ts";
import { copyFrom } from "./connection/copy-from.ts";
import { CopyIn } from "./connection/copy-in.ts";
import { Pipeline } from "./connection/pipeline.ts";
import { isStalePlan } from "./connection/prepared-statements.ts";
import {
  connected,
  ignoreBrokenConnection,
  requestSimply,
  requestWithin,
  STATEMENT_TIMEOUT_MS,
} from "./requests.ts";
import { type Connection, type Database, type handedOut, timed, type Transaction } from "./database.ts";
import { asStoreError, hasLostRace, isUndone, StoreError } from "./store-error.ts";

/** How much longer we wait than the server does, so that it is the server that gives up. */
const TIMEOUT_GRACE_MS = 5_000;
/** One that lost against another is tried this often in all. */
const MAX_TRANSACTION_ATTEMPTS = 8;
const FIRST_RETRY_WITHIN_MS = 10;

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
  database: Database,
  work: (sql: Transaction) => Promise<T>,
  options: AttemptOptions,
): Promise<T> {
  const client = await connected(database).catch((cause: unknown) => {
    throw asStoreError(cause, database.pool);
  });
  client.on("error", ignoreBrokenConnection);
  const attempt = new Attempt(client, database, options);
  try {
    return await attempt.committed(work);
  } catch (error) {
    await attempt.rollBack(error);
    throw error;
  } finally {
    client.off("error", ignoreBrokenConnection);
    client.release(attempt.isBroken);
  }
}

type AttemptOptions = Required<TransactionOptions> & { prepares: boolean };

/** One transaction on one connection. */
class Attempt {
  /** What state the connection is in is not known: it must not be used again. */
  isBroken = false;
  readonly #client: PoolClient;
  readonly #database: Pick<Database, "pool" | "role">;
  readonly #auditScope: AuditScope | undefined;
  readonly #options: AttemptOptions;
  readonly #pipeline: Pipeline;
  readonly #timeoutMs: number;
  #isOver = false;

  constructor(client: PoolClient, database: Database, options: AttemptOptions) {
    this.#client = client;
    this.#database = database;
    this.#auditScope = database.auditScope?.isPresent === true ? database.auditScope : undefined;
    this.#options = options;
    this.#pipeline = new Pipeline(client, options.prepares);
    this.#timeoutMs = options.statementTimeoutMs + TIMEOUT_GRACE_MS;
  }

  async committed<T>(work: (sql: Transaction) => Promise<T>): Promise<T> {
    const { acknowledges } = this.#options;
    const begun = this.#begin();
    const confirmation = this.#mayAcknowledge() ? this.#requestConfirmation() : Promise.resolve(null);
    confirmation.catch(() => undefined);
    const plain = this.#plain();
    const watched = this.#auditScope === undefined ? undefined : watch(plain, this.#auditScope);
    const value = await work(this.#handedOut(watched ?? plain));
    const isSealed = (await watched?.seal()) === true;
    this.#isOver = true;
    await begun.catch((cause: unknown) => {
      throw asStoreError(cause, undefined);
    });
    const isConfirmed = await this.#commit(acknowledges || isSealed ? await confirmation : null);
    if (isSealed) this.#auditScope?.committed();
    if (!isConfirmed) throw new UnconfirmedCommitError(undefined);
    return value;
  }

  /** There is nothing to roll back of a commit that nobody confirmed; where Postgres said nothing, it may still be at it. */
  async rollBack(error: unknown): Promise<void> {
    this.#isOver = true;
    if (error instanceof UnconfirmedCommitError) {
      this.isBroken = error.cause !== undefined;
      return;
    }
    const statement = { text: "ROLLBACK", timeoutMs: this.#timeoutMs };
    try {
      await this.#pipeline.last(() => requestSimply(this.#client, statement));
    } catch {
      this.isBroken = true;
    }
  }

  /**
   * Goes out with the first of the work's own statements. SET LOCAL, since poolers refuse a statement timeout in the
   * start-up packet and mix up sessions. A process that is paused between two statements loses its transaction, and with
   * it the rows that others wait for.
   */
  #begin(): Promise<unknown> {
    const { isolation, statementTimeoutMs, endsDeadWithinMs } = this.#options;
    const texts = [
      `BEGIN ISOLATION LEVEL ${isolation}`,
      ...(this.#database.role.footing === "in-role" ? [`SET LOCAL ROLE ${APPLICATION_ROLE}`] : []),
      `SET LOCAL statement_timeout = ${Math.trunc(statementTimeoutMs)}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${Math.trunc(endsDeadWithinMs)}`,
    ];
    const begun = Promise.all(
      texts.map((text) => this.#pipeline.request({ text, timeoutMs: this.#timeoutMs })),
    );
    begun.catch(() => undefined);
    return begun;
  }

  #mayAcknowledge(): boolean {
    const mayChange = this.#auditScope !== undefined && this.#auditScope !== NO_CHANGES;
    return this.#options.acknowledges || mayChange;
  }

  async #requestConfirmation(): Promise<Confirmation | null> {
    const statement = { text: REQUEST_CONFIRMATION, values: [], timeoutMs: this.#timeoutMs };
    const { rows } = await this.#pipeline.request(statement);
    return (rows[0] as Confirmation | undefined) ?? null;
  }

  #plain(): Connection {
    const [client, pipeline, timeoutMs] = [this.#client, this.#pipeline, this.#timeoutMs];
    const query: Connection["query"] = async (text, values) => {
      assert(!this.#isOver, "a statement was asked for after its transaction had ended");
      return await requestWithin({ client, pipeline }, { text, values, timeoutMs });
    };
    return { query, change: query };
  }

  #handedOut(connection: Connection): Transaction {
    const [client, pipeline, timeoutMs] = [this.#client, this.#pipeline, this.#timeoutMs];
    const sql: Omit<Transaction, typeof handedOut> = {
      ...connection,
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
    return sql as Transaction;
  }

  /** Whether it is confirmed by whoever must. */
  async #commit(standby: Confirmation | null): Promise<boolean> {
    if (standby?.attached === false) throw new StandbyMissingError();
    const [client, { pool }] = [this.#client, this.#database];
    const { command, isConfirmed } = await this.#pipeline.last(() =>
      standby === null ? commit(client, this.#timeoutMs) : commitWithStandby({ client, pool }, standby),
    );
    // Postgres answers ROLLBACK, without an error, to the COMMIT of a transaction in which a statement failed.
    assert.equal(command, "COMMIT", "a failed statement was caught inside a transaction that went on");
    return isConfirmed;
  }
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

async function pauseBeforeRetry(attempt: number): Promise<void> {
  const withinMs = FIRST_RETRY_WITHIN_MS * 2 ** attempt;
  await new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs));
}
