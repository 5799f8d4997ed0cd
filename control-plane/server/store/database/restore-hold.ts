/**
 * A restored database may wait for an administrator's word before anything is placed, started, stopped or charged on what
 * it says: hosts report meanwhile, and send again what they metered. Who does one of these asks here first.
 */
import type { Connection, Transaction } from "./database.ts";

export interface RestoreHold {
  since: Date;
  /** The moment of the backup. */
  restoredTo: Date;
}

export async function holdRestored(
  sql: Transaction,
  { now, restoredTo }: { now: Date; restoredTo: Date },
): Promise<void> {
  await sql.change("UPDATE cluster_state SET restore_held_since = $1, restored_to = $2", [now, restoredTo]);
}

/** False where nothing was held. */
export async function resumeRestored(sql: Connection): Promise<boolean> {
  const { rowCount } = await sql.change(
    "UPDATE cluster_state SET restore_held_since = NULL WHERE restore_held_since IS NOT NULL",
  );
  return rowCount > 0;
}

/** Null where nothing is held. */
export async function restoreHold(sql: Connection): Promise<RestoreHold | null> {
  const { rows } = await sql.query<RestoreHold>(
    `SELECT restore_held_since AS since, restored_to AS "restoredTo" FROM cluster_state
      WHERE restore_held_since IS NOT NULL`,
  );
  return rows[0] ?? null;
}
