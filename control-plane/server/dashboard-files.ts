/**
 * The dashboard's files. Whoever asks first has them built, by a process of its own, into the state folder, under a hash of
 * the sources and the lock file, so that the next start finds them; a package may bring them built beside the sources.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { execa } from "execa";
import type { Log } from "@remotegpu/shared/log";
import { programFiles } from "./installation/program-files.ts";
import type { DashboardFile, ServedDashboard } from "./http/served-dashboard.ts";

const PACKAGE = new URL("../dashboard", import.meta.url).pathname;
const BUILDER = join(PACKAGE, "build.ts");
export const BUILT_BESIDE = join(PACKAGE, "dist");
const ROOT = new URL("../..", import.meta.url).pathname;
/** What its files are made from; the tests of a page are no part of it. */
const SOURCES = [
  "control-plane/dashboard/src",
  "control-plane/dashboard/build.ts",
  "control-plane/dashboard/index.html",
  "control-plane/dashboard/tsconfig.json",
  "control-plane/client",
  "control-plane/server/core",
  "control-plane/server/proof",
  "shared/src",
  "tsconfig.base.json",
  "pnpm-lock.yaml",
];
const BUILD_MS = 180_000;
const TRY_AGAIN_MS = 60_000;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

export class DashboardFiles {
  readonly #stored: string;
  readonly #log: Log;
  readonly #end = new AbortController();
  #served: ServedDashboard | null = null;
  #building: Promise<void> = Promise.resolve();
  #failedMs = 0;

  constructor(stateDir: string, log: Log) {
    this.#stored = join(stateDir, "dashboard");
    this.#log = log;
  }

  /** What there is of it now. The first who asks has it built, and after a failure who asks a minute later. */
  served(): ServedDashboard {
    const served = this.#served;
    const isDue =
      served === null || (served.state === "missing" && performance.now() - this.#failedMs >= TRY_AGAIN_MS);
    if (!isDue) return served;
    this.#served = { state: "building" };
    this.#building = this.#build();
    return this.#served;
  }

  /** A build under way is given up: nothing is written to the state folder afterwards. */
  async end(): Promise<void> {
    this.#end.abort();
    await this.#building;
  }

  async #build(): Promise<void> {
    try {
      this.#served = {
        state: "built",
        files: await filesIn(await builtFolder(this.#stored, this.#end.signal)),
      };
    } catch (error) {
      this.#served = { state: "missing" };
      this.#failedMs = performance.now();
      if (!this.#end.signal.aborted)
        this.#log.error({ error }, "the dashboard could not be built; / leads to the API's description");
    }
  }
}

/** The folder with its files, which are installed, lie there already or are made. @param kept where such folders are */
export async function builtFolder(stored: string, signal?: AbortSignal): Promise<string> {
  if (programFiles.prebuilt !== null) return programFiles.prebuilt.dashboard;
  const name = await sourcesHash();
  for (const folder of [join(BUILT_BESIDE, name), join(stored, name)]) if (existsSync(folder)) return folder;

  const made = join(stored, `${name}.${process.pid}`);
  await mkdir(stored, { recursive: true });
  const bound = { timeout: BUILD_MS, ...(signal !== undefined && { cancelSignal: signal }) };
  await execa(process.execPath, [BUILDER, "--out", made], { ...bound, stdin: "ignore" });
  const folder = join(stored, name);
  // Another server on this folder may have been faster; its files are the same.
  await rename(made, folder).catch(async (error: unknown) => {
    await rm(made, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  });
  await removeOthers(stored, name);
  return folder;
}

/** What former versions left. */
async function removeOthers(stored: string, name: string): Promise<void> {
  for (const other of await readdir(stored))
    if (!other.startsWith(name)) await rm(join(stored, other), { recursive: true, force: true });
}

/** @throws where the sources are not beside us */
async function sourcesHash(): Promise<string> {
  const hash = createHash("sha256");
  for (const source of SOURCES)
    for (const file of await filesOf(source))
      hash.update(`${file}\0`).update(await readFile(join(ROOT, file)));
  return hash.digest("hex").slice(0, 32);
}

/** The file, or all files below the folder, in one order everywhere. */
async function filesOf(path: string): Promise<string[]> {
  if (extname(path) !== "") return [path];
  const entries = await readdir(join(ROOT, path), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .sort();
}

async function filesIn(folder: string): Promise<Map<string, DashboardFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length));
  const packed = new Set(paths.filter((path) => path.endsWith(".gz")));
  const served = paths.filter((path) => TYPES[extname(path)] !== undefined);
  const files = await Promise.all(
    served.map(async (path) => {
      const body = await readBytes(folder + path);
      return {
        body,
        packed: packed.has(`${path}.gz`) ? await readBytes(`${folder}${path}.gz`) : null,
        type: TYPES[extname(path)] ?? "",
        etag: `"${createHash("sha256").update(body).digest("base64url")}"`,
      };
    }),
  );
  return new Map(served.map((path, index) => [path, files[index] as DashboardFile]));
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(path));
}
