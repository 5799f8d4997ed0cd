/** What the command prints: tables and cards for people, JSON for scripts. */
import Table from "cli-table3";
import { GIB, KIB, MIB } from "@remotegpu/shared/values/units";
import { safeText } from "../terminal/safe-text.ts";

export type Output = {
  /** `wide` is a table with all columns and whole times; `name` the bare names, for loops of a shell. */
  format: "table" | "wide" | "name" | "json";
  /** How many characters a line of a terminal holds; null where nothing is to be cut. */
  width: number | null;
  /** What "3 min ago" is counted from. */
  nowMs: number;
  write: (text: string) => void;
  /** Empties the terminal; left out where there is none. */
  clear?: () => void;
  /** A terminal is to have what containers print byte for byte. */
  isRaw?: boolean;
};

/**
 * A column: a member's name, or a title with a function of the row. `wide` ones show with `-o wide` alone,
 * `whenSeveral` ones also where not all rows say the same, and `ifRoom` ones unless a terminal is too narrow for them.
 */
export type Column<Row> =
  | PlainColumn<Row>
  | { wide: PlainColumn<Row> }
  | { whenSeveral: PlainColumn<Row> }
  | { ifRoom: PlainColumn<Row> };
export type PlainColumn<Row> = (keyof Row & string) | [title: string, value: (row: Row) => unknown];

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

export function printList<Row extends object>(
  output: Output,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty = "Nothing yet.",
): void {
  if (output.format === "json") return output.write(`${JSON.stringify({ items: rows }, null, 2)}\n`);
  if (output.format === "name") return output.write(rows.map((row) => `${nameOf(row)}\n`).join(""));
  if (rows.length === 0) return output.write(`${empty}\n`);
  const [head = [], ...cells] = fitted(visibleCells(output, rows, columns), output);
  const table = new Table({ ...BARE, chars: { ...BARE.chars, middle: "" }, head });
  for (const row of cells) table.push(row);
  output.write(`${trimLines(table.toString())}\n`);
}

/** By what a command takes: an id, unless that is a plain number and there is a name. */
function nameOf(row: object): string {
  const { id, name, username, key, spec }: Named = row;
  const called = typeof id === "string" ? id : (name ?? username ?? id ?? key ?? spec);
  return typeof called === "string" ? safeText(called) : JSON.stringify(called ?? "");
}

type Named = { [Member in "id" | "name" | "username" | "key" | "spec"]?: unknown };

/** The titles and below them the rows, without the columns for which there is no room. */
function visibleCells<Row extends object>(
  output: Output,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): string[][] {
  for (let visible = columns; ;) {
    const plain = visible.flatMap((column) => visibleColumn(column, output.format, rows));
    const cells = [
      plain.map(titleOf),
      ...rows.map((row) => plain.map((column) => listText(row, column, output))),
    ];
    const least = visible.findLastIndex((column) => typeof column === "object" && "ifRoom" in column);
    if (least < 0 || isRoomFor(cells, output)) return cells;
    visible = visible.toSpliced(least, 1);
  }
}

function visibleColumn<Row extends object>(
  column: Column<Row>,
  format: Output["format"],
  rows: readonly Row[],
): PlainColumn<Row>[] {
  if (typeof column === "string" || Array.isArray(column)) return [column];
  if ("ifRoom" in column) return [column.ifRoom];
  if ("wide" in column) return format === "wide" ? [column.wide] : [];
  const { whenSeveral } = column;
  const isOneForAll = new Set(rows.map((row) => cellText(valueOf(row, whenSeveral)))).size < 2;
  return format === "wide" || !isOneForAll ? [whenSeveral] : [];
}

/**
 * The members that are moments, of which a person wants to know how long ago they were; a bill's days and hours stay
 * what they are.
 */
const MOMENT = /_at$|^at$|^last_heartbeat$/;

function listText<Row extends object>(row: Row, column: PlainColumn<Row>, output: Output): string {
  const value = valueOf(row, column);
  const isMoment = typeof column === "string" ? MOMENT.test(column) : MOMENT_TITLES.has(column[0]);
  if (!isMoment || typeof value !== "string" || output.format === "wide") return cellText(value);
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? cellText(value) : sinceText(ms - output.nowMs);
}

const MOMENT_TITLES = new Set(["last access", "released at", "next try", "over since", "since"]);

