/** The tree of files that a package installs: laid out by copies, with modes and times that are the same in every build. */
import { chmod, constants, cp, copyFile, lstat, lutimes, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Copies one file to `target`; a link becomes what it names. */
export async function copyInto(source: string, target: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, mode);
}

/** Copies a folder with its links as they are. */
export async function copyFolderInto(
  source: string,
  target: string,
  isTaken: (path: string) => boolean = () => true,
): Promise<void> {
  await cp(source, target, { recursive: true, verbatimSymlinks: true, filter: isTaken });
}

export async function writeInto(target: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
  await chmod(target, mode);
}

/** Every path below the folder, folders before what is in them, in one order everywhere. */
export async function pathsBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.map((entry) => join(entry.parentPath, entry.name)).toSorted();
}

/** Gives everything in the tree the time of the commit, and modes that no umask has changed. */
export async function normalise(tree: string, epochSeconds: number): Promise<void> {
  for (const path of [...(await pathsBelow(tree)), tree]) {
    const found = await lstat(path);
    if (!found.isSymbolicLink())
      await chmod(path, found.isDirectory() || (found.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
  // Deepest first: what is changed in a folder changes the folder's time.
  for (const path of [tree, ...(await pathsBelow(tree))].toReversed())
    await lutimes(path, epochSeconds, epochSeconds);
}
