/** Folders as they are found, and on the way to a file, where each is made that is missing, as whoever owns the one above. */
import { chown, mkdir, unlink } from "node:fs/promises";
import type { HeldEntry } from "./held-entry.ts";

const FOLDER_MODE = 0o755;

/**
 * @param replacesFiles what stands in the way and is no folder gives way to one
 * @returns the last of them, which whoever gets it closes
 * @throws OpenError, or the system's error
 */
export async function folderAt(
  root: HeldEntry,
  steps: readonly Uint8Array[],
  { replacesFiles = false, mode = FOLDER_MODE }: { replacesFiles?: boolean; mode?: number } = {},
): Promise<HeldEntry> {
  let above = root.below(new Uint8Array(), { isFolder: true });
  for (const [index, step] of steps.entries()) {
    using parent = above;
    const path = pathOf(steps.slice(0, index + 1));
    try {
      above = root.below(path, { isFolder: true });
    } catch (error) {
      const isObstacle = replacesFiles && hasCode(error, "ENOTDIR");
      if (!isObstacle && !hasCode(error, "ENOENT")) throw error;
      if (isObstacle) await unlink(parent.pathOf(step));
      await mkdir(parent.pathOf(step), { mode }).catch(unlessThere);
      using made = root.below(path, { isFolder: true });
      await chown(made.path, Number(parent.stats.uid), Number(parent.stats.gid));
      // Once more, with its owner.
      above = root.below(path, { isFolder: true });
    }
  }
  return above;
}

/** Null where it is something else, a link to one among that, or gone. */
export function folderOf(parent: HeldEntry, name: Uint8Array): HeldEntry | null {
  try {
    return parent.below(name, { isFolder: true, followsLinks: false });
  } catch (error) {
    if (["ENOTDIR", "ELOOP", "ENOENT"].some((code) => hasCode(error, code))) return null;
    throw error;
  }
}

function unlessThere(error: unknown): void {
  if (!hasCode(error, "EEXIST")) throw error;
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

export function pathOf(steps: readonly Uint8Array[]): Buffer {
  return Buffer.concat(steps.flatMap((step, index) => (index === 0 ? [step] : [Buffer.from("/"), step])));
}
