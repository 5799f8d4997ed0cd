/** The previous release as programs, built once from its commit and kept by it: the first who asks waits, others wait for that one. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { Programs } from "../programs/program.ts";
import { PREVIOUS, REPOSITORY, type Release } from "./releases.ts";

const BUILDER = fileURLToPath(new URL("build-release.ts", import.meta.url));
/** Ignored by git and by every check. Node runs no TypeScript below a folder that is named node_modules. */
const BUILT = join(REPOSITORY, ".cache/releases");
const BUILT_WITHIN_MS = 600_000;

export interface BuiltRelease extends Release {
  /** A checkout of its commit, with the libraries of its lock file. Nobody writes there. */
  sources: string;
  /** The folder of its agent's bundle, as install.sh lays it on a host. */
  agent: string;
  /** The folder of its control plane's bundle. */
  controlPlane: string;
}

/** A vitest hook that calls this needs a minute and more, where nothing is built yet. */
export async function previousRelease(): Promise<BuiltRelease> {
  await mkdir(BUILT, { recursive: true });
  const folder = join(BUILT, PREVIOUS.commit);
  const lock = join(BUILT, "lock");
  const builder = [process.execPath, BUILDER, PREVIOUS.commit, folder];
  await execa("flock", ["--exclusive", lock, ...builder], { timeout: BUILT_WITHIN_MS, stdin: "ignore" });
  return {
    ...PREVIOUS,
    sources: join(folder, "sources"),
    agent: join(folder, "agent"),
    controlPlane: join(folder, "control-plane"),
  };
}

/** As a house starts them. */
export function programsOf({ agent, controlPlane }: BuiltRelease): Programs {
  return {
    controlPlane: join(controlPlane, "server.mjs"),
    agent: join(agent, "agent.mjs"),
    access: join(agent, "access.mjs"),
    files: join(agent, "files.mjs"),
  };
}

/** The same from its sources, which find an embedded Postgres among their libraries. */
export function sourcesOf({ sources }: BuiltRelease): Programs {
  return {
    controlPlane: join(sources, "control-plane/server/main.ts"),
    agent: join(sources, "agent/src/main.ts"),
    access: join(sources, "agent/src/access/main.ts"),
    files: join(sources, "agent/src/files/main.ts"),
  };
}
