/**
 * One agent, and one access process, per state folder. The lock is SQLite's exclusive lock on a file of its own: the kernel drops it when the
 * process dies, however it dies, so there is no stale pid file to judge. The journal itself stays readable meanwhile.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";

const LOCK_FILE = "journal.lock";
/** Of the access process, which has its own. */
export const ACCESS_LOCK_FILE = "access.lock";
/** Of the files process, in the folder that it keeps for itself. */
export const FILES_LOCK_FILE = "files.lock";

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

/** Whether one runs on the folder: it holds the lock for as long as it lives. */
export function isLocked(folder: string, file = LOCK_FILE): boolean {
  const path = join(folder, file);
  if (!existsSync(path)) return false;
  const database = new Database(path, { readonly: true, timeout: 0 });
  try {
    database.prepare("SELECT 1 FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) return true;
    throw error;
  } finally {
    database.close();
  }
}
