/** What this machine is apart from its GPUs: name, address, system, size. Read at the start and now and then. */
import { hostname, machine, networkInterfaces } from "node:os";
import { readFile, statfs } from "node:fs/promises";
import { cpu, mem, osInfo } from "systeminformation";
import type { MachineReport } from "@remotegpu/shared/messages/host-report";

export type MachineFacts = Pick<
  MachineReport,
  | "hostname"
  | "ipAddress"
  | "osType"
  | "osVersion"
  | "arch"
  | "cpuCount"
  | "memoryBytes"
  | "diskBytes"
  | "cgroupVersion"
>;

/** The file system type of a pure cgroup v2 tree; a v1 or hybrid tree is mounted on a tmpfs. */
const CGROUP2_MAGIC = 0x63677270;
const LOOPBACK = "127.0.0.1";
/** Reading takes about 100 ms; a dead network mount under `diskPath` can hold it forever. */
const DEADLINE_MS = 10_000;

export class MachineFactsError extends Error {
  override readonly name = "MachineFactsError";
}

/**
 * `diskPath`: a folder on the disk whose size counts, where containers and storage live.
 * @throws MachineFactsError when the machine does not tell in time
 */
export async function readMachineFacts({ diskPath }: { diskPath: string }): Promise<MachineFacts> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new MachineFactsError(`the facts of this host took over ${DEADLINE_MS} ms`)),
    DEADLINE_MS,
  );
  try {
    return await Promise.race([gatherFacts(diskPath), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function gatherFacts(diskPath: string): Promise<MachineFacts> {
  const [os, processor, memory, ipAddress, disk, cgroups] = await Promise.all([
    osInfo(),
    cpu(),
    mem(),
    readAddress(),
    statfs(diskPath),
    statfs("/sys/fs/cgroup"),
  ]);
  return {
    hostname: hostname().slice(0, 256),
    ipAddress,
    osType: (os.distro || os.platform).slice(0, 32),
    osVersion: os.release.slice(0, 64),
    arch: machine().slice(0, 32),
    cpuCount: processor.cores,
    memoryBytes: memory.total,
    diskBytes: disk.blocks * disk.bsize,
    cgroupVersion: cgroups.type === CGROUP2_MAGIC ? 2 : 1,
  };
}

/**
 * The address on the interface of the default route; without such a route, the first outside address. Read from the
 * kernel's own table: a host with many containers has an interface for each, and asking about all of them takes seconds.
 */
async function readAddress(): Promise<string> {
  const cards = networkInterfaces();
  const routed = defaultInterface(await readFile("/proc/net/route", "utf8"));
  const inOrder = [...(routed === null ? [] : [cards[routed]]), ...Object.values(cards)];
  const outside = inOrder
    .flatMap((card) => card ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4");
  return outside?.address ?? LOOPBACK;
}

/** Columns of /proc/net/route. */
const ROUTE = { interface: 0, destination: 1, metric: 6, mask: 7 } as const;
const ANYWHERE = "00000000";

/** Of the routes to anywhere the one with the lowest metric, as the kernel chooses; null where there is none. */
export function defaultInterface(routes: string): string | null {
  const found = routes
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((route) => route[ROUTE.destination] === ANYWHERE && route[ROUTE.mask] === ANYWHERE)
    .toSorted((one, other) => Number(one[ROUTE.metric]) - Number(other[ROUTE.metric]));
  return found[0]?.[ROUTE.interface] ?? null;
}
