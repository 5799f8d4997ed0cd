/** What the command prints: tables and cards for people, JSON for scripts. */
import Table from "cli-table3";
import { GIB, KIB, MIB } from "@remotegpu/shared/units";
import type { Row } from "./api-client.ts";

export type Output = { json: boolean; write: (text: string) => void };

/** A column: a member's name, or a title with a function of the row. */
export type Column = string | [title: string, value: (row: Row) => unknown];

const BARE = {
  chars: Object.fromEntries(
    [
      "top",
      "top-mid",
      "top-left",
      "top-right",
      "bottom",
      "bottom-mid",
      "bottom-left",
      "bottom-right",
      "left",
      "left-mid",
      "mid",
      "mid-mid",
      "right",
      "right-mid",
    ].map((name) => [name, ""]),
  ),
  style: { head: [], border: [], "padding-left": 0, "padding-right": 2, compact: true },
};

export function printList(output: Output, rows: Row[], columns: Column[], empty = "Nothing yet."): void {
  if (output.json) return output.write(`${JSON.stringify({ items: rows }, null, 2)}\n`);
  if (rows.length === 0) return output.write(`${empty}\n`);
  const table = new Table({ ...BARE, chars: { ...BARE.chars, middle: "" }, head: columns.map(titleOf) });
  for (const row of rows) table.push(columns.map((column) => cellText(valueOf(row, column))));
  output.write(`${trimLines(table.toString())}\n`);
}

/** Members that hold a size, and how many bytes one of it is: people read "64 GiB", scripts the number. */
const SIZE_UNITS: Record<string, number> = {
  memory: 1,
  gpu_memory: 1,
  storage: 1,
  temp_storage: 1,
  total_memory: 1,
  used_memory: 1,
  total_disk: 1,
  used_disk: 1,
  memory_total: 1,
  memory_free: 1,
  storage_quota: 1,
  memory_quota: MIB,
};

/** One thing, a line per member. Members that are unset are left out for people, never from JSON. */
export function printOne(output: Output, row: Row, columns?: Column[]): void {
  if (output.json) return output.write(`${JSON.stringify(row, null, 2)}\n`);
  const shown = columns ?? Object.keys(row);
  const lines = shown
    .map((column): [string, unknown] => [titleOf(column), shownOf(row, column)])
    .filter(([, value]) => value !== undefined && value !== null && value !== "");
  const width = Math.max(0, ...lines.map(([title]) => title.length));
  output.write(`${lines.map(([title, value]) => `${title.padEnd(width)}  ${cellText(value)}`).join("\n")}\n`);
}

/** A sentence for people; in JSON the thing itself. */
export function printDone(output: Output, sentence: string, row: Row = {}): void {
  output.write(output.json ? `${JSON.stringify(row, null, 2)}\n` : `${sentence}\n`);
}

/** "512 MiB", "1.5 GiB": in the largest unit of which there is one, to a tenth. */
export function sizeText(bytes: unknown): string {
  if (typeof bytes !== "number") return "";
  const [name, unit] = SIZES.find(([, size]) => bytes >= size) ?? ["bytes", 1];
  return `${Math.round((bytes / unit) * 10) / 10} ${name}`;
}

const SIZES: [name: string, bytes: number][] = [
  ["TiB", 1024 * GIB],
  ["GiB", GIB],
  ["MiB", MIB],
  ["KiB", KIB],
];

function titleOf(column: Column): string {
  return typeof column === "string" ? column : column[0];
}

function shownOf(row: Row, column: Column): unknown {
  const value = valueOf(row, column);
  const unit = typeof column === "string" ? SIZE_UNITS[column] : undefined;
  return unit === undefined || typeof value !== "number" ? value : sizeText(value * unit);
}

function valueOf(row: Row, column: Column): unknown {
  return typeof column === "string" ? row[column] : column[1](row);
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "-";
  const isList = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one !== "object");
  if (isList) return safeText(value.join(", "));
  return safeText(typeof value === "string" ? value : JSON.stringify(value));
}

/** What others typed may hold escape sequences; a terminal must not obey them. */
export function safeText(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    JSON.stringify(character).slice(1, -1).replace("\u007f", "\\u007f"),
  );
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
