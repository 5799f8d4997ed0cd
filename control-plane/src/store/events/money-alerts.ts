/** Alerts of balances and accounts that have just changed, in the transaction that changed them. */
import type { Points } from "@remotegpu/shared/money";
import type { OverdueStatus } from "../../core/accounts/account-state.ts";
import { accountAlerts, balanceAlerts, type OpenAlert, type AlertNotice } from "../../core/alerts/alerts.ts";
import type { Transaction } from "../database/database.ts";
import { alertStandings } from "./alert-standings.ts";
import { tell } from "./alerts.ts";

export interface BalanceChange {
  readonly customerId: number;
  readonly before: Points;
  readonly after: Points;
  readonly at: Date;
}

/**
 * In the order in which they were posted; several of one customer count one after the other. The balances are held, so
 * nobody else tells of them. One question, and more only where a threshold was crossed.
 */
export async function alertsAfterPostings(
  sql: Transaction,
  changes: readonly BalanceChange[],
): Promise<void> {
  if (changes.length === 0) return;
  const ids = new Set(changes.map((change) => change.customerId));
  const standings = await alertStandings(sql, [...ids]);
  const open = new Map([...standings].map(([id, standing]) => [id, standing.open]));
  for (const change of changes) {
    const { customerId, at } = change;
    const before = open.get(customerId) ?? [];
    const thresholds = standings.get(customerId)?.rules.balances ?? [];
    const tellings = balanceAlerts({ ...change, thresholds, open: before });
    await tell(sql, { customerId, at, tellings });
    open.set(customerId, afterTelling(before, tellings));
  }
}

function afterTelling(open: readonly OpenAlert[], tellings: readonly AlertNotice[]): OpenAlert[] {
  const isOver = (one: OpenAlert) =>
    tellings.some(
      ({ kind, state, threshold }) =>
        state === "recovered" && kind === one.kind && threshold === one.threshold,
    );
  return [...open.filter((one) => !isOver(one)), ...tellings.filter(({ state }) => state === "fired")];
}

/** Likewise of accounts whose state has changed, in the order in which it did. */
export async function alertsAfterStatuses(
  sql: Transaction,
  changes: readonly { customerId: number; to: OverdueStatus; at: Date }[],
): Promise<void> {
  const ids = new Set(changes.map((change) => change.customerId));
  const standings = await alertStandings(sql, [...ids]);
  const open = new Map([...standings].map(([id, standing]) => [id, standing.open]));
  for (const { customerId, to, at } of changes) {
    const before = open.get(customerId) ?? [];
    const tellings = accountAlerts(to, before);
    await tell(sql, { customerId, at, tellings });
    open.set(customerId, afterTelling(before, tellings));
  }
}
