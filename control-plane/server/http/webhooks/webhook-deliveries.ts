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
    webhook_id: z.int(),
    alert_id: z.int().nullable(),
    kind: z.string(),
    state: z.enum(["waiting", "delivered", "given up"]),
    body: z.string(),
    created_at: Timestamp,
    tries: z.int(),
    next_try_at: Timestamp.nullable(),
    last_try_at: Timestamp.nullable(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
    last_answer: z.string().nullable().openapi({ description: "How the receiver's answer began" }),
    delivered_at: Timestamp.nullable(),
    given_up_at: Timestamp.nullable(),
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
