/** Triggers that others put on the old tables, while rows only get another form: for them nothing has happened. */
import { quoted } from "../catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { OLD_TABLES } from "../old-form.ts";

const ENABLE: Record<string, string> = { O: "ENABLE", R: "ENABLE REPLICA", A: "ENABLE ALWAYS" };

/** Runs `work` with every trigger off; each is then as it was. */
export async function withoutTriggers<T>(sql: Connection, work: () => Promise<T>): Promise<T> {
  const { rows } = await sql.query<{ table: string; name: string; enabled: string }>(
    `SELECT c.relname AS table, t.tgname AS name, t.tgenabled AS enabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1)`,
    [OLD_TABLES],
  );
  for (const { table, name } of rows) await sql.query(`ALTER TABLE ${table} DISABLE TRIGGER ${quoted(name)}`);
  const value = await work();
  for (const { table, name, enabled } of rows)
    await sql.query(`ALTER TABLE ${table} ${ENABLE[enabled] ?? "ENABLE"} TRIGGER ${quoted(name)}`);
  return value;
}
