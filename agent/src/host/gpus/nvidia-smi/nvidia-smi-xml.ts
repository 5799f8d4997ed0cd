/**
 * Reads `nvidia-smi -q -x`. The tags moved over the years (schema 11 to 13 and the one before it had a number),
 * so each fact lists the places where it has lived. Missing branches are unknown values, not errors.
 */
import { XMLParser } from "fast-xml-parser";
import { z } from "zod";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { conditionOf, type Cells, type GpuCondition } from "../../../core/gpus/gpu-condition.ts";
import type { ReadingName } from "../../../core/gpus/gpu-readings.ts";
import type { GpuMeasurements } from "../../../core/metrics/gpu-samples.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";
import {
  readCount,
  readDegrees,
  readEnabled,
  readText,
  readUuid,
  readWatts,
  readYes,
  type Cell,
  type ReadGpu,
  type UnidentifiedGpu,
} from "./nvidia-smi-values.ts";

/** A process that holds memory of a card; with MIG the driver tells no memory. */
export type GpuProcess = { pid: number; gpuUuid: GpuUuid; memoryMib: number | null };

export type XmlInventory = { gpus: ReadGpu[]; unidentified: UnidentifiedGpu[]; processes: GpuProcess[] };

const MAX_REASONS = 16;
const MAX_REASON_LENGTH = 48;

/** No tag begins like this. */
const WORD = "#word";

const Leaf = z.string().nullish().catch(null);
/** A branch that is absent is empty, and one that holds a word ("N/A", "GPU is lost") instead of tags has that alone. */
const branch = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess(
    (value) => (typeof value === "object" ? value : typeof value === "string" ? { [WORD]: value } : {}),
    z.object({ ...shape, [WORD]: Leaf }),
  );
const leaves = <Name extends string>(...names: Name[]) =>
  branch(Object.fromEntries(names.map((name) => [name, Leaf])) as Record<Name, typeof Leaf>);

const Power = leaves(
  "average_power_draw",
  "instant_power_draw",
  "power_draw",
  "current_power_limit",
  "enforced_power_limit",
  "power_limit",
);
const EccCounts = branch({
  sram_uncorrectable: Leaf,
  sram_uncorrectable_parity: Leaf,
  sram_uncorrectable_secded: Leaf,
  dram_uncorrectable: Leaf,
  sram_correctable: Leaf,
  dram_correctable: Leaf,
  single_bit: leaves("total"),
  double_bit: leaves("total"),
});
/** Which reasons there are differs from version to version, so every tag in it is taken. */
const ClockReasons = z.preprocess(
  (value) => (typeof value === "object" && value !== null ? value : {}),
  z.record(z.string(), Leaf),
);
const Gpu = branch({
  "@id": Leaf,
  uuid: Leaf,
  minor_number: Leaf,
  product_name: Leaf,
  product_brand: Leaf,
  product_architecture: Leaf,
  pci: leaves("pci_bus_id"),
  mig_mode: leaves("current_mig"),
  fb_memory_usage: leaves("total", "used"),
  utilization: leaves("gpu_util"),
  clocks: leaves("sm_clock"),
  temperature: leaves("gpu_temp", "gpu_temp_slow_threshold", "gpu_temp_max_gpu_threshold"),
  gpu_power_readings: Power,
  power_readings: Power,
  ecc_errors: branch({
    volatile: EccCounts,
    aggregate: EccCounts,
    channel_repair_pending: Leaf,
    tpc_repair_pending: Leaf,
    unrepairable_memory: Leaf,
  }),
  retired_pages: leaves("pending_retirement", "pending_blacklist"),
  remapped_rows: leaves("remapped_row_pending", "remapped_row_failure"),
  clocks_event_reasons: ClockReasons,
  clocks_throttle_reasons: ClockReasons,
  gpu_recovery_action: Leaf,
  fabric: branch({ state: Leaf, status: Leaf, health: leaves("summary", "bandwidth", "route_unhealthy") }),
  processes: branch({ process_info: z.array(leaves("pid", "used_memory")).default([]) }),
});
const Log = z.object({
  nvidia_smi_log: z.object({
    driver_version: Leaf,
    /** Beside the former or in its place, from driver 595 on. */
    kmd_version: Leaf,
    gpu: z.array(Gpu).max(64).default([]),
  }),
});

