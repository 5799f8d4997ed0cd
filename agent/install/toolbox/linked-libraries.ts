/**
 * The libraries that programs of Debian packages are linked with, and the packages that have them: found by following
 * what each file asks for, in the packages at hand and then in those that they depend on.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { layOut, PackageError, type LaidOut } from "./debian-packages.ts";

const FOLDERS = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd"];

export type Library = { name: string; path: string; package: LaidOut };

/**
 * @param programs files with the package that each is from
 * @param packages grows by those that are fetched into `folder`
 */
export async function linkedLibraries(
  programs: readonly { path: string; package: LaidOut }[],
  packages: LaidOut[],
  folder: string,
): Promise<Library[]> {
  const found = new Map<string, Library>();
  for (;;) {
    const missing = await follow(programs, packages, found);
    if (missing.length === 0) return [...found.values()];
    const known = new Set(packages.map(({ name }) => name));
    const next = missing
      .flatMap((each) => each.requestedBy.dependsOn)
      .filter((name) => /^(z?lib)/.test(name) && !known.has(name));
    if (next.length === 0)
      throw new PackageError(`no package has ${missing.map(({ name }) => name).join(", ")}`);
    packages.push(...(await layOut([...new Set(next)].sort(), folder)));
  }
}

/** Adds to `found`; returns what none of the packages has. */
async function follow(
  programs: readonly { path: string; package: LaidOut }[],
  packages: readonly LaidOut[],
  found: Map<string, Library>,
): Promise<{ name: string; requestedBy: LaidOut }[]> {
  const missing: { name: string; requestedBy: LaidOut }[] = [];
  const queue = [...programs, ...found.values()];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const name of await neededBy(file.path)) {
      if (found.has(name)) continue;
      const library = await libraryOf(name, packages);
      if (library === null) missing.push({ name, requestedBy: file.package });
      else {
        found.set(name, library);
        queue.push(library);
      }
    }
  }
  return missing;
}

async function neededBy(path: string): Promise<string[]> {
  const { stdout } = await execa("patchelf", ["--print-needed", path]);
  return stdout.split("\n").filter((name) => name !== "");
}

/** Null where no package has it. */
export async function libraryOf(name: string, packages: readonly LaidOut[]): Promise<Library | null> {
  for (const each of packages) {
    for (const folder of FOLDERS) {
      const path = join(each.folder, folder, name);
      const isThere = await stat(path).then(
        (file) => file.isFile(),
        () => false,
      );
      if (isThere) return { name, path, package: each };
    }
  }
  return null;
}
