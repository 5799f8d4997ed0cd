/** How full a disk is, as those who are not root see it. */
import { statfs } from "node:fs/promises";

export type DiskRoom = { freeBytes: number; totalBytes: number };

/** Of the disk that holds `folder`. Null where it cannot be told, as of a folder that is not there. */
export async function diskRoom(folder: string): Promise<DiskRoom | null> {
  const disk = await statfs(folder).catch(() => null);
  if (disk === null) return null;
  const { bsize, bavail, bfree, blocks } = disk;
  // What is kept back for root is no room: it counts neither as free nor as part of the whole.
  return { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize };
}
