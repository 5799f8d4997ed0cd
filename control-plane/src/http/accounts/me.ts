/** GET /me: who the key belongs to. */
import { createRoute, z } from "@hono/zod-openapi";
import { customerById } from "../../store/accounts/customers.ts";
import { Customer, customerAnswer } from "./customer-answer.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { notFound } from "../request/refusal.ts";
import { forCustomers, ok } from "../request/route.ts";

const Me = Customer.extend({ api_key_id: z.int() }).openapi("Me");

const getMe = createRoute({
  ...forCustomers,
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
    if (customer === null) throw notFound("account");
    return c.json({ ...customerAnswer(customer), api_key_id: actor.apiKeyId }, 200);
  });
}
