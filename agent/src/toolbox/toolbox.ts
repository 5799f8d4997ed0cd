/**
 * What the host lays down for containers to see, read-only. The toolbox, at /.remotegpu in every one of them: our init
 * and session, which use no library, a static busybox, and sshd and its kin with all that they are linked with, so that
 * an environment stays up and is entered whatever its image holds. Each content has a folder of its own: an upgrade of
 * the agent never changes what a running container has mounted. The first process is static: a loader would read what
 * the image says about libraries (LD_PRELOAD, /etc/ld.so.preload) and run the customer's code in it. And a run's live
 * folder, mounted over the toolbox's own place for it, for what changes while its container runs.
 */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@remotegpu/shared/ids";
import type { LiveFile } from "../core/ssh/live-files.ts";
import { entriesOf, type Entry } from "./archive.ts";
import { packedToolbox, ToolboxError, type PackedToolbox } from "./packed-toolbox.ts";

/**
 * Writes the toolbox under the agent's state folder, once per content.
 * @returns the folder to mount
 * @throws ToolboxError when a part of it is not at hand, or damaged
 */
export async function installToolbox(stateDir: string): Promise<string> {
  const packed = await packedToolbox();
  const folder = join(stateDir, "toolbox", hashOf(packed));
  if (await isThere(folder)) return folder;
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  for (const entry of entriesOf(await wholeArchive(packed))) unpack(entry, draft);
  for (const { program, content } of packed.programs)
    unpack({ kind: "file", path: program.name, mode: 0o755, content }, draft);
  await rename(draft, folder);
  return folder;
}

/** Below a folder that only root of the host can enter: a container's host key lies there. */
function liveFolderOf(stateDir: string, runId: RunId): string {
  return join(stateDir, "live", runId);
}

/** Makes the folder; it is there before the container is made. */
export async function makeLiveFolder(stateDir: string, runId: RunId): Promise<string> {
  const folder = liveFolderOf(stateDir, runId);
  await mkdir(join(stateDir, "live"), { recursive: true, mode: 0o700 });
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  return folder;
}

/**
 * In the given order; what else lies there is removed at the end. Each file is replaced as a whole, and only where it
 * says something else: whoever reads it inside sees the one or the other, and sshd reads its configuration again only
 * when that has changed.
 */
export async function writeLiveFolder(folder: string, files: readonly LiveFile[]): Promise<void> {
  for (const { name, text, isPublic } of files) {
    const path = join(folder, name);
    if ((await unlessAbsent(readFile(path, "utf8"))) === text) continue;
    const draft = join(folder, `.${name}`);
    await rm(draft, { force: true });
    await writeFile(draft, text, { mode: isPublic ? 0o644 : 0o600, flag: "wx" });
    await rename(draft, path);
  }
  const kept = new Set(files.map(({ name }) => name));
  for (const name of await readdir(folder))
    if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
}

/** Once the run's container is gone. */
export async function removeLiveFolder(stateDir: string, runId: RunId): Promise<void> {
  await rm(liveFolderOf(stateDir, runId), { recursive: true, force: true });
}

function hashOf({ archiveHash, programs }: PackedToolbox): string {
  const hash = createHash("sha256").update(archiveHash);
  for (const { content } of programs) hash.update(content);
  return hash.digest("hex").slice(0, 16);
}

/** A folder is named for what is in it, so that is made sure of. */
async function wholeArchive({ archivePath, archiveHash }: PackedToolbox): Promise<Buffer> {
  const archive = await readFile(archivePath);
  if (createHash("sha256").update(archive).digest("hex") !== archiveHash)
    throw new ToolboxError(`${archivePath} is damaged`);
  return archive;
}

/** Hundreds of small files, before anything else runs: waiting for each would take ten times as long. */
function unpack(entry: Entry, folder: string): void {
  const path = join(folder, entry.path);
  switch (entry.kind) {
    case "folder":
      mkdirSync(path, { recursive: true });
      return chmodSync(path, 0o755);
    case "file":
      writeFileSync(path, entry.content);
      return chmodSync(path, entry.mode);
    case "link":
      return symlinkSync(entry.to, path);
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await unlessAbsent(stat(path))) !== null;
}

async function unlessAbsent<T>(looking: Promise<T>): Promise<T | null> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
