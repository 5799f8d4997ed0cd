/** For administrators: time that is not charged yet, cannot be or will not be, and whether the books agree. */
import { createRoute, z } from "@hono/zod-openapi";
import { trialBalance } from "../../../store/billing/ledger/ledger.ts";
import { accountTotals, unbalancedCustomers } from "../../../store/billing/ledger/account-totals.ts";
import { pendingRuns, unratedRuns, waivedRuns } from "../../../store/billing/ledger/run-overviews.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { numericPage, pageOf, PageQuery, textPage, toPage } from "../../request/pagination.ts";
import { forAdminsWith, iso, Money, ok, Timestamp } from "../../request/route.ts";

const tags = ["billing"];
const request = { query: PageQuery };

const ofRun = {
  run_id: z.string(),
  customer_id: z.int().openapi({ description: "Who pays", example: 43 }),
  workspace_id: z.int().nullable(),
  resource_type: z.string(),
  resource_id: z.string(),
  resource_name: z.string().nullable(),
  host_id: z.string(),
  proven_ms: z.int(),
};

const PendingRun = z
  .object({
    ...ofRun,
    first_proven_at: Timestamp.nullable(),
    last_proven_at: Timestamp.nullable(),
    waived_ms: z.int(),
    billed_minutes: z.int(),
    pending_minutes: z.int().openapi({ description: "Below zero where a credit is due", example: 12 }),
    unrated: z.boolean().openapi({ description: "It waits for a price" }),
  })
  .openapi("PendingRun");

const UnratedRun = z
  .object({
    ...ofRun,
    spec: z.string(),
    gpu_model: z.string().nullable(),
    first_proven_at: Timestamp.nullable(),
    missing: z.array(z.string()).openapi({
      description: "Lines without a price when the run began",
      example: ["gpu"],
    }),
  })
  .openapi("UnratedRun");

const WaivedRun = z
  .object({
    ...ofRun,
    waived_ms: z.int().openapi({ description: "As of the run's last charge", example: 0 }),
    waive_from: Timestamp.nullable().openapi({ description: "From then on nothing is charged" }),
    waive_reason: z.string().nullable(),
    stretches: z
      .array(
        z.object({
          reason: z.string().openapi({
            description: "By which rule: what broke, or `loading`",
            example: "gpu-lost",
          }),
          from_at: Timestamp,
          to_at: Timestamp.nullable(),
          evidence: z.record(z.string(), z.unknown()),
        }),
      )
      .describe("Stretches that are free: something broke, or a replica loaded"),
  })
  .openapi("WaivedRun");

const UnbalancedCustomer = z
  .object({ customer_id: z.int(), balance: Money, entries: Money.describe("The sum of their entries") })
  .openapi("UnbalancedCustomer");

const TrialBalance = pageOf(UnbalancedCustomer)
  .extend({
    items: z
      .array(UnbalancedCustomer)
      .describe("Customers whose balance differs from the sum of their entries"),
    total: Money.openapi({ description: "Of all entries; anything but zero is a bug" }),
    unbalanced_customers: z.int().openapi({ description: "How many these are", example: 0 }),
    accounts: z
      .array(z.object({ account: z.string(), total: Money.describe("What its entries come to") }))
      .openapi({
        description: "What the entries of each account come to",
      }),
  })
  .openapi("TrialBalance");

const getPending = createRoute({
  ...forAdminsWith("money"),
  method: "get",
  path: "/billing/pending",
  tags,
  summary: "Runs with proven time that no charge has counted yet",
  request,
  responses: ok("A page of runs", pageOf(PendingRun)),
});

const getUnrated = createRoute({
  ...forAdminsWith("money"),
  method: "get",
  path: "/billing/unrated",
  tags,
  summary: "Runs that have time and no price; they are charged once there is one",
  request,
  responses: ok("A page of runs", pageOf(UnratedRun)),
});

const getWaived = createRoute({
  ...forAdminsWith("money"),
  method: "get",
  path: "/billing/waived",
  tags,
  summary: "Runs with time that is metered and not charged, and why",
  request,
  responses: ok("A page of runs", pageOf(WaivedRun)),
});

const getTrialBalance = createRoute({
  ...forAdminsWith("money"),
  method: "get",
  path: "/billing/trial-balance",
  tags,
  summary: "Whether the books agree; lists customers whose balance differs from the sum of their entries",
  request,
  responses: ok("The sums, and a page of customers", TrialBalance),
});

export function registerBookRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(getPending, async (c) => {
    const page = textPage(c.req.valid("query"));
    const rows = await pendingRuns(db, page);
    const item = (row: (typeof rows)[number]) => ({
      ...row,
      first_proven_at: iso(row.first_proven_at),
      last_proven_at: iso(row.last_proven_at),
    });
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.run_id] }), 200);
  });

  api.openapi(getUnrated, async (c) => {
    const page = textPage(c.req.valid("query"));
    const rows = await unratedRuns(db, page);
    const item = (row: (typeof rows)[number]) => ({ ...row, first_proven_at: iso(row.first_proven_at) });
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.run_id] }), 200);
  });

  api.openapi(getWaived, async (c) => {
    const page = textPage(c.req.valid("query"));
    const rows = await waivedRuns(db, page);
    const item = (row: (typeof rows)[number]) => ({ ...row, waive_from: iso(row.waive_from) });
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.run_id] }), 200);
  });

  api.openapi(getTrialBalance, async (c) => {
    const page = numericPage(c.req.valid("query"));
    const { total, unbalancedCustomers: count } = await trialBalance(db);
    const rows = await unbalancedCustomers(db, page);
    const customers = toPage(rows, page.limit, { item: (row) => row, key: (row) => [row.customer_id] });
    return c.json(
      { total, unbalanced_customers: count, accounts: await accountTotals(db), ...customers },
      200,
    );
  });
}
