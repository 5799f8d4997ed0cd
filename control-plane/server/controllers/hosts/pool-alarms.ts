/**
 * One pass over hosts that lack an administrator's word on their storage pool, or a proof that they share it: an alarm for
 * each, open for as long as it does.
 */
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { type AlarmKind, keepAlarms } from "../../store/events/alarms.ts";
import { lackingMembers } from "../../store/hosts/pools/pool-members.ts";

const MAX_LISTED = 500;

const ALARMS = { word: "pool-unconfirmed", proof: "pool-not-proved" } as const satisfies Record<
  string,
  AlarmKind
>;

export async function poolAlarmsPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const lacking = await lackingMembers(sql, { now, limit: MAX_LISTED });
    for (const [lack, kind] of Object.entries(ALARMS)) {
      const alarms = new Map(
        lacking.filter(({ lacks }) => lacks === lack).map(({ id, reason }) => [id, reason]),
      );
      await keepAlarms(sql, { kind, prefix: "", alarms, most: MAX_LISTED, now });
    }
  });
}
