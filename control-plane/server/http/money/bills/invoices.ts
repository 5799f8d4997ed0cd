/**
 * Invoices, for the customer who pays them and for administrators; whoever else may read a workspace's bill has its
 * records and statistics. One invoice is its sums, the account's other movements of the month, and a page of its lines;
 * as CSV all of its lines, and the list as CSV all of them.
 */
import { createRoute, z } from "@hono/zod-openapi";
import {
  type InvoiceLineRow,
  invoiceById,
  invoiceLines,
  invoiceMovements,
  type InvoiceRow,
  listInvoices,
} from "../../../store/billing/bills/invoices.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { actingOn } from "../../request/audit.ts";
import { numericPage, pageOf, PageQuery, pageQuery, toPage } from "../../request/pagination.ts";
import { notFound } from "../../request/refusal.ts";
import { forCustomersWith, iso, Money, NumericIdPath, okOrCsv, Timestamp } from "../../request/route.ts";
import { type CsvColumn, csvHeaders, csvStream, wantsCsv } from "./csv.ts";
import { forCustomer } from "../billing/whose-money.ts";

const tags = ["billing"];
/** The payments of one month; their sums are on the invoice in any case. */
const MAX_MOVEMENTS = 1_000;

const invoice = {
  id: z.int(),
  invoice_no: z.string().openapi({ description: "Its number, for people", example: "INV-2026-03-000043" }),
  customer_id: z.int(),
  invoice_month: z.string().nullable().openapi({
    description: "Null for invoices of the old system",
    example: "2026-03",
  }),
  billing_period_start: Timestamp.describe("Its month's beginning"),
  billing_period_end: Timestamp.describe("Its month's end"),
  total_amount: Money.openapi({ description: "The sum of its lines; negative where more was given back" }),
  currency: z.string().nullable(),
  status: z.string().nullable().openapi({ description: "paid, pending or overdue", example: "paid" }),
  paid_at: Timestamp.nullable().describe("When it was paid"),
  due: Money.nullable().openapi({
    description: "What the account owed when it was issued; 0 where it was paid",
  }),
  opening_balance: Money.nullable().describe("The balance when the month began"),
  topups: Money.nullable().describe("What was paid in"),
  refunds: Money.nullable().describe("What was given back"),
  adjustments: Money.nullable().describe("What was corrected"),
  charges: Money.nullable().openapi({
    description:
      "Taken from the balance within the month, credits deducted; late charges are on a later invoice",
  }),
  closing_balance: Money.nullable().describe("The balance when the month ended"),
  created_at: Timestamp.nullable(),
};

const Invoice = z.object(invoice).openapi("Invoice");

const InvoiceLine = z
  .object({
    number: z.int().openapi({ description: "Which line, from 1", example: 1 }),
    resource_type: z.string(),
    resource_id: z.string().nullable(),
    resource_name: z.string().nullable(),
    workspace_id: z.int().nullable(),
    workspace_name: z.string().nullable().openapi({
      description: "As it is called now, also where it is archived; null where it was in none",
      example: "research",
    }),
    ordered_by: z.int().nullable().openapi({ description: "The member", example: 43 }),
    line: z.string().nullable(),
    usage_month: z.string().nullable(),
    minutes: z.int().nullable().openapi({
      description: "Minutes that were charged; null where none are counted",
      example: 60,
    }),
    quantity: Money.nullable().openapi({ description: "Null where it changed within the line" }),
    unit_price: Money.nullable(),
    billing_unit: z.string().nullable(),
    amount: Money,
  })
  .openapi("InvoiceLine");

const Movement = z.object({
  transaction_id: z.int(),
  kind: z.string().openapi({ description: "topup, refund, adjustment or write-off", example: "topup" }),
  at: Timestamp,
  amount: Money,
  reason: z.string().nullable().openapi({
    description: "Its entry's text",
    example: "Bank transfer of 1 March",
  }),
});

const InvoiceDetail = z
  .object({
    ...invoice,
    movements: z.array(Movement).describe("What came and went besides charges"),
    lines: pageOf(InvoiceLine).describe("What was charged"),
  })
  .openapi("InvoiceDetail");

const list = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/invoices",
  tags,
  summary: "Invoices, newest first; as CSV all of them, or the first `limit`",
  request: { query: z.strictObject({ ...pageQuery, customer_id: forCustomer.openapi({ example: 43 }) }) },
  responses: okOrCsv("A page of invoices", pageOf(Invoice)),
});

const get = createRoute({
  ...forCustomersWith("money"),
  method: "get",
  path: "/billing/invoices/{id}",
  tags,
  summary: "One invoice with a page of its lines; as CSV all of its lines, or the first `limit`",
  request: { params: NumericIdPath, query: PageQuery },
  responses: okOrCsv("The invoice", InvoiceDetail),
});

