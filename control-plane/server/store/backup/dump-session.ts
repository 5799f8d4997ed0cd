/**
 * One snapshot of a whole database, read by one connection: what its schema is, and each table's rows as COPY writes them.
 * The connection is its own and not the pool's, since pg-copy-streams takes a socket over while it reads.
 */
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Client, escapeIdentifier } from "pg";
import { to } from "pg-copy-streams";
import { openClient } from "../database/connection/single-client.ts";
import { StoreError } from "../database/database.ts";
import { COPY_SETTINGS } from "./copy-settings.ts";

interface AppliedMigration {
  name: string;
  checksum: string;
}

/** The table's name, and its columns but those that Postgres generates. */
export interface DumpedTable {
  name: string;
  columns: string[];
}

/** A sequence is known by the column that it counts for. */
export interface DumpedSequence {
  table: string;
  column: string;
  lastValue: string;
  isCalled: boolean;
}

export interface DumpSession {
  readonly takenAt: Date;
  readonly postgresVersion: string;
  readonly dbIncarnation: number;
  readonly migrations: readonly AppliedMigration[];
  readonly tables: readonly DumpedTable[];
  readonly sequences: readonly DumpedSequence[];
  /** Another connection may read the same snapshot by it, while this one is open. */
  readonly snapshotId: string;
  /** Answers the number of rows. */
  copyOut(table: DumpedTable, sink: Writable): Promise<number>;
}

/** @throws StoreError where Postgres refuses or cannot be reached */
export async function inDumpSession<T>(url: string, work: (session: DumpSession) => Promise<T>): Promise<T> {
  const { client, close } = openClient(url, "remotegpu backup");
  // Without a listener a lost connection would end the process; the query that is running reports it.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await client.query(`SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
      ${COPY_SETTINGS}`);
    return await work(await openSession(client));
  } catch (error) {
    throw error instanceof Error && "severity" in error ? new StoreError(error.message, error) : error;
  } finally {
    await client.end();
    close();
  }
}

async function openSession(client: Client): Promise<DumpSession> {
  // The first statement takes the snapshot. Sequences are in none: read after it they are never behind its rows.
  const [facts] = await rowsOf<Facts>(client, FACTS);
  if (facts === undefined) throw new StoreError("the database does not say what it is", undefined);
  return {
    ...facts,
    migrations: await rowsOf(client, "SELECT name, checksum FROM schema_migrations ORDER BY name"),
    tables: await rowsOf(client, TABLES),
    sequences: await rowsOf(client, SEQUENCES),
    async copyOut({ name, columns }, sink) {
      const list = columns.map(escapeIdentifier).join(", ");
      const copy = client.query(to(`COPY ${escapeIdentifier(name)} (${list}) TO STDOUT`));
      await pipeline(copy, sink);
      return copy.rowCount;
    },
  };
}

async function rowsOf<Row extends object>(client: Client, text: string): Promise<Row[]> {
  const { rows } = await client.query<Row>(text);
  return rows;
}

type Facts = Pick<DumpSession, "takenAt" | "postgresVersion" | "dbIncarnation" | "snapshotId">;

const FACTS = `
  SELECT now() AS "takenAt", current_setting('server_version') AS "postgresVersion",
         db_incarnation::float8 AS "dbIncarnation", pg_export_snapshot() AS "snapshotId"
    FROM cluster_state`;

const IS_OURS = `c.relnamespace = current_schema()::regnamespace
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')`;

const TABLES = `
  SELECT c.relname AS name, json_agg(a.attname ORDER BY a.attnum) AS columns
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
   WHERE c.relkind = 'r' AND ${IS_OURS}
   GROUP BY c.relname ORDER BY c.relname COLLATE "C"`;

const SEQUENCES = `
  SELECT t.relname AS "table", a.attname AS "column",
         coalesce(s.last_value, s.start_value)::text AS "lastValue", s.last_value IS NOT NULL AS "isCalled"
    FROM pg_class c
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
     AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class t ON t.oid = d.refobjid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    JOIN pg_sequences s ON s.schemaname = current_schema() AND s.sequencename = c.relname
   WHERE c.relkind = 'S' AND ${IS_OURS}
   ORDER BY t.relname COLLATE "C", a.attname COLLATE "C"`;
