/** What a customer was told about the money, and what of it holds now. */
import { createRoute, z } from "@hono/zod-openapi";
import { ALERT_KINDS } from "../../../core/alerts/alerts.ts";
import { type AlertRow, alertsOf } from "../../../store/events/alerts.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../../request/pagination.ts";
import { SENTENCE_FIELDS, namedReason } from "../../request/reason-answer.ts";
import { forCustomersWith, iso, Money, ok, Timestamp } from "../../request/route.ts";
import { customerMeant, forCustomer } from "./whose-money.ts";

const Alert = z
  .object({
    id: z.int(),
    customer_id: z.int(),
    kind: z.enum(ALERT_KINDS).describe("What it warns of"),
    threshold: Money.nullable().openapi({ description: "Points, hours, percent or days" }),
    month: z.string().nullable(),
    value: z.string().openapi({ description: "What stood there when it fired", example: "9.8000" }),
    sentence: z.string().openapi({
      description: "The same for people",
      example: "The balance is 9.8000, below 10.0000.",
    }),
    ...SENTENCE_FIELDS,
    fired_at: Timestamp.describe("When it was sent"),
    recovered_at: Timestamp.nullable().openapi({ description: "null while it holds" }),
  })
  .openapi("Alert");

const getAlerts = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/alerts",
  tags: ["billing"],
  summary: "Warnings about the money, newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      customer_id: forCustomer.openapi({ example: 43 }),
      kind: z.enum(ALERT_KINDS).optional(),
      open: z.enum(["true", "false"]).optional().openapi({ description: "true: only those that hold now" }),
    }),
  },
  responses: ok("A page of alerts", pageOf(Alert)),
});

export function registerAlertRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(getAlerts, async (c) => {
    const query = c.req.valid("query");
    const customerId = await customerMeant(c, query, "alerts");
    const page = numericPage(query);
    const filter = { customerId, kind: query.kind ?? null, onlyOpen: query.open === "true" };
    const rows = await alertsOf(db, filter, page);
    return c.json(toPage(rows, page.limit, { item: alertAnswer, key: (row) => [row.id] }), 200);
  });
}

function alertAnswer(row: AlertRow): z.infer<typeof Alert> {
  return {
    ...row,
    ...namedReason("sentence", row.sentence),
    fired_at: row.fired_at.toISOString(),
    recovered_at: iso(row.recovered_at),
  };
}
