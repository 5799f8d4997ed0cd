/**
 * Which release of the C library the programs of a tree need. The oldest system that packages are made for has 2.35; a file
 * that was linked against a newer one would not start there.
 */
import { lstat, readFile } from "node:fs/promises";
import { relative } from "node:path";
import { pathsBelow } from "./tree.ts";

/** Ubuntu 22.04 has it; Debian 12 has 2.36. */
const NEWEST_MINOR = 35;
const ELF = Buffer.from("\x7fELF", "latin1");
/** A version that is needed stands by its name among the strings of the file, ended by a zero. */
const NEEDED = /GLIBC_2\.(\d+)(?:\.\d+)?\0/g;

export class NewLibraryError extends Error {
  override readonly name = "NewLibraryError";
}

/** The newest version of the C library that the program names, such as 28 of 2.28; null of what is no such program. */
export function neededMinor(content: Buffer): number | null {
  if (!content.subarray(0, ELF.length).equals(ELF)) return null;
  const minors = [...content.toString("latin1").matchAll(NEEDED)].map(([, minor]) => Number(minor));
  return minors.length === 0 ? null : Math.max(...minors);
}

/**
 * The archive of the toolbox is not unpacked for it: its programs run in containers, by the loader and the C library that
 * lie beside them in it.
 * @throws NewLibraryError
 */
export async function assertOldLibraries(tree: string): Promise<void> {
  for (const path of await pathsBelow(tree)) {
    if (!(await lstat(path)).isFile()) continue;
    const minor = neededMinor(await readFile(path));
    if (minor !== null && minor > NEWEST_MINOR)
      throw new NewLibraryError(
        `${relative(tree, path)} needs version 2.${minor} of the C library, newer than 2.${NEWEST_MINOR}`,
      );
  }
}
