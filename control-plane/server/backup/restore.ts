/**
 * Restores a backup into an empty database. Everything is verified before anything is written, the database is written in
 * one transaction, and keys are placed only where the state folder has none.
 */
import { createReadStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { operatorFile } from "../link/servers/operator.ts";
import { grantToApplication } from "../store/database/grants.ts";
import type { Database } from "../store/database/database.ts";
import { transaction } from "../store/database/transaction.ts";
import { assertEmpty } from "../store/backup/empty-database.ts";
import { markRestored } from "../store/backup/restored-incarnation.ts";
import { restoreTables, type RestoredRows } from "../store/backup/restored-tables.ts";
import { filesOfSchema } from "../store/migrate.ts";
import { asBackupError, BackupError } from "./backup-error.ts";
import { assertWhole } from "./checked-files.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { pgRestore } from "./postgres-programs.ts";
import { openedKeys, placeKeys } from "./sealed-keys.ts";

export interface RestoreRequest {
  folder: string;
  stateDir: string;
  /** Null: the keys stay in the backup. */
  passphrase: string | null;
  now: Date;
  report: (line: string) => void;
}

export interface Restored extends RestoredRows {
  manifest: Manifest;
  placedKeys: string[];
}

/**
 * @param owner acts as the owner of the tables
 * @throws BackupError, NotEmptyError, MigrationError, StoreError; the database is as it was then
 */
export async function restoreBackup(owner: Database, request: RestoreRequest): Promise<Restored> {
  const { folder, stateDir, passphrase, now, report } = request;
  const manifest = await readManifest(folder);
  await assertWhole(folder, manifest.files);
  const keys = await keysToPlace(manifest, { folder, stateDir, passphrase });
  await assertEmpty(owner);
  const rows = await restoreDatabase(owner, { folder, manifest, now }).catch((error: unknown) => {
    throw asBackupError(error, "the restore fails, and the database is empty as before");
  });
  await grantToApplication(owner, report);
  return { ...rows, manifest, placedKeys: await placeKeys(stateDir, keys) };
}

async function restoreDatabase(
  owner: Database,
  { folder, manifest, now }: { folder: string; manifest: Manifest; now: Date },
): Promise<RestoredRows> {
  const { dump } = manifest;
  if (dump.kind === "pg_dump") {
    await pgRestore(owner.pool.options.connectionString ?? "", join(folder, dump.file));
    return { dbIncarnation: await transaction(owner, (sql) => markRestored(sql, now)), unknownTables: [] };
  }
  const files = new Map(dump.tables.map(({ name, file }) => [name, file]));
  const migrations = await filesOfSchema(manifest.migrations);
  return await restoreTables(
    owner,
    {
      migrations,
      tables: dump.tables,
      sequences: dump.sequences,
      open: ({ name }) => opened(join(folder, files.get(name) ?? "")),
    },
    now,
  );
}

function opened(file: string) {
  const lines = createGunzip();
  createReadStream(file)
    .on("error", (error) => lines.destroy(error))
    .pipe(lines);
  return lines;
}

/** Another fleet's keys are never replaced. */
async function keysToPlace(
  { keys }: Manifest,
  { folder, stateDir, passphrase }: { folder: string; stateDir: string; passphrase: string | null },
): Promise<ReadonlyMap<string, string>> {
  if (keys === null || passphrase === null) return new Map();
  const files = await openedKeys(await readFile(join(folder, keys), "utf8"), passphrase);
  const present = operatorFile(stateDir);
  if (existsSync(present) && (await readFile(present, "utf8")) !== files.get("operator.json"))
    throw new BackupError(
      `${present} is there and has other keys than the backup: move it away, or leave --passphrase-file out to keep it. Nothing was restored`,
    );
  return new Map([...files].filter(([path]) => !existsSync(join(stateDir, path))));
}
