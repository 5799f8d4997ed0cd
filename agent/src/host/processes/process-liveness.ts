/**
 * Whether a process is alive, told by /proc alone: it answers when the container runtime does not. A pid is
 * reused, so it means something only together with its start ticks. A zombie has ended, unless only its first thread
 * has: a process lives as long as any of its threads does.
 */
import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { containersOf } from "../../core/container/cgroup-path.ts";

/** `startTicks` counts clock ticks since boot and stays the same for the whole life of a process. */
export type ProcessLife = { alive: true; startTicks: number } | { alive: false };

/** Position of `state`, `num_threads` and `starttime` (fields 3, 20 and 22) among those after the command name. */
const STATE_AT = 0;
const THREADS_AT = 17;
const START_TICKS_AT = 19;
const ENDED_STATES = new Set(["Z", "X", "x"]);

export async function readProcessLife(pid: number): Promise<ProcessLife> {
  const stat = await readProcFile(`/proc/${pid}/stat`);
  return stat === null ? { alive: false } : parseProcStat(stat);
}

/** Of a living process, in ticks since boot; null where there is none of that pid. */
export async function readProcessStart(pid: number): Promise<number | null> {
  const life = await readProcessLife(pid);
  return life.alive ? life.startTicks : null;
}

/** Of those that live, by their pids. */
export async function startTicksOf(pids: readonly number[]): Promise<Map<number, number>> {
  const found = await Promise.all(pids.map(async (pid) => [pid, await readProcessStart(pid)] as const));
  return new Map(found.flatMap(([pid, ticks]) => (ticks === null ? [] : [[pid, ticks] as const])));
}

/**
 * The containers a process is in, the outermost first; empty for a process of the host. Null where nothing of it lives.
 * One whose first thread has ended goes on in its others, and only theirs tell its containers then: with cgroup v1 the
 * first one's is "/".
 */
export async function readContainers(pid: number): Promise<string[] | null> {
  if (!(await readProcessLife(pid)).alive) return null;
  const own = await containersAt(`/proc/${pid}`);
  if (own === null || own.length > 0) return own;
  for (const thread of await threadsOf(pid)) {
    const containers = await containersAt(`/proc/${pid}/task/${thread}`);
    if (containers !== null && containers.length > 0) return containers;
  }
  return own;
}

/** The process that was seen to be a container's; null where it has ended since, and its pid may be anybody's. */
export async function processOfContainer(
  containerId: string,
  pid: number,
): Promise<{ pid: number; startTicks: number } | null> {
  const life = await readProcessLife(pid);
  const isItsOwn = (await readContainers(pid))?.includes(containerId) === true;
  return life.alive && isItsOwn ? { pid, startTicks: life.startTicks } : null;
}

/** Paths of the control groups that a process and its threads are in, from the root of each tree; none for no process. */
export function readGroupPaths(pid: number): string[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const texts = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/cgroup`, "utf8"));
    return [
      ...new Set(texts.flatMap((text) => text.split("\n").map((line) => line.split(":").slice(2).join(":")))),
    ];
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

async function containersAt(path: string): Promise<string[] | null> {
  const cgroups = await readProcFile(`${path}/cgroup`);
  return cgroups === null ? null : containersOf(cgroups);
}

async function threadsOf(pid: number): Promise<string[]> {
  return (await unlessEnded(() => readdir(`/proc/${pid}/task`))) ?? [];
}

/** What the process calls itself, at most 15 bytes; null where there is none. */
export async function readProcessName(pid: number): Promise<string | null> {
  const name = (await readProcFile(`/proc/${pid}/comm`))?.trim() ?? "";
  return name === "" ? null : name;
}

/** A line that is not one of /proc/<pid>/stat proves no life. */
export function parseProcStat(stat: string): ProcessLife {
  // The command name stands in parentheses and may hold blanks, line ends and parentheses itself.
  const afterName = stat.lastIndexOf(")");
  const fields =
    afterName < 0
      ? []
      : stat
          .slice(afterName + 1)
          .trim()
          .split(/\s+/);
  const state = fields[STATE_AT];
  const ticks = fields[START_TICKS_AT];
  if (state === undefined || ticks === undefined || !/^\d{1,15}$/.test(ticks)) return { alive: false };
  const hasEnded = ENDED_STATES.has(state) && !(Number(fields[THREADS_AT]) > 1);
  return hasEnded ? { alive: false } : { alive: true, startTicks: Number(ticks) };
}

/** The file's text, or null where the process has ended (before or while it was read). */
async function readProcFile(path: string): Promise<string | null> {
  return await unlessEnded(() => readFile(path, "utf8"));
}

async function unlessEnded<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH");
}
