/** A customer account as the API shows it. */
import { z } from "@hono/zod-openapi";
import type { CustomerRow } from "../../store/accounts/customers.ts";
import type { ApiContext } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { Money, Timestamp } from "../request/route.ts";

const ONLY_WITH_MONEY = { description: "Null for a key without the scope money" };

export const Customer = z
  .object({
    id: z.int(),
    uuid: z.string(),
    username: z.string(),
    email: z.string(),
    display_name: z.string().nullable(),
    user_type: z.string(),
    account_type: z.string().openapi({ description: "individual or enterprise", example: "individual" }),
    status: z.string().openapi({
      description: "active, suspended (its keys open nothing) or deleted",
      example: "active",
    }),
    balance: Money.nullable().openapi(ONLY_WITH_MONEY),
    credit_limit: Money.nullable().openapi(ONLY_WITH_MONEY),
    currency: z.string(),
    overdue_status: z.string(),
    overdue_since: Timestamp.nullable(),
    data_at_risk: z.boolean().openapi({ description: "Overdue for 60 days: the data may be deleted" }),
    last_payment_at: Timestamp.nullable().openapi(ONLY_WITH_MONEY),
    share_weight: z.int(),
    personal_workspace_id: z.int().nullable().openapi({
      description: "Where orders go that name no workspace",
      example: 42,
    }),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
  })
  .openapi("Customer");
export type Customer = z.infer<typeof Customer>;

export function customerAnswer(c: ApiContext, row: CustomerRow): z.input<typeof Customer> {
  return {
    ...row,
    overdue_since: row.overdue_since?.toISOString() ?? null,
    last_payment_at: row.last_payment_at?.toISOString() ?? null,
    created_at: row.created_at?.toISOString() ?? null,
    updated_at: row.updated_at?.toISOString() ?? null,
    ...(!showsMoney(c) && { balance: null, credit_limit: null, last_payment_at: null }),
  };
}
