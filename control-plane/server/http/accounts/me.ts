/** GET /me: who the key belongs to, and what it opens. */
import { createRoute, z } from "@hono/zod-openapi";
import { KEY_SCOPES } from "../../core/accounts/key-scopes.ts";
import { customerById } from "../../store/accounts/customers.ts";
import { Customer, customerAnswer } from "./customer-answer.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { notFound } from "../request/refusal.ts";
import { forCustomersWith, iso, ok, Timestamp } from "../request/route.ts";

const Me = Customer.extend({
  api_key_id: z.int(),
  scopes: z.array(z.enum(KEY_SCOPES)).openapi({ description: "What this key opens" }),
  key_expires_at: Timestamp.nullable().describe("From when on the requesting key is void; null: never"),
}).openapi("Me");

const getMe = createRoute({
  ...forCustomersWith("any"),
  method: "get",
  path: "/me",
  tags: ["account"],
  summary: "The account that this key belongs to",
  responses: ok("The account", Me),
});

export function registerMeRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(getMe, async (c) => {
    const { actor } = c.var;
    const customer = await customerById(deps.db, actor.customerId);
    if (customer === null) throw notFound("named-account");
    const scopes = actor.keyRights.role === "account" ? [...actor.keyRights.scopes] : [];
    return c.json(
      {
        ...customerAnswer(c, customer),
        api_key_id: actor.apiKeyId,
        scopes,
        key_expires_at: iso(actor.keyExpiresAt),
      },
      200,
    );
  });
}
