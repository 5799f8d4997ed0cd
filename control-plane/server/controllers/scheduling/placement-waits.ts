/**
 * One pass over what hosts have not answered for too long: an alarm for each, cleared when the host has answered. What
 * becomes of the workload is decided by its status' own deadline (lifecycle.ts).
 */
import { overdueReason } from "../../core/instances/placement-wait.ts";
import { keepAlarms } from "../../store/events/alarms.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { noteWaits, overduePlacements } from "../../store/placement/inputs/placement-waits.ts";

/** Shown at once; those beyond come up when these are settled. */
const MAX_LISTED = 500;

export async function placementWaitsPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    await noteWaits(sql, now);
    const overdue = await overduePlacements(sql, { now, limit: MAX_LISTED });
    const alarms = new Map(
      overdue.map(({ instance_id, epoch, waits_for, host_name }) => [
        `${instance_id} ${epoch} ${waits_for}`,
        overdueReason(waits_for, host_name),
      ]),
    );
    await keepAlarms(sql, { kind: "placement-overdue", prefix: "", alarms, most: MAX_LISTED, now });
  });
}
