/**
 * Marks a database as restored before any server works on it. Its incarnation and term rise, and every host has to report
 * before it is served: nothing is placed, started or stopped there on the word of the backup. A host that shows higher
 * numbers in its heartbeat raises them once more (reports/restores.ts); one that shows the same ones, because as many orders
 * were made again since, is held by this alone.
 */
import type { Transaction } from "../database/database.ts";

/** Answers the incarnation that holds from now on. */
export async function markRestored(sql: Transaction, now: Date): Promise<number> {
  const { rows } = await sql.change<{ incarnation: number }>(
    "UPDATE cluster_state SET db_incarnation = db_incarnation + 1 RETURNING db_incarnation AS incarnation",
  );
  await sql.change("UPDATE leader SET term = term + 1, holder = NULL, lease_until = 'epoch'");
  await sql.change(
    `UPDATE hosts SET generation = generation + 1, observed_digest = NULL, restore_detected_at = $1
      WHERE deleted_at IS NULL AND revoked_at IS NULL AND connection <> 'never'`,
    [now],
  );
  return rows[0]?.incarnation ?? 1;
}
