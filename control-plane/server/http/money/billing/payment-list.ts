/** What a customer paid and was given back, for whoever pays and for administrators. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  PAYMENT_KINDS,
  type PostedPayment,
  postedPayments,
} from "../../../store/billing/ledger/payment-list.ts";
import { requireCustomer } from "../../accounts/customers.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { actingOn } from "../../request/audit.ts";
import { numericPage, pageOf, PageQuery, pageQuery, toPage } from "../../request/pagination.ts";
import { forAdminsWith, forCustomersWith, Money, NumericIdPath, ok, Timestamp } from "../../request/route.ts";
import { customerMeant, forCustomer } from "./whose-money.ts";

const Payment = z
  .object({
    transaction_id: z.int().openapi({ description: "Its transaction of the ledger", example: 4711 }),
    customer_id: z.int().openapi({ description: "Whose balance it moved", example: 12 }),
    kind: z.enum(PAYMENT_KINDS).openapi({
      description: "topup, refund, adjustment or writeoff",
      example: "topup",
    }),
    amount: Money.openapi({ description: "What the balance gained; below zero where it lost" }),
    reason: z.string().nullable().openapi({
      description: "Why, in the words of who did it",
      example: "wire transfer of 3 March",
    }),
    run_id: z.string().nullable().openapi({
      description: "The run whose charge was given back",
      example: "run-5d0a",
    }),
    actor: z.string().nullable().openapi({
      description: "Who did it; null but for administrators",
      example: "admin 1",
    }),
    at: Timestamp.describe("When it was posted"),
  })
  .openapi("PostedPayment");

const Payments = pageOf(Payment);
export type Payments = z.infer<typeof Payments>;

const listOwn = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/payments",
  tags: ["billing"],
  summary: "What was paid and given back, newest first",
  request: { query: z.strictObject({ ...pageQuery, customer_id: forCustomer.openapi({ example: 43 }) }) },
  responses: ok("A page of payments", Payments),
});

const listOfCustomer = createRoute({
  ...forAdminsWith("money"),
  method: "get",
  path: "/customers/{id}/payments",
  tags: ["customers"],
  summary: "What a customer paid and was given back, newest first",
  request: { params: NumericIdPath, query: PageQuery },
  responses: ok("A page of payments", Payments),
});

export function registerPaymentListRoutes(api: ApiApp, deps: ApiDeps): void {
  const pageFor = async (c: ApiContext, customerId: number, page: ReturnType<typeof numericPage>) => {
    const rows = await postedPayments(deps.db, { customerId, page });
    return toPage(rows, page.limit, { item: (row) => paymentAnswer(c, row), key: (row) => [row.id] });
  };

  api.openapi(listOwn, async (c) => {
    const query = c.req.valid("query");
    const customerId = await customerMeant(c, query, "payments");
    return c.json(await pageFor(c, customerId, numericPage(query)), 200);
  });

  api.openapi(listOfCustomer, async (c) => {
    const { id } = await requireCustomer(deps, c.req.valid("param").id);
    actingOn(c, { ownerCustomerId: id, subject: `payments of customer ${id}` });
    return c.json(await pageFor(c, id, numericPage(c.req.valid("query"))), 200);
  });
}

function paymentAnswer(c: ApiContext, { id, ...row }: PostedPayment): Payments["items"][number] {
  return {
    ...row,
    transaction_id: id,
    actor: c.var.actor.isAdmin ? row.actor : null,
    at: row.at.toISOString(),
  };
}
