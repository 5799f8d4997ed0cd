/**
 * The way to Postgres: a pool, and what store functions ask through. Knows no table. What a column becomes in
 * JavaScript stands in column-types.ts; the other way round, a jsonb array must be passed as JSON.stringify(array),
 * since the driver makes a Postgres array of an array.
 */
import type { Readable } from "node:stream";
import type { DistributionCounter } from "@remotegpu/shared/metrics/distribution";
import { postgresUrls } from "@remotegpu/shared/settings/postgres-urls";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { Pool, type QueryResultRow } from "pg";
import type { QUERY_SCOPES } from "../../core/metrics/label-values.ts";
import { distributionOf } from "../../core/metrics/server-counters.ts";
import type { AuditScope } from "./audit-scope.ts";
import { ConnectionRole } from "./connection/connection-role.ts";
import { readInTurns } from "./connection/large-answers.ts";
import { primaryClient } from "./connection/primary-client.ts";
import { forgetfulMemory, PrimaryWatch, type TimelineMemory } from "./connection/primary-watch.ts";
import { ignoreBrokenConnection, requestAlone, STATEMENT_TIMEOUT_MS } from "./requests.ts";
import { columnTypes } from "./values/column-types.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 20;

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

export declare const handedOut: unique symbol;

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

/** Counts how long it took. */
export async function timed<T>(
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
