/** What this machine is apart from its GPUs: name, address, system, size. Read at the start and now and then. */
import { hostname, machine } from "node:os";
import { statfs } from "node:fs/promises";
import { cpu, mem, networkInterfaces, osInfo } from "systeminformation";
import type { MachineReport } from "@remotegpu/shared/host-report";

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

/** The address on the interface of the default route; without such a route, the first outside address. */
async function readAddress(): Promise<string> {
  const interfaces = [await networkInterfaces()].flat().filter((card) => !card.internal && card.ip4 !== "");
  const byDefaultFirst = interfaces.sort((a, b) => Number(b.default) - Number(a.default));
  return byDefaultFirst[0]?.ip4 ?? LOOPBACK;
}
