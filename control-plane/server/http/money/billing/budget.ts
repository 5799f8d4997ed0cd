/**
 * A customer's budget for a month and the balances and hours at which to warn. A budget warns and stops nothing: what
 * stops is an empty account.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../../request/input-failure.ts";
import { formatPoints, parsePoints, type Points } from "@remotegpu/shared/values/money";
import { type BillingCalendar, monthOf } from "../../../core/billing/billing-calendar.ts";
import { setMonthlyLimit, setThresholds } from "../../../store/events/alert-rules.ts";
import { type AlertRules, alertStates } from "../../../store/events/alert-states.ts";
import { monthSpending } from "../../../store/events/month-spending.ts";
import type { Connection } from "../../../store/database/database.ts";
import { transaction } from "../../../store/database/transaction.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { NotNegativeAmount, PositiveAmount } from "../../request/input-fields.ts";
import { forCustomersWith, jsonBody, Money, ok } from "../../request/route.ts";
import { customerMeant, forCustomer } from "./whose-money.ts";

const tags = ["billing"];
const MAX_THRESHOLDS = 5;

const query = z.strictObject({ customer_id: forCustomer.openapi({ example: 43 }) });

function thresholds(item: z.ZodType<string>, what: string) {
  return z
    .array(item)
    .max(MAX_THRESHOLDS)
    .refine((list) => list.length === new Set(list.map(normal)).size, inputFailure("thresholds-doubled"))
    .nullable()
    .openapi({ description: `${what}, at most ${MAX_THRESHOLDS}; null takes the default` });
}

/** "10" and "10.0000" are one. What is no decimal is told by its own check. */
function normal(text: string): string {
  try {
    return formatPoints(parsePoints(text));
  } catch (error) {
    if (error instanceof RangeError) return text;
    throw error;
  }
}

const Percents = thresholds(PositiveAmount, "Percent of the limit at which to warn");

const BudgetRequest = z
  .strictObject({
    monthly_limit: PositiveAmount.nullable().openapi({
      type: ["string", "null"],
      description: "null takes the budget away",
    }),
    percents: Percents.optional().openapi({ example: ["50", "80", "100"] }),
  })
  .openapi("BudgetWish");

const Budget = z
  .object({
    monthly_limit: Money.nullable(),
    percents: z.array(Money).openapi({
      description: "At which parts of the budget it is warned",
      example: ["50", "80", "100"],
    }),
    month: z.string().openapi({ example: "2026-03", description: "Of the billing time zone" }),
    spent: Money.openapi({ description: "Charges of what was used in the month, less credits and refunds" }),
    left: Money.nullable().describe("The budget less what is spent; null: no budget"),
  })
  .openapi("Budget");

const ThresholdsRequest = z
  .strictObject({
    balances: thresholds(NotNegativeAmount, "Balances at which to warn")
      .optional()
      .openapi({
        example: ["100.0000", "10.0000"],
      }),
    hours_left: thresholds(PositiveAmount, "Hours left at which to warn")
      .optional()
      .openapi({
        example: ["24", "1"],
      }),
  })
  .openapi("AlertThresholdsWish");

const Thresholds = z
  .object({
    balances: z.array(Money).openapi({
      description: "Balances below which it is warned",
      example: ["100.0000", "10.0000"],
    }),
    hours_left: z.array(Money).openapi({
      description: "Hours left below which it is warned",
      example: ["24", "1"],
    }),
  })
  .openapi("AlertThresholds");

const getBudget = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/budget",
  tags,
  summary: "The month's budget and what of it is spent",
  request: { query },
  responses: ok("The budget", Budget),
});

const putBudget = createRoute({
  ...forCustomersWith("money"),
  method: "put",
  path: "/billing/budget",
  tags,
  summary: "Set the budget of each month; warnings come at full hours",
  request: { query, body: jsonBody(BudgetRequest) },
  responses: ok("The budget", Budget),
});

const getThresholds = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/alert-thresholds",
  tags,
  summary: "The balances and hours left at which you are warned",
  request: { query },
  responses: ok("The thresholds", Thresholds),
});

const putThresholds = createRoute({
  ...forCustomersWith("money"),
  method: "put",
  path: "/billing/alert-thresholds",
  tags,
  summary: "Change them; what is left out stays",
  request: { query, body: jsonBody(ThresholdsRequest) },
  responses: ok("The thresholds", Thresholds),
});

export function registerBudgetRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;
  const check = () => ({ now: deps.now(), calendar: deps.config.billingCalendar });

  api.openapi(getBudget, async (c) => {
    const customerId = await customerMeant(c, c.req.valid("query"), "budget");
    return c.json(await budgetOf(db, customerId, check()), 200);
  });

  api.openapi(putBudget, async (c) => {
    const customerId = await customerMeant(c, c.req.valid("query"), "budget");
    const { monthly_limit: limit, percents } = c.req.valid("json");
    await transaction(c.var.deps.db, async (sql) => {
      await setMonthlyLimit(sql, { customerId, limit: limit === null ? null : parsePoints(limit) });
      const request = percents === undefined ? {} : { budgetPercents: points(percents) };
      await setThresholds(sql, { customerId, request });
    });
    return c.json(await budgetOf(c.var.deps.db, customerId, check()), 200);
  });

  api.openapi(getThresholds, async (c) => {
    const customerId = await customerMeant(c, c.req.valid("query"), "alert thresholds");
    return c.json(thresholdsAnswer(await rulesOf(db, customerId)), 200);
  });

  api.openapi(putThresholds, async (c) => {
    const customerId = await customerMeant(c, c.req.valid("query"), "alert thresholds");
    const { balances, hours_left: hoursLeft } = c.req.valid("json");
    const request = {
      ...(balances !== undefined && { balances: points(balances) }),
      ...(hoursLeft !== undefined && { hoursLeft: points(hoursLeft) }),
    };
    await setThresholds(c.var.deps.db, { customerId, request });
    return c.json(thresholdsAnswer(await rulesOf(c.var.deps.db, customerId)), 200);
  });
}

export async function budgetOf(
  sql: Connection,
  customerId: number,
  { now, calendar }: { now: Date; calendar: BillingCalendar },
): Promise<z.infer<typeof Budget>> {
  const { monthlyLimit, budgetPercents } = await rulesOf(sql, customerId);
  const month = monthOf(now.getTime(), calendar);
  const spending = await monthSpending(sql, { customerIds: [customerId], month, calendar });
  const spent = spending.get(customerId) ?? 0n;
  return {
    monthly_limit: monthlyLimit === null ? null : formatPoints(monthlyLimit),
    percents: budgetPercents.map(formatPoints),
    month,
    spent: formatPoints(spent),
    left: monthlyLimit === null ? null : formatPoints(monthlyLimit - spent),
  };
}

async function rulesOf(sql: Connection, customerId: number): Promise<AlertRules> {
  const state = (await alertStates(sql, [customerId])).get(customerId);
  if (state === undefined) throw new Error(`nothing was found of customer ${customerId}`);
  return state.rules;
}

function points(list: readonly string[] | null): Points[] | null {
  return list === null ? null : list.map(parsePoints);
}

function thresholdsAnswer({ balances, hoursLeft }: AlertRules): z.infer<typeof Thresholds> {
  return { balances: balances.map(formatPoints), hours_left: hoursLeft.map(formatPoints) };
}
