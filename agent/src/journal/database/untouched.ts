/**
 * A SQLite file of ours, read beside whoever writes it or without anybody, so that nothing in its folder is changed. SQLite
 * itself makes a log and its index beside a file that nobody has open, even to read it, and leaves them there.
 */
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import Database from "better-sqlite3";

/**
 * What `read` says of the file as it was at one moment.
 * @param isHeld whether a process has it open, which keeps its log and index there
 */
export function readUntouched<T>(
  path: string,
  isHeld: () => boolean,
  read: (sqlite: Database.Database) => T,
): T {
  if (isHeld()) return readAt(path, read);
  // Customers' variables are in it: for root alone, as the file itself.
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-reading-"));
  try {
    const copy = join(folder, basename(path));
    for (const suffix of ["", "-wal"])
      if (existsSync(path + suffix)) copyPrivate(path + suffix, copy + suffix);
    // Whoever began with it meanwhile may have spoiled the copy.
    return isHeld() ? readAt(path, read) : readAt(copy, read);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function copyPrivate(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, 0o600);
}

function readAt<T>(path: string, read: (sqlite: Database.Database) => T): T {
  const sqlite = new Database(path, { readonly: true });
  try {
    sqlite.exec("BEGIN");
    return read(sqlite);
  } finally {
    sqlite.close();
  }
}
