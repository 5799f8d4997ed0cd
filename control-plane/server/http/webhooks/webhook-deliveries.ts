/** What became of messages to a webhook, and a message to try it with. */
import { createRoute, z } from "@hono/zod-openapi";
import { type DeliveryRow, deliveriesOf } from "../../store/events/deliveries.ts";
import { queueTest } from "../../store/events/outbox.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { conflict } from "../request/refusal.ts";
import { accepted, forCustomersWith, iso, NumericIdPath, ok, Timestamp } from "../request/route.ts";
import { hiddenFrom, requireWebhook } from "./webhooks.ts";

const tags = ["webhooks"];
const params = NumericIdPath;

const Delivery = z
  .object({
    id: z.int(),
    webhook_id: z.int().openapi({ description: "Where it goes", example: 42 }),
    alert_id: z.int().nullable().openapi({
      description: "The warning that it carries; null for a test message",
      example: 17,
    }),
    kind: z.string().openapi({ description: "Its content", example: "low-balance" }),
    state: z.enum(["waiting", "delivered", "given up"]).openapi({
      description: "waiting for its next try, delivered, or given up",
    }),
    body: z.string().openapi({
      description: "What is sent, byte for byte",
      example: '{"kind":"low-balance"}',
    }),
    created_at: Timestamp,
    tries: z.int().openapi({ description: "How often it was tried", example: 1 }),
    next_try_at: Timestamp.nullable().describe("When it is tried next; null when it is not"),
    last_try_at: Timestamp.nullable().describe("When it was tried last"),
    last_status: z.int().nullable().openapi({
      description: "HTTP status of the receiver's last answer; null where none came",
      example: 200,
    }),
    last_error: z.string().nullable().openapi({
      description: "Why no answer came",
      example: "connect ECONNREFUSED",
    }),
    last_answer: z.string().nullable().openapi({
      description: "How the receiver's answer began",
      example: "ok",
    }),
    delivered_at: Timestamp.nullable().describe("When the receiver took it"),
    given_up_at: Timestamp.nullable().describe("When it was given up, after its last try"),
  })
  .openapi("WebhookDelivery");

const list = createRoute({
  ...forCustomersWith("any"),
  method: "get",
  path: "/webhooks/{id}/deliveries",
  tags,
  summary: "Messages to this webhook of the last 30 days, newest first",
  request: { params, query: PageQuery },
  responses: ok("A page of deliveries", pageOf(Delivery)),
});

const test = createRoute({
  ...forCustomersWith("any"),
  method: "post",
  path: "/webhooks/{id}/test",
  tags,
  summary: "Send a message to try the webhook with; its deliveries list the outcome",
  request: { params },
  responses: accepted("The message, which is sent in a moment", Delivery),
});

export function registerWebhookDeliveryRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const webhook = await requireWebhook(c, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await deliveriesOf(db, { webhookId: webhook.id, hidden: hiddenFrom(c) }, page);
    return c.json(toPage(rows, page.limit, { item: deliveryAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(test, async (c) => {
    const webhook = await requireWebhook(c, c.req.valid("param").id);
    if (!webhook.active) throw conflict({ code: "webhook-off", params: { webhook_id: webhook.id } });
    const request = { webhookId: webhook.id, customerId: webhook.customer_id, now: deps.now() };
    return await once(c, async (sql) => {
      const row = await queueTest(sql, request);
      if (row === null)
        throw conflict({ code: "webhook-test-in-progress", params: { webhook_id: webhook.id } });
      return c.json(deliveryAnswer(row), 202);
    });
  });
}

function deliveryAnswer(row: DeliveryRow): z.infer<typeof Delivery> {
  const hasEnded = row.delivered_at !== null || row.given_up_at !== null;
  return {
    ...row,
    state: row.delivered_at !== null ? "delivered" : hasEnded ? "given up" : "waiting",
    created_at: row.created_at.toISOString(),
    next_try_at: hasEnded ? null : row.next_try_at.toISOString(),
    last_try_at: iso(row.last_try_at),
    delivered_at: iso(row.delivered_at),
    given_up_at: iso(row.given_up_at),
  };
}
