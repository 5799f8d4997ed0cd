/**
 * One pass over what hosts have not answered for too long: an alarm for each, cleared when the host has answered. What
 * becomes of the workload is decided by its status' own deadline (lifecycle.ts).
 */
import { overdueSentence } from "../core/placement-wait.ts";
import { clearAlarm, openAlarmSubjects, raiseAlarm } from "../store/alarms.ts";
import { type Database, transaction } from "../store/database.ts";
import { assertTerm } from "../store/leader.ts";
import { noteWaits, overduePlacements } from "../store/placement/placement-waits.ts";

/** Shown at once; those beyond come up when these are settled. */
const MAX_SHOWN = 500;
const KIND = "placement-overdue";

export async function placementWaitsPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    await noteWaits(sql, now);
    const overdue = new Map(
      (await overduePlacements(sql, { now, limit: MAX_SHOWN })).map((one) => [
        `${one.instance_id} ${one.epoch} ${one.waits_for}`,
        one,
      ]),
    );
    const shown = await openAlarmSubjects(sql, { kind: KIND, prefix: "" });
    for (const subject of shown)
      if (!overdue.has(subject)) await clearAlarm(sql, { kind: KIND, subject, now });
    for (const [subject, one] of overdue)
      if (!shown.includes(subject))
        await raiseAlarm(sql, {
          kind: KIND,
          subject,
          detail: overdueSentence(one.waits_for, one.host_name),
          now,
        });
  });
}
