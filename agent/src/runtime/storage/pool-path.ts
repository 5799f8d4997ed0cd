/**
 * Paths below a storage pool's root, with every link followed: one that leads out of the pool is refused, whoever
 * placed it. The check is made again before each start, since what a link points to can change.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { chmod, mkdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { POOL_PROOF_FOLDER } from "@remotegpu/shared/proof/pool-proof";

export type PoolFolder = { found: true; path: string } | { found: false; why: HostReason };

/**
 * The last folder is for whatever user the image runs as, by name or by number, and what one has written no other user of
 * it takes away. On the host nobody but root comes that far: a setuid file that a container leaves there must be no way in.
 */
const MODE_BETWEEN = 0o700;
const MODE_OF_FOLDER = 0o1777;

/** Whether it is, or lies in, the folder of proofs; both without links. */
export function isReserved(realRoot: string, realPath: string): boolean {
  const reserved = join(realRoot, POOL_PROOF_FOLDER);
  return realPath === reserved || realPath.startsWith(reserved + sep);
}

/** An existing folder of the pool. @param source relative, without `..` (a `PoolPath`) */
export async function folderInPool(root: string, source: string): Promise<PoolFolder> {
  const inside = await insideOf(root, source);
  if (!inside.found) return inside;
  if (inside.path === (await realpathOf(root)))
    return { found: false, why: { code: "pool-folder-is-root", params: { folder: source } } };
  if (!(await stat(inside.path)).isDirectory()) {
    return { found: false, why: { code: "pool-folder-is-none", params: { folder: source } } };
  }
  return inside;
}

/** A folder of the pool that is made when it is not there. */
export async function ownFolderInPool(root: string, source: string): Promise<PoolFolder> {
  const parts = source.split("/");
  let parent = await insideOf(root, ".");
  for (const [index, part] of parts.entries()) {
    if (!parent.found) return parent;
    await makeFolder(join(parent.path, part), index === parts.length - 1 ? MODE_OF_FOLDER : MODE_BETWEEN);
    parent = await folderInPool(root, parts.slice(0, index + 1).join("/"));
  }
  return parent;
}

async function insideOf(root: string, source: string): Promise<PoolFolder> {
  const realRoot = await realpathOf(root);
  if (realRoot === null) return { found: false, why: { code: "pool-root-missing", params: { path: root } } };
  const path = await realpathOf(join(realRoot, source));
  if (path === null)
    return { found: false, why: { code: "pool-folder-missing", params: { folder: source } } };
  if (isReserved(realRoot, path))
    return { found: false, why: { code: "pool-folder-reserved", params: { folder: source } } };
  const isInside = path === realRoot || path.startsWith(realRoot === sep ? sep : realRoot + sep);
  return isInside
    ? { found: true, path }
    : { found: false, why: { code: "pool-folder-outside", params: { folder: source } } };
}

/** Of a folder that is there nothing is changed. */
async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    throw error;
  }
  // Whatever the umask.
  await chmod(path, mode);
}

/** Null when it, or a link on the way, leads to nothing. */
async function realpathOf(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error))) return null;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
