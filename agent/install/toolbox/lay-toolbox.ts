/**
 * Lays the toolbox out in a folder, from Debian packages and the files in `tree`: programs with the libraries and the
 * loader that they are linked with, set to be found in the toolbox's own folder.
 */
import { chmod, copyFile, cp, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { isStaticProgram } from "./static-program.ts";
import { BUSYBOX, LOCALE, NEWER_KEYWORDS, OLDEST_SSHD, OWN_PLACES } from "./contents.ts";
import { PACKAGES, PRELOADED, PROGRAMS, TARGET, TERMINALS } from "./contents.ts";
import { layOut, PackageError, type LaidOut } from "./debian-packages.ts";
import { copyrightOf, licencesOf, packageList, sharesDocumentsOf } from "./licences.ts";
import { libraryOf, linkedLibraries, type Library } from "./linked-libraries.ts";
import { withOwnPlaces } from "./own-places.ts";

const TREE = new URL("./tree/", import.meta.url).pathname;
const LOADER = "ld-linux-x86-64.so.2";
const CONFIGS = ["etc/sshd_config", "etc/rank_sshd_config"];

/**
 * @param folder is made
 * @param work for what is fetched
 * @returns the version of each package that something was taken from
 */
export async function layToolbox(folder: string, work: string): Promise<Record<string, string>> {
  const packages = await layOut(PACKAGES, work);
  const from = (name: string) => packageOf(name, packages);
  refuseOldSshd(from("openssh-server"));
  await cp(TREE, folder, { recursive: true });
  const programs = await copyPrograms(folder, from);
  const preloaded = await libraryOf(PRELOADED.name, packages);
  if (preloaded === null) throw new PackageError(`${PRELOADED.package} has no ${PRELOADED.name}`);
  const libraries = await linkedLibraries([...programs, preloaded], packages, work);
  await copyLibraries([...libraries, preloaded], folder);
  await copyBusybox(from(BUSYBOX.package), folder);
  await cp(join(from(LOCALE.package).folder, LOCALE.from), join(folder, LOCALE.to), { recursive: true });
  await copyTerminals(from, join(folder, TERMINALS.to));
  await markLiveFolder(folder);
  const used = new Set([...PACKAGES, ...libraries.map((library) => library.package.name)]);
  const taken = packages.filter(({ name }) => used.has(name));
  await nameLicences(taken, { packages, work, folder });
  await fitConfiguration(folder);
  return Object.fromEntries(taken.map(({ name, version }): [string, string] => [name, version]));
}

function packageOf(name: string, packages: readonly LaidOut[]): LaidOut {
  const found = packages.find((each) => each.name === name);
  if (found === undefined) throw new PackageError(`apt did not fetch ${name}`);
  return found;
}

function refuseOldSshd({ version }: LaidOut): void {
  const [, major = "0", minor = "0"] = /^(?:\d+:)?(\d+)\.(\d+)/.exec(version) ?? [];
  const { major: oldestMajor, minor: oldestMinor } = OLDEST_SSHD;
  if (Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor)) return;
  throw new PackageError(
    `apt offers OpenSSH ${version}; containers need ${oldestMajor}.${oldestMinor} or newer, as in Debian 13 or Ubuntu 24.04`,
  );
}

async function copyPrograms(folder: string, from: (name: string) => LaidOut) {
  const copied: { path: string; package: LaidOut }[] = [];
  for (const program of PROGRAMS) {
    const owner = from(program.package);
    const source = join(owner.folder, program.from);
    if (program.isOptional === true && !(await isThere(source))) continue;
    const target = join(folder, program.to);
    await copyTo(source, target, 0o755);
    // The old kind of path, which stands above LD_LIBRARY_PATH of an image and holds for libraries of libraries too.
    const places = [
      "--set-interpreter",
      `${TARGET}/lib/${LOADER}`,
      "--force-rpath",
      "--set-rpath",
      `${TARGET}/lib`,
    ];
    const without = program.without === undefined ? [] : ["--remove-needed", program.without];
    await execa("patchelf", [...places, ...without, target]);
    copied.push({ path: target, package: owner });
  }
  return copied;
}

