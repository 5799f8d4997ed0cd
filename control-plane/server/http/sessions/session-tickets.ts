/** One-time tickets: they log one browser in, so that no key is typed or copied there. A key makes them, and no session. */
import { createRoute, z } from "@hono/zod-openapi";
import { dashboardAddress } from "../../core/accounts/session-cookie.ts";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { insertSessionTicket, MAX_OPEN_TICKETS } from "../../store/accounts/browser-sessions.ts";
import type { ApiApp } from "../deps.ts";
import { makeTicket, secretHash } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { ApiRefusal, forbidden } from "../request/refusal.ts";
import { created, forCustomersWith, jsonBody, Timestamp } from "../request/route.ts";

const TICKET_SECONDS = 60;
/** For one that is printed at a start and opened when somebody looks. */
const LONGEST_SECONDS = 3_600;

const SessionTicket = z
  .object({
    ticket: z.string().openapi({ description: "Logs one browser in", example: "rgt_9aQ2nVYr8Xk3" }),
    url: z.string().openapi({
      description: "The dashboard, with the ticket",
      example: "https://gpu.example.com/#ticket=rgt_9aQ2nVYr8Xk3",
    }),
    expires_at: Timestamp.describe("From when on it opens nothing"),
  })
  .openapi("SessionTicket");

const post = createRoute({
  ...forCustomersWith("any"),
  method: "post",
  path: "/session-tickets",
  operationId: "createSessionTicket",
  tags: ["account"],
  summary: `A link that logs one browser in to the dashboard, once, within ${TICKET_SECONDS} s`,
  description:
    "The ticket stands in the link's fragment, which browsers send to no server, so no preview can use it up. What it opens ends with the key that made it.",
  request: {
    body: jsonBody(
      z
        .strictObject({
          valid_seconds: z.int().min(1).max(LONGEST_SECONDS).optional().openapi({
            description: "For how long it may be used; 60 by default",
            example: 60,
          }),
        })
        .openapi("NewSessionTicket"),
    ),
  },
  responses: created("The ticket; it is shown once", SessionTicket),
});

export function registerSessionTicketRoute(api: ApiApp): void {
  api.openapi(post, async (c) => {
    // Or a session would make itself a next one, and never end.
    if (c.var.session !== undefined) throw forbidden("session-making-ticket");
    const { deps, actor } = c.var;
    const { valid_seconds: seconds = TICKET_SECONDS } = c.req.valid("json");
    return await once(c, async (sql) => {
      const now = deps.now();
      const ticket = makeTicket();
      const expiresAt = new Date(now.getTime() + seconds * MS_PER_SECOND);
      const tokenHash = secretHash(ticket);
      if (!(await insertSessionTicket(sql, { tokenHash, apiKeyId: actor.apiKeyId, now, expiresAt })))
        throw new ApiRefusal(
          "too-many-requests",
          { code: "tickets-too-many", params: { max_tickets: MAX_OPEN_TICKETS } },
          {
            retryAfterSeconds: TICKET_SECONDS,
          },
        );
      const answer: z.input<typeof SessionTicket> = {
        ticket,
        url: `${dashboardAddress(deps.config.publicUrl)}/#ticket=${ticket}`,
        expires_at: expiresAt.toISOString(),
      };
      return c.json(answer, 201);
    });
  });
}
