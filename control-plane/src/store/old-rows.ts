/**
 * Stands before the first migration: tables of the old system that hold rows which the change would lose or could not
 * fill are refused, before anything is touched. Moving such rows belongs here too once it is built: in the transaction
 * of 0002, before its SQL, whose ADD COLUMN IF NOT EXISTS then finds the filled columns.
 */
import type { Connection } from "./database.ts";

/** A table and a column of ours that its changed form has; a table without it is still the old one. */
const MARKS = [
  { table: "environments", mark: "status_deadline_at" },
  { table: "port_mappings", mark: "lease_id" },
  { table: "training_jobs", mark: "status_deadline_at" },
  { table: "inference_services", mark: "status_deadline_at" },
  { table: "billing_records", mark: "run_id" },
] as const;

export class OldRowsError extends Error {
  override readonly name = "OldRowsError";
}

/** @throws OldRowsError naming the tables and their rows */
export async function refuseRowsOfTheOldSystem(connection: Connection): Promise<void> {
  const found: string[] = [];
  for (const { table, mark } of MARKS) {
    if (!(await isInOldForm(connection, table, mark))) continue;
    const { rows } = await connection.query<{ count: number }>(`SELECT count(*) AS count FROM ${table}`);
    const count = rows[0]?.count ?? 0;
    if (count > 0) found.push(`${table} (${count})`);
  }
  if (found.length > 0)
    throw new OldRowsError(
      `this database has rows of the old system in ${found.join(", ")}; nothing was changed. ` +
        "Upgrading a database with rows comes with a later version",
    );
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
