/**
 * Looks, before the first migration, for rows of the old system that the change would lose or could not fill. Moving
 * such rows belongs here too once it is built: in the transaction of 0002 and before its SQL, whose ADD COLUMN IF NOT
 * EXISTS then finds the filled columns.
 */
import type { Connection } from "./database.ts";

/** Tables whose rows need moving, each with a column of ours; a table without that column is still the old one. */
const MARKS = [
  { table: "environments", mark: "status_deadline_at" },
  { table: "port_mappings", mark: "lease_id" },
  { table: "training_jobs", mark: "status_deadline_at" },
  { table: "inference_services", mark: "status_deadline_at" },
  { table: "billing_records", mark: "run_id" },
] as const;

/** Answers what is there, as "training_jobs (12)"; nothing on a fresh, an empty or a migrated database. */
export async function rowsOfTheOldSystem(connection: Connection): Promise<string[]> {
  const found: string[] = [];
  for (const { table, mark } of MARKS) {
    if (!(await isInOldForm(connection, table, mark))) continue;
    const { rows } = await connection.query<{ count: number }>(`SELECT count(*) AS count FROM ${table}`);
    const count = rows[0]?.count ?? 0;
    if (count > 0) found.push(`${table} (${count})`);
  }
  return found;
}

async function isInOldForm(connection: Connection, table: string, mark: string): Promise<boolean> {
  const { rows } = await connection.query<{ columns: string[] }>(
    `SELECT array_agg(column_name::text) AS columns FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = $1 HAVING count(*) > 0`,
    [table],
  );
  const columns = rows[0]?.columns;
  return columns !== undefined && !columns.includes(mark);
}
