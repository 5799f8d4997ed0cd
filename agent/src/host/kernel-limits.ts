/**
 * The kernel's limits of this host as they are, raised, and given back. They last until the host's next boot, so what
 * was raised is remembered for one boot, in the state folder, and each start of an agent raises them anew.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { BootId } from "@remotegpu/shared/values/ids";
import { joined, KERNEL_LIMITS, raisesOf, undoable, type RaisedLimit } from "../core/host/kernel-limits.ts";

const SYSCTL_FOLDER = "/proc/sys";

const Memory = z.object({
  bootId: BootId,
  raised: z.array(z.object({ name: z.string(), from: z.number(), to: z.number() })).max(64),
});

export type LimitsPlace = {
  stateDir: string;
  bootId: BootId;
  /** Where the kernel shows its settings; another one for tests. */
  folder?: string;
};

/** What became of one of them. */
export type SetLimit = RaisedLimit & {
  /** Why the kernel did not take the value. */
  refusal?: string;
  /** Why what it was could not be written down. */
  forgotten?: string;
};

/** Of those that this kernel has and lets us read. */
export function readKernelLimits(folder: string = SYSCTL_FOLDER): Map<string, number> {
  return new Map(
    KERNEL_LIMITS.flatMap(({ name }): [string, number][] => {
      const { text } = readText(fileOf(folder, name));
      return text === null ? [] : [[name, Number(text)]];
    }),
  );
}

/** Those that are there and cannot be read, with why: nothing is done about them. */
export function unreadableLimits({
  folder = SYSCTL_FOLDER,
}: Pick<LimitsPlace, "folder">): Map<string, string> {
  return new Map(
    KERNEL_LIMITS.flatMap(({ name }): [string, string][] => {
      const { refusal } = readText(fileOf(folder, name));
      return refusal === null ? [] : [[name, refusal]];
    }),
  );
}

/** Raises what is low, never lowers anything, and says what it did. */
export function raiseKernelLimits(place: LimitsPlace): SetLimit[] {
  const { folder = SYSCTL_FOLDER } = place;
  const values = readKernelLimits(folder);
  const earlier = remembered(place);
  const raises = raisesOf(values, earlier);
  if (raises.length === 0) return [];
  // Written down first: what was noted and then not raised is found not to be ours. A full disk keeps none of it low.
  const forgotten = attempt(() => remember(place, joined(earlier, raises)));
  return raises.map(({ name, to }) => ({
    ...set(folder, { name, from: values.get(name) ?? to, to }),
    ...(forgotten !== null && { forgotten }),
  }));
}

/**
 * Gives each its value from before, unless somebody has changed it since, and says what it did. What the kernel refuses
 * stays noted, to be given back another time.
 */
export function restoreKernelLimits(place: LimitsPlace): SetLimit[] {
  const { stateDir, folder = SYSCTL_FOLDER } = place;
  const ours = undoable(readKernelLimits(folder), remembered(place));
  const restored = ours.map(({ name, from, to }) => set(folder, { name, from: to, to: from }));
  const refused = new Set(restored.flatMap(({ name, refusal }) => (refusal === undefined ? [] : name)));
  const left = ours.filter(({ name }) => refused.has(name));
  // What cannot be written or removed there is found not to be ours the next time, but for what is left.
  attempt(() => (left.length > 0 ? remember(place, left) : rmSync(memoryFile(stateDir), { force: true })));
  return restored;
}

export function limitSentence({ name, from, to, refusal, forgotten }: SetLimit): string {
  if (refusal !== undefined) return `the kernel's limit ${name} stays ${from} instead of ${to}: ${refusal}`;
  const until =
    forgotten === undefined ? "" : `, until the next boot, since nothing can be noted: ${forgotten}`;
  return `the kernel's limit ${name} was ${from} and is now ${to}${until}`;
}

function set(folder: string, limit: RaisedLimit): SetLimit {
  const refusal = attempt(() => writeFileSync(fileOf(folder, limit.name), `${limit.to}\n`));
  return { ...limit, ...(refusal !== null && { refusal }) };
}

/** Why it failed, or null. */
function attempt(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return error.message;
  }
}

function fileOf(folder: string, name: string): string {
  return join(folder, name.replaceAll(".", "/"));
}

const memoryFile = (stateDir: string) => join(stateDir, "kernel-limits.json");

/** Nothing of another boot: the kernel began that one with its own values. */
function remembered({ stateDir, bootId }: LimitsPlace): RaisedLimit[] {
  const { text } = readText(memoryFile(stateDir));
  if (text === null) return [];
  const memory = Memory.safeParse(jsonOrNull(text));
  return memory.success && memory.data.bootId === bootId ? memory.data.raised : [];
}

/** By a rename, so that a crash leaves the old file or the new one. */
function remember({ stateDir, bootId }: LimitsPlace, raised: RaisedLimit[]): void {
  const file = memoryFile(stateDir);
  writeFileSync(`${file}.new`, `${JSON.stringify({ bootId, raised })}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** What is not there is no refusal. */
function readText(file: string): { text: string | null; refusal: string | null } {
  try {
    return { text: readFileSync(file, "utf8"), refusal: null };
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return { text: null, refusal: error.code === "ENOENT" ? null : error.message };
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
