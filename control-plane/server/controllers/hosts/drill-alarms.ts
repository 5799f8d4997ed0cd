/** One pass over hosts whose certificates of drills are about to end, where the policy wants them: for each there is an alarm. */
import { drillObstacle, endsSoon } from "../../core/hosts/drill-freshness.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { keepAlarms } from "../../store/events/alarms.ts";
import { drilledHosts } from "../../store/hosts/host-drills.ts";

const MAX_ALARMS = 500;

export async function drillAlarmsPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const alarms = new Map<string, Reason>();
    const found = await drilledHosts(sql);
    for (const host of found?.hosts ?? []) {
      const { maxDays } = found as NonNullable<typeof found>;
      const at = { maxDays, nowMs: now.getTime() };
      // One that has ended, or is void, shows where the host is asked why nothing is placed there.
      if (host.drill === null || drillObstacle(host.drill, { host, ...at }) !== null) continue;
      if (!endsSoon(host.drill, at)) continue;
      const params = { host_name: host.name, host_id: host.id, days: maxDays };
      alarms.set(host.id, { code: "host-drill-due", params });
    }
    await keepAlarms(sql, { kind: "drill-due", prefix: "", alarms, most: MAX_ALARMS, now });
  });
}
