/** What a host or a folder of ours still has on this machine, and its end, whatever happened before. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { HostId } from "@remotegpu/shared/values/ids";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";
import { removeSimulatedCdiSpec, simulatedCdiFile } from "@remotegpu/agent/host/gpus/simulated/simulated-cdi";
import { Runtime } from "@remotegpu/agent/runtime/runtime";
import { docker } from "./docker.ts";
import { eventually } from "../eventually.ts";

const END_WITHIN_MS = 10_000;

/** Containers, networks, volumes and the CDI file of a host id, each in words. */
export async function leftOnHost(hostId: string): Promise<string[]> {
  const filters = JSON.stringify({ label: [`remotegpu.host=${hostId}`] });
  const cdiFile = simulatedCdiFile(HostId.parse(hostId));
  return [
    ...(await docker.listContainers({ all: true, filters })).map(({ Names }) => `container ${Names.join()}`),
    ...(await docker.listNetworks({ filters })).map(({ Name }) => `network ${Name}`),
    ...((await docker.listVolumes({ filters })).Volumes ?? []).map(({ Name }) => `volume ${Name}`),
    ...(existsSync(cdiFile) ? [cdiFile] : []),
  ];
}

/** As the agent itself would, rules of the firewall included; for one that was killed. */
export async function removeFromHost(hostId: string): Promise<void> {
  const runtime = new Runtime({
    hostId: HostId.parse(hostId),
    processes: new ContainerGroups(),
    poolRoot: "/nonexistent",
    toolboxPath: "/nonexistent",
    wake: () => undefined,
    onEventsBroken: () => undefined,
  });
  await runtime.removeEverything();
  await removeSimulatedCdiSpec(HostId.parse(hostId));
}

/** Processes that work in the folder, or name it on their command line or in their environment. */
export function processesIn(folder: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && belongsTo(pid, folder));
}

/** At once, whatever they do. @returns their command lines */
export function killProcessesIn(folder: string): string[] {
  return processesIn(folder).map((pid) => {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    signal(pid, "SIGKILL");
    return command;
  });
}

/** INT is an orderly and quick end for Postgres and for NATS, which outlive a killed control plane. */
export async function endProcessesIn(folder: string): Promise<void> {
  for (const pid of processesIn(folder)) signal(pid, "SIGINT");
  await eventually(() => processesIn(folder).length === 0, {
    withinMs: END_WITHIN_MS,
    what: `the end of all processes of ${folder}`,
  });
}

/** One that ended meanwhile, as Postgres' own processes do with their parent, needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function belongsTo(pid: number, folder: string): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) ||
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder) ||
      readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder)
    );
  } catch {
    // It has just ended.
    return false;
  }
}
