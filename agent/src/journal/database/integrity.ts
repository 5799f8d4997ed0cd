/**
 * Whether the file is still the database that was written: its structure, its table definitions, its own id. What
 * fails here cannot be mended row by row; the file is set aside and containers are adopted from their labels.
 */
import { accessSync, constants } from "node:fs";
import Database from "better-sqlite3";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { JOURNAL_SCHEMA } from "./schema.ts";
import { migrate } from "./schema-steps.ts";

/** The agent must end on it: the next start sets the file aside and begins a new one. */
export class DamagedJournalError extends Error {
  override name = "DamagedJournalError";
}

/** Whether SQLite's own complaint means damage rather than a failing disk. */
export function isDamage(error: unknown): boolean {
  return (
    error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB|ERROR|CONSTRAINT)/.test(error.code)
  );
}

/** Takes a third of a second for a full host's week of rows. @throws DamagedJournalError */
export function assertIntact(sqlite: Database.Database): void {
  assertWritable(sqlite);
  const complaint = complaintAbout(sqlite);
  if (complaint !== null) throw new DamagedJournalError(complaint);
}

/** What is wrong with the file as a whole; null when nothing is. Changes nothing. */
export function complaintAbout(sqlite: Database.Database): string | null {
  const structure = sqlite.pragma("quick_check(1)", { simple: true });
  if (structure !== "ok") return `the journal's structure: ${String(structure)}`;
  const isOurVersion = sqlite.pragma("user_version", { simple: true }) === JOURNAL_SCHEMA.steps.length;
  if (isOurVersion && definitions(sqlite) !== expectedDefinitions())
    return "the journal's table definitions have changed by themselves";
  const identity = sqlite
    .prepare<[], { id: string; hash: string }>("SELECT journal_id AS id, journal_id_hash AS hash FROM meta")
    .all();
  return identity.length > 1 || identity.some(({ id, hash }) => sha256(id) !== hash)
    ? "the journal's own id has changed by itself"
    : null;
}

/** A changed version number in the header makes SQLite refuse to write, on a disk that takes writes. */
function assertWritable(sqlite: Database.Database): void {
  try {
    sqlite.pragma(`user_version = ${String(sqlite.pragma("user_version", { simple: true }))}`);
  } catch (cause) {
    accessSync(sqlite.name, constants.W_OK);
    throw new DamagedJournalError("the journal's file is damaged", { cause });
  }
}

function expectedDefinitions(): string {
  const fresh = new Database(":memory:");
  migrate(fresh, JOURNAL_SCHEMA);
  const text = definitions(fresh);
  fresh.close();
  return text;
}

function definitions(sqlite: Database.Database): string {
  return JSON.stringify(
    sqlite.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").raw().all(),
  );
}
