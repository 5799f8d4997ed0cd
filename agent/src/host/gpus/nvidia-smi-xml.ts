/**
 * Reads `nvidia-smi -q -x`. The tags moved over the years (schema 11 to 13 and the one before it had a number),
 * so each fact lists the places where it has lived. Missing branches are unknown values, not errors.
 */
import { XMLParser } from "fast-xml-parser";
import { z } from "zod";
import type { GpuUuid } from "@remotegpu/shared/ids";
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
  type GpuFacts,
} from "./nvidia-smi-values.ts";

/** A process that holds memory of a card; with MIG the driver tells no memory. */
export type GpuProcess = { pid: number; gpuUuid: GpuUuid; memoryMib: number | null };

export type XmlInventory = { gpus: GpuFacts[]; processes: GpuProcess[] };

const MAX_REASONS = 16;
const MAX_REASON_LENGTH = 48;

const Leaf = z.string().nullish().catch(null);
/** A branch that is absent, or holds a word ("N/A", "None") instead of tags, is an empty branch. */
const branch = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess((value) => (typeof value === "object" ? value : {}), z.object(shape));
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
  product_name: Leaf,
  product_brand: Leaf,
  product_architecture: Leaf,
  pci: leaves("pci_bus_id"),
  mig_mode: leaves("current_mig"),
  fb_memory_usage: leaves("total", "used"),
  utilization: leaves("gpu_util"),
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
  processes: branch({ process_info: z.array(leaves("pid", "used_memory")).default([]) }),
});
const Log = z.object({
  nvidia_smi_log: z.object({ driver_version: Leaf, gpu: z.array(Gpu).max(64).default([]) }),
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
  const inventory: XmlInventory = { gpus: [], processes: [] };
  for (const gpu of log.gpu) {
    const uuid = readUuid(gpu.uuid);
    const name = readText(gpu.product_name, 128);
    if (uuid === null || name === null) continue;
    inventory.gpus.push({ uuid, name, ...factsOf(gpu), driverVersion: readText(log.driver_version, 32) });
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

function factsOf(gpu: z.infer<typeof Gpu>): Omit<GpuFacts, "uuid" | "name" | "driverVersion"> {
  const { temperature, fb_memory_usage: memory } = gpu;
  const powers = [gpu.gpu_power_readings, gpu.power_readings];
  return {
    index: null,
    brand: readText(gpu.product_brand, 64),
    architecture: readText(gpu.product_architecture, 64),
    pciBusId: readText(gpu.pci.pci_bus_id, 32) ?? readText(gpu["@id"], 32),
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

function eccOf(errors: z.infer<typeof EccCounts>): number | null {
  const counts = [
    errors.sram_uncorrectable,
    errors.sram_uncorrectable_parity,
    errors.sram_uncorrectable_secded,
    errors.dram_uncorrectable,
    errors.double_bit.total,
  ].flatMap((cell) => readCount(cell, {}) ?? []);
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
}

/** Null where no cell says yes or no. */
function anyOf(cells: Cell[]): boolean | null {
  const said = cells.flatMap((cell) => readYes(cell) ?? []);
  return said.length === 0 ? null : said.includes(true);
}

/** `clocks_event_reason_hw_slowdown`, formerly `clocks_throttle_reason_hw_slowdown`, is told as `hw_slowdown`. */
function activeReasons(reasons: Record<string, Cell>): string[] | null {
  const told = Object.entries(reasons).filter(([, cell]) => cell === "Active" || cell === "Not Active");
  if (told.length === 0) return null;
  const active = told.filter(([, cell]) => cell === "Active");
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
