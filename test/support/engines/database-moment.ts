/**
 * A moment of a database, kept to go back to: what restoring a backup does, without closing anybody's connection.
 * Sequences go on, as after a restore from a log.
 */
import type { Connection, Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";

export interface Moment {
  /** Every row of every table is again what it was then. */
  goBack(): Promise<void>;
}

let moments = 0;

export async function keepMoment(db: Database): Promise<Moment> {
  moments += 1;
  const schema = `moment_${moments}`;
  const { rows } = await db.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  );
  const tables = rows.map(({ name }) => name);
  await transaction(
    db,
    async (sql) => {
      await sql.query(`CREATE SCHEMA ${schema}`);
      for (const table of tables) await sql.query(`CREATE TABLE ${schema}.${table} AS TABLE public.${table}`);
    },
    { isolation: "repeatable read" },
  );
  return { goBack: () => transaction(db, (sql) => goBack(sql, schema, tables)) };
}

/** As a replica applies changes: no trigger and no foreign key speaks up. */
async function goBack(sql: Connection, schema: string, tables: string[]): Promise<void> {
  await sql.query("SET LOCAL session_replication_role = replica");
  await sql.query(`TRUNCATE ${tables.map((table) => `public.${table}`).join(", ")}`);
  for (const table of tables) await sql.query(`INSERT INTO public.${table} SELECT * FROM ${schema}.${table}`);
}
