/** How durable our SQLite files are: a log ahead of the file, and on the disk when a change returns. */
import assert from "node:assert";
import type { Database } from "better-sqlite3";

/** Few enough pages that the log file stays small and, once grown, is written again in place. */
export const CHECKPOINT_PAGES = 128;
const SYNCHRONOUS_FULL = 2;

export function makeDurable(sqlite: Database): void {
  const mode = sqlite.pragma("journal_mode = WAL", { simple: true });
  assert(
    mode === "wal",
    `the file system of ${sqlite.name} refuses write-ahead logging (mode ${String(mode)})`,
  );
  sqlite.pragma("synchronous = FULL");
  const synchronous = sqlite.pragma("synchronous", { simple: true });
  assert(
    synchronous === SYNCHRONOUS_FULL,
    `${sqlite.name} is not synchronous=FULL but ${String(synchronous)}`,
  );
  sqlite.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
}
