/** The balance as its customer sees it, and what an order would cost. */
import { createRoute, z } from "@hono/zod-openapi";
import { formatPoints, formatPrice, formatQuantity } from "@remotegpu/shared/money";
import { displayText } from "@remotegpu/shared/text";
import { atRiskFromMs } from "../../core/data-at-risk.ts";
import type { EnvironmentResources } from "../../core/environment-order.ts";
import { amountOf, estimate, totalAmount } from "../../core/rating.ts";
import { balanceView } from "../../store/billing/balance.ts";
import { orderPrices, specOf } from "../../store/environments/order-prices.ts";
import { fleetModels } from "../../store/hosts/fleet.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { budgetOf } from "./budget.ts";
import { customerMeant, forCustomer } from "./whose-money.ts";
import { once } from "../request/idempotency.ts";
import { Int53, SpecName } from "../request/input-fields.ts";
import { badField, notFound } from "../request/refusal.ts";
import { forCustomersWith, iso, jsonBody, Money, ok, Timestamp } from "../request/route.ts";

const tags = ["billing"];

const Balance = z
  .object({
    balance: Money,
    currency: z.string(),
    credit_limit: Money,
    overdue_status: z.string(),
    overdue_since: Timestamp.nullable(),
    data_at_risk_from: Timestamp.nullable().openapi({ description: "Then what is stored may be deleted" }),
    last_payment_at: Timestamp.nullable(),
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

const MAX_ESTIMATED_MINUTES = 60 * 24 * 366;
const MAX_INSTANCES = 10_000;
const MAX_CORES = 4_096;

const EstimateWish = z
  .strictObject({
    spec: SpecName.optional(),
    cpu: z.int().positive().max(MAX_CORES),
    memory: Int53.openapi({ description: "Bytes" }),
    gpu: z.int().nonnegative().max(64).optional(),
    gpu_memory: Int53.nullable().optional(),
    gpu_sharing: z.enum(["exclusive", "shared"]).optional(),
    gpu_model: displayText(128)
      .optional()
      .openapi({ description: "Only this model; else the dearest that fits" }),
    temp_storage: Int53.nullable().optional(),
    minutes: z.int().positive().max(MAX_ESTIMATED_MINUTES).optional(),
    instances: z.int().positive().max(MAX_INSTANCES).optional(),
  })
  .openapi("EstimateWish");

const Estimate = z
  .object({
    spec: z.string(),
    minutes: z.int(),
    instances: z.int(),
    amount: Money,
    per_hour: Money.openapi({ description: "Of one instance" }),
    lines: z.array(
      z.object({
        line: z.string(),
        quantity: z.string(),
        unit_price: Money,
        billing_unit: z.string(),
        amount: Money,
      }),
    ),
  })
  .openapi("Estimate");

const getBalance = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/balance",
  tags,
  summary: "The balance, what has accrued since the last charge, the burn per hour and the hours left",
  request: { query: z.strictObject({ customer_id: forCustomer }) },
  responses: ok("The balance", Balance),
});

const postEstimate = createRoute({
  ...forCustomersWith("read"),
  method: "post",
  path: "/billing/estimate",
  operationId: "estimateOrder",
  tags,
  summary: "What an order would cost, by the code that charges it",
  request: { body: jsonBody(EstimateWish) },
  responses: ok("The estimate", Estimate),
});

export function registerBillingRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(getBalance, async (c) => {
    const customerId = await customerMeant(c, c.req.valid("query"), "balance");
    const look = { now: deps.now(), calendar: deps.config.billingCalendar };
    const view = await balanceView(db, { customerId, now: look.now });
    if (view === null) throw notFound(`customer ${customerId}`);
    return c.json(
      {
        ...view,
        overdue_since: iso(view.overdue_since),
        data_at_risk_from:
          view.overdue_since && new Date(atRiskFromMs(view.overdue_since.getTime())).toISOString(),
        ...monthAnswer(await budgetOf(db, customerId, look)),
        last_payment_at: view.last_payment_at?.toISOString() ?? null,
      },
      200,
    );
  });

  api.openapi(postEstimate, async (c) => {
    const wish = c.req.valid("json");
    const { minutes = 60, instances = 1 } = wish;
    const order = orderOf(wish);
    return await once(c, async (sql) => {
      const prices = await orderPrices(sql, [order], { models: await fleetModels(sql), at: deps.now() });
      const priced = prices.dearest(order);
      if (!priced.priced) throw badField(priced.field, priced.detail);
      const { lines } = priced;
      return c.json(
        {
          spec: specOf(order),
          minutes,
          instances,
          amount: formatPoints(estimate(lines, { minutes, instances })),
          per_hour: formatPoints(totalAmount(lines, 60)),
          lines: lines.map((line) => ({
            line: line.line,
            quantity: formatQuantity(line.quantity),
            unit_price: formatPrice(line.unitPrice),
            billing_unit: line.billingUnit,
            amount: formatPoints(amountOf(line, minutes)),
          })),
        },
        200,
      );
    });
  });
}

/** One instance of it, as an order would say it. */
function orderOf(wish: z.output<typeof EstimateWish>): EnvironmentResources {
  const { spec, gpu_sharing, gpu_model } = wish;
  return {
    cpu: wish.cpu,
    memory: wish.memory,
    gpu: wish.gpu ?? 0,
    gpu_memory: wish.gpu_memory ?? null,
    storage: null,
    temp_storage: wish.temp_storage ?? null,
    config: { spec, gpu_sharing, gpu_model },
  };
}

function monthAnswer({ month, spent, monthly_limit }: Awaited<ReturnType<typeof budgetOf>>) {
  return { month, spent_this_month: spent, monthly_limit };
}
