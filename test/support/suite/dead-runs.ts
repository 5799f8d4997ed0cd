/**
 * Before a run, what runs before it left that were killed themselves: processes, container runtimes, networks,
 * containers and files. Only what names a process that has ended; what a living run uses is never touched.
 */
import { existsSync, globSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";
import { docker } from "../containers/docker.ts";
import { killProcessesIn, processesIn, removeFromHost } from "../containers/leftovers.ts";
import { isOrphan, type OwnedKind } from "../containers/owned-name.ts";

const HOST_LABEL = "remotegpu.host";
const Credential = z.looseObject({ grant: z.looseObject({ host_id: z.string() }) });

export default async function setup(): Promise<void> {
  for (const mark of marksOfDeadRuns()) killProcessesIn(mark);
  for (const folder of orphansIn(tmpdir(), "runtime")) await removeRuntime(folder);
  for (const folder of orphansIn(tmpdir(), "house")) await removeHouse(folder);
  for (const hostId of await orphanedHosts()) await removeFromHost(hostId);
  for (const kind of ["runtime", "line", "nat", "cloud"] as const)
    for (const network of orphansIn("/run/netns", kind))
      await execa("ip", ["netns", "delete", basename(network)]);
  for (const path of orphansIn(tmpdir(), "run")) rmSync(path, { recursive: true, force: true });
}

function orphansIn(folder: string, kind: OwnedKind): string[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).filter((name) => isOrphan(kind, name));
  return found.map((name) => join(folder, name));
}

/** As they stand in the environment of processes. */
function marksOfDeadRuns(): Set<string> {
  const marks = processesIn("remotegpu-test-run-").flatMap((pid) => {
    const [, mark] = /\0REMOTEGPU_TEST_RUN=([^\0]+)/.exec(`\0${environmentOf(pid)}`) ?? [];
    return mark !== undefined && isOrphan("run", mark) ? [mark] : [];
  });
  return new Set(marks);
}

/** What runs in it has a control group of its own and outlives it, and it has mounted much. */
async function removeRuntime(folder: string): Promise<void> {
  killProcessesIn(folder);
  const groups = new ContainerGroups();
  for (const container of globSync(join(folder, "data/containers/*"))) await groups.end(basename(container));
  for (const mount of mountsBelow(folder)) await execa("umount", ["--lazy", mount]);
  rmSync(folder, { recursive: true, force: true });
}

async function removeHouse(folder: string): Promise<void> {
  killProcessesIn(folder);
  for (const file of globSync(join(folder, "agent-*/credential.json")))
    await removeFromHost(Credential.parse(JSON.parse(readFileSync(file, "utf8"))).grant.host_id);
  rmSync(folder, { recursive: true, force: true });
}

/** Of which the machine's runtime still has something. */
async function orphanedHosts(): Promise<string[]> {
  const filters = JSON.stringify({ label: [HOST_LABEL] });
  const containers = await docker.listContainers({ all: true, filters });
  const networks = await docker.listNetworks({ filters });
  const { Volumes: volumes } = await docker.listVolumes({ filters });
  const labels = [...containers, ...networks, ...(volumes ?? [])].map(
    ({ Labels }) => Labels?.[HOST_LABEL] ?? "",
  );
  return [...new Set(labels)].filter((hostId) => isOrphan("host", hostId));
}

/** The innermost first. */
function mountsBelow(folder: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const places = lines.map((line) => line.split(" ")[4] ?? "");
  return places.filter((place) => place.startsWith(`${folder}/`)).toReversed();
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    // It has just ended.
    return "";
  }
}
