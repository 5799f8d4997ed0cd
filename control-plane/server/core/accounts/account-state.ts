/**
 * The states of an account and what they allow: normal → overdue → suspended → normal, and the rule for starting
 * something. "Zero" in these rules is minus the credit limit. Who pays when is not decided here.
 */
import type { Points } from "@remotegpu/shared/money";
import type { Reason } from "../reasons/reason.ts";

const OVERDUE_STATUSES = ["normal", "overdue", "suspended"] as const;
export type OverdueStatus = (typeof OVERDUE_STATUSES)[number];

export interface Account {
  readonly status: OverdueStatus;
  readonly balance: Points;
  readonly creditLimit: Points;
}

/** What the account can still spend; not above zero means out of funds. */
export function fundsOf(account: Account): Points {
  return account.balance + account.creditLimit;
}

/**
 * The state after something was posted. Only a posting that takes money makes an account overdue: a customer who
 * never paid and never used anything is not in debt.
 * @param change what the posting did to the balance
 */
export function statusAfterPosting(account: Account, change: Points): OverdueStatus {
  if (fundsOf(account) > 0n) return "normal";
  return account.status === "normal" && change < 0n ? "overdue" : account.status;
}

/** An overdue account still out of funds is suspended at the first full hour after, not at, it became overdue. */
export function isDueForSuspension(
  account: Account & { readonly overdueSinceMs: number | null },
  hourMs: number,
): boolean {
  return (
    account.status === "overdue" &&
    account.overdueSinceMs !== null &&
    account.overdueSinceMs < hourMs &&
    fundsOf(account) <= 0n
  );
}

type StartRefusal = "overdue" | "suspended" | "no-balance" | "too-little-balance";
export type StartDecision =
  | { allowed: true }
  | { allowed: false; reason: StartRefusal; /** For people. */ detail: Reason };

/**
 * @param request.hourlyOfAllRunningAndPlacing hourly price of every running and placing instance of the payer, this
 *   one included
 */
export function mayStart(
  request: Account & { readonly minStartMinutes: number; readonly hourlyOfAllRunningAndPlacing: Points },
): StartDecision {
  if (request.status !== "normal")
    return refused(request.status, { code: `account-${request.status}`, params: {} });
  const funds = fundsOf(request);
  if (funds <= 0n) return refused("no-balance", { code: "balance-not-positive", params: {} });
  if (funds * 60n < request.hourlyOfAllRunningAndPlacing * BigInt(request.minStartMinutes))
    return refused("too-little-balance", {
      code: "balance-too-small",
      params: { minutes: request.minStartMinutes },
    });
  return { allowed: true };
}

function refused(reason: StartRefusal, detail: Reason): StartDecision {
  return { allowed: false, reason, detail };
}
