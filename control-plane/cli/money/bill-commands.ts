/** The bill: records, invoices and statistics, as tables, as JSON, and as CSV for spreadsheets. */
import { type ApiRequest, given } from "../../client/api-request.ts";
import {
  getBillingBalance,
  getBillingInvoice,
  getBillingStatistics,
  listBillingInvoices,
  listBillingRecords,
} from "../../client/generated/api.ts";
import type {
  BillingRecord,
  GetBillingStatisticsPeriod,
  Invoice,
  InvoiceDetail,
  InvoiceLine,
  Statistics,
} from "../../client/generated/api.schemas.ts";
import type { ApiClient } from "../framework/api-client.ts";
import { apiWord, wholeNumber, words } from "../framework/arguments.ts";
import { argument, command, flag, option, type Command, type Group } from "../framework/command.ts";
import { listCommand, showCommand } from "../framework/list-command.ts";
import { printList, printOne, type Column, type Output } from "../framework/output.ts";
import { BytesOut } from "../terminal/outputs.ts";

const RECORD_COLUMNS: Column<BillingRecord>[] = [
  "id",
  "start_time",
  ["resource", (row) => row.resource_name ?? row.resource_id],
  { ifRoom: ["kind", (row) => row.resource_type] },
  ["line", (row) => row.line ?? row.legacy_resource_type],
  { ifRoom: "quantity" },
  ["minutes", (row) => row.billing_minutes],
  { ifRoom: "unit_price" },
  { ifRoom: ["per", (row) => row.billing_unit] },
  "amount",
];

const INVOICE_COLUMNS: Column<Invoice>[] = [
  "id",
  "invoice_no",
  "billing_period_start",
  { ifRoom: "billing_period_end" },
  ["total", (row) => row.total_amount],
  { ifRoom: "currency" },
  "status",
  "paid_at",
];

const LINE_COLUMNS: Column<InvoiceLine>[] = [
  ["resource", (row) => row.resource_name ?? row.resource_id],
  ["kind", (row) => row.resource_type],
  ["workspace", (row) => row.workspace_id],
  ["member", (row) => row.ordered_by],
  "line",
  ["used in", (row) => row.usage_month],
  "minutes",
  "quantity",
  "unit_price",
  ["per", (row) => row.billing_unit],
  "amount",
];

const RECORD: Group = {
  name: "record",
  aliases: ["records"],
  summary: "billing records: what each hour and line of a run was charged",
  standard: "list",
  members: [
    command({
      name: "list",
      summary: "billing records, newest first",
      takes: {
        limit: option("--limit <count>", "how many (by default 50, as CSV all)", wholeNumber()),
        resource: option("--resource <id>", "of one environment, job or service", words(), {
          of: "workload",
        }),
        csv: flag("--csv", "print CSV"),
      },
      isWatchable: true,
      run: async ({ api, output }, { limit, resource, csv }) => {
        const query = given({ resource_id: resource });
        if (csv) return await printCsv(api, listBillingRecords({ ...query, ...given({ limit }) }));
        const rows = await api.list(listBillingRecords(query), limit ?? 50);
        printList(output, rows, RECORD_COLUMNS, "Nothing has been charged yet.");
      },
    }),
  ],
};

const INVOICE: Group = {
  name: "invoice",
  aliases: ["invoices"],
  summary: "invoices, one for each month with charges",
  standard: "list",
  members: [
    listCommand({
      summary: "invoices, newest first",
      takes: {
        customer: option("--customer <customer>", "another customer's (admins)", words(), { of: "customer" }),
      },
      request: ({ customer }) => listBillingInvoices(given({ customer_id: customer })),
      columns: INVOICE_COLUMNS,
      empty: "No month has been closed with charges yet.",
    }),
    command({
      name: "show",
      summary: "one invoice with its lines, and what else moved the account in that month",
      takes: { id: argument("id", words()), csv: flag("--csv", "print its lines as CSV") },
      run: async ({ api, output }, { id, csv }) => {
        if (csv) return await printCsv(api, getBillingInvoice(id));
        printInvoice(output, await wholeInvoice(api, id));
      },
    }),
  ],
};

export const BILLS: readonly (Command | Group)[] = [
  showCommand({
    name: "balance",
    summary: "balance, what has accrued since the last charge, burn per hour, hours left",
    request: () => getBillingBalance(),
  }),
  RECORD,
  INVOICE,
  command({
    name: "statistics",
    summary: "what was charged, by type, workspace and member; by default this month",
    takes: {
      start_time: option("--from <time>", "RFC 3339; what ended then does not count any more", words()),
      end_time: option("--to <time>", "RFC 3339; what ended by then counts", words()),
      workspace_id: option("--workspace <workspace>", "of one workspace", words(), { of: "workspace" }),
      customer_id: option("--customer <customer>", "of another customer (admins)", words(), {
        of: "customer",
      }),
      period: option("--by <period>", "also by time", apiWord<GetBillingStatisticsPeriod>(), {
        choices: ["day", "month"],
      }),
    },
    run: async ({ api, output }, query) =>
      printStatistics(output, await api.send(getBillingStatistics(given(query)))),
  }),
];

async function printCsv(api: ApiClient, request: ApiRequest<unknown>): Promise<void> {
  const out = new BytesOut("stdout", { isRaw: false });
  await api.stream(request, {
    accept: "text/csv",
    signal: new AbortController().signal,
    write: (bytes) => out.write(bytes),
  });
  out.end();
}

/** An invoice with all pages of its lines as one. */
type WholeInvoice = Omit<InvoiceDetail, "lines"> & { lines: InvoiceLine[] };

async function wholeInvoice(api: ApiClient, id: string): Promise<WholeInvoice> {
  let invoice = await api.send(getBillingInvoice(id, { limit: 200 }));
  const lines: InvoiceLine[] = [];
  for (;;) {
    const { items, next_cursor: cursor } = invoice.lines;
    lines.push(...items);
    if (cursor === null) return { ...invoice, lines };
    invoice = await api.send(getBillingInvoice(id, { limit: 200, cursor }));
  }
}

function printInvoice(output: Output, invoice: WholeInvoice): void {
  if (output.format === "json") return printOne(output, invoice);
  const { lines, movements, ...sums } = invoice;
  printList(output, lines, LINE_COLUMNS, "An invoice of the old system, without lines.");
  if (movements.length > 0) {
    output.write("\n");
    printList(output, movements, ["at", "kind", "amount", "reason"]);
  }
  output.write("\n");
  printOne(output, sums);
}

function printStatistics(output: Output, statistics: Statistics): void {
  if (output.format === "json") return printOne(output, statistics);
  const {
    by_resource_type: types,
    by_workspace: workspaces,
    by_member: members,
    by_period: periods,
  } = statistics;
  printSums(output, types, ["type", (row) => row.legacy_resource_type ?? row.resource_type]);
  printSums(output, workspaces, ["workspace", (row) => row.workspace_id]);
  printSums(output, members, ["member", (row) => row.customer_id]);
  printSums(output, periods, "period");
  printOne(output, statistics, ["start_time", "end_time", "records", "amount"]);
}

function printSums<Sum extends { records: number; amount: string }>(
  output: Output,
  sums: readonly Sum[],
  column: Column<Sum>,
): void {
  if (sums.length === 0) return;
  printList<Sum>(output, sums, [column, "records", "amount"]);
  output.write("\n");
}
