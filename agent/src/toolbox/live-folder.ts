/**
 * A folder of the host that one run's container sees read-only, for what changes while it runs. Each file is replaced
 * as a whole, and only where it says something else: whoever reads it inside sees the one or the other, and sshd reads
 * its configuration again only when that has changed.
 */
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@remotegpu/shared/values/ids";
import { LOGIN_SOCKET, type LiveFile } from "../core/ssh/live-files.ts";

/** Below the state folder; only root of the host can enter it: host keys of containers lie there. */
export const LIVE_FOLDERS = "live";

export function liveFolderOf(stateDir: string, runId: RunId): string {
  return join(stateDir, LIVE_FOLDERS, runId);
}

/** Makes the folder; it is there before the container is made. */
export async function makeLiveFolder(stateDir: string, runId: RunId): Promise<string> {
  const folder = liveFolderOf(stateDir, runId);
  await mkdir(join(stateDir, LIVE_FOLDERS), { recursive: true, mode: 0o700 });
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  return folder;
}

/** In the given order; what else lies there is removed at the end, all but the access process's socket. */
export async function writeLiveFolder(folder: string, files: readonly LiveFile[]): Promise<void> {
  for (const { name, text, isPublic, owner } of files) {
    const path = join(folder, name);
    if ((await textOf(path)) === text) continue;
    const draft = join(folder, `.${name}`);
    await rm(draft, { force: true });
    await writeFile(draft, text, { mode: isPublic ? 0o644 : 0o600, flag: "wx" });
    if (owner !== undefined) await chown(draft, owner.uid, owner.gid);
    await rename(draft, path);
  }
  const stored = new Set([...files.map(({ name }) => name), LOGIN_SOCKET, `.${LOGIN_SOCKET}`]);
  for (const name of await readdir(folder))
    if (!stored.has(name)) await rm(join(folder, name), { recursive: true, force: true });
}

/** Once the run's container is gone. */
export async function removeLiveFolder(stateDir: string, runId: RunId): Promise<void> {
  await rm(liveFolderOf(stateDir, runId), { recursive: true, force: true });
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
