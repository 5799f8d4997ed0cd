/**
 * The tables of a SQLite file of ours as numbered steps, so that two releases can take turns on it. `user_version` is the
 * highest release that wrote to it; `meta.min_reader` is the lowest whose programs still understand all of it. A step only
 * ever adds, and min_reader is raised only once a release is there to stay: until then the one before works on the file.
 */
import type { Database } from "better-sqlite3";

export type FileSchema = {
  /** As messages name the file: "the journal". */
  name: string;
  /** Each in SQL; the number of a step is its place, counted from 1. */
  steps: readonly string[];
  /**
   * The steps are also counted in a table. `user_version` lies bare in the file's header, so a flipped bit there must not lock
   * a program out.
   */
  countsSteps: boolean;
  /** The lowest schema whose programs understand what this release writes once it is there to stay. */
  minReader: number;
};

export type SchemaNumbers = { version: number; minReader: number };

/** A later release has written what this one does not understand. Nothing is wrong with the file. */
export class NewerDatabaseError extends Error {
  override name = "NewerDatabaseError";
}

/** Before there was a `min_reader` every release read all that its predecessors wrote. */
const MIN_READER_BEFORE = 1;

/** As the file says them; changes nothing. */
export function schemaNumbers(database: Database): SchemaNumbers {
  return { version: countedSteps(database) ?? headerVersion(database), minReader: minReaderOf(database) };
}

/** @throws NewerDatabaseError for a file that programs of this schema do not understand any more */
export function assertReadable(database: Database, { name, steps }: FileSchema): void {
  const { version, minReader } = schemaNumbers(database);
  if (version <= steps.length || minReader <= steps.length) return;
  throw new NewerDatabaseError(
    `${name} has schema ${version} and is read from schema ${minReader} on; this version knows ${steps.length}: install a newer one`,
  );
}

/**
 * Brings the file up to date, each step in one transaction with its number. A file of a later release is left as it is.
 * @throws NewerDatabaseError for one that programs of this schema do not understand any more
 */
export function migrate(database: Database, schema: FileSchema): void {
  assertReadable(database, schema);
  const { version } = schemaNumbers(database);
  if (version !== headerVersion(database)) database.pragma(`user_version = ${version}`);
  for (const [index, step] of schema.steps.entries()) {
    if (index < version) continue;
    database.transaction(() => {
      database.exec(step);
      if (schema.countsSteps) countStep(database, index + 1);
      database.pragma(`user_version = ${index + 1}`);
    })();
  }
}

/**
 * From now on older programs refuse the file. The first thing that a release does with it after it is committed, and never
 * before: the release before it must be able to go on at any moment until then.
 */
export function raiseMinReader(database: Database, { minReader }: FileSchema): void {
  database.prepare("UPDATE meta SET min_reader = ? WHERE min_reader < ?").run(minReader, minReader);
}

function headerVersion(database: Database): number {
  return Number(database.pragma("user_version", { simple: true }));
}

/** Null where they are not counted. */
function countedSteps(database: Database): number | null {
  const isCounted = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'schema_steps'").get();
  if (isCounted === undefined) return null;
  const counted = database
    .prepare<[], { version: number | null }>("SELECT max(number) AS version FROM schema_steps")
    .get();
  return counted?.version ?? null;
}

function countStep(database: Database, number: number): void {
  database.exec("CREATE TABLE IF NOT EXISTS schema_steps (number INTEGER PRIMARY KEY) STRICT");
  database.prepare("INSERT INTO schema_steps (number) VALUES (?)").run(number);
}

function minReaderOf(database: Database): number {
  const isNamed = database.prepare("SELECT 1 FROM pragma_table_info('meta') WHERE name = 'min_reader'").get();
  if (isNamed === undefined) return MIN_READER_BEFORE;
  const meta = database.prepare<[], { min_reader: number }>("SELECT min_reader FROM meta").get();
  return meta?.min_reader ?? MIN_READER_BEFORE;
}
