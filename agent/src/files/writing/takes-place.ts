/** What was written beside where it belongs takes its place: in one step, and as whoever owns its folder. */
import { chmod, chown, lstat, rename, statfs } from "node:fs/promises";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";

export const FILE_MODE = 0o644;
const PROGRAM_MODE = 0o755;

/** @param draft its name until now */
export async function takePlace(
  file: HeldEntry,
  draft: Uint8Array,
  { folder, name, isExecutable }: { folder: HeldEntry; name: Uint8Array; isExecutable: boolean },
): Promise<void> {
  // Its mode first: who has given a file away may not change it.
  await chmod(file.path, isExecutable ? PROGRAM_MODE : FILE_MODE);
  await chown(file.path, Number(folder.stats.uid), Number(folder.stats.gid));
  await rename(folder.pathOf(draft), folder.pathOf(name));
}

/** @throws FileRefusal */
export async function refuseBeyondRoom(folder: HeldEntry, bytes: number): Promise<void> {
  const { bsize, bavail } = await statfs(folder.path);
  if (bytes > bsize * bavail) throw new FileRefusal("no-room", "pool-disk-too-small");
}

/** @throws FileRefusal */
export async function refuseInPlaceOfFolder(folder: HeldEntry, name: Uint8Array): Promise<void> {
  const there = await lstat(folder.pathOf(name)).catch(() => null);
  if (there?.isDirectory() === true) throw new FileRefusal("not-a-file", "pool-folder-in-place");
}
