/**
 * How one cell of nvidia-smi becomes a value, the same for CSV and XML. What the driver does not say is null,
 * and so is what it says in a form or unit that we do not know: a report never holds an invented number. Which words are
 * a sign of failure is in core/gpus/gpu-readings.ts.
 */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import type { GpuCondition } from "../../../core/gpus/gpu-condition.ts";
import type { GpuMeasurements } from "../../../core/metrics/gpu-samples.ts";
import { isReportedText } from "../../../core/gpus/gpu-readings.ts";

/** What nvidia-smi alone says of a card; CSV knows the index, XML does not, and XML alone tells of repairs. */
type GpuFacts = Omit<
  GpuReport,
  | "simulated"
  | "health"
  | "index"
  | "reasons"
  | "why"
  | "reasonCode"
  | "hasSign"
  | "cordon"
  | "strangers"
  | "foreignMemoryMib"
  | "memorySplit"
> & { index: number | null };

/** A card of an answer, and what the answer says of it beyond values. */
export type ReadGpu = GpuFacts & { condition: GpuCondition; measurements?: GpuMeasurements };

/** One whose name or UUID the answer does not tell; where it sits may still tell which it is. */
export type UnidentifiedGpu = { pciBusId: string | null; condition: GpuCondition };

export type Cell = string | null | undefined;

/** Beyond these a reading is the driver's slip, and one absurd value must not make a whole host's answer unreadable. */
const MOST_COUNTED = 2_147_483_647;
const COLDEST_C = -273;
const HOTTEST_C = 10_000;
const MOST_WATTS = 1_000_000;
const QUANTITY = /^(-?\d{1,15}(?:\.\d{1,9})?)(?:\s*([A-Za-z%]+))?$/;

export function readText(cell: Cell, maxLength: number): string | null {
  const trimmed = cell?.trim() ?? "";
  return !isReportedText(trimmed) || trimmed.length > maxLength ? null : trimmed;
}

/** A number in `unit`; the unit may be left out (`nounits`), another one makes the value unknown. */
function readNumber(cell: Cell, unit: string): number | null {
  const found = QUANTITY.exec(cell?.trim() ?? "");
  if (!found || (found[2] !== undefined && found[2] !== unit)) return null;
  return Number(found[1]);
}

/** A whole number of at least `least` and at most `most`. */
export function readCount(
  cell: Cell,
  { unit = "", least = 0, most = MOST_COUNTED }: { unit?: string; least?: number; most?: number },
): number | null {
  const value = readNumber(cell, unit);
  return value !== null && Number.isInteger(value) && value >= least && value <= most ? value : null;
}

export function readDegrees(cell: Cell): number | null {
  const value = readNumber(cell, "C");
  return value === null || value < COLDEST_C || value > HOTTEST_C ? null : Math.round(value);
}

export function readWatts(cell: Cell): number | null {
  const value = readNumber(cell, "W");
  return value !== null && value >= 0 && value <= MOST_WATTS ? value : null;
}

export function readEnabled(cell: Cell): boolean | null {
  const text = cell?.trim();
  return text === "Enabled" ? true : text === "Disabled" ? false : null;
}

export function readYes(cell: Cell): boolean | null {
  const text = cell?.trim();
  return text === "Yes" ? true : text === "No" ? false : null;
}

export function readUuid(cell: Cell): GpuUuid | null {
  const parsed = GpuUuid.safeParse(cell?.trim());
  return parsed.success ? parsed.data : null;
}
