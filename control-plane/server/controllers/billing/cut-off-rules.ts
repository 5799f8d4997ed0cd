/** One pass over who pays for what runs: where money is short, hosts are told beforehand how long they may go on alone. */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { applyCutOffRule, payersToNotify } from "../../store/spending/cut-off-rules.ts";

export async function cutOffRulesPass(
  { db, nudge }: { db: Database; nudge: (host: HostId) => void },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  for (const customerId of await payersToNotify(db, now)) {
    const hostIds = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      return applyCutOffRule(sql, { customerId, now });
    });
    for (const hostId of hostIds) nudge(hostId as HostId);
  }
}
