/**
 * Whether an ended attempt left something that none before it had: a file by its path, whatever stands in it. What a
 * checkpoint is called tells the one from the next; a log that each attempt writes anew tells nothing.
 */
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { OutputFolders } from "../../core/runs/run-remains.ts";
import { folderInPool } from "./pool-path.ts";

/** An attempt that left so many which others had is not looked through to its end. */
const MAX_CHECKS = 20_000;

/** Of a tree that changes meanwhile, whatever was seen. @throws Error of the filesystem */
export async function hasNewFile(poolRoot: string, { own, earlier }: OutputFolders): Promise<boolean> {
  const root = await folderInPool(poolRoot, own);
  if (!root.found) return false;
  const found = await Promise.all(earlier.map((source) => folderInPool(poolRoot, source)));
  const others = found.flatMap((folder) => (folder.found ? [folder.path] : []));
  let checks = 0;
  for await (const path of filesOf(root.path)) {
    checks += 1;
    if (checks > MAX_CHECKS) return false;
    if (!(await isInAny(others, path))) return true;
  }
  return false;
}

/** Paths below it; no link is followed. */
async function* filesOf(root: string, below = ""): AsyncGenerator<string> {
  for await (const entry of await opendir(join(root, below))) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) yield* filesOf(root, path);
    else if (entry.isFile()) yield path;
  }
}

async function isInAny(roots: readonly string[], path: string): Promise<boolean> {
  for (const root of roots)
    if (
      await lstat(join(root, path)).then(
        () => true,
        () => false,
      )
    )
      return true;
  return false;
}
