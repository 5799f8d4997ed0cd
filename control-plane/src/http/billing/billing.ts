/** The bill as its payer, and the owner and admins of a workspace, see it; and what an order would cost. */
import { createRoute, z } from "@hono/zod-openapi";
import { formatPoints, formatPrice, formatQuantity } from "@remotegpu/shared/money";
import { displayText } from "@remotegpu/shared/text";
import { BILL_READERS } from "../../core/access-rights.ts";
import { atRiskFromMs } from "../../core/data-at-risk.ts";
import type { EnvironmentResources } from "../../core/environment-order.ts";
import { amountOf, estimate, totalAmount } from "../../core/rating.ts";
import {
  balanceView,
  billingRecords,
  type BillingRecordRow,
  type RecordFilter,
} from "../../store/billing/balance.ts";
import { orderPrices, specOf } from "../../store/environments/order-prices.ts";
import { fleetModels } from "../../store/hosts/fleet.ts";
import { workspaceIdsOf } from "../../store/accounts/workspaces.ts";
import { actingOn } from "../request/audit.ts";
import { authorizeWorkspace } from "../request/authorization.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { budgetOf } from "./budget.ts";
import { customerMeant, forCustomer } from "./whose-money.ts";
import { Int53, SpecName } from "../request/input-fields.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../request/pagination.ts";
import { badField, notFound } from "../request/refusal.ts";
import {
  forCustomers,
  iso,
  jsonBody,
  Money,
  NumericId,
  ok,
  OpaqueIdPath,
  Timestamp,
  WorkloadIdPath,
} from "../request/route.ts";

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
    burn_per_hour: Money,
    hours_left: Money.nullable(),
    month: z.string().openapi({ example: "2026-03" }),
    spent_this_month: Money.openapi({ description: "Charged; what has accrued comes on top" }),
    monthly_limit: Money.nullable(),
  })
  .openapi("Balance");

const BillingRecord = z
  .object({
    id: z.int(),
    customer_id: z.int(),
    workspace_id: z.int().nullable(),
    resource_type: z.string(),
    legacy_resource_type: z
      .string()
      .nullable()
      .openapi({ description: "What the old system called it; null for what was charged here" }),
    resource_id: z.string().nullable(),
    resource_name: z.string().nullable(),
    run_id: z.string().nullable(),
    line: z.string().nullable(),
    quantity: Money,
    unit_price: Money,
    billing_unit: z.string().nullable(),
    billing_minutes: z.int().nullable(),
    amount: Money,
    currency: z.string().nullable(),
    start_time: Timestamp,
    end_time: Timestamp,
    usage_month: z.string().nullable(),
    invoice_month: z.string().nullable(),
    created_at: Timestamp.nullable(),
  })
  .openapi("BillingRecord");

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
  ...forCustomers,
  method: "get",
  path: "/billing/balance",
  tags,
  summary: "The balance, what has accrued since the last charge, the burn per hour and the hours left",
  request: { query: z.strictObject({ customer_id: forCustomer }) },
  responses: ok("The balance", Balance),
});

const getRecords = createRoute({
  ...forCustomers,
  method: "get",
  path: "/billing/records",
  tags,
  summary: "What was charged, newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      customer_id: forCustomer,
      workspace_id: NumericId.optional(),
      resource_type: z.enum(["environment", "training", "inference", "storage", "legacy"]).optional(),
      resource_id: WorkloadIdPath.shape.id.optional(),
      run_id: OpaqueIdPath.shape.id.optional(),
      start_time: z.iso.datetime({ offset: true }).optional(),
      end_time: z.iso.datetime({ offset: true }).optional(),
    }),
  },
  responses: ok("A page of records", pageOf(BillingRecord)),
});

const postEstimate = createRoute({
  ...forCustomers,
  method: "post",
  path: "/billing/estimate",
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

  api.openapi(getRecords, async (c) => {
    const query = c.req.valid("query");
    const page = numericPage(query);
    const filter: RecordFilter = {
      ...(await readableBills(c, query)),
      workspaceId: query.workspace_id ?? null,
      resourceType: query.resource_type ?? null,
      resourceId: query.resource_id ?? null,
      runId: query.run_id ?? null,
      from: query.start_time === undefined ? null : new Date(query.start_time),
      to: query.end_time === undefined ? null : new Date(query.end_time),
    };
    const rows = await billingRecords(db, filter, page);
    return c.json(toPage(rows, page.limit, { item: recordAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(postEstimate, async (c) => {
    const wish = c.req.valid("json");
    const { minutes = 60, instances = 1 } = wish;
    const order = orderOf(wish);
    const prices = await orderPrices(db, [order], { models: await fleetModels(db), at: deps.now() });
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
}

/** Whose records the actor may see: what they pay, and the bills of workspaces where their role is large enough. */
async function readableBills(
  c: ApiContext,
  query: { customer_id?: number | undefined; workspace_id?: number | undefined },
): Promise<Pick<RecordFilter, "payerId" | "workspaceIds">> {
  const { actor, deps } = c.var;
  if (query.workspace_id !== undefined) {
    await authorizeWorkspace(c, query.workspace_id, "read-bill");
    return { payerId: query.customer_id ?? null, workspaceIds: query.customer_id === undefined ? null : [] };
  }
  if (actor.isAdmin) {
    const whose = query.customer_id === undefined ? "all customers" : `customer ${query.customer_id}`;
    actingOn(c, { ownerCustomerId: query.customer_id ?? null, subject: `bills of ${whose}` });
    return { payerId: query.customer_id ?? null, workspaceIds: query.customer_id === undefined ? null : [] };
  }
  if (query.customer_id !== undefined && query.customer_id !== actor.customerId)
    throw notFound(`customer ${query.customer_id}`);
  const workspaceIds = await workspaceIdsOf(deps.db, actor.customerId, BILL_READERS);
  return { payerId: actor.customerId, workspaceIds: query.customer_id === undefined ? workspaceIds : [] };
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

function recordAnswer(row: BillingRecordRow) {
  return {
    ...row,
    start_time: row.start_time.toISOString(),
    end_time: row.end_time.toISOString(),
    created_at: row.created_at?.toISOString() ?? null,
  };
}
