/**
 * The end of an hour tick: customers are told how long their money lasts and how much of their budget is spent. What
 * was told before is remembered, so a tick that was cut off and begins again tells nobody twice.
 */
import type { BillingCalendar } from "../../core/billing/billing-calendar.ts";
import { customersToWarn, hourTellings } from "../../store/spending/hour-alerts.ts";
import { notify } from "../../store/events/alerts.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";

const CUSTOMERS_PER_PAGE = 200;

/** @throws LeadershipLostError when another replica leads by now; StoreError when the database failed */
export async function notifyHourAlerts(
  { db, calendar }: { db: Database; calendar: BillingCalendar },
  { hour, term }: { hour: Date; term: number },
): Promise<void> {
  const pageAfter = (after: number) => customersToWarn(db, { after, limit: CUSTOMERS_PER_PAGE });
  for (let page = await pageAfter(0); page.length > 0; page = await pageAfter(page.at(-1) ?? 0))
    for (const [customerId, notices] of await hourTellings(db, page, { hour, calendar }))
      await transaction(db, async (sql) => {
        await assertTerm(sql, term);
        await notify(sql, { customerId, at: hour, tellings: notices });
      });
}
