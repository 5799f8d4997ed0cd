/**
 * How much of the disk folders of the storage pool take up, for the bill: allocated blocks, since that is what the
 * owner of the disk has given away; a sparse file costs what is written of it. Other programs walk the tree, at the
 * lowest priority: a shared file system that stands still then holds up nothing of the agent.
 */
import { sep } from "node:path";
import { execa } from "execa";
import { isReserved } from "./pool-path.ts";

/** In the disk's idle time where the kernel has one, else as it is. */
const LOW_PRIORITY = ["ionice", "-t", "-c", "3", "nice", "-n", "19"] as const;

export interface Measuring {
  /** Folder that the paths are below. */
  poolRoot: string;
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Bytes of what lies below these paths, together: what lies in two of them, or has two names, counts once. Links on the
 * way to a path are followed as long as they stay in the pool, links below it are not; what is not there counts nothing.
 * Null when it could not be measured, or not in time.
 */
export async function poolBytes(paths: readonly string[], measuring: Measuring): Promise<number | null> {
  const [root] = (await resolved([measuring.poolRoot], measuring)) ?? [];
  if (root === undefined) return null;
  const found = await resolved(
    paths.map((path) => `${root}/${path}`),
    measuring,
  );
  if (found === null) return null;
  // A link to the whole pool is nobody's folder.
  const inside = found.filter(
    (path) => path.startsWith(root === sep ? sep : root + sep) && !isReserved(root, path),
  );
  return inside.length === 0 ? 0 : await diskUsage(inside, measuring);
}

/** Where these lead, every link followed; those that lead nowhere are left out. */
async function resolved(paths: readonly string[], measuring: Measuring): Promise<string[] | null> {
  // A refusal of xargs is a path that leads nowhere; what it could not do at all says so with 126 and more.
  const stdout = await outputOf(["xargs", "-0", "-r", "realpath", "-z", "-e", "-q", "--"], paths, measuring, {
    isDone: (exitCode) => exitCode <= 123,
  });
  return stdout?.split("\0").filter((path) => path !== "") ?? null;
}

/** Of files given by several paths `du` counts each once, whichever way it comes to them. */
async function diskUsage(paths: readonly string[], measuring: Measuring): Promise<number | null> {
  const stdout = await outputOf(
    ["du", "-s", "-c", "-x", "-0", "--block-size=1", "--files0-from=-"],
    paths,
    measuring,
    // It says 1 when a file went away under it, or must not be read; its sum still stands.
    { isDone: (exitCode) => exitCode <= 1 },
  );
  const total = /(?:^|\0)(\d+)\ttotal\0$/.exec(stdout ?? "")?.[1];
  return total === undefined ? null : Number(total);
}

async function outputOf(
  argv: readonly string[],
  paths: readonly string[],
  { timeoutMs, signal }: Measuring,
  { isDone }: { isDone: (exitCode: number) => boolean },
): Promise<string | null> {
  const [program, ...rest] = [...LOW_PRIORITY, ...argv];
  const result = await execa(program, rest, {
    reject: false,
    input: paths.map((path) => `${path}\0`).join(""),
    timeout: timeoutMs,
    // The word before the sum of `du` is a translated one elsewhere.
    env: { LC_ALL: "C" },
    cancelSignal: signal,
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return result.exitCode !== undefined && isDone(result.exitCode) ? result.stdout : null;
}

/** Of a workspace with hundreds of thousands of folders. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
