/**
 * A walk through a tree of the pool, in its order, and the removal of one. What is met is held while it is looked at; no
 * link is followed.
 */
import { open, readdir, rmdir, unlink } from "node:fs/promises";
import { byBytes } from "../../core/files/relative-path.ts";
import { hasCode } from "../folder-way.ts";
import type { HeldEntry } from "../held-entry.ts";

export interface MetFile {
  steps: Uint8Array[];
  /** Of the folder that it lies in, held until the walk goes on. */
  folder: HeldEntry;
  name: Uint8Array;
}

/** All that is no folder. A folder that has become empty is gone once the walk has left it, but for the first. */
export async function* walk(root: HeldEntry, above: Uint8Array[] = []): AsyncGenerator<MetFile> {
  for (const name of (await namesIn(root)).sort(byBytes)) {
    const steps = [...above, name];
    using inside = folderOf(root, name);
    if (inside === null) {
      yield { steps, folder: root, name };
      continue;
    }
    yield* walk(inside, steps);
    await rmdir(root.pathOf(name)).catch(unlessFull);
    await synced(inside);
  }
  if (above.length === 0) await synced(root);
}

/** Removes it with all that is in it. */
export async function removeTree(parent: HeldEntry, name: Uint8Array): Promise<void> {
  {
    using folder = folderOf(parent, name);
    if (folder === null) return await unlink(parent.pathOf(name)).catch(unlessGone);
    for (const inside of await namesIn(folder)) await removeTree(folder, inside);
  }
  await rmdir(parent.pathOf(name)).catch(unlessGone);
}

async function namesIn(folder: HeldEntry): Promise<Uint8Array[]> {
  return await readdir(folder.path, { encoding: "buffer" });
}

/** Null where it is something else, a link to one among that, or gone. */
function folderOf(parent: HeldEntry, name: Uint8Array): HeldEntry | null {
  try {
    return parent.below(name, { isFolder: true, followsLinks: false });
  } catch (error) {
    if (["ENOTDIR", "ELOOP", "ENOENT"].some((code) => hasCode(error, code))) return null;
    throw error;
  }
}

/** What it holds is on the disk, and so are their names. */
async function synced(folder: HeldEntry): Promise<void> {
  const handle = await open(folder.path, "r").catch(() => null);
  if (handle === null) return;
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessFull(error: unknown): void {
  if (!hasCode(error, "ENOTEMPTY") && !hasCode(error, "ENOENT")) throw error;
}

function unlessGone(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}
