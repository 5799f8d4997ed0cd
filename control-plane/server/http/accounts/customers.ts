/** Accounts, for administrators. An account comes with its personal workspace; there is no password login. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/values/text";
import { setCreditLimit } from "../../store/spending/suspensions.ts";
import {
  customerById,
  holdCustomer,
  insertCustomer,
  listCustomers,
  updateCustomer,
  type CustomerRow,
} from "../../store/accounts/customers.ts";
import { endFallenOf } from "../../store/accounts/vouching.ts";
import type { Connection } from "../../store/database/database.ts";
import { notifyHostsOfMoney } from "./money-notice.ts";
import { changeEntry } from "../environments/entry-change.ts";
import { Customer, customerAnswer } from "./customer-answer.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { refusePromotionBeyondKey } from "./promotion.ts";
import { refuseBeyondScope } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { NotNegativeAmount, PlainName } from "../request/input-fields.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../request/pagination.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import { created, forAdmins, jsonBody, NumericIdPath, ok } from "../request/route.ts";

const tags = ["customers"];

const Email = z.email().max(128);
const UserType = z.enum(["admin", "internal", "external"]);

const NewCustomer = z
  .strictObject({
    username: PlainName,
    email: Email,
    display_name: displayText(128).optional(),
    user_type: UserType.optional(),
  })
  .openapi("NewCustomer");

const CustomerChange = z
  .strictObject({
    email: Email.optional(),
    display_name: displayText(128).nullable().optional(),
    user_type: UserType.optional(),
    status: z.enum(["active", "suspended"]).optional().describe("A suspended one's keys open nothing"),
    credit_limit: NotNegativeAmount.optional(),
  })
  .openapi("CustomerChange");

const post = createRoute({
  ...forAdmins,
  method: "post",
  path: "/customers",
  tags,
  summary: "Make an account with its personal workspace",
  request: { body: jsonBody(NewCustomer) },
  responses: created("The account", Customer),
});

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/customers",
  tags,
  summary: "All accounts",
  request: {
    query: z.strictObject({
      ...pageQuery,
      status: z.enum(["active", "suspended", "deleted"]).optional(),
      username: PlainName.optional().openapi({
        description: "Only the one of exactly this name",
        example: "ada",
      }),
      email: z.string().max(128).pipe(Email).optional().openapi({
        description: "Only the one with exactly this address",
        example: "ada@example.com",
      }),
      data_at_risk: z.enum(["true", "false"]).optional().openapi({
        description: "true: only those whose data may be deleted",
      }),
    }),
  },
  responses: ok("A page of accounts", pageOf(Customer)),
});

const get = createRoute({
  ...forAdmins,
  method: "get",
  path: "/customers/{id}",
  tags,
  summary: "One account",
  request: { params: NumericIdPath },
  responses: ok("The account", Customer),
});

const patch = createRoute({
  ...forAdmins,
  method: "patch",
  path: "/customers/{id}",
  tags,
  summary: "Change an account; a suspended one's keys open nothing",
  request: { params: NumericIdPath, body: jsonBody(CustomerChange) },
  responses: ok("The account", Customer),
});

export function registerCustomerRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    return await once(c, async (sql) => {
      const made = await insertCustomer(sql, {
        username: body.username,
        email: body.email,
        displayName: body.display_name ?? null,
        userType: body.user_type ?? "external",
      });
      if (!made.made)
        throw conflict(
          made.taken === "username"
            ? { code: "username-taken", params: { username: body.username } }
            : { code: "email-taken", params: { email: body.email } },
        );
      return c.json(customerAnswer(c, await requireCustomer({ db: sql }, made.customerId)), 201);
    });
  });

  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const page = numericPage(query);
    const rows = await listCustomers(db, {
      status: query.status ?? null,
      username: query.username ?? null,
      email: query.email ?? null,
      dataAtRisk: query.data_at_risk === undefined ? null : query.data_at_risk === "true",
      page,
    });
    return c.json(
      toPage(rows, page.limit, { item: (row) => customerAnswer(c, row), key: (row) => [row.id] }),
      200,
    );
  });

  api.openapi(get, async (c) => {
    return c.json(customerAnswer(c, await requireCustomer(deps, c.req.valid("param").id)), 200);
  });

  api.openapi(patch, async (c) => {
    const { id } = await requireCustomer(c.var.deps, c.req.valid("param").id);
    const change = c.req.valid("json");
    if (
      id === c.var.actor.customerId &&
      (change.status === "suspended" || (change.user_type ?? "admin") !== "admin")
    )
      throw badField(change.status === "suspended" ? "status" : "user_type", "own-account-locked-out");
    const { credit_limit: creditLimit, ...rest } = change;
    if (creditLimit !== undefined) refuseBeyondScope(c, "money");
    const opened = change.status === undefined ? "nothing" : { customerId: id };
    await changeEntry(c, opened, async (sql) => {
      const before = await holdCustomer(sql, id);
      const after = { userType: change.user_type ?? before.userType, status: change.status ?? before.status };
      await refusePromotionBeyondKey(c, sql, { customerId: id, before, after });
      if (!(await updateCustomer(sql, id, rest)))
        throw conflict({ code: "email-taken", params: { email: rest.email ?? "" } });
      if (creditLimit !== undefined)
        await setCreditLimit(sql, { customerId: id, creditLimit, at: deps.now() });
      await endFallenOf(sql, { inviterId: id, now: deps.now() });
    });
    if (creditLimit !== undefined) await notifyHostsOfMoney(c.var.deps, id);
    return c.json(customerAnswer(c, await requireCustomer(c.var.deps, id)), 200);
  });
}

/** @throws ApiRefusal when there is no such account */
export async function requireCustomer({ db }: { db: Connection }, customerId: number): Promise<CustomerRow> {
  const customer = await customerById(db, customerId);
  if (customer === null) throw notFound({ code: "named-customer", params: { customer_id: customerId } });
  return customer;
}
