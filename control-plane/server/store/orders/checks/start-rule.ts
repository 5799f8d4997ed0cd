/** The start rule: whether a payer's funds let something start, beside what runs and what waits already. */
import type { Points } from "@remotegpu/shared/money";
import { mayStart, type StartDecision } from "../../../core/accounts/account-state.ts";
import type { LockedAccount } from "../../billing/ledger/ledger.ts";
import { startCosts } from "../../billing/runs/run-lines.ts";
import type { Transaction } from "../../database/database.ts";

/** Whether something may start whose hour costs so much; what may counts for whatever is asked next. */
export type StartRule = (start: { customerId: number; hourly: Points }) => StartAnswer;

/** `hourlyOfAll`: of all that counts for the payer by now, this start included. */
type StartAnswer =
  | Extract<StartDecision, { allowed: false }>
  | { readonly allowed: true; readonly hourlyOfAll: Points };

/**
 * The start rule of payers whose accounts are locked: call it in the placing transaction. It begins with what each
 * has running and on its way; `waiting` is what else counts, an hour of it.
 */
export async function startRule(
  sql: Transaction,
  {
    accounts,
    waiting: waits,
    minStartMinutes,
    at,
  }: {
    accounts: ReadonlyMap<number, LockedAccount>;
    waiting: ReadonlyMap<number, Points> | Promise<ReadonlyMap<number, Points>>;
    minStartMinutes: number;
    at: Date;
  },
): Promise<StartRule> {
  const [running, waiting] = await Promise.all([
    startCosts(sql, { customerIds: [...accounts.keys()], at }),
    waits,
  ]);
  const counted = new Map(
    [...accounts.keys()].map((id) => [id, (running.get(id) ?? 0n) + (waiting.get(id) ?? 0n)]),
  );
  return ({ customerId, hourly }) => {
    const account = accounts.get(customerId);
    if (account === undefined)
      return { allowed: false, reason: "no-balance", detail: { code: "account-missing", params: {} } };
    const hourlyOfAllRunningAndPlacing = (counted.get(customerId) ?? 0n) + hourly;
    const decision = mayStart({ ...account, minStartMinutes, hourlyOfAllRunningAndPlacing });
    if (!decision.allowed) return decision;
    counted.set(customerId, hourlyOfAllRunningAndPlacing);
    return { allowed: true, hourlyOfAll: hourlyOfAllRunningAndPlacing };
  };
}