export function registerInvoiceRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { actor } = c.var;
    const { customer_id: requested, ...query } = c.req.valid("query");
    if (requested !== undefined && requested !== actor.customerId && !actor.isAdmin)
      throw notFound({ code: "named-customer", params: { customer_id: requested } });
    const customerId = requested ?? (actor.isAdmin ? null : actor.customerId);
    const whose = customerId === null ? "all customers" : `customer ${customerId}`;
    actingOn(c, { ownerCustomerId: customerId, subject: `invoices of ${whose}` });
    const page = numericPage(query);
    if (wantsCsv(c)) {
      const table = csvStream({
        columns: CSV_OF_INVOICES,
        page: (some) => listInvoices(db, { customerId, page: some }),
        key: ({ id }) => id,
        limit: query.limit ?? null,
        after: page.after,
      });
      return c.body(table, 200, csvHeaders("invoices"));
    }
    const rows = await listInvoices(db, { customerId, page });
    return c.json(toPage(rows, page.limit, { item: invoiceAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(get, async (c) => {
    const query = c.req.valid("query");
    const row = await readableInvoice(c, c.req.valid("param").id);
    const page = numericPage(query);
    const invoiceId = row.id;
    if (wantsCsv(c)) {
      const table = csvStream({
        columns: CSV_COLUMNS,
        page: (some) => invoiceLines(db, { invoiceId, page: some }),
        key: ({ number }) => number,
        limit: query.limit ?? null,
        after: page.after,
      });
      return c.body(table, 200, csvHeaders(`invoice-${invoiceId}`));
    }
    const movements = await invoiceMovements(db, { invoiceId, limit: MAX_MOVEMENTS });
    const lines = await invoiceLines(db, { invoiceId, page });
    return c.json(
      {
        ...invoiceAnswer(row),
        movements: movements.map((one) => ({ ...one, at: one.at.toISOString() })),
        lines: toPage(lines, page.limit, { item: (line) => line, key: ({ number }) => [number] }),
      },
      200,
    );
  });
}

/** @throws ApiRefusal: not-found where it is another customer's */
async function readableInvoice(c: ApiContext, id: number): Promise<InvoiceRow> {
  const { actor, deps } = c.var;
  const row = await invoiceById(deps.db, id);
  if (row === null || (row.customer_id !== actor.customerId && !actor.isAdmin))
    throw notFound({ code: "named-invoice", params: { invoice_id: id } });
  actingOn(c, { ownerCustomerId: row.customer_id, subject: `invoice ${id}` });
  return row;
}

function invoiceAnswer(row: InvoiceRow) {
  return {
    ...row,
    billing_period_start: row.billing_period_start.toISOString(),
    billing_period_end: row.billing_period_end.toISOString(),
    paid_at: iso(row.paid_at),
    created_at: iso(row.created_at),
  };
}

/** The members of the JSON, in its order. */
const CSV_OF_INVOICES: readonly CsvColumn<InvoiceRow>[] = [
  { name: "id", kind: "number", value: (row) => row.id },
  { name: "invoice_no", kind: "text", value: (row) => row.invoice_no },
  { name: "customer_id", kind: "number", value: (row) => row.customer_id },
  { name: "invoice_month", kind: "number", value: (row) => row.invoice_month },
  { name: "billing_period_start", kind: "number", value: (row) => row.billing_period_start.toISOString() },
  { name: "billing_period_end", kind: "number", value: (row) => row.billing_period_end.toISOString() },
  { name: "total_amount", kind: "number", value: (row) => row.total_amount },
  { name: "currency", kind: "text", value: (row) => row.currency },
  { name: "status", kind: "text", value: (row) => row.status },
  { name: "paid_at", kind: "number", value: (row) => iso(row.paid_at) },
  { name: "due", kind: "number", value: (row) => row.due },
  { name: "opening_balance", kind: "number", value: (row) => row.opening_balance },
  { name: "topups", kind: "number", value: (row) => row.topups },
  { name: "refunds", kind: "number", value: (row) => row.refunds },
  { name: "adjustments", kind: "number", value: (row) => row.adjustments },
  { name: "charges", kind: "number", value: (row) => row.charges },
  { name: "closing_balance", kind: "number", value: (row) => row.closing_balance },
  { name: "created_at", kind: "number", value: (row) => iso(row.created_at) },
];

const CSV_COLUMNS: readonly CsvColumn<InvoiceLineRow>[] = [
  { name: "number", kind: "number", value: (row) => row.number },
  { name: "resource_type", kind: "text", value: (row) => row.resource_type },
  { name: "resource_id", kind: "text", value: (row) => row.resource_id },
  { name: "resource_name", kind: "text", value: (row) => row.resource_name },
  { name: "workspace_id", kind: "number", value: (row) => row.workspace_id },
  { name: "ordered_by", kind: "number", value: (row) => row.ordered_by },
  { name: "line", kind: "text", value: (row) => row.line },
  { name: "usage_month", kind: "number", value: (row) => row.usage_month },
  { name: "minutes", kind: "number", value: (row) => row.minutes },
  { name: "quantity", kind: "number", value: (row) => row.quantity },
  { name: "unit_price", kind: "number", value: (row) => row.unit_price },
  { name: "billing_unit", kind: "text", value: (row) => row.billing_unit },
  { name: "amount", kind: "number", value: (row) => row.amount },
];
