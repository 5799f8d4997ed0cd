/** How full a disk is, as those who are not root see it. */
import { stat, statfs } from "node:fs/promises";
import type { FileRoom } from "../core/storage/file-limit.ts";

export type DiskRoom = { freeBytes: number; totalBytes: number };

/** A file system, told from others by its device. */
export type Disk = DiskRoom & { device: number };

/** Of the disk that holds `folder`. Null where it cannot be told, as of a folder that is not there. */
export async function diskRoom(folder: string): Promise<DiskRoom | null> {
  const disk = await statfs(folder).catch(() => null);
  if (disk === null) return null;
  const { bsize, bavail, bfree, blocks } = disk;
  // What is kept back for root is no room: it counts neither as free nor as part of the whole.
  return { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize };
}

/** How many files it has and takes. Null where it cannot be told. */
export async function fileRoom(folder: string): Promise<FileRoom | null> {
  const disk = await statfs(folder).catch(() => null);
  return disk === null ? null : { used: disk.files - disk.ffree, free: disk.ffree, total: disk.files };
}

/** All of that with its device. A shared file system that stands still answers nothing, for as long as it does. */
export async function diskSight(folder: string): Promise<(Disk & { files: FileRoom }) | null> {
  const room = await diskRoom(folder);
  const files = await fileRoom(folder);
  const found = await stat(folder).catch(() => null);
  return room === null || files === null || found === null ? null : { ...room, files, device: found.dev };
}
