/**
 * One pass over hosts whose agents are too old to be supported: for each there is an alarm for as long as that lasts. What
 * runs there is metered all the same; that nothing new is placed is decided where the fleet is read.
 */
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";
import { agentService } from "../../core/hosts/agent-service.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { keepAlarms } from "../../store/events/alarms.ts";
import { spokenVersions } from "../../store/hosts/hosts.ts";
import { VERSION } from "../../release/version.ts";

const MAX_ALARMS = 500;

export async function agentAlarmsPass(
  { db, version = VERSION }: { db: Database; version?: string },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const alarms = new Map<string, Reason>();
    for (const { id, name, ...spoken } of await spokenVersions(sql)) {
      const service = agentService(spoken, { protocol: PROTOCOL, version });
      if (service.mode !== "refused") continue;
      const params = { host_name: name, host_id: id, why: service.why };
      alarms.set(id, { code: "host-agent-unsupported", params });
    }
    await keepAlarms(sql, { kind: "agent-unsupported", prefix: "", alarms, most: MAX_ALARMS, now });
  });
}