/** "3 min ago", "in 2 h" */
export function sinceText(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  if (seconds < 5) return "now";
  const [unit, size] = UNITS_OF_TIME.find(([, one]) => seconds >= 2 * one) ?? ["s", 1];
  const text = `${Math.floor(seconds / size)} ${unit}`;
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

/** Each is told from two of it on: "90 min" says more than "1 h". */
const UNITS_OF_TIME: [name: string, seconds: number][] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** Between two columns. */
const GAP = 2;
/** Where not even so much of each text could be shown, a column that may be left out is. */
const READABLE_WIDTH = 12;
const LEAST_WIDTH = 8;
/** They are there to be copied. */
const NEVER_CUT: ReadonlySet<string | undefined> = new Set(["id", "address", "start_time"]);

function isRoomFor(rows: string[][], { width, format }: Output): boolean {
  if (width === null || format === "wide") return true;
  const least = widthsOf(rows).map((one, at) =>
    NEVER_CUT.has(rows[0]?.[at]) ? one : Math.min(one, READABLE_WIDTH),
  );
  return totalOf(least) <= width;
}

/** In a terminal the longest texts are cut until a row is a line, but none below what still says something. */
function fitted(rows: string[][], { width, format }: Output): string[][] {
  if (width === null || format === "wide") return rows;
  const widths = widthsOf(rows);
  const cuttable = [...widths.keys()].filter((at) => !NEVER_CUT.has(rows[0]?.[at]));
  for (let tooMuch = totalOf(widths) - width; tooMuch > 0; tooMuch -= 1) {
    const widest = Math.max(0, ...cuttable.map((at) => widths[at] ?? 0));
    if (widest <= LEAST_WIDTH) break;
    widths[cuttable.find((at) => widths[at] === widest) ?? 0] = widest - 1;
  }
  return rows.map((row) => row.map((cell, at) => cut(cell, widths[at] ?? cell.length)));
}

function widthsOf(rows: string[][]): number[] {
  return (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => charactersOf(row[at] ?? "").length)));
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, one) => sum + one + GAP, -GAP);
}

function charactersOf(text: string): string[] {
  return Array.from(text);
}

function cut(text: string, width: number): string {
  const characters = charactersOf(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
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

/** The code and the parameters of a reason, which stands beside them as a sentence. */
const REASON_AS_DATA = /(?:^|_)reason_(?:code|params)$/;

/** One thing, a line per member. Unset members and codes of reasons are left out for people, never from JSON. */
export function printOne<Row extends object>(
  output: Output,
  row: Row,
  columns?: readonly PlainColumn<Row>[],
): void {
  if (output.format === "json") return output.write(`${JSON.stringify(row, null, 2)}\n`);
  if (output.format === "name") return output.write(`${nameOf(row)}\n`);
  const members = columns?.map((column) => memberOf(row, column)) ?? Object.entries(row).map(sized);
  const isForPeople = ([title]: readonly [title: string, ...unknown[]]) => !REASON_AS_DATA.test(title);
  const lines = members
    .filter(isForPeople)
    .filter(([, value]) => value !== undefined && value !== null && value !== "");
  const width = Math.max(0, ...lines.map(([title]) => title.length));
  output.write(`${lines.map(([title, value]) => `${title.padEnd(width)}  ${cellText(value)}`).join("\n")}\n`);
}

/** A sentence for people; in JSON the thing itself. */
export function printDone(output: Output, sentence: string, row: object = {}): void {
  if (output.format === "json") return output.write(`${JSON.stringify(row, null, 2)}\n`);
  output.write(output.format === "name" ? `${nameOf(row)}\n` : `${sentence}\n`);
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

function titleOf<Row extends object>(column: PlainColumn<Row>): string {
  return typeof column === "string" ? column : column[0];
}

function memberOf<Row extends object>(row: Row, column: PlainColumn<Row>): [string, unknown] {
  return typeof column === "string" ? sized([column, row[column]]) : [column[0], column[1](row)];
}

function sized([member, value]: [string, unknown]): [string, unknown] {
  const unit = SIZE_UNITS[member];
  return [member, unit === undefined || typeof value !== "number" ? value : sizeText(value * unit)];
}

function valueOf<Row extends object>(row: Row, column: PlainColumn<Row>): unknown {
  return typeof column === "string" ? row[column] : column[1](row);
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "-";
  const isList = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one !== "object");
  if (isList) return safeText(value.join(", "));
  return safeText(typeof value === "string" ? value : JSON.stringify(value));
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
