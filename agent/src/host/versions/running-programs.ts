/**
 * Finds the host's own processes of some names, by /proc. A process may call itself as it likes, and what is found is
 * carried out by us: whatever is in another pid namespace than we are, or is another user's than root, is left out.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { isRoots, programAt, type RunningProgram } from "../../core/versions/running-program.ts";

/** Far more than a host runs; beyond it nobody looks. */
const MAX_PROCESSES = 65_536;
const MAX_DESCRIPTORS = 16_384;
/** Position of `ppid` (field 4) among those after the command name. */
const PARENT_AT = 1;

/** By the kernel's name of them, at most 15 characters. What ends meanwhile is left out. */
export async function runningPrograms(
  names: readonly string[],
  proc: string,
): Promise<ReadonlyMap<string, RunningProgram[]>> {
  const found = new Map<string, RunningProgram[]>(names.map((name) => [name, []]));
  const own = await linkAt(join(proc, "self", "ns", "pid"));
  const pids = (await readdir(proc)).filter((entry) => /^\d+$/.test(entry)).slice(0, MAX_PROCESSES);
  for (const pid of pids) {
    const name = (await textAt(join(proc, pid, "comm")))?.trimEnd() ?? "";
    const same = found.get(name);
    if (same === undefined || (await linkAt(join(proc, pid, "ns", "pid"))) !== own) continue;
    const program = await programOf(proc, pid);
    if (program !== null) same.push(program);
  }
  return found;
}

async function programOf(proc: string, pid: string): Promise<RunningProgram | null> {
  const [link, stat, status] = await Promise.all([
    linkAt(join(proc, pid, "exe")),
    textAt(join(proc, pid, "stat")),
    textAt(join(proc, pid, "status")),
  ]);
  if (link === null || stat === null || status === null || !isRoots(status)) return null;
  const parentPid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[PARENT_AT]);
  return { pid: Number(pid), parentPid, ...programAt(link) };
}

/** Whether one of the process' first descriptors is that socket. */
export async function holdsSocket(pid: number, inode: string, proc: string): Promise<boolean> {
  const folder = join(proc, String(pid), "fd");
  const descriptors = await readdir(folder).catch(none);
  for (const descriptor of descriptors.slice(0, MAX_DESCRIPTORS))
    if ((await linkAt(join(folder, descriptor))) === `socket:[${inode}]`) return true;
  return false;
}

/** Null where it cannot be read. */
export async function textAt(path: string): Promise<string | null> {
  return await readFile(path, "utf8").catch(nothing);
}

async function linkAt(path: string): Promise<string | null> {
  return await readlink(path).catch(nothing);
}

/** A process that has ended meanwhile, or that is not ours to look at. */
function nothing(): null {
  return null;
}

function none(): string[] {
  return [];
}
