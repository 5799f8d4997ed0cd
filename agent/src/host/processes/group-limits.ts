/** Reads what the kernel says of a container's limits on processes and memory: small files of its control group. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { GroupTexts } from "../../core/container/exhaustion.ts";
import { groupFolders } from "../../core/container/group-files.ts";

const MOUNT = "/sys/fs/cgroup";

/** @param pid of the container's first process; what is gone by now has said nothing */
export async function readGroupTexts(pid: number, mount: string = MOUNT): Promise<GroupTexts> {
  const cgroups = await textOf(`/proc/${pid}/cgroup`);
  const { pids, memory, isVersionOne } = groupFolders(cgroups ?? "", mount);
  const at = async (folder: string | null, file: string) =>
    folder === null ? null : await textOf(join(folder, file));
  const [pidsCurrent, pidsMax, memoryMax, memoryStat, memoryEvents] = await Promise.all([
    at(pids, "pids.current"),
    at(pids, "pids.max"),
    at(memory, isVersionOne ? "memory.limit_in_bytes" : "memory.max"),
    at(memory, "memory.stat"),
    at(memory, isVersionOne ? "memory.oom_control" : "memory.events"),
  ]);
  return { pidsCurrent, pidsMax, memoryMax, memoryStat, memoryEvents };
}

/** Gone before or while it was read, or in a tree that this machine does not have. */
const ABSENCE = new Set(["ENOENT", "ENODEV", "ENOTDIR", "ESRCH"]);

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && ABSENCE.has(String(error.code))) return null;
    throw error;
  }
}
