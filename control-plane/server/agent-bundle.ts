/**
 * The agent's bundle that /install.sh hands out: made once in the state folder by the agent's own builder, which
 * runs as a process of its own because the two packages never import each other.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import type { Log } from "@remotegpu/shared/log";

const BUILDER = new URL("../../agent/install/build-bundle.ts", import.meta.url).pathname;
const BUILD_MS = 120_000;

export interface AgentBundle {
  folder: string;
  installScript: string;
}

/** Null, with a line in the log, where the agent's sources are not beside us or the build fails. */
export async function buildAgentBundle(
  stateDir: string,
  ca: string | null,
  log: Log,
): Promise<AgentBundle | null> {
  const folder = join(stateDir, "bundle");
  if (!existsSync(BUILDER)) {
    log.warn({}, "the agent's sources are not beside the control plane; /install.sh is not served");
    return null;
  }
  try {
    await execa(process.execPath, [BUILDER, "--out", folder], { timeout: BUILD_MS });
  } catch (error) {
    log.error({ error }, "the agent's bundle could not be built; /install.sh is not served");
    return null;
  }
  if (ca !== null) writeFileSync(join(folder, "ca.pem"), ca);
  return { folder, installScript: readFileSync(join(folder, "install.sh"), "utf8") };
}
