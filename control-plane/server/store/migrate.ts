/**
 * Brings a database to the schema this version of the control plane needs, by the numbered files of
 * control-plane/migrations. Safe to run twice and from two processes at once: each file is one transaction that holds
 * a lock on the table of what was applied. (A table lock, since advisory locks break behind poolers.)
 */
import type { EnvVarSeal } from "../core/secrets/env-var-seal.ts";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { grantToApplication } from "./database/grants.ts";
import { type Connection, type Database, openDatabase, type Transaction } from "./database/database.ts";
import { StoreError } from "./database/store-error.ts";
import { transaction } from "./database/transaction.ts";
import { programFiles } from "../installation/program-files.ts";
import { MigrationError } from "./upgrade/migration-error.ts";
import { downgrade } from "./upgrade/migration/down.ts";
import { dryRun } from "./upgrade/migration/dry-run.ts";
import { isBeforeFold, renameToFolded } from "./folded-migrations.ts";
import { LOCK_WAIT_MS, MIGRATING, transactionAlone, whoMigrates } from "./upgrade/locks.ts";
import { isOld, readForm } from "./upgrade/old-form.ts";
import { NOTHING_TO_REPORT } from "./upgrade/rows/report.ts";
import { FIRST_LINE_AFTER_MS, withProgress } from "./upgrade/progress.ts";
import { upgrade, type UpgradeResult } from "./upgrade/migration/up.ts";

/** The folder of the numbered files. */
export const MIGRATIONS = programFiles.migrations;

/** What the old schema has beyond the first migration. */
const OLD_NAMES = new URL("old_names.sql", MIGRATIONS);

const MIGRATION_TIMEOUT_MS = 30 * 60_000;
/** Two processes that make the table of applied migrations at the same moment: one of them loses and looks again. */
const MAX_BOOKKEEPING_ATTEMPTS = 5;
const LOST_CREATE_RACE = new Set(["23505", "42P07", "42710"]);
/** The migration that makes the tables in which an upgrade is recorded. */
const UPGRADE_RECORD = "_upgrade_record.sql";
const UNDEFINED_TABLE = "42P01";
const UNDEFINED_COLUMN = "42703";

export interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

export interface MigrateOptions {
  log?: (line: string) => void;
  folder?: URL;
  /** Refuse an upgrade of old tables that has anything to report. */
  strict?: boolean;
  /** How long others may go on using the tables that change. */
  waitMs?: number;
  /** A file that takes longer is told of while it goes on. */
  reportAfterMs?: number;
}

export interface Migrated extends UpgradeResult {
  /** Names of the migrations that were applied. */
  applied: string[];
}

/**
 * Applies what is missing, in order. Old tables are upgraded with all of it in one transaction. In the end the
 * application's role gets what it needs of all tables.
 * @param target acts as the owner of the tables
 * @throws MigrationError when a file fails, an earlier checkout made this database, or something is in the way of an
 *   upgrade; StoreError when there is no database to ask
 */
export async function migrate(
  target: Database | string,
  {
    log = () => undefined,
    folder = MIGRATIONS,
    strict = false,
    waitMs = LOCK_WAIT_MS,
    reportAfterMs = FIRST_LINE_AFTER_MS,
  }: MigrateOptions = {},
): Promise<Migrated> {
  if (typeof target === "string") {
    const database = openDatabase(target, { maxConnections: 1, runsAs: "owner" });
    try {
      return await migrate(database, { log, folder, strict, waitMs, reportAfterMs });
    } finally {
      await database.close();
    }
  }
  const migrations = await readMigrations(folder);
  const renamed = await renameToFolded(target, migrations, await appliedChecksumsOrNone(target), {
    folder,
    log,
    timeoutMs: MIGRATION_TIMEOUT_MS,
    waitMs,
  });
  missingOf(migrations, await appliedChecksumsOrNone(target));
  const upgraded = await upgradeOldTables(target, migrations, { log, strict, waitMs });
  await makeBookkeeping(target);
  const applied = [...renamed, ...upgraded.applied];
  for (const migration of migrations) {
    const applyAlone = async () =>
      await transaction(
        target,
        async (sql) => {
          await sql.query(`SET LOCAL application_name = '${MIGRATING}'`);
          return await apply(sql, migration);
        },
        { statementTimeoutMs: MIGRATION_TIMEOUT_MS },
      );
    const isNew = await withProgress(log, migration.name, applyAlone, reportAfterMs).catch(
      (cause: unknown) => {
        if (!(cause instanceof StoreError)) throw cause;
        throw new MigrationError(`${migration.name} fails: ${cause.message}`, { cause });
      },
    );
    if (!isNew) continue;
    log(`applied ${migration.name}`);
    applied.push(migration.name);
  }
  await grantToApplication(target, log);
  return { ...upgraded, applied };
}

