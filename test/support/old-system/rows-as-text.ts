/**
 * Everything that tables hold as exact text, so that two moments can be compared byte for byte. A time with a zone is
 * written as the one without that it was, so that old and new form read alike. Whatever a database's own settings are,
 * the text is the same.
 */
import type { Connection, Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { OLD_TABLES, type OldTable } from "./old-database.ts";

export type TextRow = Record<string, string | null>;
export type TextRows = Record<OldTable, TextRow[]>;

const ONE_SPELLING =
  "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL extra_float_digits = 1";

/** Runs `work` where values are written in one way. */
export async function readingText<T>(
  database: Database,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  return await transaction(database, async (connection) => {
    await connection.query(ONE_SPELLING);
    return await work(connection);
  });
}

/** Every column of every row of the old system's tables, whichever form they have, in the order of their ids. */
export async function rowsAsText(database: Database): Promise<TextRows> {
  return await readingText(database, async (connection) => {
    const { rows: columns } = await connection.query<{ table: OldTable; name: string; type: string }>(
      `SELECT c.relname AS table, a.attname AS name, a.atttypid::regtype::text AS type
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped`,
      [OLD_TABLES],
    );
    return await byTable(async (table) => {
      const its = columns.filter((column) => column.table === table);
      const fields = its.map(({ name, type }) =>
        type === "timestamp with time zone"
          ? `(t.${name} AT TIME ZONE 'UTC')::text AS ${name}`
          : `t.${name}::text AS ${name}`,
      );
      return await rowsInOrder(connection, table, fields);
    });
  });
}

export async function rowsInOrder(
  connection: Connection,
  table: OldTable,
  fields: string[],
): Promise<TextRow[]> {
  // A table that somebody dropped.
  if (fields.length === 0) return [];
  const { rows } = await connection.query<TextRow>(
    `SELECT ${fields.join(", ")} FROM ${table} t ORDER BY t.id::text COLLATE "C"`,
  );
  return rows;
}

export async function byTable(request: (table: OldTable) => Promise<TextRow[]>): Promise<TextRows> {
  const found: [OldTable, TextRow[]][] = [];
  for (const table of OLD_TABLES) found.push([table, await request(table)]);
  return Object.fromEntries(found) as TextRows;
}

/** Where a row stands and which transaction wrote it: a row that was written again, even with the same, differs. */
export async function rowVersions(database: Database): Promise<TextRows> {
  return await readingText(database, (connection) =>
    byTable((table) => rowsInOrder(connection, table, ["t.ctid::text", "t.xmin::text"])),
  );
}

/** The numbers that the next new rows would get. */
export async function nextIds(database: Database): Promise<object[]> {
  const { rows } = await database.query(
    `SELECT c.relname AS table, pg_sequence_last_value(pg_get_serial_sequence(c.relname, 'id')::regclass)::text AS last
     FROM pg_class c WHERE c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace
       AND c.relkind = 'r' AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'id')
       AND pg_get_serial_sequence(c.relname, 'id') IS NOT NULL ORDER BY 1`,
    [OLD_TABLES],
  );
  return rows;
}
