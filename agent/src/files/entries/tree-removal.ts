/**
 * The removal of a file or a tree of the pool, whatever a container made of it: millions of names in one folder, folders
 * within each other beyond any path, folders where only owners remove. No more of it is held at once than a few names and
 * folders, and no link is followed.
 */
import { randomBytes } from "node:crypto";
import { chown, opendir, rename, rmdir, unlink } from "node:fs/promises";
import { folderOf, hasCode } from "./made-folders.ts";
import type { HeldEntry } from "./held-entry.ts";
import { FileRefusal } from "./refusal.ts";

/** Deeper folders are brought up to the first one, so that few are held open at once. */
const MAX_DEPTH = 32;
/** Of one folder; in which something new is found that often, somebody writes all the time. */
const MAX_PASSES = 100_000;
const NAMES_AT_ONCE = 512;
const STICKY = 0o1000n;
const ASIDE_BYTES = 9;

/** What is gone already is removed. @throws FileRefusal, or the system's error */
export async function removeTree(parent: HeldEntry, name: Uint8Array): Promise<void> {
  {
    using folder = folderOf(parent, name);
    if (folder === null) return await asOwner(parent, () => unlink(parent.pathOf(name)).catch(unlessGone));
    await empty(folder, { top: folder, depth: 1 });
  }
  await asOwner(parent, () => rmdir(parent.pathOf(name)).catch(unlessGone));
}

/** Over and over: what is read of a folder while its names go may lack some of them, and deep ones come up meanwhile. */
async function empty(folder: HeldEntry, at: { top: HeldEntry; depth: number }): Promise<void> {
  for (let pass = 0; pass < MAX_PASSES; pass += 1) if ((await emptyOnce(folder, at)) === 0) return;
  throw new FileRefusal("busy", "pool-folder-being-written");
}

async function emptyOnce(
  folder: HeldEntry,
  { top, depth }: { top: HeldEntry; depth: number },
): Promise<number> {
  let met = 0;
  const directory = await opendir(folder.path, {
    // The types know no names that are bytes.
    encoding: "buffer" as BufferEncoding,
    bufferSize: NAMES_AT_ONCE,
  });
  for await (const { name } of directory as AsyncIterable<{ name: unknown }>) {
    if (!(name instanceof Uint8Array)) continue;
    met += 1;
    using inside = folderOf(folder, name);
    if (inside === null) await asOwner(folder, () => unlink(folder.pathOf(name)).catch(unlessGone));
    else if (depth >= MAX_DEPTH)
      await asOwner(folder, () => rename(folder.pathOf(name), top.pathOf(aside())));
    else {
      await empty(inside, { top, depth: depth + 1 });
      await asOwner(folder, () => rmdir(folder.pathOf(name)).catch(unlessGone));
    }
  }
  return met;
}

function aside(): Buffer {
  return Buffer.from(`.${randomBytes(ASIDE_BYTES).toString("base64url")}.remotegpu-removed`);
}

/** Where only owners remove, this process has no right beyond theirs, but may become the folder's owner for a moment. */
async function asOwner(folder: HeldEntry, work: () => Promise<void>): Promise<void> {
  const { mode, uid, gid } = folder.stats;
  if ((mode & STICKY) === 0n || uid === 0n) return await work();
  await chown(folder.path, 0, Number(gid));
  try {
    await work();
  } finally {
    await chown(folder.path, Number(uid), Number(gid));
  }
}

function unlessGone(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}
