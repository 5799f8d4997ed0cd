/** Ends a process of the host with everything it started, as /proc shows it: descendants and its session. */
import { readFile, readdir } from "node:fs/promises";

/** Each pass kills what the pass before it missed because it was just being forked. */
const PASSES = 5;

type Process = { pid: number; parent: number; session: number };

/** SIGKILL to `root`, its descendants and all of its session. What has ended already is no failure. */
export async function killTree(root: number): Promise<void> {
  for (let pass = 0; pass < PASSES; pass += 1) {
    const doomed = treeOf(root, await allProcesses());
    if (doomed.length === 0) return;
    for (const pid of doomed) kill(pid);
  }
}

/** A shell's background work is reparented when the shell ends, but keeps its session. */
export function treeOf(root: number, processes: readonly Process[]): number[] {
  const tree = new Set([root]);
  for (let before = 0; before !== tree.size;) {
    before = tree.size;
    for (const process of processes) {
      if (tree.has(process.parent) || process.session === root) tree.add(process.pid);
    }
  }
  return [...tree].filter((pid) => processes.some((process) => process.pid === pid));
}

async function allProcesses(): Promise<Process[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readProcess(pid)));
  return found.filter((process) => process !== null);
}

async function readProcess(pid: string): Promise<Process | null> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (hasCode(error, ["ENOENT", "ESRCH"])) return null;
    throw error;
  }
  // After the name, which may hold anything: state, parent, group, session.
  const [state, parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? null : { pid: Number(pid), parent: Number(parent), session: Number(session) };
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, ["ESRCH"])) throw error;
  }
}

function hasCode(error: unknown, codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
