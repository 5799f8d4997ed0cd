/**
 * After money came in or a limit was raised: hosts are told at once how long they may go on alone with what this
 * customer pays for. Contact may be lost a moment later, and then nobody could tell them of the payment.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import { StoreError } from "../../store/database/store-error.ts";
import { transaction } from "../../store/database/transaction.ts";
import { applyCutOffRule } from "../../store/spending/cut-off-rules.ts";
import type { ApiDeps } from "../deps.ts";

/** Never fails: the money is booked, and the leader's next pass tells them, too. */
export async function notifyHostsOfMoney({ db, link, log, now }: ApiDeps, customerId: number): Promise<void> {
  try {
    const hostIds = await transaction(db, (sql) => applyCutOffRule(sql, { customerId, now: now() }));
    for (const hostId of hostIds) link.nudge(hostId as HostId);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error, customerId }, "hosts are notified of the money by the next pass");
  }
}
