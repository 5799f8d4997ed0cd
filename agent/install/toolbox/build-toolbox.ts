/**
 * What the toolbox takes from Debian packages, packed into one archive and kept among the installed libraries: built
 * again only when apt offers another version of one of them, or when what is written here has changed. The same
 * packages make the same archive.
 *
 *   node agent/install/toolbox/build-toolbox.ts
 */
import { createHash } from "node:crypto";
import { glob, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { BUILT_ARCHIVE, HASH_ENDING } from "../../src/toolbox/packed-toolbox.ts";
import { PACKAGES } from "./contents.ts";
import { offeredVersions, PackageError, stateOfLists, updateLists } from "./debian-packages.ts";
import { layToolbox } from "./lay-toolbox.ts";

const MAX_BYTES = 30_000_000;
const STAMP = `${BUILT_ARCHIVE}.json`;
const Stamp = z.object({
  sources: z.string(),
  lists: z.string(),
  versions: z.record(z.string(), z.string()),
});
type Stamp = z.infer<typeof Stamp>;

/** @throws PackageError where it is not there and cannot be built */
export async function ensureToolbox(print: (line: string) => void = () => undefined): Promise<void> {
  const sources = await hashOfSources();
  const stored = await storedStamp();
  if (stored !== null && stored.sources === sources && (await isCurrent(stored))) return;
  print("Building the toolbox of containers from Debian packages");
  await needPatchelf();
  if (!(await offeredVersions(PACKAGES)).has("openssh-server")) await updateLists();
  const folder = dirname(BUILT_ARCHIVE);
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, "work-"));
  try {
    const versions = await layToolbox(join(work, "toolbox"), work);
    await pack(join(work, "toolbox"), join(work, "toolbox.tar"));
    const archive = await readFile(join(work, "toolbox.tar"));
    const size = archive.length;
    if (size > MAX_BYTES) throw new PackageError(`the toolbox has ${size} bytes, more than ${MAX_BYTES}`);
    await rename(join(work, "toolbox.tar"), BUILT_ARCHIVE);
    await writeFile(
      `${BUILT_ARCHIVE}${HASH_ENDING}`,
      `${createHash("sha256").update(archive).digest("hex")}\n`,
    );
    await writeStamp({ sources, lists: await stateOfLists(), versions });
    print(`It has ${Object.keys(versions).length} packages and ${(size / 1_000_000).toFixed(1)} MB`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Nothing is asked of apt while its lists are the ones of the last look. */
async function isCurrent(stored: Stamp): Promise<boolean> {
  const lists = await stateOfLists();
  if (lists === stored.lists) return true;
  const offered = await offeredVersions(Object.keys(stored.versions));
  for (const [name, version] of Object.entries(stored.versions)) {
    // Where apt has no lists, what is there is as good as it gets.
    if ((offered.get(name) ?? version) !== version) return false;
  }
  await writeStamp({ ...stored, lists });
  return true;
}

async function storedStamp(): Promise<Stamp | null> {
  try {
    await stat(`${BUILT_ARCHIVE}${HASH_ENDING}`);
    return Stamp.parse(JSON.parse(await readFile(STAMP, "utf8")));
  } catch {
    // Missing, half-written or of another kind: it is built anew.
    return null;
  }
}

async function writeStamp(stamp: Stamp): Promise<void> {
  await writeFile(STAMP, JSON.stringify(stamp));
}

/** All that decides what is made of the same packages, the tool that sets paths too. */
async function hashOfSources(): Promise<string> {
  const hash = createHash("sha256");
  const names: string[] = [];
  for await (const name of glob("**/*", { cwd: import.meta.dirname })) names.push(name);
  for (const name of names.sort()) {
    const path = join(import.meta.dirname, name);
    if ((await stat(path)).isFile()) hash.update(`${name}\0`).update(await readFile(path));
  }
  return hash.digest("hex");
}

async function needPatchelf(): Promise<void> {
  await execa("patchelf", ["--version"]).catch((cause: unknown) => {
    throw new PackageError("the toolbox cannot be built: install the package patchelf", { cause });
  });
}

async function pack(folder: string, archive: string): Promise<void> {
  const same = ["--format=ustar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  await execa("tar", [
    ...same,
    "--mode=u=rwX,go=rX",
    "--create",
    `--file=${archive}`,
    `--directory=${folder}`,
    ".",
  ]);
}

if (import.meta.main) {
  try {
    await ensureToolbox((line) => console.error(line));
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    console.error(`${error.message}.`);
    process.exit(1);
  }
}
