/** Money that administrators move: top-ups, signed adjustments with a reason, refunds of a run, write-offs of debt. */
import { createHash } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import { formatPoints, MAX_POINTS, parsePoints } from "@remotegpu/shared/values/money";
import { displayText } from "@remotegpu/shared/values/text";
import {
  adjust,
  type Payment,
  type PaymentResult,
  refund,
  topUp,
  writeOff,
} from "../../../store/billing/ledger/payments.ts";
import { loggedPayment } from "../../../store/billing/ledger/logged-payments.ts";
import { lockRun } from "../../../store/billing/runs/runs.ts";
import { requireCustomer } from "../../accounts/customers.ts";
import type { ApiApp, ApiContext } from "../../deps.ts";
import { Amount, PositiveAmount } from "../../request/input-fields.ts";
import { once } from "../../request/idempotency.ts";
import { badField, conflict, notFound } from "../../request/refusal.ts";
import { created, forAdminsWith, jsonBody, Money, NumericIdPath } from "../../request/route.ts";
import { notifyHostsOfMoney } from "../../accounts/money-notice.ts";

const tags = ["customers"];
const Reason = displayText(500);

const Paid = z
  .object({
    transaction_id: z.int(),
    customer_id: z.int(),
    amount: Money,
    balance: Money.describe("What is left after this"),
    overdue_status: z.string(),
  })
  .openapi("Payment");

const postTopUp = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/customers/{id}/top-ups",
  tags,
  summary: "Add to the prepaid balance",
  request: {
    params: NumericIdPath,
    body: jsonBody(
      z
        .strictObject({
          amount: PositiveAmount.describe("How much is paid in"),
          reason: Reason.optional().openapi({
            description: "The entry's text",
            example: "Bank transfer of 1 March",
          }),
        })
        .openapi("NewTopUp"),
    ),
  },
  responses: created("The payment and the balance after it", Paid),
});

const postAdjustment = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/customers/{id}/adjustments",
  tags,
  summary: "A signed correction of the balance, with its reason",
  request: {
    params: NumericIdPath,
    body: jsonBody(
      z
        .strictObject({
          amount: Amount.describe("How much; below zero takes away"),
          reason: Reason.openapi({ description: "The entry's text", example: "Goodwill" }),
        })
        .openapi("NewAdjustment"),
    ),
  },
  responses: created("The correction and the balance after it", Paid),
});

const postRefund = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/customers/{id}/refunds",
  tags,
  summary: "Give back at most what a run was charged",
  request: {
    params: NumericIdPath,
    body: jsonBody(
      z
        .strictObject({
          run_id: z
            .string()
            .max(64)
            .regex(/^[A-Za-z0-9_-]+$/),
          amount: PositiveAmount.describe("How much is given back"),
          reason: Reason.optional().openapi({
            description: "The entry's text",
            example: "The host was slow",
          }),
        })
        .openapi("NewRefund"),
    ),
  },
  responses: created("The refund and the balance after it", Paid),
});

const postWriteOff = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/customers/{id}/write-offs",
  tags,
  summary: "Forgive debt, at most what the balance is below zero, with the reason",
  request: {
    params: NumericIdPath,
    body: jsonBody(
      z
        .strictObject({
          amount: PositiveAmount.describe("How much of the debt"),
          reason: Reason.openapi({ description: "The entry's text", example: "Insolvent" }),
        })
        .openapi("NewWriteOff"),
    ),
  },
  responses: created("What was forgiven and the balance after it", Paid),
});

export function registerPaymentRoutes(api: ApiApp): void {
  api.openapi(postTopUp, async (c) => {
    const body = c.req.valid("json");
    const payment = await paymentOf(c, { id: c.req.valid("param").id, ...body });
    const answer = await once(c, async (sql) => c.json(answerOf(payment, await topUp(sql, payment)), 201));
    await c.var.deps.recordPayment?.(loggedPayment("topup", payment));
    await notifyHostsOfMoney(c.var.deps, payment.customerId);
    return answer;
  });

  api.openapi(postAdjustment, async (c) => {
    const body = c.req.valid("json");
    const payment = await paymentOf(c, { id: c.req.valid("param").id, ...body });
    const answer = await once(c, async (sql) => c.json(answerOf(payment, await adjust(sql, payment)), 201));
    await c.var.deps.recordPayment?.(loggedPayment("adjustment", payment));
    await notifyHostsOfMoney(c.var.deps, payment.customerId);
    return answer;
  });

  api.openapi(postWriteOff, async (c) => {
    const body = c.req.valid("json");
    const payment = await paymentOf(c, { id: c.req.valid("param").id, ...body });
    const answer = await once(c, async (sql) => c.json(answerOf(payment, await writeOff(sql, payment)), 201));
    await c.var.deps.recordPayment?.(loggedPayment("writeoff", payment));
    return answer;
  });

  api.openapi(postRefund, async (c) => {
    const { run_id: runId, ...body } = c.req.valid("json");
    const payment = await paymentOf(c, { id: c.req.valid("param").id, ...body });
    const answer = await once(c, async (sql) => {
      const run = await lockRun(sql, runId);
      const isTheirs = run?.customerId === payment.customerId;
      const result = isTheirs ? await refund(sql, { ...payment, runId }) : UNKNOWN_RUN;
      return c.json(answerOf(payment, result), 201);
    });
    await c.var.deps.recordPayment?.(loggedPayment("refund", payment, runId));
    await notifyHostsOfMoney(c.var.deps, payment.customerId);
    return answer;
  });
}

async function paymentOf(
  c: ApiContext,
  body: { id: number; amount: string; reason?: string | undefined },
): Promise<Payment> {
  const { actor, deps } = c.var;
  const customer = await requireCustomer(deps, body.id);
  // With an Idempotency-Key the ledger itself knows the payment, so not even a crash between the payment and its
  // answer can make it happen twice.
  const key = c.req.header("Idempotency-Key");
  return {
    id: key === undefined ? deps.newId("pay") : keyedId([actor.apiKeyId, customer.id, key]),
    customerId: customer.id,
    amount: parsePoints(body.amount),
    at: deps.now(),
    reason: body.reason ?? null,
    actor: `admin ${actor.customerId}`,
  };
}

function keyedId(parts: readonly (string | number)[]): string {
  return `key-${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}`;
}

const UNKNOWN_RUN: PaymentResult = { posted: false, reason: "unknown-run" };

function answerOf(payment: Payment, result: PaymentResult): z.infer<typeof Paid> {
  if (result.posted)
    return {
      transaction_id: result.transactionId,
      customer_id: payment.customerId,
      amount: formatPoints(payment.amount),
      balance: formatPoints(result.balance),
      overdue_status: result.status,
    };
  switch (result.reason) {
    case "known-source":
      throw conflict("payment-repeated");
    case "beyond-column":
      throw badField("amount", {
        code: "payment-beyond-column",
        params: { max_balance: formatPoints(MAX_POINTS) },
      });
    case "not-positive":
      throw badField("amount", "amount-not-positive");
    case "zero":
      throw badField("amount", "amount-zero");
    case "more-than-charged":
      throw badField("amount", "refund-beyond-charge");
    case "more-than-owed":
      throw badField("amount", "write-off-beyond-debt");
    case "unknown-run":
      throw badField("run_id", "run-of-another-customer");
    case "unknown-customer":
      throw notFound({ code: "named-customer", params: { customer_id: payment.customerId } });
  }
}
