/** One number for all that a database holds, but for the tables that are left out and for when a key was used last. */
import type { Connection } from "@remotegpu/control-plane/server/store/database/database";

/** A function of the database, since planning a look at every table takes as long as the look. */
const FUNCTION = "test_fingerprint";
const prepared = new WeakSet<Connection>();

/** @param except always the same for one database */
export async function fingerprint(sql: Connection, except: ReadonlySet<string>): Promise<string> {
  if (!prepared.has(sql)) await prepare(sql, except);
  prepared.add(sql);
  return (await sql.query<{ whole: string }>(`SELECT ${FUNCTION}() AS whole`)).rows[0]?.whole ?? "";
}

async function prepare(sql: Connection, except: ReadonlySet<string>): Promise<void> {
  const { rows } = await sql.query<{ table: string; is_used: boolean }>(
    `SELECT t.table_name AS table, EXISTS (SELECT FROM information_schema.columns c
              WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
                AND c.column_name = 'last_used_at') AS is_used
       FROM information_schema.tables t WHERE t.table_schema = 'public' AND t.table_type = 'BASE TABLE'
      ORDER BY t.table_name`,
  );
  const parts = rows
    .filter(({ table }) => !except.has(table))
    .map(({ table, is_used: isUsed }) => {
      const row = isUsed ? "(to_jsonb(t) - 'last_used_at')::text" : "t::text";
      return `(SELECT md5(coalesce(string_agg(${row}, '' ORDER BY t::text), '')) FROM ${table} t)`;
    });
  // An array, since a function takes no more than a hundred arguments.
  await sql.query(
    `CREATE OR REPLACE FUNCTION ${FUNCTION}() RETURNS text LANGUAGE plpgsql STABLE
         AS $$ BEGIN RETURN md5(array_to_string(ARRAY[${parts.join(", ")}], '')); END $$`,
  );
}
