/**
 * The CDI spec of a host's simulated GPUs: each card is a harmless device node, and with any of them comes the
 * simulated nvidia-smi. The kind is our own and the file's name carries the host id, so neither a real card's
 * spec nor another agent's is ever touched.
 */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GpuUuid, HostId } from "@remotegpu/shared/values/ids";
import { SIMULATED_KIND } from "../cdi.ts";
import { SIMULATED_DIR_IN_CONTAINER } from "./simulated-gpus.ts";
import type { SimulatedGpuFiles } from "./simulated-gpus.ts";

/** Emptied at a reboot, like the cards themselves; the agent writes it at each start. */
const SIMULATED_CDI_DIR = "/var/run/cdi";
const SMI_IN_CONTAINER = "/usr/bin/nvidia-smi";
const HARMLESS_DEVICE = "/dev/null";

export function simulatedCdiFile(hostId: HostId, dir: string = SIMULATED_CDI_DIR): string {
  return join(dir, `remotegpu-simulated-${hostId}.json`);
}

/** @returns the file's path */
export async function writeSimulatedCdiSpec({
  hostId,
  gpus,
  files,
  dir = SIMULATED_CDI_DIR,
}: {
  hostId: HostId;
  gpus: readonly { uuid: GpuUuid; index: number }[];
  files: Pick<SimulatedGpuFiles, "dir" | "containerExecutable">;
  dir?: string;
}): Promise<string> {
  const file = simulatedCdiFile(hostId, dir);
  await mkdir(dir, { recursive: true });
  // By a rename, since the runtime watches the folder; a name it does not read until then.
  await writeFile(`${file}.new`, JSON.stringify(simulatedCdiSpec(gpus, files), null, 2));
  await rename(`${file}.new`, file);
  return file;
}

/** Removing what is gone changes nothing. */
export async function removeSimulatedCdiSpec(hostId: HostId, dir: string = SIMULATED_CDI_DIR): Promise<void> {
  await rm(simulatedCdiFile(hostId, dir), { force: true });
}

function simulatedCdiSpec(
  gpus: readonly { uuid: GpuUuid; index: number }[],
  files: Pick<SimulatedGpuFiles, "dir" | "containerExecutable">,
) {
  const readOnly = ["ro", "nosuid", "nodev", "bind"];
  return {
    cdiVersion: "0.6.0",
    kind: SIMULATED_KIND,
    containerEdits: {
      deviceNodes: [node("/dev/nvidiactl")],
      mounts: [
        { hostPath: files.dir, containerPath: SIMULATED_DIR_IN_CONTAINER, options: readOnly },
        { hostPath: files.containerExecutable, containerPath: SMI_IN_CONTAINER, options: readOnly },
      ],
    },
    devices: gpus.map(({ uuid, index }) => ({
      name: uuid,
      containerEdits: { deviceNodes: [node(`/dev/nvidia${index}`)] },
    })),
  };
}

function node(path: string) {
  return { path, hostPath: HARMLESS_DEVICE, permissions: "rw" };
}