const LISTS = new Set(["gpu", "process_info"]);
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  parseTagValue: false,
  processEntities: false,
  isArray: (tag) => LISTS.has(tag),
});

/** @throws NvidiaSmiError garbage */
export function parseNvidiaSmiXml(output: string): XmlInventory {
  const log = parseLog(output).nvidia_smi_log;
  const driverVersion = readText(log.kmd_version, 32) ?? readText(log.driver_version, 32);
  const inventory: XmlInventory = { gpus: [], unidentified: [], processes: [] };
  for (const gpu of log.gpu) {
    const uuid = readUuid(gpu.uuid);
    const name = readText(gpu.product_name, 128);
    const pciBusId = readText(gpu.pci.pci_bus_id, 32) ?? readText(gpu["@id"], 32);
    const condition = conditionIn(gpu);
    if (uuid === null || name === null) {
      inventory.unidentified.push({ pciBusId, condition });
      continue;
    }
    inventory.gpus.push({
      uuid,
      name,
      pciBusId,
      ...factsOf(gpu),
      driverVersion,
      condition,
      measurements: measurementsOf(gpu),
    });
    inventory.processes.push(...processesOf(gpu, uuid));
  }
  return inventory;
}

function parseLog(output: string): z.infer<typeof Log> {
  try {
    return Log.parse(parser.parse(output, true));
  } catch (cause) {
    throw new NvidiaSmiError("garbage", "nvidia-smi's XML cannot be read", { cause });
  }
}

function factsOf(
  gpu: z.infer<typeof Gpu>,
): Omit<ReadGpu, "uuid" | "name" | "pciBusId" | "driverVersion" | "condition" | "measurements"> {
  const { temperature, fb_memory_usage: memory } = gpu;
  const powers = [gpu.gpu_power_readings, gpu.power_readings];
  return {
    index: null,
    brand: readText(gpu.product_brand, 64),
    architecture: readText(gpu.product_architecture, 64),
    minorNumber: readCount(gpu.minor_number, {}),
    computeCapability: null,
    memoryTotalMib: readCount(memory.total, { unit: "MiB" }),
    memoryUsedMib: readCount(memory.used, { unit: "MiB" }),
    utilizationPercent: readCount(gpu.utilization.gpu_util, { unit: "%", most: 100 }),
    temperatureC: readDegrees(temperature.gpu_temp),
    // Newer cards tell only a margin ("T.Limit") that wanders with the load; a limit made of it would, too.
    temperatureLimitC:
      readDegrees(temperature.gpu_temp_slow_threshold) ?? readDegrees(temperature.gpu_temp_max_gpu_threshold),
    powerW: firstKnown(
      powers.flatMap((power) => [power.power_draw, power.average_power_draw, power.instant_power_draw]),
      readWatts,
    ),
    powerLimitW: firstKnown(
      powers.flatMap((power) => [power.current_power_limit, power.enforced_power_limit, power.power_limit]),
      readWatts,
    ),
    migEnabled: readEnabled(gpu.mig_mode.current_mig),
    // Those since the driver was loaded: lifetime counts never go down and would mark a card forever.
    eccUncorrected: eccOf(gpu.ecc_errors.volatile),
    eccUncorrectedTotal: eccOf(gpu.ecc_errors.aggregate),
    repairPending: anyOf([
      gpu.retired_pages.pending_retirement,
      gpu.retired_pages.pending_blacklist,
      gpu.remapped_rows.remapped_row_pending,
      gpu.ecc_errors.channel_repair_pending,
      gpu.ecc_errors.tpc_repair_pending,
    ]),
    repairFailed: anyOf([gpu.remapped_rows.remapped_row_failure, gpu.ecc_errors.unrepairable_memory]),
    throttleReasons: activeReasons({ ...gpu.clocks_throttle_reasons, ...gpu.clocks_event_reasons }),
  };
}

function measurementsOf({ clocks, ecc_errors: { volatile } }: z.infer<typeof Gpu>): GpuMeasurements {
  return {
    smClockMhz: readCount(clocks.sm_clock, { unit: "MHz" }),
    eccCorrected: sumOf([volatile.sram_correctable, volatile.dram_correctable, volatile.single_bit.total]),
  };
}

