/** A walk through a tree of the pool, in its order. What is met is held while it is looked at; no link is followed. */
import { open, readdir, rmdir } from "node:fs/promises";
import { byBytes } from "../../core/files/relative-path.ts";
import { folderOf, hasCode } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";

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

async function namesIn(folder: HeldEntry): Promise<Uint8Array[]> {
  return await readdir(folder.path, { encoding: "buffer" });
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
