/**
 * Which releases of the libraries of C and C++ the programs of a tree need. The oldest system that packages are made for is
 * Ubuntu 22.04; a file that was linked against newer libraries would not start there.
 */
import { lstat, readFile } from "node:fs/promises";
import { relative } from "node:path";
import { pathsBelow } from "./tree.ts";

/** What Ubuntu 22.04 has: glibc 2.35, and GCC 12's libstdc++ and libgcc. Debian 12 has as much of each. */
const NEWEST: ReadonlyMap<string, readonly number[]> = new Map([
  ["GLIBC", [2, 35]],
  ["GLIBCXX", [3, 4, 30]],
  ["CXXABI", [1, 3, 13]],
  ["GCC", [12, 0, 0]],
]);
const ELF = Buffer.from("\x7fELF", "latin1");
/** A version that is needed stands by its name among the strings of the file, ended by a zero. */
const NEEDED = /\b(GLIBC|GLIBCXX|CXXABI|GCC)_(\d+(?:\.\d+)*)\0/g;

export class NewLibraryError extends Error {
  override readonly name = "NewLibraryError";
}

function isNewer(version: readonly number[], bound: readonly number[]): boolean {
  const at = bound.findIndex((number, index) => (version[index] ?? 0) !== number);
  return at >= 0 && (version[at] ?? 0) > (bound[at] ?? 0);
}

/** The versions of libraries that the program names, such as GLIBC_2.28; none of what is no such program. */
export function neededVersions(content: Buffer): string[] {
  if (!content.subarray(0, ELF.length).equals(ELF)) return [];
  const found = [...content.toString("latin1").matchAll(NEEDED)].map((match) => match[0].slice(0, -1));
  return [...new Set(found)];
}

/** Those of them that Ubuntu 22.04 does not have. */
export function newerVersions(versions: readonly string[]): string[] {
  return versions.filter((version) => {
    const [library = "", number = ""] = version.split("_");
    const bound = NEWEST.get(library);
    return bound !== undefined && isNewer(number.split(".").map(Number), bound);
  });
}

/**
 * The archive of the toolbox is not unpacked for it: its programs run in containers, by the loader and the C library that
 * lie beside them in it.
 * @throws NewLibraryError
 */
export async function assertOldLibraries(tree: string): Promise<void> {
  for (const path of await pathsBelow(tree)) {
    if (!(await lstat(path)).isFile()) continue;
    const [newer] = newerVersions(neededVersions(await readFile(path)));
    if (newer !== undefined)
      throw new NewLibraryError(`${relative(tree, path)} needs ${newer}, which Ubuntu 22.04 does not have`);
  }
}
