/**
 * The device nodes of NVIDIA's driver on this host. Looking one up calls no driver; nothing is opened. That of unified
 * memory is not there after a boot until somebody asks for it, and a container can be given only what is there.
 */
import { stat } from "node:fs/promises";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { HostNodes } from "../../core/container/gpu-attachment.ts";
import { HostCommand } from "../host-command.ts";

const UNIFIED_MEMORY = "nvidia-uvm";
/** What each use of any card needs; the last one only debuggers and profilers. */
const CONTROL_NODES = ["nvidiactl", UNIFIED_MEMORY, "nvidia-uvm-tools"] as const;
const DEVICES = "/dev";
const MAKE_WITHIN_MS = 5_000;
/** Where the driver has no such module, each try is a line of the kernel log. */
const MAKE_AGAIN_AFTER_MS = 60_000;

export class DeviceNodes {
  readonly #folder: string;
  readonly #modprobe: HostCommand;
  #madeMs = Number.NEGATIVE_INFINITY;

  /** @param parts.modprobe NVIDIA's program that loads the driver's modules and makes their nodes */
  constructor({ folder = DEVICES, modprobe = "nvidia-modprobe" } = {}) {
    this.#folder = folder;
    this.#modprobe = new HostCommand({ path: modprobe, maxOutputBytes: 4_096 });
  }

  /** @param areGiven containers are given the nodes as devices: those that can be made are made */
  async of(
    gpus: readonly Pick<GpuReport, "uuid" | "minorNumber" | "simulated">[],
    { areGiven }: { areGiven: boolean },
  ): Promise<HostNodes> {
    const nodes = await hostNodes(gpus, this.#folder);
    const path = `${this.#folder}/${UNIFIED_MEMORY}`;
    const isWhole = [...nodes.values()].every((paths) => paths.includes(path));
    if (isWhole || !areGiven || performance.now() - this.#madeMs < MAKE_AGAIN_AFTER_MS) return nodes;
    this.#madeMs = performance.now();
    // Where it is not installed or fails, NVIDIA's hook makes the node as the first container starts.
    await this.#modprobe.run(["-c0", "-u"], { deadlineMs: MAKE_WITHIN_MS });
    return await hostNodes(gpus, this.#folder);
  }
}

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
