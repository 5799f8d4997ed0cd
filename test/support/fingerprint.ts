/** One number for all that a database holds, but for the tables that are left out and for when a key was used last. */
import type { Connection } from "@remotegpu/control-plane/store/database";

const queries = new WeakMap<Connection, string>();

/** @param except always the same for one database */
export async function fingerprint(sql: Connection, except: ReadonlySet<string>): Promise<string> {
  const query = queries.get(sql) ?? (await fingerprintQuery(sql, except));
  queries.set(sql, query);
  return (await sql.query<{ whole: string }>(query)).rows[0]?.whole ?? "";
}

async function fingerprintQuery(sql: Connection, except: ReadonlySet<string>): Promise<string> {
  const { rows } = await sql.query<{ table_name: string }>(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
  );
  const parts = rows
    .map(({ table_name: table }) => table)
    .filter((table) => !except.has(table))
    .map(
      (table) =>
        `(SELECT md5(coalesce(string_agg((to_jsonb(t) - 'last_used_at')::text, '' ORDER BY t::text), '')) FROM ${table} t)`,
    );
  return `SELECT md5(concat(${parts.join(", ")})) AS whole`;
}
