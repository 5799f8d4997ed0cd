/**
 * Which threads show all descriptors and the memory of a process. As a rule its first thread does; but a thread may
 * have a table of descriptors to itself, and one whose first thread has ended shows nothing there any more.
 */
import { readdirSync, readlinkSync } from "node:fs";
import koffi from "koffi";

const KCMP = 312;
const KCMP_FILES = 2;
const isOnX64 = process.arch === "x64";

const syscall: (number: number, pid: number, other: number, kind: number, a: number, b: number) => number =
  koffi.load("libc.so.6").func("long syscall(long, long, long, long, long, long)");

export type ProcessTasks = {
  /** Threads whose tables together hold all descriptors. */
  tables: number[];
  /** One that shows what the process has mapped; null where nothing of it lives. */
  memory: number | null;
};

/** Empty where there is no such process any more. @param pid the host's */
export function processTasks(pid: number): ProcessTasks {
  const threads = threadsOf(pid);
  const [first, ...others] = threads;
  if (first === undefined) return { tables: [], memory: null };
  const tables = [first, ...others.filter((thread) => !sharesDescriptors(first, thread))];
  return { tables, memory: threads.find(hasMemory) ?? null };
}

/** In doubt they are two: then one table is read twice. */
function sharesDescriptors(one: number, other: number): boolean {
  return isOnX64 && syscall(KCMP, one, other, KCMP_FILES, 0, 0) === 0;
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    // It has ended, and with it all that it had open.
    return [];
  }
}

/** What has ended leads to no program any more. */
function hasMemory(thread: number): boolean {
  try {
    readlinkSync(`/proc/${thread}/exe`);
    return true;
  } catch {
    return false;
  }
}
