/**
 * The agent's bundle that /install.sh hands out, in the state folder: made there by the agent's own builder, which runs as a
 * process of its own because the two packages never import each other. An installed control plane has no sources, and
 * unpacks the package of the agent that it hands out: so the agent lies in it once.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Log } from "@remotegpu/shared/log";
import { programFiles } from "./installation/program-files.ts";
import { servedPackages } from "./installation/served-packages.ts";

const BUILDER = new URL("../../agent/install/build-bundle.ts", import.meta.url).pathname;
const BUILD_MS = 120_000;
const PACKAGE = "remotegpu-agent";

export interface AgentBundle {
  folder: string;
  installScript: string;
}

/** Null, with a line in the log, where neither the agent's sources nor its package are here, or the build fails. */
export async function buildAgentBundle(
  stateDir: string,
  ca: string | null,
  log: Log,
): Promise<AgentBundle | null> {
  const folder = join(stateDir, "bundle");
  if (programFiles.prebuilt === null && !existsSync(BUILDER)) {
    log.warn({}, "the agent's sources are not beside the control plane; /install.sh is not served");
    return null;
  }
  try {
    if (programFiles.prebuilt !== null) await unpackBundle(programFiles.packages, folder);
    else await execa(process.execPath, [BUILDER, "--out", folder], { timeout: BUILD_MS });
  } catch (error) {
    log.error({ error }, "the agent's bundle could not be built; /install.sh is not served");
    return null;
  }
  if (ca !== null) writeFileSync(join(folder, "ca.pem"), ca);
  return { folder, installScript: readFileSync(join(folder, "install.sh"), "utf8") };
}

/**
 * Replaces `folder` by the release in the agent's package.
 * @throws Error where there is no such package or it cannot be unpacked
 */
export async function unpackBundle(packagesFolder: string, folder: string): Promise<void> {
  const found = (await servedPackages(packagesFolder))?.packages.find(({ name }) => name === PACKAGE);
  if (found === undefined) throw new Error(`there is no package ${PACKAGE} in ${packagesFolder}`);
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await execa("dpkg-deb", ["--extract", join(packagesFolder, found.file), draft], { timeout: BUILD_MS });
  await rm(folder, { recursive: true, force: true });
  await rename(join(draft, "usr/lib", PACKAGE, "release"), folder);
  await rm(draft, { recursive: true });
}
