/** Our own files for OpenSSH's programs: the host keys that we were told, and the entries of `ssh-config --write`. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CliError } from "../framework/cli-error.ts";
import { knownHostsWith } from "./client-options.ts";
import type { SshTarget } from "./ssh-target.ts";

const FOLDER = () => join(homedir(), ".ssh");
export const knownHostsFile = () => join(FOLDER(), "remotegpu_known_hosts");
export const configFile = () => join(FOLDER(), "remotegpu_config");
const userConfigFile = () => join(FOLDER(), "config");
const INCLUDE = "Include remotegpu_config";

/** @throws CliError where the file cannot be written */
export function keepHostKeys(targets: readonly SshTarget[]): void {
  if (targets.every(({ hostKey }) => hostKey === null)) return;
  const path = knownHostsFile();
  const before = textOf(path);
  const after = knownHostsWith(before, targets);
  if (after !== before) write(path, after);
}

/** @returns whether the user's own file had to be told of it */
export function writeConfig(text: string): boolean {
  write(
    configFile(),
    `# Written by remotegpu ssh-config --write; what is changed here goes with the next one.\n${text}`,
  );
  const before = textOf(userConfigFile());
  if (before.split("\n").some((line) => line.trim().toLowerCase() === INCLUDE.toLowerCase())) return false;
  // First, since what stands behind a Host line is read for that host alone.
  write(userConfigFile(), `${INCLUDE}\n\n${before}`);
  return true;
}

function textOf(path: string): string {
  try {
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  } catch (cause) {
    throw new CliError("usage", `${path} cannot be read.`, { cause });
  }
}

/** Whole or not at all: another command may read it at this moment. */
function write(path: string, text: string): void {
  const written = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(written, text, { mode: 0o600 });
    renameSync(written, path);
  } catch (cause) {
    throw new CliError("usage", `${path} cannot be written.`, { cause });
  }
}
