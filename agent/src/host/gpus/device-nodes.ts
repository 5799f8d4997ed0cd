/** The device nodes of NVIDIA's driver on this host. Looking one up calls no driver; nothing is opened. */
import { stat } from "node:fs/promises";
import type { GpuReport } from "@remotegpu/shared/host-report";
import type { GpuUuid } from "@remotegpu/shared/ids";
import type { HostNodes } from "../../core/container/gpu-attachment.ts";

/** What each use of any card needs; the last one only debuggers and profilers. */
const CONTROL_NODES = ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"] as const;
const DEVICES = "/dev";

/**
 * Those that are there, of each card its own first, which has the card's minor number in its name and not its index.
 * A card without a known minor number, or whose own node is not there, is left out, and so are simulated ones.
 */
export async function hostNodes(
  gpus: readonly Pick<GpuReport, "uuid" | "minorNumber" | "simulated">[],
  folder: string = DEVICES,
): Promise<HostNodes> {
  const real = gpus.filter(({ simulated }) => !simulated);
  if (real.length === 0) return new Map();
  const control = await present(CONTROL_NODES.map((name) => `${folder}/${name}`));
  const found = new Map<GpuUuid, readonly string[]>();
  for (const { uuid, minorNumber } of real) {
    if (minorNumber == null) continue;
    const own = await present([`${folder}/nvidia${minorNumber}`]);
    if (own.length > 0) found.set(uuid, [...own, ...control]);
  }
  return found;
}

async function present(paths: readonly string[]): Promise<string[]> {
  const are = await Promise.all(paths.map(isCharacterDevice));
  return paths.filter((_, at) => are[at] === true);
}

async function isCharacterDevice(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isCharacterDevice();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
