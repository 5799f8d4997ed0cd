/** One .deb of a tree: control fields, checksums and maintainer scripts, packed so that the same tree gives the same bytes. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, chmod, lstat, mkdir, readdir, rm } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { assertOldLibraries } from "./c-library.ts";
import type { Release } from "./release.ts";
import { normalise, pathsBelow, writeInto } from "./tree.ts";

const ARCHITECTURE = "amd64";
/** At 9 of zstd's 19 levels a package of 140 MB takes 6 s and is 3 % larger than at 15, which takes 45 s. */
const COMPRESSION = ["-Zzstd", "-z9", "--threads-max=1"];
const BYTES_PER_BLOCK = 1024;
const CONTROL_FOLDER = "DEBIAN";

export interface Package {
  name: string;
  /** Synopsis, and the paragraph below it. */
  description: { synopsis: string; text: string };
  depends: readonly string[];
  recommends: readonly string[];
  /** Paths of maintainer scripts, named as dpkg names them. */
  scripts: readonly string[];
  /** Lays the files that the package installs into the folder. */
  layOut(tree: string): Promise<void>;
}

/** @returns the file's name within `folder` */
export async function writeDeb(
  made: Package,
  { folder, release }: { folder: string; release: Release },
): Promise<string> {
  const tree = join(folder, `${made.name}.tree`);
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree, { recursive: true });
  await made.layOut(tree);
  await assertOldLibraries(tree);
  await writeControl(tree, made, release);
  await normalise(tree, release.epochSeconds);
  const file = `${made.name}_${release.version}_${ARCHITECTURE}.deb`;
  await execa("dpkg-deb", [...COMPRESSION, "--root-owner-group", "--build", tree, join(folder, file)], {
    env: { SOURCE_DATE_EPOCH: String(release.epochSeconds) },
  });
  await rm(tree, { recursive: true });
  return file;
}

async function writeControl(tree: string, made: Package, release: Release): Promise<void> {
  const files = await filesBelow(tree);
  const sums = await Promise.all(
    files.map(async (path) => `${await hashOfFile("md5", path)}  ${relative(tree, path)}\n`),
  );
  const sizes = await Promise.all(files.map(async (path) => (await lstat(path)).size));
  const blocks = sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / BYTES_PER_BLOCK), 0);
  const control = join(tree, CONTROL_FOLDER);
  await writeInto(join(control, "md5sums"), sums.join(""));
  await writeInto(join(control, "control"), controlText(made, release, blocks));
  for (const script of made.scripts) {
    await copyFile(script, join(control, basename(script)));
    await chmod(join(control, basename(script)), 0o755);
  }
}

async function filesBelow(tree: string): Promise<string[]> {
  const paths = await pathsBelow(tree);
  const found = await Promise.all(
    paths.map(async (path) => ({ path, isFile: (await lstat(path)).isFile() })),
  );
  return found.filter(({ isFile }) => isFile).map(({ path }) => path);
}

function controlText(
  { name, description, depends, recommends }: Omit<Package, "layOut" | "scripts">,
  { version }: Pick<Release, "version">,
  installedKib: number,
): string {
  const fields = [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${ARCHITECTURE}`,
    "Maintainer: RemoteGPU <packages@remotegpu.invalid>",
    `Installed-Size: ${installedKib}`,
    `Depends: ${depends.join(", ")}`,
    ...(recommends.length > 0 ? [`Recommends: ${recommends.join(", ")}`] : []),
    "Section: admin",
    "Priority: optional",
    `Description: ${description.synopsis}`,
    ...description.text.split("\n").map((line) => ` ${line}`),
  ];
  return `${fields.join("\n")}\n`;
}

/** Writes the list from which a control plane hands the packages out. */
export async function writeSums(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".deb")).toSorted();
  const lines = await Promise.all(
    names.map(async (name) => `${await hashOfFile("sha256", join(folder, name))}  ${name}\n`),
  );
  await writeInto(join(folder, "SHA256SUMS"), lines.join(""));
}

async function hashOfFile(algorithm: "md5" | "sha256", path: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
