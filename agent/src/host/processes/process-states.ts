/** What processes of the host do or wait for, by the kernel's own files. Each is a few bytes, and none is a disk's. */
import { readFileSync } from "node:fs";
import type { ProcessState } from "../../core/progress/waiting-processes.ts";

/** In place of a function: it waits for nothing, or the kernel does not say for what. */
const NOTHING = "0";
/** Stopped by a signal. A debugger's stop is a small letter. */
const STOPPED = "T";

/** Those of them that are there, in that order. */
export function processStates(pids: readonly number[]): ProcessState[] {
  return pids.flatMap((pid) => {
    const state = stateOf(pid);
    const name = readIfThere(`/proc/${pid}/comm`)?.replace(/\n$/, "");
    if (state === null || name === undefined) return [];
    const waitsIn = readIfThere(`/proc/${pid}/wchan`) ?? "";
    return [{ name, state, waitsIn: waitsIn === "" || waitsIn === NOTHING ? null : waitsIn }];
  });
}

/** Nothing within a container stops its first process, so it was somebody outside. */
export function isStopped(firstPid: number): boolean {
  return stateOf(firstPid) === STOPPED;
}

/** The name before it may hold anything. */
function stateOf(pid: number): string | null {
  return /\) ([A-Za-z]) [^)]*$/.exec(readIfThere(`/proc/${pid}/stat`) ?? "")?.[1] ?? null;
}

/** EACCES: some kernels keep what a process waits in to themselves. */
const ABSENCE = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && ABSENCE.has(String(error.code))) return null;
    throw error;
  }
}
