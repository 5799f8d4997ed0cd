/**
 * Makes the folder that a control plane hands out to new hosts: the agent, the access process, its relay, the files process
 * and the upgrade unit's program in one file each, the Node that runs them, their native parts, the toolbox of containers, the
 * units and install.sh. REMOTEGPU_RELEASE_KEY names a file with an ed25519 key (PEM) that signs the list of them.
 *
 *   node agent/install/build-bundle.ts --out FOLDER [--release VERSION]
 */
import {
  chmod,
  copyFile,
  constants,
  glob,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { createRequire } from "node:module";
import { build, type Plugin } from "esbuild";
import { z } from "zod";
import { AGENT_UNITS, COMMITTED_UNITS, SHELL_NAME } from "../src/core/upgrade/unit-text.ts";
import { CANARY_PROGRAM } from "../src/toolbox/own-programs.ts";
import {
  BUILT_ARCHIVE,
  HASH_ENDING,
  PACKED_ARCHIVE,
  packedProgram,
  packedToolbox,
} from "../src/toolbox/packed-toolbox.ts";
import { ensureToolbox } from "./toolbox/build-toolbox.ts";
import { signBundleManifest, writeBundleManifest, type BundleManifest } from "./bundle-manifest.ts";

const agentFolder = join(import.meta.dirname, "..");

class BundleError extends Error {
  override readonly name = "BundleError";
}

/**
 * Replaces `outDir` by a fresh bundle. Takes about a second and 170 MB.
 * @throws BundleError when this machine lacks a part of it
 */
export async function buildBundle({
  outDir,
  entryPoint = join(agentFolder, "src/main.ts"),
  release,
}: {
  outDir: string;
  entryPoint?: string;
  /** What the version begins with; that of the sources where it is left out. */
  release?: string | undefined;
}): Promise<BundleManifest> {
  const draft = `${outDir}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  await bundleSources(entryPoint, draft);
  await copyAssets(draft);
  await copyAs(process.execPath, join(draft, "node"), 0o755);
  await copyToolbox(draft);
  for (const unit of [...AGENT_UNITS, ...COMMITTED_UNITS, SHELL_NAME])
    await copyAs(join(agentFolder, "systemd", unit), join(draft, unit), 0o644);
  await copyAs(join(agentFolder, "install/install.sh"), join(draft, "install.sh"), 0o755);
  const manifest = await writeBundleManifest({ folder: draft, release: release ?? (await agentRelease()) });
  await rm(outDir, { recursive: true, force: true });
  await rename(draft, outDir);
  return manifest;
}

async function bundleSources(entryPoint: string, outdir: string): Promise<void> {
  await build({
    absWorkingDir: agentFolder,
    entryPoints: {
      agent: entryPoint,
      access: join(agentFolder, "src/access/main.ts"),
      "access-relay": join(agentFolder, "src/access/relay/main.ts"),
      files: join(agentFolder, "src/files/main.ts"),
      upgrade: join(agentFolder, "src/upgrade/main.ts"),
    },
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    logLevel: "error",
    // This entry of better-sqlite3 names its native file outright, so that esbuild can lay it beside the agent.
    alias: { "better-sqlite3": "better-sqlite3/linux-x64" },
    plugins: [koffiNamedOutright],
    loader: { ".node": "copy" },
    assetNames: "[name]",
    // An optional part of ssh2 that is not installed.
    external: ["cpu-features"],
    banner: {
      js: [
        `import { createRequire as createBundleRequire } from "node:module";`,
        `const require = createBundleRequire(import.meta.url);`,
        `const __filename = import.meta.filename, __dirname = import.meta.dirname;`,
      ].join(" "),
    },
  });
}

/** koffi looks for its native file by platform and C library at run time; here it is known, and laid beside the code. */
const koffiNamedOutright: Plugin = {
  name: "koffi named outright",
  setup(bundler) {
    bundler.onResolve({ filter: /^koffi$/ }, () => ({ path: "koffi", namespace: "koffi" }));
    bundler.onLoad({ filter: /.*/, namespace: "koffi" }, () => ({
      contents: `module.exports = require("@koromix/koffi-linux-x64/linux_x64/koffi.node");`,
      resolveDir: dirname(createRequire(import.meta.url).resolve("koffi")),
    }));
  },
};

/** What lies among the sources and is no source is read at run time from beside the code: `./name`. */
async function copyAssets(folder: string): Promise<void> {
  const taken = new Set<string>();
  for await (const entry of glob("src/**/*", { cwd: agentFolder, withFileTypes: true })) {
    if (!entry.isFile() || /\.(ts|c|h)$/.test(entry.name)) continue;
    if (taken.has(entry.name)) throw new BundleError(`two assets of the agent are named ${entry.name}`);
    taken.add(entry.name);
    const source = join(entry.parentPath, entry.name);
    await copyAs(source, join(folder, entry.name), (await stat(source)).mode & 0o777);
  }
}

async function copyToolbox(folder: string): Promise<void> {
  try {
    // Newer packages are the business of set-up: a server may neither ask for them nor write there.
    if (!existsSync(BUILT_ARCHIVE)) await ensureToolbox();
    const { archivePath, programs } = await packedToolbox();
    for (const ending of ["", HASH_ENDING])
      await copyAs(`${archivePath}${ending}`, join(folder, `${PACKED_ARCHIVE}${ending}`), 0o644);
    const canary = { program: CANARY_PROGRAM, content: await packedProgram(CANARY_PROGRAM) };
    for (const { program, content } of [...programs, canary])
      await writeFile(join(folder, program.source), content, { mode: 0o755 });
  } catch (cause) {
    throw new BundleError("the toolbox of containers is not built; run npm run toolbox", { cause });
  }
}

async function agentRelease(): Promise<string> {
  const text = await readFile(join(agentFolder, "package.json"), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

async function copyAs(source: string, target: string, mode: number): Promise<void> {
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, mode);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string" }, release: { type: "string" } } });
  if (values.out === undefined) {
    console.error("usage: node agent/install/build-bundle.ts --out FOLDER [--release VERSION]");
    process.exit(2);
  }
  const manifest = await buildBundle({ outDir: values.out, release: values.release });
  const keyFile = process.env["REMOTEGPU_RELEASE_KEY"] ?? "";
  if (keyFile !== "") await signBundleManifest(values.out, await readFile(keyFile, "utf8"));
  console.log(`agent bundle ${manifest.version}: ${manifest.files.length} files in ${values.out}`);
}
