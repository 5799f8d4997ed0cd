/** What workspaces keep in storage, day by day, and what it was charged; for those who may see their bill. */
import { createRoute, z } from "@hono/zod-openapi";
import { BILL_READERS } from "../../../core/accounts/access-rights.ts";
import { workspaceIdsOf } from "../../../store/accounts/workspaces.ts";
import {
  chargedStorageDays,
  openStorageDays,
  type StorageDayRow,
} from "../../../store/billing/storage/day-views.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { authorizeWorkspace } from "../../request/authorization.ts";
import { dayPage, pageOf, pageQuery, toPage } from "../../request/pagination.ts";
import { forCustomersWith, Money, NumericId, ok } from "../../request/route.ts";

const StorageDay = z
  .object({
    workspace_id: z.int(),
    day: z.iso.date().openapi({ description: "Of the billing time zone" }),
    samples: z.int().openapi({ description: "Of up to 24 hours on each storage pool", example: 24 }),
    average_gb: Money.openapi({ description: "Mean of the samples; a GB is 2^30 bytes" }),
    billable_gb: Money.openapi({ description: "What is beyond the free amount of the workspace" }),
    unit_price: Money.nullable().openapi({ description: "Per GB and day; null: there was no price" }),
    amount: Money,
    state: z.enum(["open", "charged", "unrated"]).openapi({
      description: "open: as if the day ended now. unrated: over and free, since nobody had set a price",
    }),
  })
  .openapi("StorageDay");

const getStorage = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/storage",
  tags: ["billing"],
  summary: "Storage of a workspace, or of all whose bill one may see: days that were charged, newest first",
  request: { query: z.strictObject({ ...pageQuery, workspace_id: NumericId.optional() }) },
  responses: ok(
    "A page of days that are over, and what is not charged yet",
    pageOf(StorageDay).extend({ open: z.array(StorageDay).describe("The days that are not charged yet") }),
  ),
});

export function registerStorageRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(getStorage, async (c) => {
    const query = c.req.valid("query");
    const page = dayPage(query);
    const workspaceIds = await readableWorkspaces(c, query.workspace_id);
    const calendar = deps.config.billingCalendar;
    const open = await openStorageDays(db, { workspaceIds, now: deps.now(), calendar });
    const days = await chargedStorageDays(db, { workspaceIds, page });
    return c.json(
      {
        ...toPage(days, page.limit, { item: chargedAnswer, key: (row) => [row.day, row.workspace_id] }),
        open: open.map((row) => ({ ...row, state: "open" as const })),
      },
      200,
    );
  });
}

/** An administrator names the workspace of another. */
async function readableWorkspaces(c: ApiContext, workspaceId: number | undefined): Promise<number[]> {
  const { actor, deps } = c.var;
  if (workspaceId === undefined) return await workspaceIdsOf(deps.db, actor.customerId, BILL_READERS);
  await authorizeWorkspace(c, workspaceId, "read-bill");
  return [workspaceId];
}

function chargedAnswer(row: StorageDayRow) {
  return { ...row, state: row.unit_price === null ? ("unrated" as const) : ("charged" as const) };
}
