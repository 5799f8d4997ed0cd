/**
 * Which threads show all descriptors and the memory of a process. As a rule its first thread does; but a thread may
 * have a table of descriptors to itself, and one whose first thread has ended shows nothing there any more.
 */
import { readdirSync, readlinkSync } from "node:fs";
import koffi from "koffi";

const KCMP = 312;
const KCMP_FILES = 2;
const EQUAL = 0;
const BEFORE = 1;
const AFTER = 2;
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
  return { tables: tablesOf(threads), memory: threads.find(hasMemory) ?? null };
}

/**
 * One thread for each table. The kernel puts tables in an order of its own, so that each thread is compared with few;
 * one that it does not compare is taken to have a table to itself, which then is read twice at worst.
 */
function tablesOf(threads: readonly number[]): number[] {
  const ordered: number[] = [];
  const uncompared: number[] = [];
  for (const thread of threads) {
    const place = placeAmong(ordered, thread);
    if (place === "uncompared") uncompared.push(thread);
    else if (place !== "known") ordered.splice(place, 0, thread);
  }
  return [...ordered, ...uncompared];
}

function placeAmong(ordered: readonly number[], thread: number): number | "known" | "uncompared" {
  let from = 0;
  let to = ordered.length;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const order = compareTables(thread, ordered[middle] ?? thread);
    if (order === EQUAL) return "known";
    if (order === BEFORE) to = middle;
    else if (order === AFTER) from = middle + 1;
    else return "uncompared";
  }
  return from;
}

function compareTables(one: number, other: number): number | null {
  return isOnX64 ? syscall(KCMP, one, other, KCMP_FILES, 0, 0) : null;
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
