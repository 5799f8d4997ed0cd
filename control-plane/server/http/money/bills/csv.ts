/**
 * Tables as CSV (RFC 4180) for whoever asks with `Accept: text/csv`: decimals as they are stored, nulls as nothing, and
 * texts that a spreadsheet would take for a formula with an apostrophe before them. Whole tables are read a page at a
 * time, as fast as the client reads, and hold no connection in between.
 */
import { accepts } from "hono/accepts";
import type { ApiContext } from "../../deps.ts";

const ROWS_PER_PAGE = 1_000;
/** Whatever stands behind a blank or a tab is a formula to some programs, too. */
const FORMULA = /^\s*[=+\-@\t\r]/;

/** `number` is what we wrote ourselves (decimals, times, ids); `text` may be what somebody typed. */
export interface CsvColumn<Row> {
  readonly name: string;
  readonly kind: "number" | "text";
  readonly value: (row: Row) => string | number | null;
}

export function wantsCsv(c: ApiContext): boolean {
  c.header("Vary", "Accept");
  const supports = ["application/json", "text/csv"];
  return accepts(c, { header: "Accept", supports, default: "application/json" }) === "text/csv";
}

export function csvHead<Row>(columns: readonly CsvColumn<Row>[]): string {
  return line(columns.map(({ name }) => name));
}

export function csvRow<Row>(columns: readonly CsvColumn<Row>[], row: Row): string {
  return line(
    columns.map(({ kind, value }) => {
      const cell = value(row);
      if (cell === null) return "";
      return kind === "text" && FORMULA.test(String(cell)) ? `'${cell}` : String(cell);
    }),
  );
}

function line(cells: readonly string[]): string {
  const quoted = cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${quoted.join(",")}\r\n`;
}

export interface CsvTable<Row> {
  readonly columns: readonly CsvColumn<Row>[];
  /** One row more than the limit, as for pages of JSON. */
  readonly page: (page: { limit: number; after: number | null }) => Promise<Row[]>;
  readonly key: (row: Row) => number;
  /** At most so many rows; all without it. */
  readonly limit: number | null;
  readonly after: number | null;
}

export function csvStream<Row>(table: CsvTable<Row>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let { after } = table;
  let left = table.limit ?? Infinity;
  let isBegun = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const limit = Math.min(ROWS_PER_PAGE, left);
        const rows = await table.page({ limit, after });
        const visible = rows.slice(0, limit);
        const last = visible.at(-1);
        const head = isBegun ? "" : csvHead(table.columns);
        const text = head + visible.map((row) => csvRow(table.columns, row)).join("");
        if (text !== "") controller.enqueue(encoder.encode(text));
        isBegun = true;
        left -= visible.length;
        if (last === undefined || rows.length <= limit || left <= 0) return controller.close();
        after = table.key(last);
      },
    },
    { highWaterMark: 0 },
  );
}

export function csvHeaders(file: string): Record<string, string> {
  return {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": `attachment; filename="${file}.csv"`,
  };
}
