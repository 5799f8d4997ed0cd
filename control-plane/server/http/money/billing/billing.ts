/** The balance as its customer sees it. */
import { createRoute, z } from "@hono/zod-openapi";
import { atRiskFromMs } from "../../../core/alerts/data-at-risk.ts";
import { balanceView } from "../../../store/spending/balance.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { budgetOf } from "./budget.ts";
import { customerMeant, forCustomer } from "./whose-money.ts";
import { notFound } from "../../request/refusal.ts";
import { forCustomersWith, iso, Money, ok, Timestamp } from "../../request/route.ts";

const tags = ["billing"];

const Balance = z
  .object({
    balance: Money,
    currency: z.string(),
    credit_limit: Money,
    overdue_status: z.string(),
    overdue_since: Timestamp.nullable(),
    data_at_risk_from: Timestamp.nullable().openapi({ description: "Then what is stored may be deleted" }),
    last_payment_at: Timestamp.nullable().describe("When money came in last"),
    accrued: Money.openapi({ description: "Used and proven, but not charged yet" }),
    burn_per_hour: Money.openapi({
      description: "What an hour of all that runs would be charged, each line rounded",
    }),
    hours_left: Money.nullable().openapi({
      description:
        "Balance and credit limit divided by the exact price of an hour, rounded down; null while nothing runs",
    }),
    hours_left_after_accrued: Money.nullable().openapi({
      description: "The same after what has accrued is taken off; alerts go by it",
    }),
    month: z.string().openapi({ example: "2026-03" }),
    spent_this_month: Money.openapi({ description: "Charged; what has accrued comes on top" }),
    monthly_limit: Money.nullable(),
  })
  .openapi("Balance");

const getBalance = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/balance",
  tags,
  summary: "The balance, what has accrued since the last charge, the burn per hour and the hours left",
  request: { query: z.strictObject({ customer_id: forCustomer.openapi({ example: 43 }) }) },
  responses: ok("The balance", Balance),
});

export function registerBillingRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(getBalance, async (c) => {
    const customerId = await customerMeant(c, c.req.valid("query"), "balance");
    const check = { now: deps.now(), calendar: deps.config.billingCalendar };
    const view = await balanceView(db, { customerId, now: check.now });
    if (view === null) throw notFound({ code: "named-customer", params: { customer_id: customerId } });
    return c.json(
      {
        ...view,
        overdue_since: iso(view.overdue_since),
        data_at_risk_from:
          view.overdue_since && new Date(atRiskFromMs(view.overdue_since.getTime())).toISOString(),
        ...monthAnswer(await budgetOf(db, customerId, check)),
        last_payment_at: view.last_payment_at?.toISOString() ?? null,
      },
      200,
    );
  });
}

function monthAnswer({ month, spent, monthly_limit }: Awaited<ReturnType<typeof budgetOf>>) {
  return { month, spent_this_month: spent, monthly_limit };
}
