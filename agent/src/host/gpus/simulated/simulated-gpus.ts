/**
 * Simulated cards of a host that has none: one state file that the agent rewrites, and an nvidia-smi that prints
 * it, for the host and for containers. Everything about them says "Simulated"; nothing here touches a device.
 */
import { createHash } from "node:crypto";
import { appendFile, chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import { idleReadings, nextReadings } from "../../../core/gpus/simulated-load.ts";
import {
  MEMORY_TOTAL_MIB,
  POWER_LIMIT_W,
  readSimulatedState,
  replaceFile,
  writeSimulatedState,
} from "./simulated-gpu-state.ts";

export const MAX_SIMULATED_GPUS = 16;
/**
 * Where a container sees `dir`, read-only; its nvidia-smi looks there. Not below the toolbox: the runtime mounts
 * what CDI adds first, and the toolbox would cover it.
 */
export const SIMULATED_DIR_IN_CONTAINER = "/.remotegpu-simulated";
/** The shell of the toolbox mount, in whatever image. */
const CONTAINER_INTERPRETER = "/.remotegpu/busybox sh";

/** A container whose share of memory is not known is shown to use this much of the card. */
const ASSUMED_MEMORY_SHARE = 0.4;
/** After a longer silence (agent down, clock moved) the readings have settled anyway. */
const MAX_ELAPSED_MS = 3_600_000;

export type SimulatedGpuFiles = {
  /** Mounted whole into containers, at SIMULATED_DIR_IN_CONTAINER: a file of its own would not see renames. */
  dir: string;
  stateFile: string;
  hostExecutable: string;
  containerExecutable: string;
  /** Stands for /dev/kmsg: what is written into it the agent takes for the driver's own words. */
  kernelLog: string;
};

/** A container that holds a card, or a slice of `memoryMib` of it. */
export type SimulatedGpuUse = {
  uuid: GpuUuid;
  pid: number;
  memoryMib?: number | null;
  cpuPercent?: number | null;
};

export function simulatedGpuFiles(stateDir: string): SimulatedGpuFiles {
  const dir = join(stateDir, "simulated");
  return {
    dir,
    stateFile: join(dir, "state"),
    hostExecutable: join(dir, "nvidia-smi"),
    containerExecutable: join(dir, "nvidia-smi-in-container"),
    kernelLog: join(dir, "kernel-log"),
  };
}

/** The same for a host as long as it keeps its id, and different from every other host's. */
export function simulatedGpuUuid(hostId: string, index: number): GpuUuid {
  const hex = createHash("sha256").update(`remotegpu simulated gpu ${index} of ${hostId}`).digest("hex");
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)];
  return GpuUuid.parse(`GPU-${groups.join("-")}`);
}

/** Writes both executables and, unless these cards already have one, an idle state. Done at each start. */
export async function prepareSimulatedGpus({
  stateDir,
  hostId,
  count,
  nowMs,
}: {
  stateDir: string;
  hostId: string;
  count: number;
  nowMs: number;
}): Promise<SimulatedGpuFiles> {
  const files = simulatedGpuFiles(stateDir);
  await mkdir(files.dir, { recursive: true });
  // Any user of a container runs what is in here.
  await chmod(files.dir, 0o755);
  const script = await readFile(new URL("./simulated-nvidia-smi.sh", import.meta.url), "utf8");
  await replaceFile(
    files.hostExecutable,
    fillIn(script, { state: files.stateFile, inContainer: false, interpreter: "/bin/sh" }),
    0o755,
  );
  await replaceFile(
    files.containerExecutable,
    fillIn(script, {
      state: join(SIMULATED_DIR_IN_CONTAINER, "state"),
      inContainer: true,
      interpreter: CONTAINER_INTERPRETER,
    }),
    0o755,
  );
  await appendFile(files.kernelLog, "");
  const uuids = Array.from({ length: Math.min(count, MAX_SIMULATED_GPUS) }, (_, index) =>
    simulatedGpuUuid(hostId, index),
  );
  const known = await readSimulatedState(files.stateFile);
  if (known?.cards.map((card) => card.uuid).join() !== uuids.join())
    await writeSimulatedState(files.stateFile, {
      atMs: nowMs,
      cards: uuids.map((uuid, index) => ({ index, uuid, readings: idleReadings(shapeOf(index)) })),
      processes: [],
    });
  return files;
}

/**
 * Moves the readings on to `nowMs` (wall clock), following the containers of this host that hold a card now.
 * Without cards it does nothing.
 */
export async function updateSimulatedGpus({
  stateDir,
  inUse,
  nowMs,
}: {
  stateDir: string;
  inUse: readonly SimulatedGpuUse[];
  nowMs: number;
}): Promise<void> {
  const { stateFile } = simulatedGpuFiles(stateDir);
  const state = await readSimulatedState(stateFile);
  if (state === null) return;
  const elapsedMs = Math.min(MAX_ELAPSED_MS, Math.max(0, nowMs - state.atMs));
  const uses = inUse.map((use) => ({
    uuid: use.uuid,
    pid: use.pid,
    memoryMib: use.memoryMib ?? MEMORY_TOTAL_MIB * ASSUMED_MEMORY_SHARE,
    cpuPercent: use.cpuPercent ?? null,
  }));
  await writeSimulatedState(stateFile, {
    atMs: nowMs,
    cards: state.cards.map((card) => ({
      ...card,
      readings: nextReadings({
        card: shapeOf(card.index),
        previous: card.readings,
        uses: uses.filter((use) => use.uuid === card.uuid),
        elapsedMs,
        nowMs,
      }),
    })),
    processes: uses,
  });
}

function shapeOf(index: number) {
  return { index, memoryTotalMib: MEMORY_TOTAL_MIB, powerLimitW: POWER_LIMIT_W };
}

function fillIn(
  script: string,
  { state, inContainer, interpreter }: { state: string; inContainer: boolean; interpreter: string },
): string {
  return script
    .replace(/^#!.*/, () => `#!${interpreter}`)
    .replace("@STATE@", () => `'${state.replaceAll("'", `'\\''`)}'`)
    .replace("@IN_CONTAINER@", () => (inContainer ? "yes" : "no"));
}
