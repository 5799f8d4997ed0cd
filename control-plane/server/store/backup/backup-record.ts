/** When the last backup was taken, as the database itself knows it. */
import type { Connection } from "../database/database.ts";
import { StoreError } from "../database/store-error.ts";

const UNDEFINED_COLUMN = "42703";

/** False where the schema is of a version that has no place for it. */
export async function recordBackup(sql: Connection, takenAt: Date): Promise<boolean> {
  try {
    await sql.change(
      "UPDATE cluster_state SET backup_taken_at = greatest(backup_taken_at, $1::timestamptz)",
      [takenAt],
    );
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === UNDEFINED_COLUMN) return false;
    throw error;
  }
}