/**
 * What `migrate` would do, writing nothing.
 * @throws MigrationError as `migrate` does, but for what only the change itself can find
 */
export async function planMigration(database: Database, folder = MIGRATIONS): Promise<Migrated> {
  const checksums = await appliedChecksumsOrNone(database);
  const migrations = await readMigrations(folder);
  const isBefore = await isBeforeFold(folder, migrations, checksums);
  const missing = isBefore
    ? migrations.filter(({ name, checksum }) => checksums.get(name) !== checksum)
    : missingOf(migrations, checksums);
  const result = await dryRun(database, { timeoutMs: MIGRATION_TIMEOUT_MS }).catch((cause: unknown) => {
    if (!(cause instanceof StoreError)) throw cause;
    throw new MigrationError(`the upgrade would fail: ${cause.message}`, { cause });
  });
  return { ...result, applied: missing.map(({ name }) => name) };
}

/**
 * The way back to the old system's schema.
 * @param discard tables of ours whose rows may go
 * @throws MigrationError naming what would be lost or stands in the way; nothing is changed then
 */
export async function migrateDown(
  database: Database,
  {
    log = () => undefined,
    discard = [],
    waitMs = LOCK_WAIT_MS,
    envVars = null,
  }: {
    log?: (line: string) => void;
    discard?: readonly string[];
    waitMs?: number;
    /** Opens what was sealed here; null where the keys are elsewhere. */
    envVars?: EnvVarSeal | null;
  } = {},
): Promise<void> {
  const form = await readForm(database);
  if (form.size === 0 || isOld(form)) throw new MigrationError("this database does not have our schema");
  await assertMigrated(database);
  const migrations = (await readMigrations(MIGRATIONS)).map(({ sql }) => sql);
  const names = await readFile(OLD_NAMES, "utf8");
  await transactionAlone(
    database,
    ["schema_migrations", "leader", ...form.keys()],
    { timeoutMs: MIGRATION_TIMEOUT_MS, waitMs, log },
    (sql) =>
      downgrade(sql, { migrations, oldSchema: [...migrations.slice(0, 1), names], discard, envVars }, log),
  ).catch((cause: unknown) => {
    if (!(cause instanceof StoreError)) throw cause;
    throw new MigrationError(`the way back fails: ${cause.message}. Nothing was changed`, { cause });
  });
}

async function upgradeOldTables(
  database: Database,
  migrations: readonly Migration[],
  { log, strict, waitMs }: { log: (line: string) => void; strict: boolean; waitMs: number },
): Promise<Migrated> {
  const record = migrations.find(({ name }) => name.endsWith(UPGRADE_RECORD));
  const form = await readForm(database);
  if (record === undefined || !isOld(form)) return { applied: [], steps: [], report: NOTHING_TO_REPORT };
  return await transactionAlone(
    database,
    [...form.keys()],
    { timeoutMs: MIGRATION_TIMEOUT_MS, waitMs, log },
    async (sql) => {
      const applied: string[] = [];
      const texts = migrations.map((migration) => migration.sql);
      const result = await upgrade(
        sql,
        {
          migrations: texts,
          record: record.sql,
          apply: async (within, index) => {
            const migration = migrations[index];
            if (index === 0) await makeBookkeeping(within);
            if (migration !== undefined && (await apply(within, migration))) applied.push(migration.name);
          },
        },
        { print: log, strict },
      );
      return { ...result, applied };
    },
  ).catch((cause: unknown) => {
    if (!(cause instanceof StoreError)) throw cause;
    throw new MigrationError(`the upgrade fails: ${cause.message}. Nothing was changed`, { cause });
  });
}

/**
 * For a service that does not migrate by itself.
 * @throws MigrationError naming what is missing or differs
 */
