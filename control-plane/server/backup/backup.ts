/**
 * Takes a backup: one snapshot of the database and the operator's keys, sealed, with a manifest of all files. It is made in
 * a draft and gets its name when all of it is on disk, so what was interrupted is never taken for a backup.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip, constants } from "node:zlib";
import { backupName, expiredBackups } from "../core/backup/backup-name.ts";
import { dumpMethod } from "../core/backup/dump-method.ts";
import { type DumpSession, inDumpSession } from "../store/backup/dump-session.ts";
import { filesOfSchema } from "../store/migrate.ts";
import { asBackupError, BackupError } from "./backup-error.ts";
import { backupStore } from "./backup-store.ts";
import { syncFolder, writeChecked } from "./checked-files.ts";
import { type BackupFile, MANIFEST, type ManifestDump, manifestText } from "./manifest.ts";
import { paymentFiles, paymentLines, PAYMENTS } from "./payment-log.ts";
import { pgDump } from "./postgres-programs.ts";
import { sealedKeys } from "./sealed-keys.ts";

const ARCHIVE = "database.dump";
const KEYS = "keys.sealed";
const TABLES = "tables";

export interface BackupRequest {
  /** Of the database; its user reads all tables. */
  url: string;
  to: string;
  /** Null: without the operator's keys. */
  keys: { stateDir: string; passphrase: string } | null;
  /** What `pg_dump --version` prints; null without the program. */
  pgDumpVersion: string | null;
  /** Of the control plane. */
  productVersion: string;
  /** The folder of the payment log, which is copied; null without one. */
  paymentLog: string | null;
  /** How many backups stay, with this one; null removes none. */
  keep: number | null;
}

export interface Backup {
  path: string;
  takenAt: Date;
  bytes: number;
  dump: ManifestDump;
  hasKeys: boolean;
  removed: string[];
}

/** What is written into the draft, and by what. */
interface Contents extends Pick<BackupRequest, "url" | "pgDumpVersion" | "productVersion" | "paymentLog"> {
  session: DumpSession;
  sealed: string | null;
}

/** @throws BackupError, MigrationError; what was begun is removed */
export async function takeBackup(request: BackupRequest): Promise<Backup> {
  const { url, to, keys, keep } = request;
  const store = backupStore(to);
  const sealed = keys === null ? null : await sealedKeysOf(keys);
  const made = await inDumpSession(url, async (session) => {
    const name = backupName(session.takenAt);
    const draft = await store.draft(name);
    try {
      const written = await writeBackup(draft.path, { ...request, session, sealed });
      return { ...written, takenAt: session.takenAt, path: await store.publish(draft.path, name) };
    } catch (error) {
      await rm(draft.path, { recursive: true, force: true });
      throw error;
    } finally {
      draft.release();
    }
  }).catch((error: unknown) => {
    throw asBackupError(error, "the database cannot be backed up");
  });
  const removed = keep === null ? [] : expiredBackups(await store.names(), keep);
  for (const name of removed) await store.remove(name);
  return { ...made, hasKeys: sealed !== null, removed };
}

/** @throws BackupError where there are none: a backup that was to have keys would lack them */
async function sealedKeysOf({
  stateDir,
  passphrase,
}: {
  stateDir: string;
  passphrase: string;
}): Promise<string> {
  const sealed = await sealedKeys(stateDir, passphrase);
  if (sealed !== null) return sealed;
  throw new BackupError(
    `there is no operator.json in ${stateDir}: name the server's folder (--state-dir), or leave the keys out (--without-keys)`,
  );
}

async function writeBackup(
  draft: string,
  contents: Contents,
): Promise<{ bytes: number; dump: ManifestDump }> {
  const { session, sealed, productVersion } = contents;
  const { dump, files } = await writeDump(draft, contents);
  if (sealed !== null) files.push(await writeText(draft, KEYS, sealed));
  files.push(...(await copyPayments(draft, contents.paymentLog)));
  const { takenAt, postgresVersion, dbIncarnation, migrations } = session;
  const manifest = manifestText({
    takenAt: takenAt.toISOString(),
    productVersion,
    postgresVersion,
    dbIncarnation,
    migrations: [...migrations],
    dump,
    keys: sealed === null ? null : KEYS,
    files,
  });
  await writeText(draft, MANIFEST, manifest);
  await syncFolder(draft);
  return { bytes: files.reduce((sum, file) => sum + file.bytes, 0), dump };
}

async function writeDump(
  draft: string,
  { session, url, pgDumpVersion }: Contents,
): Promise<{ dump: ManifestDump; files: BackupFile[] }> {
  const method = dumpMethod(session.postgresVersion, pgDumpVersion);
  if (method.kind === "copy") return await writeTables(draft, session, method.reason);
  const file = await writeChecked(draft, ARCHIVE, (sink) => pgDump(url, session.snapshotId, sink));
  return { dump: { ...method, file: ARCHIVE }, files: [file] };
}

/** Only what this version can restore: the schema is no part of such a dump. @throws MigrationError */
async function writeTables(
  draft: string,
  session: DumpSession,
  reason: string,
): Promise<{ dump: ManifestDump; files: BackupFile[] }> {
  await filesOfSchema(session.migrations);
  const files: BackupFile[] = [];
  const tables: Extract<ManifestDump, { kind: "copy" }>["tables"] = [];
  for (const [index, table] of session.tables.entries()) {
    // A table's name may be anything.
    const path = `${TABLES}/${String(index).padStart(4, "0")}-${table.name.replaceAll(/[^\w.-]/g, "_")}.copy.gz`;
    let rows = 0;
    const file = await writeChecked(draft, path, async (sink) => {
      const gzip = createGzip({ level: constants.Z_BEST_SPEED });
      [rows] = await Promise.all([session.copyOut(table, gzip), pipeline(gzip, sink)]);
    });
    files.push(file);
    tables.push({ ...table, rows, file: path });
  }
  await syncFolder(join(draft, TABLES));
  return { dump: { kind: "copy", reason, tables, sequences: [...session.sequences] }, files };
}

/** After the rows, so that it lacks none that they have. */
async function copyPayments(draft: string, folder: string | null): Promise<BackupFile[]> {
  if (folder === null) return [];
  const files: BackupFile[] = [];
  for (const name of await paymentFiles(folder))
    files.push(await writeText(draft, `${PAYMENTS}/${name}`, await paymentLines(join(folder, name))));
  if (files.length > 0) await syncFolder(join(draft, PAYMENTS));
  return files;
}

async function writeText(draft: string, path: string, text: string): Promise<BackupFile> {
  return await writeChecked(draft, path, async (sink) => {
    sink.end(text);
  });
}
