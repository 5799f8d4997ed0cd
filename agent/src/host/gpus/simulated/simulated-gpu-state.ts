/**
 * The state file of the simulated cards: lines of fields parted by `|`, which the shell of the simulated
 * nvidia-smi reads with `IFS='|' read`. The agent alone writes it.
 */
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import type { SimulatedReadings } from "../../../core/gpus/simulated-load.ts";

/** The name that API, command line and logs show as the GPU's model. */
const SIMULATED_GPU_NAME = "Simulated A100 80GB";
export const MEMORY_TOTAL_MIB = 81_920;
export const POWER_LIMIT_W = 400;

export type SimulatedState = {
  /** Wall clock at which the readings hold. */
  atMs: number;
  cards: { index: number; uuid: GpuUuid; readings: SimulatedReadings }[];
  processes: { uuid: string; pid: number; memoryMib: number }[];
};

const Count = z.coerce.number().int().nonnegative();
const StampLine = z.tuple([z.literal("stamp"), z.string(), Count]);
/** index, uuid, name, bus id, total MiB, used KiB, use in 1/1000, heat in m°C, power in mW, limit in W */
const CardLine = z.tuple([
  z.literal("card"),
  Count,
  GpuUuid,
  z.string(),
  z.string(),
  Count,
  Count,
  Count,
  Count,
  Count,
  Count,
]);

/** Null where there is no state or none that can be read: it is only a simulation's memory, and is made anew. */
export async function readSimulatedState(file: string): Promise<SimulatedState | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const lines = text.split("\n").map((line) => line.split("|"));
  const stamp = StampLine.safeParse(lines[0]);
  const cards = z.array(CardLine).safeParse(lines.filter(([kind]) => kind === "card"));
  if (!stamp.success || !cards.success) return null;
  return {
    atMs: stamp.data[2],
    cards: cards.data.map(([, index, uuid, , , , memoryUsedKib, utilizationThousandths, ...heat]) => ({
      index,
      uuid,
      readings: {
        memoryUsedKib,
        utilizationThousandths,
        temperatureMilliC: heat[0],
        powerMilliW: heat[1],
      },
    })),
    processes: [],
  };
}

export async function writeSimulatedState(file: string, state: SimulatedState): Promise<void> {
  const stamp = new Date(state.atMs).toISOString().slice(0, 23).replaceAll("-", "/").replace("T", " ");
  const lines = [
    ["stamp", stamp, state.atMs],
    ...state.cards.map(({ index, uuid, readings }) => [
      "card",
      index,
      uuid,
      SIMULATED_GPU_NAME,
      simulatedBusId(index),
      MEMORY_TOTAL_MIB,
      readings.memoryUsedKib,
      readings.utilizationThousandths,
      readings.temperatureMilliC,
      readings.powerMilliW,
      POWER_LIMIT_W,
    ]),
    ...state.processes.map(({ uuid, pid, memoryMib }) => ["process", uuid, pid, Math.round(memoryMib)]),
  ];
  await replaceFile(file, lines.map((line) => `${line.join("|")}\n`).join(""), 0o644);
}

/** A PCI domain that no real card has. */
export function simulatedBusId(index: number): string {
  return `0000FFFF:${(index + 1).toString(16).toUpperCase().padStart(2, "0")}:00.0`;
}

/** By a rename, so that a reader sees the old file or the new one; the mode is set whatever the umask. */
export async function replaceFile(file: string, content: string, mode: number): Promise<void> {
  const draft = `${file}.new`;
  await writeFile(draft, content);
  await chmod(draft, mode);
  await rename(draft, file);
}