export async function assertMigrated(database: Database, folder = MIGRATIONS): Promise<void> {
  const checksums = await appliedChecksumsOrNone(database);
  const migrations = await readMigrations(folder);
  if (await isBeforeFold(folder, migrations, checksums))
    throw new MigrationError(
      'the database has the names of before the migrations were folded: run "remotegpu-control-plane migrate" first',
    );
  const [missing] = missingOf(migrations, checksums);
  if (missing === undefined) return;
  const who = await whoMigrates(database);
  throw new MigrationError(
    who === null
      ? `the database lacks ${missing.name}: run "remotegpu-control-plane migrate" first`
      : `the database is being migrated (${who}) and lacks ${missing.name}: start again when that has ended`,
  );
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

/**
 * The files that built a schema, by the names and checksums that its database has.
 * @throws MigrationError where they are not the first of ours
 */
export async function filesOfSchema(
  applied: readonly Pick<Migration, "name" | "checksum">[],
  folder = MIGRATIONS,
): Promise<Migration[]> {
  const migrations = await readMigrations(folder);
  const differs = applied.find(({ name, checksum }, index) => {
    const ours = migrations[index];
    return ours === undefined || ours.name !== name || ours.checksum !== checksum;
  });
  if (differs !== undefined || applied.length === 0)
    throw new MigrationError(
      `its schema was built by files that this version does not have (${differs?.name ?? "none"}): use the version that made it`,
    );
  return migrations.slice(0, applied.length);
}

/** Builds the schema of a version in an empty database, all of it in the caller's transaction. */
export async function buildSchema(sql: Transaction, migrations: readonly Migration[]): Promise<void> {
  await makeBookkeeping(sql);
  for (const migration of migrations) await apply(sql, migration);
}

async function apply(sql: Transaction, migration: Migration): Promise<boolean> {
  // Conflicts with itself, not with readers: whoever comes second waits here and then finds the work done.
  await sql.query("LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE");
  if (isApplied(migration, await appliedChecksums(sql))) return false;
  await sql.query(migration.sql);
  await sql.change("INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", [
    migration.name,
    migration.checksum,
  ]);
  return true;
}

/**
 * What a database has not got yet, of these in their order.
 * @throws MigrationError when it was made by other files than these
 */
function missingOf(migrations: readonly Migration[], checksums: ReadonlyMap<string, string>): Migration[] {
  const missing = migrations.filter(({ name }) => !checksums.has(name));
  const ours = new Set(migrations.map(({ name }) => name));
  const last = migrations.at(-1)?.name ?? "";
  // Beyond the last of ours they are of a later version, beside which this one may run for a while.
  const [gone, ...more] = [...checksums.keys()]
    .filter((name) => !ours.has(name) && (missing.length > 0 || name < last))
    .sort();
  if (gone !== undefined)
    throw madeByOthers(
      `it has migrations that are no longer there: ${gone}${more.length === 0 ? "" : ` and ${more.length} more`}`,
    );
  for (const migration of migrations) isApplied(migration, checksums);
  return missing;
}

function isApplied({ name, checksum }: Migration, checksums: ReadonlyMap<string, string>): boolean {
  const known = checksums.get(name);
  if (known !== undefined && known !== checksum)
    throw madeByOthers(`${name} was changed after this database got it`);
  return known !== undefined;
}

/** Nothing was released before the files became what they are, so there is no way on from there. */
function madeByOthers(why: string): MigrationError {
  return new MigrationError(
    `this database was made by an earlier checkout (${why}), and stays as it is: ` +
      "give an empty one, or run `npm start -- --clean`",
  );
}

async function appliedChecksumsOrNone(database: Database): Promise<Map<string, string>> {
  return await appliedChecksums(database).catch((error: unknown) => {
    if (error instanceof StoreError && error.code === UNDEFINED_TABLE) return new Map<string, string>();
    throw error;
  });
}

async function appliedChecksums(sql: Connection): Promise<Map<string, string>> {
  const { rows } = await sql
    .query<{ name: string; checksum: string }>("SELECT name, checksum FROM schema_migrations")
    .catch((cause: unknown) => {
      if (!(cause instanceof StoreError) || cause.code !== UNDEFINED_COLUMN) throw cause;
      throw new MigrationError(
        "a table schema_migrations of another tool is in this database; rename it and run this again",
        { cause },
      );
    });
  return new Map(rows.map(({ name, checksum }) => [name, checksum]));
}

async function makeBookkeeping(database: Connection): Promise<void> {
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
      if (attempt === MAX_BOOKKEEPING_ATTEMPTS || !LOST_CREATE_RACE.has(error.code ?? "")) throw error;
    }
  }
}
