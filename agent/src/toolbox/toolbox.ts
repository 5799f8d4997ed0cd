/**
 * The folder that every container sees read-only at /.remotegpu: our init and session, which use no library, a static
 * busybox, and sshd and its kin with all that they are linked with, so that an environment stays up and is entered
 * whatever its image holds. Each content has a folder of its own: an upgrade of the agent never changes what a running
 * container has mounted. The first process is static: a loader would read what the image says about libraries
 * (LD_PRELOAD, /etc/ld.so.preload) and run the customer's code in it.
 */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
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

function hashOf({ archiveHash, programs }: PackedToolbox): string {
  const hash = createHash("sha256").update(archiveHash);
  for (const { content } of programs) hash.update(content);
  return hash.digest("hex").slice(0, 16);
}

/**
 * Removes toolboxes of earlier agents that no container was made with, and what was left of unpacking one.
 * @param own what `installToolbox` returned
 * @param boundFolders what of the host containers see; not asked for where there is no other toolbox
 * @returns the folders that are gone
 */
export async function removeUnusedToolboxes(
  own: string,
  boundFolders: () => Promise<ReadonlySet<string>>,
): Promise<string[]> {
  const folder = dirname(own);
  const others = (await readdir(folder)).map((name) => join(folder, name)).filter((path) => path !== own);
  if (others.length === 0) return [];
  // By their names alone, which are hashes: the state folder may have been named another way then.
  const bound = new Set([...(await boundFolders())].map((path) => basename(path)));
  const unused = others.filter((path) => !bound.has(basename(path)));
  for (const path of unused) await rm(path, { recursive: true, force: true });
  return unused;
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
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
      throw error;
    },
  );
}
