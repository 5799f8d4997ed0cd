/** What happened to an account itself, for whoever pays and for administrators: its states, warnings, a deletion. */
import { createRoute, z } from "@hono/zod-openapi";
import { accountEvents } from "../../../store/events/events.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { eventPage, EventPage } from "../../workloads/event-answer.ts";
import { actingOn } from "../../request/audit.ts";
import { numericPage, pageQuery } from "../../request/pagination.ts";
import { notFound } from "../../request/refusal.ts";
import { forCustomersWith, NumericId, ok } from "../../request/route.ts";

const list = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/events",
  tags: ["billing"],
  summary: "What happened to the account, newest first: its states, and warnings that its data is at risk",
  request: {
    query: z.strictObject({
      ...pageQuery,
      customer_id: NumericId.optional().openapi({
        description: "Another customer's; for administrators",
        example: 43,
      }),
    }),
  },
  responses: ok("A page of events", EventPage),
});

export function registerAccountEventRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const { actor } = c.var;
    const { customer_id: customerId = actor.customerId } = query;
    if (customerId !== actor.customerId && !actor.isAdmin)
      throw notFound({ code: "named-customer", params: { customer_id: customerId } });
    actingOn(c, { ownerCustomerId: customerId, subject: `account events of customer ${customerId}` });
    const page = numericPage(query);
    return c.json(eventPage(await accountEvents(db, customerId, page), page.limit), 200);
  });
}
