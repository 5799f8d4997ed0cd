/**
 * Ends all processes of a container's control groups, those included that its runtime has lost. Each is killed by its
 * pid: on a process whose first thread has ended, the kernel's own switch for a group does nothing. Groups that hold
 * many, or make new ones as fast as they are killed, are frozen for that. Whatever still stands at the end is told.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A killed process that waits for a disk or a card gets this long; then people are told. */
const WITHIN_MS = 10_000;
const CHECK_EVERY_MS = 50;
/** A pid may be another process' by the time of its signal where so many come and go. */
const MANY = 100;
/** Asked in turn whether everything is frozen; a process in the kernel's depths may keep it from that. */
const FREEZE_WITHIN_MS = 500;
const FREEZE_CHECK_MS = 5;

/** Host's pids of all that is alive now. */
type Living = () => readonly number[];

/** TERM to each; resolves when nothing is left, after `withinMs`, or when `cutShort` is aborted. */
export async function terminate(
  living: Living,
  { withinMs, signal: cutShort }: { withinMs: number; signal?: AbortSignal },
): Promise<void> {
  for (const pid of living()) signal(pid, "SIGTERM");
  await isNobodyLeftWithin(living, withinMs, cutShort);
}

/**
 * KILL to each.
 * @param freezers files that freeze them, as long as there are some
 * @returns the pids of what could not be ended; empty when nothing is left
 */
export async function endGroups(
  living: Living,
  freezers: () => readonly string[],
  { withinMs = WITHIN_MS }: { withinMs?: number } = {},
): Promise<readonly number[]> {
  const endsMs = performance.now() + withinMs;
  for (let pass = 1; ; pass += 1) {
    const pids = living();
    if (pids.length === 0) return [];
    if (pass === 1 && pids.length <= MANY) for (const pid of pids) signal(pid, "SIGKILL");
    else await killFrozen(living, freezers());
    const leftMs = endsMs - performance.now();
    if (leftMs <= 0) return living();
    await isNobodyLeftWithin(living, Math.min(leftMs, CHECK_EVERY_MS * pass));
  }
}

async function killFrozen(living: Living, freezers: readonly string[]): Promise<void> {
  try {
    await Promise.all(freezers.map(freeze));
    for (const pid of living()) signal(pid, "SIGKILL");
  } finally {
    // A process that is frozen, by whomever, takes its death under version 1 only once it is thawed.
    for (const file of freezers) write(file, isOfVersion2(file) ? "0" : "THAWED");
  }
}

async function isNobodyLeftWithin(
  living: Living,
  withinMs: number,
  cutShort?: AbortSignal,
): Promise<boolean> {
  const endsMs = performance.now() + withinMs;
  for (;;) {
    if (living().length === 0) return true;
    if (performance.now() >= endsMs || cutShort?.aborted === true) return false;
    await delay(Math.min(CHECK_EVERY_MS, withinMs));
  }
}

function isOfVersion2(file: string): boolean {
  return basename(file) === "cgroup.freeze";
}

async function freeze(file: string): Promise<void> {
  if (!write(file, isOfVersion2(file) ? "1" : "FROZEN")) return;
  const isFrozen = () =>
    isOfVersion2(file)
      ? /^frozen 1$/m.test(read(join(dirname(file), "cgroup.events")))
      : read(file).trim() === "FROZEN";
  const endsMs = performance.now() + FREEZE_WITHIN_MS;
  while (!isFrozen() && performance.now() < endsMs) await delay(FREEZE_CHECK_MS);
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Whether it was written. A group that is gone needs none, and one that cannot be frozen is killed all the same. */
function write(file: string, text: string): boolean {
  try {
    writeFileSync(file, text);
    return true;
  } catch {
    return false;
  }
}

/** Empty where the group is gone. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
