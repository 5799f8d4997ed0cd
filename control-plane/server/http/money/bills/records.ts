/** What was charged, as its payer, and the owner and admins of a workspace, see it: pages of JSON, or all of it as CSV. */
import { createRoute, z } from "@hono/zod-openapi";
import { type BillingCalendar, dayBounds } from "../../../core/billing/billing-calendar.ts";
import {
  type BillingRecordRow,
  billingRecords,
  type RecordFilter,
} from "../../../store/billing/bills/records.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../../request/pagination.ts";
import {
  forCustomersWith,
  iso,
  Money,
  NumericId,
  okOrCsv,
  OpaqueIdPath,
  Timestamp,
  WorkloadIdPath,
} from "../../request/route.ts";
import { type CsvColumn, csvHeaders, csvStream, wantsCsv } from "./csv.ts";
import { readableBills } from "./readable-bills.ts";
import { forCustomer } from "../billing/whose-money.ts";

const BillingRecord = z
  .object({
    id: z.int(),
    customer_id: z.int(),
    workspace_id: z.int().nullable(),
    resource_type: z.string(),
    legacy_resource_type: z.string().nullable().openapi({
      description: "What the old system called it; null for what was charged here",
      example: "gpu",
    }),
    resource_id: z.string().nullable(),
    resource_name: z.string().nullable(),
    run_id: z.string().nullable(),
    line: z.string().nullable(),
    quantity: Money,
    unit_price: Money,
    billing_unit: z.string().nullable(),
    billing_minutes: z.int().nullable(),
    amount: Money,
    currency: z.string().nullable(),
    start_time: Timestamp,
    end_time: Timestamp,
    usage_month: z.string().nullable(),
    invoice_month: z.string().nullable(),
    created_at: Timestamp.nullable(),
    cause: z.string().nullable().openapi({
      description:
        "Of what was given back: why; null of a charge, and where the old system did not record it",
      example: "gpu-lost since 2026-03-10T02:00:00Z until 2026-03-10T02:10:00Z",
    }),
  })
  .openapi("BillingRecord");

const getRecords = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/records",
  tags: ["billing"],
  summary: "What was charged, newest first; as CSV all of it, or the first `limit`",
  request: {
    query: z.strictObject({
      ...pageQuery,
      customer_id: forCustomer.openapi({ example: 43 }),
      workspace_id: NumericId.optional(),
      resource_type: z
        .enum(["environment", "training", "inference", "storage", "legacy"])
        .optional()
        .openapi({
          description: "Only those of this kind",
          example: "environment",
        }),
      resource_id: WorkloadIdPath.shape.id.optional().openapi({
        description: "Only those of this workload",
        example: "env-5b1f6c0e",
      }),
      run_id: OpaqueIdPath.shape.id.optional().openapi({
        description: "Only those of this run",
        example: "run-77a0c3f2",
      }),
      start_time: z.iso.datetime({ offset: true }).optional(),
      end_time: z.iso.datetime({ offset: true }).optional(),
      day: z.iso.date().optional().openapi({
        description: "Of the billing time zone: what ended on it, as the statistics count",
      }),
    }),
  },
  responses: okOrCsv("A page of records", pageOf(BillingRecord)),
});

export function registerBillingRecordRoutes(api: ApiApp, { db, config }: ApiDeps): void {
  api.openapi(getRecords, async (c) => {
    const query = c.req.valid("query");
    const page = numericPage(query);
    const filter: RecordFilter = {
      ...(await readableBills(c, query)),
      workspaceId: query.workspace_id ?? null,
      resourceType: query.resource_type ?? null,
      resourceId: query.resource_id ?? null,
      runId: query.run_id ?? null,
      from: query.start_time === undefined ? null : new Date(query.start_time),
      to: query.end_time === undefined ? null : new Date(query.end_time),
      endsIn: query.day === undefined ? null : boundsOf(query.day, config.billingCalendar),
    };
    if (!wantsCsv(c)) {
      const rows = await billingRecords(db, filter, page);
      return c.json(toPage(rows, page.limit, { item: recordAnswer, key: (row) => [row.id] }), 200);
    }
    const table = csvStream({
      columns: CSV_COLUMNS,
      page: (some) => billingRecords(db, filter, some),
      key: (row) => row.id,
      limit: query.limit ?? null,
      after: page.after,
    });
    return c.body(table, 200, csvHeaders("records"));
  });
}

function boundsOf(day: string, calendar: BillingCalendar): RecordFilter["endsIn"] {
  const { fromMs, toMs } = dayBounds(day, calendar);
  return { after: new Date(fromMs), until: new Date(toMs) };
}

function recordAnswer(row: BillingRecordRow) {
  return {
    ...row,
    start_time: row.start_time.toISOString(),
    end_time: row.end_time.toISOString(),
    created_at: iso(row.created_at),
  };
}

/** The members of the JSON, in its order. */
const CSV_COLUMNS: readonly CsvColumn<BillingRecordRow>[] = [
  { name: "id", kind: "number", value: (row) => row.id },
  { name: "customer_id", kind: "number", value: (row) => row.customer_id },
  { name: "workspace_id", kind: "number", value: (row) => row.workspace_id },
  { name: "resource_type", kind: "text", value: (row) => row.resource_type },
  { name: "legacy_resource_type", kind: "text", value: (row) => row.legacy_resource_type },
  { name: "resource_id", kind: "text", value: (row) => row.resource_id },
  { name: "resource_name", kind: "text", value: (row) => row.resource_name },
  { name: "run_id", kind: "text", value: (row) => row.run_id },
  { name: "line", kind: "text", value: (row) => row.line },
  { name: "quantity", kind: "number", value: (row) => row.quantity },
  { name: "unit_price", kind: "number", value: (row) => row.unit_price },
  { name: "billing_unit", kind: "text", value: (row) => row.billing_unit },
  { name: "billing_minutes", kind: "number", value: (row) => row.billing_minutes },
  { name: "amount", kind: "number", value: (row) => row.amount },
  { name: "currency", kind: "text", value: (row) => row.currency },
  { name: "start_time", kind: "number", value: (row) => row.start_time.toISOString() },
  { name: "end_time", kind: "number", value: (row) => row.end_time.toISOString() },
  { name: "usage_month", kind: "number", value: (row) => row.usage_month },
  { name: "invoice_month", kind: "number", value: (row) => row.invoice_month },
  { name: "created_at", kind: "number", value: (row) => iso(row.created_at) },
  { name: "cause", kind: "text", value: (row) => row.cause },
];
