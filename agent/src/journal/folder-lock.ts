/**
 * One agent per state folder. The lock is SQLite's exclusive lock on a file of its own: the kernel drops it when the
 * process dies, however it dies, so there is no stale pid file to judge. The journal itself stays readable meanwhile.
 */
import { join } from "node:path";
import Database from "better-sqlite3";

export const LOCK_FILE = "journal.lock";

export class FolderLockedError extends Error {
  override name = "FolderLockedError";
}

export interface FolderLock {
  release(): void;
}

/** @throws FolderLockedError when another one holds this folder; its message is fit to be shown as it is */
export function lockFolder(
  folder: string,
  { file = LOCK_FILE, holder = "agent" }: { file?: string; holder?: string } = {},
): FolderLock {
  const database = new Database(join(folder, file), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (cause instanceof Database.SqliteError && cause.code.startsWith("SQLITE_BUSY"))
      throw new FolderLockedError(`another ${holder} is already running on the state folder ${folder}`, {
        cause,
      });
    throw cause;
  }
  return { release: () => database.close() };
}
