/** The bill: records, invoices and statistics, as tables, as JSON, and as CSV for spreadsheets. */
import { z } from "zod";
import type { ApiClient, Row } from "../framework/api-client.ts";
import { wholeNumber, words } from "../framework/arguments.ts";
import { argument, command, flag, option, type Command, type Group } from "../framework/command.ts";
import { listCommand, segment, showCommand } from "../framework/list-command.ts";
import { printList, printOne, type Column, type Output } from "../framework/output.ts";
import { BytesOut } from "../terminal/outputs.ts";

const RECORD_COLUMNS: Column[] = [
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

const INVOICE_COLUMNS: Column[] = [
  "id",
  "invoice_no",
  "billing_period_start",
  { ifRoom: "billing_period_end" },
  ["total", (row) => row.total_amount],
  { ifRoom: "currency" },
  "status",
  "paid_at",
];

const LINE_COLUMNS: Column[] = [
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

const Rows = z.array(z.looseObject({}));

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
        const query = { resource_id: resource };
        if (csv) return await printCsv(api, "/billing/records", { ...query, limit: limit?.toString() });
        const rows = await api.list("/billing/records", query, limit ?? 50);
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
      route: () => "/billing/invoices",
      query: ({ customer }) => ({ customer_id: customer }),
      columns: INVOICE_COLUMNS,
      empty: "No month has been closed with charges yet.",
    }),
    command({
      name: "show",
      summary: "one invoice with its lines, and what else moved the account in that month",
      takes: { id: argument("id", words()), csv: flag("--csv", "print its lines as CSV") },
      run: async ({ api, output }, { id, csv }) => {
        const path = `/billing/invoices/${segment(id)}`;
        if (csv) return await printCsv(api, path, {});
        printInvoice(output, await wholeInvoice(api, path));
      },
    }),
  ],
};

export const BILLS: readonly (Command | Group)[] = [
  showCommand({
    name: "balance",
    summary: "balance, what has accrued since the last charge, burn per hour, hours left",
    route: () => "/billing/balance",
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
      period: option("--by <period>", "also by time", words(), { choices: ["day", "month"] }),
    },
    run: async ({ api, output }, query) =>
      printStatistics(output, await api.get("/billing/statistics", query)),
  }),
];

async function printCsv(
  api: ApiClient,
  path: string,
  query: Record<string, string | undefined>,
): Promise<void> {
  const out = new BytesOut("stdout", { isRaw: false });
  await api.stream(path, query, {
    accept: "text/csv",
    signal: new AbortController().signal,
    write: (bytes) => out.write(bytes),
  });
  out.end();
}

/** All pages of its lines as one. */
async function wholeInvoice(api: ApiClient, path: string): Promise<Row> {
  const Page = z.looseObject({ items: Rows, next_cursor: z.string().nullable() });
  let invoice = await api.get(path, { limit: "200" });
  const lines: Row[] = [];
  for (let page = Page.parse(invoice.lines); ; page = Page.parse(invoice.lines)) {
    lines.push(...page.items);
    if (page.next_cursor === null) return { ...invoice, lines };
    invoice = await api.get(path, { limit: "200", cursor: page.next_cursor });
  }
}

function printInvoice(output: Output, invoice: Row): void {
  if (output.format === "json") return printOne(output, invoice);
  const { lines, movements, ...sums } = invoice;
  printList(output, Rows.parse(lines), LINE_COLUMNS, "An invoice of the old system, without lines.");
  const moved = Rows.parse(movements);
  if (moved.length > 0) {
    output.write("\n");
    printList(output, moved, ["at", "kind", "amount", "reason"]);
  }
  output.write("\n");
  printOne(output, sums);
}

function printStatistics(output: Output, statistics: Row): void {
  if (output.format === "json") return printOne(output, statistics);
  const kind = (row: Row) => row.legacy_resource_type ?? row.resource_type;
  const tables: [member: string, column: Column][] = [
    ["by_resource_type", ["type", kind]],
    ["by_workspace", ["workspace", (row) => row.workspace_id]],
    ["by_member", ["member", (row) => row.customer_id]],
    ["by_period", "period"],
  ];
  for (const [member, column] of tables) {
    const rows = Rows.parse(statistics[member]);
    if (rows.length === 0) continue;
    printList(output, rows, [column, "records", "amount"]);
    output.write("\n");
  }
  printOne(output, statistics, ["start_time", "end_time", "records", "amount"]);
}
