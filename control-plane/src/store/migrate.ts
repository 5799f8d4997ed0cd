/**
 * Brings a database to the schema this version of the control plane needs, by the numbered files of
 * control-plane/migrations. Safe to run twice and from two processes at once: each file is one transaction that holds
 * a lock on the table of what was applied. (A table lock, since advisory locks break behind poolers.)
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { type Connection, type Database, openDatabase, StoreError, transaction } from "./database.ts";
import { rowsOfTheOldSystem } from "./old-rows.ts";

/** The numbered files, beside the sources of the control plane. */
export const MIGRATIONS = new URL("../../migrations/", import.meta.url);

const MIGRATION_TIMEOUT_MS = 30 * 60_000;
/** Two processes that make the table of applied migrations at the same moment: one of them loses and looks again. */
const MAX_BOOKKEEPING_ATTEMPTS = 5;
const LOST_CREATE_RACE = new Set(["23505", "42P07", "42710"]);
const UNDEFINED_TABLE = "42P01";
const UNDEFINED_COLUMN = "42703";

/** One line that says why a database is not brought up to date, or that it is not. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/**
 * Applies what is missing, in order, and answers the names it applied.
 * @throws MigrationError when a file fails or was changed since it was applied, or the database holds rows of the old
 *   system; StoreError when there is no database to ask
 */
export async function migrate(
  target: Database | string,
  { log = () => undefined, folder = MIGRATIONS }: { log?: (line: string) => void; folder?: URL } = {},
): Promise<{ applied: string[] }> {
  if (typeof target === "string") {
    const database = openDatabase(target, { maxConnections: 1 });
    try {
      return await migrate(database, { log, folder });
    } finally {
      await database.close();
    }
  }
  const migrations = await readMigrations(folder);
  const oldRows = await rowsOfTheOldSystem(target);
  if (oldRows.length > 0)
    throw new MigrationError(
      `this database has rows of the old system in ${oldRows.join(", ")}; nothing was changed. ` +
        "Upgrading a database with rows comes with a later version",
    );
  await makeBookkeeping(target);
  const applied: string[] = [];
  for (const migration of migrations) {
    const isNew = await transaction(target, (connection) => apply(connection, migration), {
      statementTimeoutMs: MIGRATION_TIMEOUT_MS,
    }).catch((cause: unknown) => {
      if (!(cause instanceof StoreError)) throw cause;
      throw new MigrationError(`${migration.name} fails: ${cause.message}`, { cause });
    });
    if (!isNew) continue;
    log(`applied ${migration.name}`);
    applied.push(migration.name);
  }
  return { applied };
}

/**
 * For a service that does not migrate by itself.
 * @throws MigrationError naming what is missing or differs
 */
export async function assertMigrated(database: Database, folder = MIGRATIONS): Promise<void> {
  const checksums = await appliedChecksums(database).catch((error: unknown) => {
    if (error instanceof StoreError && error.code === UNDEFINED_TABLE) return new Map<string, string>();
    throw error;
  });
  for (const migration of await readMigrations(folder)) {
    if (!isApplied(migration, checksums))
      throw new MigrationError(
        `the database lacks ${migration.name}: run "remotegpu-control-plane migrate" first`,
      );
  }
}

export async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name)).sort();
  return await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

async function apply(connection: Connection, migration: Migration): Promise<boolean> {
  // Conflicts with itself, not with readers: whoever comes second waits here and then finds the work done.
  await connection.query("LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE");
  if (isApplied(migration, await appliedChecksums(connection))) return false;
  await connection.query(migration.sql);
  await connection.query("INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", [
    migration.name,
    migration.checksum,
  ]);
  return true;
}

function isApplied({ name, checksum }: Migration, checksums: Map<string, string>): boolean {
  const known = checksums.get(name);
  if (known !== undefined && known !== checksum)
    throw new MigrationError(
      `${name} was changed after this database got it (checksum ${known.slice(0, 12)} then, ${checksum.slice(0, 12)} now); ` +
        "put a change into a new migration",
    );
  return known !== undefined;
}

async function appliedChecksums(connection: Connection): Promise<Map<string, string>> {
  const { rows } = await connection.query<{ name: string; checksum: string }>(
    "SELECT name, checksum FROM schema_migrations",
  );
  return new Map(rows.map(({ name, checksum }) => [name, checksum]));
}

async function makeBookkeeping(database: Database): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
        name varchar(128) PRIMARY KEY,
        checksum varchar(64) NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      )`);
      await appliedChecksums(database);
      return;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === UNDEFINED_COLUMN)
        throw new MigrationError(
          "a table schema_migrations of another tool is in this database; rename it and run this again",
        );
      if (attempt === MAX_BOOKKEEPING_ATTEMPTS || !LOST_CREATE_RACE.has(error.code ?? "")) throw error;
    }
  }
}
