/**
 * Counts what everybody held of the fleet in the hours that are over, for the turn of those who wait. Whoever leads does it
 * within minutes of an hour's end; until then the pass counts the stretch by itself, so nothing hangs on when. What an
 * administrator called urgent and is over is no longer.
 */
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { forgetUrgent } from "../../store/placement/urgent-workloads.ts";
import { countHeldHours } from "../../store/placement/inputs/held-shares.ts";

/** @throws LeadershipLostError when another replica leads by now; StoreError when the database failed */
export async function heldHoursPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<boolean> {
  return await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    await forgetUrgent(sql);
    return (await countHeldHours(sql, now)).again;
  });
}