/** The cells that say more than a value, each branch's own word among them. What a customer can name is left out. */
function conditionIn(gpu: z.infer<typeof Gpu>): GpuCondition {
  const { fb_memory_usage: memory, ecc_errors: ecc, remapped_rows: rows, retired_pages: pages, fabric } = gpu;
  const powers = [gpu.gpu_power_readings, gpu.power_readings];
  return conditionOf([
    ...each("identity", [gpu.uuid, gpu.product_name, gpu.pci[WORD]]),
    ...each("memory-total", [memory.total]),
    ...each("memory-used", [memory.used, memory[WORD]]),
    ...each("utilization", [gpu.utilization.gpu_util, gpu.utilization[WORD]]),
    ...each("temperature", [gpu.temperature.gpu_temp, gpu.temperature[WORD]]),
    ...each(
      "power",
      powers.flatMap((power) => [
        power.power_draw,
        power.average_power_draw,
        power.instant_power_draw,
        power[WORD],
      ]),
    ),
    ...each("errors", [...eccCells(ecc.volatile), ...eccCells(ecc.aggregate), ecc[WORD]]),
    ...each("repairs", [rows.remapped_row_pending, rows.remapped_row_failure, rows[WORD], pages[WORD]]),
    ...each("repairs", [pages.pending_retirement, pages.pending_blacklist]),
    ...each("mig-mode", [gpu.mig_mode.current_mig, gpu.mig_mode[WORD]]),
    ...each("recovery-action", [gpu.gpu_recovery_action]),
    ...each("fabric-state", [fabric.state ?? fabric[WORD]]),
    ...each("fabric-status", [fabric.status]),
    ...each("fabric-health", [fabric.health.summary ?? fabric.health[WORD]]),
    ...each("fabric-route", [fabric.health.route_unhealthy]),
    ...each("fabric-bandwidth", [fabric.health.bandwidth]),
  ]);
}

function each(reading: ReadingName, cells: Cell[]): Cells {
  return cells.map((cell) => [reading, cell] as const);
}

function eccCells(errors: z.infer<typeof EccCounts>): Cell[] {
  return [
    errors.sram_uncorrectable,
    errors.sram_uncorrectable_parity,
    errors.sram_uncorrectable_secded,
    errors.dram_uncorrectable,
    errors.double_bit.total,
    errors[WORD],
  ];
}

function eccOf(errors: z.infer<typeof EccCounts>): number | null {
  return sumOf(eccCells(errors));
}

/** Null where no cell has a number. */
function sumOf(cells: Cell[]): number | null {
  const counts = cells.flatMap((cell) => readCount(cell, {}) ?? []);
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
}

/** Null where no cell says yes or no. */
function anyOf(cells: Cell[]): boolean | null {
  const text = cells.flatMap((cell) => readYes(cell) ?? []);
  return text.length === 0 ? null : text.includes(true);
}

/** `clocks_event_reason_hw_slowdown`, formerly `clocks_throttle_reason_hw_slowdown`, is told as `hw_slowdown`. */
function activeReasons(reasons: Record<string, Cell>): string[] | null {
  const reported = Object.entries(reasons).filter(([, cell]) => cell === "Active" || cell === "Not Active");
  if (reported.length === 0) return null;
  const active = reported.filter(([, cell]) => cell === "Active");
  return active
    .map(([tag]) => tag.replace(/^clocks_(event|throttle)_reason_/, "").slice(0, MAX_REASON_LENGTH))
    .slice(0, MAX_REASONS);
}

function processesOf(gpu: z.infer<typeof Gpu>, gpuUuid: GpuUuid): GpuProcess[] {
  return gpu.processes.process_info.flatMap((info) => {
    const pid = readCount(info.pid, { least: 1 });
    return pid === null ? [] : [{ pid, gpuUuid, memoryMib: readCount(info.used_memory, { unit: "MiB" }) }];
  });
}

function firstKnown(cells: Cell[], read: (cell: Cell) => number | null): number | null {
  for (const cell of cells) {
    const value = read(cell);
    if (value !== null) return value;
  }
  return null;
}
