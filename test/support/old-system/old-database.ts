/**
 * Databases as the old system left them: its tables in the form a test asks for (see old-form.ts), with rows. The
 * tables as found stand in fixtures/old-system.sql; that file's own foreign key and CHECK are taken off here, since
 * rows at random would break them, and come back, NOT VALID, in a form that asks for them.
 */
import { readFile } from "node:fs/promises";
import { type Connection, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { freshDatabase, type FreshDatabase } from "../engines/postgres.ts";
import { afterRows, beforeRows, type OldForm } from "./old-form.ts";

const OLD_SYSTEM = new URL("../../fixtures/old-system.sql", import.meta.url);

export const OLD_TABLES = [
  "customers",
  "workspaces",
  "workspace_members",
  "resource_quotas",
  "hosts",
  "gpus",
  "environments",
  "port_mappings",
  "training_jobs",
  "inference_services",
  "billing_records",
  "invoices",
  "datasets",
  "dataset_versions",
  "models",
  "model_versions",
  "images",
] as const;
export type OldTable = (typeof OLD_TABLES)[number];

/** Values as Postgres reads them from JSON; a column that is left out is NULL. */
export type OldRow = Record<string, unknown>;
export type OldRows = Partial<Record<OldTable, OldRow[]>>;

export interface Column {
  table: OldTable;
  name: string;
  /** As the catalogue writes it: "character varying(64)". */
  type: string;
  notNull: boolean;
}

/** One server's old tables without a row, to copy databases from. */
export interface OldSystem {
  /** In the order of the tables. */
  columns: Column[];
  /** Makes a database of that form with these rows. */
  database(form: OldForm, rows: OldRows): Promise<FreshDatabase>;
  drop(): Promise<void>;
}

export async function oldSystem(serverUrl?: string): Promise<OldSystem> {
  const server = serverUrl === undefined ? {} : { serverUrl };
  const template = await freshDatabase({ ...server, template: "template0" });
  const sql = await readFile(OLD_SYSTEM, "utf8");
  const columns = await withConnection(template.url, async (connection) => {
    await connection.query(sql);
    await connection.query(LOOSEN);
    return await columnsOf(connection);
  });
  const name = new URL(template.url).pathname.slice(1);
  return {
    columns,
    async database(form, rows) {
      const made = await freshDatabase({ ...server, template: name });
      await withConnection(made.url, async (connection) => {
        await connection.query(beforeRows(form));
        await insertRows(connection, rows);
        await connection.query(afterRows(form));
      });
      return made;
    },
    drop: () => template.drop(),
  };
}

/** A connection that is closed again: a database that someone is connected to cannot be copied. */
async function withConnection<T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const database = openDatabase(url, { maxConnections: 1, runsAs: "owner" });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

const LOOSEN = `
  ALTER TABLE environments DROP CONSTRAINT fk_env_owner, DROP CONSTRAINT chk_env_status;
  SELECT setval(pg_get_serial_sequence(c.relname, 'id'), 1000)
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    AND pg_get_serial_sequence(c.relname, 'id') IS NOT NULL`;

async function insertRows(connection: Connection, rows: OldRows): Promise<void> {
  for (const table of OLD_TABLES) {
    const given = rows[table] ?? [];
    if (given.length === 0) continue;
    await connection.query(
      `INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)`,
      [JSON.stringify(given)],
    );
  }
}

async function columnsOf(connection: Connection): Promise<Column[]> {
  const { rows } = await connection.query<Column & Record<string, unknown>>(
    `SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "notNull"
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY array_position($1, c.relname::text), a.attnum`,
    [OLD_TABLES],
  );
  return rows;
}