async function copyLibraries(libraries: readonly Library[], folder: string): Promise<void> {
  await mkdir(join(folder, "lib"), { recursive: true });
  const places = new Map(Object.entries(OWN_PLACES));
  for (const { name, path } of libraries) {
    const target = join(folder, "lib", name);
    const own = places.get(name);
    places.delete(name);
    if (own === undefined) await copyFile(path, target);
    else await writeFile(target, withOwnPlaces(await readFile(path), own));
    await chmod(target, 0o755);
  }
  if (places.size > 0) throw new PackageError(`nothing is linked with ${[...places.keys()].join(", ")}`);
}

async function copyBusybox({ folder: source }: LaidOut, folder: string): Promise<void> {
  const paths = BUSYBOX.from.map((path) => join(source, path));
  for (const path of paths) {
    if (!(await isThere(path))) continue;
    if (!isStaticProgram(await readFile(path)))
      throw new PackageError("the busybox of busybox-static is not static");
    await copyTo(path, join(folder, BUSYBOX.to), 0o755);
    for (const name of ["busybox", "sh"]) await symlink("../busybox", join(folder, "bin", name));
    return;
  }
  throw new PackageError("busybox-static has no busybox");
}

async function copyTerminals(from: (name: string) => LaidOut, folder: string): Promise<void> {
  for (const [owner, isTaken] of [
    [from(TERMINALS.base), () => true],
    [from(TERMINALS.more), (name: string) => TERMINALS.names.has(name)],
  ] as const) {
    for (const place of TERMINALS.from) {
      const entries = await readdir(join(owner.folder, place), {
        recursive: true,
        withFileTypes: true,
      }).catch(() => []);
      for (const entry of entries) {
        if (entry.isDirectory() || !isTaken(entry.name)) continue;
        const source = join(entry.parentPath, entry.name);
        // One that leads to a terminal of another package is left out.
        if (await isThere(source))
          await copyTo(source, join(folder, entry.name.slice(0, 1), entry.name), 0o644);
      }
    }
  }
}

/** Covered by the folder that the agent writes, where a container has one. */
async function markLiveFolder(folder: string): Promise<void> {
  await mkdir(join(folder, "live"));
  await writeFile(join(folder, "live/unmounted"), "");
}

async function nameLicences(
  taken: readonly LaidOut[],
  { packages, work, folder }: { packages: LaidOut[]; work: string; folder: string },
): Promise<void> {
  const owners = await Promise.all(taken.map(sharesDocumentsOf));
  const known = new Set(packages.map(({ name }) => name));
  const missing = owners.filter((name) => name !== null && !known.has(name));
  if (missing.length > 0) packages.push(...(await layOut([...new Set(missing)].map(String).sort(), work)));
  const listed = [];
  for (const [index, each] of taken.entries()) {
    const owner = owners[index] ?? null;
    const copyright = await copyrightOf(owner === null ? each : packageOf(owner, packages));
    const doc = join(folder, "share/doc", each.name);
    await mkdir(doc, { recursive: true });
    await writeFile(join(doc, "copyright"), copyright);
    listed.push({ ...each, licences: licencesOf(copyright) });
  }
  await writeFile(join(folder, "PACKAGES"), packageList(listed));
}

/** Without what this sshd does not know; then sshd itself reads it. */
async function fitConfiguration(folder: string): Promise<void> {
  const sshd = await readFile(join(folder, "sbin/sshd"), "latin1");
  const unknown = NEWER_KEYWORDS.filter((keyword) => !sshd.includes(`\0${keyword.toLowerCase()}\0`));
  const lib = join(folder, "lib");
  for (const config of CONFIGS) {
    const path = join(folder, config);
    const lines = (await readFile(path, "utf8")).split("\n");
    await writeFile(path, lines.filter((line) => !unknown.includes(line.split(" ")[0] ?? "")).join("\n"));
    const loaded = ["--library-path", lib, join(folder, "sbin/sshd"), "-G", "-f", path];
    await execa(join(lib, LOADER), loaded).catch((cause: unknown) => {
      throw new PackageError(`sshd does not take ${config} of the toolbox`, { cause });
    });
  }
}

async function copyTo(source: string, target: string, mode: number): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target);
  await chmod(target, mode);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
