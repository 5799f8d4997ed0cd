/**
 * Reads what `nvidia-smi --query-… --format=csv` prints, with or without `nounits`. Columns are found by their
 * name in the header line, so their order and number do not matter; `noheader` output cannot be read.
 */
import assert from "node:assert/strict";
import { conditionOf } from "../../../core/gpus/gpu-condition.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";
import {
  readCount,
  readDegrees,
  readText,
  readUuid,
  readWatts,
  type ReadGpu,
  type UnidentifiedGpu,
} from "./nvidia-smi-values.ts";

/** One line of a table: column name without its unit → cell as printed. */
export type CsvRow = ReadonlyMap<string, string>;

/** The driver writes such lines between and after the rows; they belong to no column. */
const REMARK = /^(WARNING:|Unable to determine )/;
/** nvidia-smi does not quote: a comma in one of these spills into further cells, which are put back together. */
const FREE_TEXT_COLUMNS = ["name", "gpu_name", "process_name"];
const MAX_ROWS = 1024;

/** @throws NvidiaSmiError garbage, when a line does not fit the header */
export function parseCsvTable(output: string): CsvRow[] {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== "" && !REMARK.test(line));
  if (lines.length > MAX_ROWS) throw garbage(`more than ${MAX_ROWS} lines`);
  const [headerLine, ...rowLines] = lines;
  if (headerLine === undefined) throw garbage("no header line");
  const columns = splitCells(headerLine).map((title) => title.replace(/ \[[^\]]*\]$/, ""));
  if (new Set(columns).size !== columns.length) throw garbage("the header names a column twice");
  return rowLines.map((line) => {
    const cells = joinSpilledText(columns, splitCells(line));
    if (cells.length !== columns.length)
      throw garbage(`a line has ${cells.length} cells where the header has ${columns.length}`);
    return new Map(columns.map((column, at) => [column, cells[at] ?? ""]));
  });
}

/** The cards of a `--query-gpu` table, and those of its lines that do not tell whose they are. */
export function parseGpuCsv(output: string): { gpus: ReadGpu[]; unidentified: UnidentifiedGpu[] } {
  const gpus: ReadGpu[] = [];
  const unidentified: UnidentifiedGpu[] = [];
  for (const row of parseCsvTable(output)) {
    if (!row.has("uuid") || !row.has("name")) throw garbage("no column uuid or name");
    const uuid = readUuid(row.get("uuid"));
    const name = readText(row.get("name"), 128);
    const pciBusId = readText(row.get("pci.bus_id"), 32);
    const condition = conditionIn(row);
    if (uuid === null || name === null) unidentified.push({ pciBusId, condition });
    else gpus.push({ uuid, name, pciBusId, ...factsIn(row), condition });
  }
  return { gpus, unidentified };
}

function factsIn(row: CsvRow): Omit<ReadGpu, "uuid" | "name" | "pciBusId" | "condition"> {
  return {
    index: readCount(row.get("index"), {}),
    brand: null,
    architecture: null,
    // Driver 595 and later call it `kmd_version`; from 610 on the old name is deprecated.
    driverVersion: readText(row.get("kmd_version"), 32) ?? readText(row.get("driver_version"), 32),
    computeCapability: readText(row.get("compute_cap"), 16),
    memoryTotalMib: readCount(row.get("memory.total"), { unit: "MiB" }),
    memoryUsedMib: readCount(row.get("memory.used"), { unit: "MiB" }),
    utilizationPercent: readCount(row.get("utilization.gpu"), { unit: "%", most: 100 }),
    temperatureC: readDegrees(row.get("temperature.gpu")),
    temperatureLimitC: null,
    powerW: readWatts(row.get("power.draw")),
    powerLimitW: readWatts(row.get("power.limit")),
    migEnabled: null,
    eccUncorrected: null,
  };
}

function conditionIn(row: CsvRow): ReadGpu["condition"] {
  return conditionOf([
    ["identity", row.get("uuid")],
    ["identity", row.get("name")],
    ["memory-total", row.get("memory.total")],
    ["memory-used", row.get("memory.used")],
    ["utilization", row.get("utilization.gpu")],
    ["temperature", row.get("temperature.gpu")],
    ["power", row.get("power.draw")],
  ]);
}

/** Cells are parted by a comma and blanks; a quoted cell may hold commas, and `""` in it is a quote. */
function splitCells(line: string): string[] {
  const cells: string[] = [];
  const cell = /\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(,|$)/y;
  for (let more = true; more;) {
    const found = cell.exec(line);
    assert(found, "anything up to a comma is a cell");
    cells.push(found[1] === undefined ? (found[2] ?? "").trim() : found[1].replaceAll('""', '"'));
    more = found[3] === ",";
  }
  return cells;
}

function joinSpilledText(columns: string[], cells: string[]): string[] {
  const surplus = cells.length - columns.length;
  const freeText = columns.filter((column) => FREE_TEXT_COLUMNS.includes(column));
  // With two columns of free text nobody can tell whose comma it was; process names win, card names have none.
  const owner = freeText.includes("process_name") ? "process_name" : freeText[0];
  if (surplus <= 0 || owner === undefined) return cells;
  const at = columns.indexOf(owner);
  return [
    ...cells.slice(0, at),
    cells.slice(at, at + surplus + 1).join(", "),
    ...cells.slice(at + surplus + 1),
  ];
}

function garbage(what: string): NvidiaSmiError {
  return new NvidiaSmiError("garbage", `nvidia-smi's CSV cannot be read: ${what}`);
}
