/** The bill: records, invoices and statistics, as tables, as JSON, and as CSV for spreadsheets. */
import { once } from "node:events";
import { Option, type Command } from "commander";
import { z } from "zod";
import type { ApiClient, Row } from "../api-client.ts";
import { wholeNumber } from "../arguments.ts";
import { withContext } from "../context.ts";
import { printList, printOne, type Column, type Output } from "../output.ts";

const RECORD_COLUMNS: Column[] = [
  "id",
  "start_time",
  ["resource", (row) => row.resource_name ?? row.resource_id],
  ["kind", (row) => row.resource_type],
  ["line", (row) => row.line ?? row.legacy_resource_type],
  "quantity",
  ["minutes", (row) => row.billing_minutes],
  "unit_price",
  ["per", (row) => row.billing_unit],
  "amount",
];

const INVOICE_COLUMNS: Column[] = [
  "id",
  "invoice_no",
  "billing_period_start",
  "billing_period_end",
  ["total", (row) => row.total_amount],
  "currency",
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

export function addBillingCommands(program: Command): void {
  program
    .command("records")
    .description("billing records, newest first")
    .option("--limit <count>", "how many (by default 50, as CSV all)", wholeNumber)
    .option("--resource <id>", "of one environment, job or service")
    .option("--csv", "print CSV")
    .action(
      withContext(async ({ api, output }, options: { limit?: number; resource?: string; csv?: boolean }) => {
        const query = { resource_id: options.resource };
        if (options.csv === true)
          return await printCsv(api, "/billing/records", { ...query, limit: options.limit?.toString() });
        const rows = await api.list("/billing/records", query, options.limit ?? 50);
        printList(output, rows, RECORD_COLUMNS, "Nothing has been charged yet.");
      }),
    );

  program
    .command("invoices")
    .description("invoices, one for each month with charges, newest first")
    .option("--customer <id>", "another customer's (admins)")
    .action(
      withContext(async ({ api, output }, options: { customer?: string }) => {
        const rows = await api.list("/billing/invoices", { customer_id: options.customer });
        printList(output, rows, INVOICE_COLUMNS, "No month has been closed with charges yet.");
      }),
    );

  program
    .command("invoice <id>")
    .description("one invoice with its lines, and what else moved the account in that month")
    .option("--csv", "print its lines as CSV")
    .action(
      withContext(async ({ api, output }, id: string, options: { csv?: boolean }) => {
        const path = `/billing/invoices/${encodeURIComponent(id)}`;
        if (options.csv === true) return await printCsv(api, path, {});
        printInvoice(output, await wholeInvoice(api, path));
      }),
    );

  program
    .command("statistics")
    .description("what was charged, by type, workspace and member; this month unless told")
    .option("--from <time>", "RFC 3339; what ended then does not count any more")
    .option("--to <time>", "RFC 3339; what ended by then counts")
    .option("--workspace <id>", "of one workspace")
    .option("--customer <id>", "of another customer (admins)")
    .addOption(new Option("--by <period>", "also by time").choices(["day", "month"]))
    .action(
      withContext(async ({ api, output }, options: Record<string, string | undefined>) => {
        const statistics = await api.get("/billing/statistics", {
          start_time: options.from,
          end_time: options.to,
          workspace_id: options.workspace,
          customer_id: options.customer,
          period: options.by,
        });
        printStatistics(output, statistics);
      }),
    );
}

async function printCsv(
  api: ApiClient,
  path: string,
  query: Record<string, string | undefined>,
): Promise<void> {
  await api.stream(path, query, {
    accept: "text/csv",
    signal: new AbortController().signal,
    write: async (bytes) => {
      if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
    },
  });
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
  if (output.json) return printOne(output, invoice);
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
  if (output.json) return printOne(output, statistics);
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
