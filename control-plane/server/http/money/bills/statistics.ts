/** What was charged in a stretch of time, summed up: of what the reader may see record by record, and of nothing else. */
import { createRoute, z } from "@hono/zod-openapi";
import { monthOf, monthStart } from "../../../core/billing/billing-calendar.ts";
import { billStatistics, type StatisticsRow } from "../../../store/billing/bills/statistics.ts";
import { workspaceNames } from "../../../store/accounts/workspaces.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { badField } from "../../request/refusal.ts";
import { forCustomersWith, Money, NumericId, ok, Timestamp } from "../../request/route.ts";
import { readableBills } from "./readable-bills.ts";
import { forCustomer } from "../billing/whose-money.ts";

const sums = { records: z.int().openapi({ description: "How many records", example: 12 }), amount: Money };

const Statistics = z
  .object({
    start_time: Timestamp,
    end_time: Timestamp,
    ...sums,
    by_resource_type: z
      .array(
        z.object({
          resource_type: z.string(),
          legacy_resource_type: z.string().nullable().openapi({
            description: "The old system's word; null for what was charged here",
            example: "gpu",
          }),
          ...sums,
        }),
      )
      .describe("Sums by kind"),
    by_workspace: z
      .array(
        z.object({
          workspace_id: z.int().nullable(),
          workspace_name: z.string().nullable().openapi({
            description: "Null for what belongs to none, or to one of the old system that is no more",
            example: "research",
          }),
          ...sums,
        }),
      )
      .describe("Sums by workspace"),
    by_member: z
      .array(
        z.object({
          customer_id: z
            .int()
            .nullable()
            .openapi({ description: "Who ordered it; null for storage and old records", example: 43 }),
          ...sums,
        }),
      )
      .describe("Sums by who ordered it"),
    by_period: z
      .array(
        z.object({
          period: z.string().openapi({ description: "Its first day", example: "2026-03-01" }),
          ...sums,
        }),
      )
      .openapi({ description: "Empty without `period`" }),
  })
  .openapi("Statistics");

const get = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/statistics",
  tags: ["billing"],
  summary: "What was charged, by type, workspace, member and time; a record counts where its time ends",
  request: {
    query: z.strictObject({
      start_time: z.iso.datetime({ offset: true }).optional().openapi({
        description: "Not included. If left out, the beginning of the month in which end_time lies",
        example: "2026-03-01T00:00:00Z",
      }),
      end_time: z.iso
        .datetime({ offset: true })
        .optional()
        .openapi({ description: "Included. Now, if left out", example: "2026-04-01T00:00:00Z" }),
      customer_id: forCustomer.openapi({ example: 43 }),
      workspace_id: NumericId.optional(),
      period: z.enum(["day", "month"]).optional().openapi({ description: "Of the billing time zone" }),
    }),
  },
  responses: ok("The sums", Statistics),
});

export function registerStatisticsRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db, config } = deps;
  const calendar = config.billingCalendar;

  api.openapi(get, async (c) => {
    const query = c.req.valid("query");
    const to = query.end_time === undefined ? deps.now() : new Date(query.end_time);
    // What ends at the last midnight of a month is that month's.
    const from =
      query.start_time === undefined
        ? new Date(monthStart(monthOf(to.getTime() - 1, calendar), calendar))
        : new Date(query.start_time);
    if (!(from <= to)) throw badField("start_time", "period-reversed");
    const rows = await billStatistics(db, {
      ...(await readableBills(c, query)),
      workspaceId: query.workspace_id ?? null,
      from,
      to,
      by: query.period ?? null,
      utcOffsetMinutes: calendar.utcOffsetMinutes,
    });
    const of = (group: StatisticsRow["group"]) => rows.filter((row) => row.group === group);
    const [total] = of("total");
    const names = await workspaceNames(
      db,
      of("workspace").flatMap(({ workspace_id: id }) => (id === null ? [] : [id])),
    );
    return c.json(
      {
        start_time: from.toISOString(),
        end_time: to.toISOString(),
        records: total?.records ?? 0,
        amount: total?.amount ?? "0.0000",
        by_resource_type: of("resource").map((row) => ({
          resource_type: row.resource_type ?? "",
          legacy_resource_type: row.legacy_resource_type,
          ...sumsOf(row),
        })),
        by_workspace: of("workspace").map((row) => ({
          workspace_id: row.workspace_id,
          workspace_name: names.get(row.workspace_id ?? 0) ?? null,
          ...sumsOf(row),
        })),
        by_member: of("member").map((row) => ({ customer_id: row.customer_id, ...sumsOf(row) })),
        by_period: of("period").map((row) => ({ period: row.period ?? "", ...sumsOf(row) })),
      },
      200,
    );
  });
}

function sumsOf({ records, amount }: StatisticsRow): { records: number; amount: string } {
  return { records, amount };
}
