/** GET /me: who the key belongs to, and what it opens. */
import { createRoute, z } from "@hono/zod-openapi";
import { KEY_SCOPES } from "../../core/accounts/key-scopes.ts";
import { customerById } from "../../store/accounts/customers.ts";
import { Customer, customerAnswer } from "./customer-answer.ts";
import type { Actor, ApiApp, ApiDeps } from "../deps.ts";
import { notFound } from "../request/refusal.ts";
import { forCustomersWith, iso, ok, Timestamp } from "../request/route.ts";

const Me = Customer.extend({
  api_key_id: z.int(),
  scopes: z.array(z.enum(KEY_SCOPES)).openapi({ description: "What this key opens" }),
  key_expires_at: Timestamp.nullable().describe("From when on the requesting key is void; null: never"),
  identity_id: z.int().nullable().openapi({
    description: "The identity whose single sign-on made the requesting key; null: none",
    example: 3,
  }),
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
        user_type: userTypeOf(actor, customer.user_type),
        api_key_id: actor.apiKeyId,
        scopes,
        key_expires_at: iso(actor.keyExpiresAt),
        identity_id: actor.identityId,
      },
      200,
    );
  });
}

/** As the login's role has it, where it differs from the account's. */
function userTypeOf({ isAdmin }: Actor, userType: string): string {
  if (isAdmin) return "admin";
  return userType === "admin" ? "external" : userType;
}
