/**
 * A database that the files of before the fold made: each of them is on record by name and checksum. Tables and columns
 * get the names of the folded files in one transaction, and those files stand on record in place of the former ones. No
 * control plane may run on it meanwhile, since one of that version sends the former names.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Connection, Database, Transaction } from "./database/database.ts";
import { presentLeader } from "./database/leader.ts";
import { readCatalogue } from "./upgrade/catalogue.ts";
import { transactionAlone } from "./upgrade/locks.ts";
import { MigrationError } from "./upgrade/migration-error.ts";
import { modelOf } from "./upgrade/tables/model.ts";
import { assertSame } from "./upgrade/tables/same-schema.ts";

/** The name and checksum of a migration. */
interface RecordedFile {
  name: string;
  checksum: string;
}

/** The files of before the fold, and what gives their tables and columns the names of the folded files. */
interface Fold {
  files: readonly RecordedFile[];
  renames: string;
}

/** The last file that the fold made; what comes behind it is applied as ever. */
const LAST_FOLDED = "0015_storage_and_data.sql";
/** The tables that the renames lock first. */
const RECORD = ["schema_migrations"];
/** A leader that was killed holds its lease for some seconds more. */
const LEADER_POLL_MS = 500;

interface FoldOptions {
  folder: URL;
  log: (line: string) => void;
  timeoutMs: number;
  /** How long a control plane may go on leading, and others using the tables. */
  waitMs: number;
}

/**
 * Gives a database of before the fold the names of the folded files; any other one stays as it is.
 * @returns the folded files that are new on record; none where it was no database of before
 * @throws MigrationError where only some of the former files made it, or a control plane runs on it
 */
export async function renameToFolded(
  database: Database,
  migrations: readonly (RecordedFile & { sql: string })[],
  applied: ReadonlyMap<string, string>,
  { folder, log, timeoutMs, waitMs }: FoldOptions,
): Promise<string[]> {
  const fold = await readFold(folder);
  if (fold === null || !isMadeBeforeFold(fold, migrations, applied)) return [];
  const folded = migrations.filter(isFolded);
  await leaderIsGone(database, waitMs);
  await transactionAlone(database, RECORD, { timeoutMs, waitMs, log }, async (sql) => {
    // Another process may have done it meanwhile.
    const present = await recorded(sql);
    if (!isMadeBeforeFold(fold, migrations, present)) return;
    await sql.query(fold.renames);
    await record(sql, fold, folded);
    const later = migrations.filter((file) => !isFolded(file) && present.has(file.name));
    const texts = [...folded, ...later].map((file) => file.sql);
    await modelOf(sql, texts, async (model) => assertSame(await readCatalogue(sql), model));
  });
  log("renamed tables and columns of before the fold");
  return folded.filter(({ name, checksum }) => applied.get(name) !== checksum).map(({ name }) => name);
}

/**
 * Whether the files of before the fold made the database that has these on record.
 * @throws MigrationError where it has some of them and not the others
 */
export async function isBeforeFold(
  folder: URL,
  migrations: readonly RecordedFile[],
  applied: ReadonlyMap<string, string>,
): Promise<boolean> {
  const fold = await readFold(folder);
  return fold !== null && isMadeBeforeFold(fold, migrations, applied);
}

/** Null for a folder whose files were never folded. */
async function readFold(folder: URL): Promise<Fold | null> {
  const read = async (name: string) => await readFile(new URL(name, folder), "utf8");
  const lines = await read("folded.txt").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  });
  if (lines === null) return null;
  const files = [...lines.matchAll(/^(\w{64}) {2}(\w+\.sql)$/gm)].map(([, checksum = "", name = ""]) => ({
    name,
    checksum,
  }));
  return { files, renames: await read("folded_names.sql") };
}

function isMadeBeforeFold(
  { files }: Fold,
  migrations: readonly RecordedFile[],
  applied: ReadonlyMap<string, string>,
): boolean {
  const present = new Map(migrations.map(({ name, checksum }) => [name, checksum]));
  const isOnRecord = ({ name, checksum }: RecordedFile) => applied.get(name) === checksum;
  // A file that the fold left as it was is of both.
  if (!files.some((file) => isOnRecord(file) && present.get(file.name) !== file.checksum)) return false;
  const former = new Set(files.map(({ name }) => name));
  const missing = files.filter((file) => !isOnRecord(file)).map(({ name }) => name);
  const later = new Set(
    migrations.filter((file) => !isFolded(file) && isOnRecord(file)).map(({ name }) => name),
  );
  const others = [...applied.keys()].filter((name) => !former.has(name) && !later.has(name));
  const [first] = [...missing, ...others];
  if (first === undefined) return true;
  throw new MigrationError(
    `this database has some of the migrations of before the fold and not all of them (${first}), and stays as it is: ` +
      "run the migrate of the version that began them first, and then this one",
  );
}

async function leaderIsGone(database: Database, waitMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LEADER_POLL_MS) {
    const leader = await presentLeader(database);
    if (leader === null) return;
    if (waitedMs >= waitMs)
      throw new MigrationError(
        `a control plane runs on this database (${leader}), whose tables get other names; ` +
          "stop it and run this again. Nothing was changed",
      );
    await delay(LEADER_POLL_MS);
  }
}

async function recorded(sql: Connection): Promise<Map<string, string>> {
  const { rows } = await sql.query<RecordedFile>("SELECT name, checksum FROM schema_migrations");
  return new Map(rows.map(({ name, checksum }) => [name, checksum]));
}

function isFolded({ name }: RecordedFile): boolean {
  return name <= LAST_FOLDED;
}

async function record(sql: Transaction, fold: Fold, folded: readonly RecordedFile[]): Promise<void> {
  await sql.change("DELETE FROM schema_migrations WHERE name = ANY($1::text[])", [
    fold.files.map(({ name }) => name),
  ]);
  await sql.change(
    `INSERT INTO schema_migrations (name, checksum)
     SELECT name, checksum FROM jsonb_to_recordset($1::jsonb) AS m (name text, checksum text)`,
    [JSON.stringify(folded.map(({ name, checksum }) => ({ name, checksum })))],
  );
}
