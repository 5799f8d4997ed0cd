/** Alerts of balances and accounts that have just changed, in the transaction that changed them. */
import type { Points } from "@remotegpu/shared/values/money";
import type { OverdueStatus } from "../../core/accounts/account-state.ts";
import { accountAlerts, balanceAlerts, type OpenAlert, type AlertNotice } from "../../core/alerts/alerts.ts";
import type { Transaction } from "../database/database.ts";
import { alertStates } from "./alert-states.ts";
import { notify } from "./alerts.ts";

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
  const states = await alertStates(sql, [...ids]);
  const open = new Map([...states].map(([id, state]) => [id, state.open]));
  for (const change of changes) {
    const { customerId, at } = change;
    const before = open.get(customerId) ?? [];
    const thresholds = states.get(customerId)?.rules.balances ?? [];
    const notices = balanceAlerts({ ...change, thresholds, open: before });
    await notify(sql, { customerId, at, tellings: notices });
    open.set(customerId, afterReporting(before, notices));
  }
}

function afterReporting(open: readonly OpenAlert[], notices: readonly AlertNotice[]): OpenAlert[] {
  const isOver = (one: OpenAlert) =>
    notices.some(
      ({ kind, state, threshold }) =>
        state === "recovered" && kind === one.kind && threshold === one.threshold,
    );
  return [...open.filter((one) => !isOver(one)), ...notices.filter(({ state }) => state === "fired")];
}

/** Likewise of accounts whose state has changed, in the order in which it did. */
export async function alertsAfterStatuses(
  sql: Transaction,
  changes: readonly { customerId: number; to: OverdueStatus; at: Date }[],
): Promise<void> {
  const ids = new Set(changes.map((change) => change.customerId));
  const states = await alertStates(sql, [...ids]);
  const open = new Map([...states].map(([id, state]) => [id, state.open]));
  for (const { customerId, to, at } of changes) {
    const before = open.get(customerId) ?? [];
    const notices = accountAlerts(to, before);
    await notify(sql, { customerId, at, tellings: notices });
    open.set(customerId, afterReporting(before, notices));
  }
}
