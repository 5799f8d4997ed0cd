/** What a customer has: the balance, what is not posted yet, what an hour costs and how long that lasts. */
import { formatDecimal, formatPoints, parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { OverdueStatus } from "../../core/accounts/account-state.ts";
import { type Burn, hundredthHoursLeft } from "../../core/billing/burn.ts";
import type { Connection } from "../database/database.ts";
import { accruedOf } from "./accrued.ts";
import { burnOfPayer } from "../billing/runs/run-lines.ts";

export interface BalanceView {
  readonly balance: string;
  readonly currency: string;
  readonly credit_limit: string;
  readonly overdue_status: OverdueStatus;
  readonly overdue_since: Date | null;
  readonly last_payment_at: Date | null;
  /** Proven and not posted yet: the next full hour takes it. */
  readonly accrued: string;
  readonly burn_per_hour: string;
  /** Until balance and credit limit are spent at the exact rate; null while nothing is running. */
  readonly hours_left: string | null;
  /** The same of what is left after `accrued`: alerts go by it, since an hour that is used is gone. */
  readonly hours_left_after_accrued: string | null;
}

interface MoneyRow {
  balance: string;
  currency: string;
  credit_limit: string;
  overdue_status: OverdueStatus;
  overdue_since: Date | null;
  last_payment_at: Date | null;
}

/** Null for a customer that does not exist. */
export async function balanceView(
  sql: Connection,
  { customerId, now }: { customerId: number; now: Date },
): Promise<BalanceView | null> {
  const { rows } = await sql.query<MoneyRow>(
    `SELECT balance, currency, credit_limit, overdue_status, overdue_since, last_payment_at
       FROM customers WHERE id = $1`,
    [customerId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const burn = await burnOfPayer(sql, { customerId, at: now });
  const accrued = (await accruedOf(sql, [customerId])).get(customerId) ?? 0n;
  const funds = parsePoints(row.balance) + parsePoints(row.credit_limit);
  return {
    ...row,
    accrued: formatPoints(accrued),
    burn_per_hour: formatPoints(burn.perHour),
    hours_left: hoursText(funds, burn.exact),
    hours_left_after_accrued: hoursText(funds - accrued, burn.exact),
  };
}

function hoursText(funds: Points, burn: Burn): string | null {
  const left = hundredthHoursLeft(funds, burn);
  return left === null ? null : formatDecimal(left, 2);
}
