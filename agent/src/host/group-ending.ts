/**
 * Ends all processes of a container's control group, those included that its runtime has lost. Each is killed by its
 * pid: on a process whose first thread has ended, the kernel's own switch for a group does nothing. A group that makes
 * new ones as fast as they are killed is frozen for each pass. Whatever still stands at the end is told.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Cgroups } from "./cgroups.ts";

/** A killed process that waits for a disk or a card gets this long; then people are told. */
const WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;
/** Asked in turn whether everything is frozen; a process in the kernel's depths may keep it from that. */
const FREEZE_WITHIN_MS = 500;
const FREEZE_LOOK_MS = 5;

/** TERM to each, and until the group is empty at most `withinMs`. */
export async function askToEnd(cgroups: Cgroups, path: string, withinMs: number): Promise<void> {
  for (const pid of cgroups.processes(path)) signal(pid, "SIGTERM");
  await isEmptyWithin(cgroups, path, withinMs);
}

/** @returns the pids of what could not be ended; empty when nothing is left */
export async function endGroup(
  cgroups: Cgroups,
  path: string,
  { withinMs = WITHIN_MS }: { withinMs?: number } = {},
): Promise<number[]> {
  const endsMs = performance.now() + withinMs;
  for (let pass = 1; ; pass += 1) {
    const pids = cgroups.processes(path);
    if (pids.length === 0) return [];
    if (pass === 1) for (const pid of pids) signal(pid, "SIGKILL");
    else await killFrozen(cgroups, path);
    const leftMs = endsMs - performance.now();
    if (leftMs <= 0) return cgroups.processes(path);
    await isEmptyWithin(cgroups, path, Math.min(leftMs, LOOK_EVERY_MS * pass));
  }
}

async function killFrozen(cgroups: Cgroups, path: string): Promise<void> {
  const freezers = cgroups.freezers(path);
  try {
    if (freezers[0] !== undefined) await freeze(freezers[0]);
    for (const pid of cgroups.processes(path)) signal(pid, "SIGKILL");
  } finally {
    // A process that is frozen, by whomever, takes its death under version 1 only once it is thawed.
    for (const file of freezers) write(file, isOfVersion2(file) ? "0" : "THAWED");
  }
}

async function isEmptyWithin(cgroups: Cgroups, path: string, withinMs: number): Promise<boolean> {
  const endsMs = performance.now() + withinMs;
  for (;;) {
    if (cgroups.processes(path).length === 0) return true;
    if (performance.now() >= endsMs) return false;
    await delay(Math.min(LOOK_EVERY_MS, withinMs));
  }
}

function isOfVersion2(file: string): boolean {
  return basename(file) === "cgroup.freeze";
}

async function freeze(file: string): Promise<void> {
  write(file, isOfVersion2(file) ? "1" : "FROZEN");
  const isFrozen = () =>
    isOfVersion2(file)
      ? /^frozen 1$/m.test(read(join(dirname(file), "cgroup.events")))
      : read(file).trim() === "FROZEN";
  const endsMs = performance.now() + FREEZE_WITHIN_MS;
  while (!isFrozen() && performance.now() < endsMs) await delay(FREEZE_LOOK_MS);
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!hasCode(error, ["ESRCH"])) throw error;
  }
}

/** The group goes when its last process does. */
function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    if (!hasCode(error, ["ENOENT", "ENODEV"])) throw error;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (!hasCode(error, ["ENOENT", "ENODEV"])) throw error;
    return "";
  }
}

function hasCode(error: unknown, codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
