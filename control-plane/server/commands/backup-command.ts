/** `backup`: takes one and says what is in it, by what the database was dumped, and what retention removed. */
import { takeBackup } from "../backup/backup.ts";
import { BackupError } from "../backup/backup-error.ts";
import { pgDumpVersion } from "../backup/postgres-programs.ts";
import { readPassphrase } from "../backup/sealed-keys.ts";
import { recordBackup } from "../store/backup/backup-record.ts";
import type { Database } from "../store/database/database.ts";

export interface BackupCommandOptions {
  to: string;
  passphraseFile?: string;
  withoutKeys?: boolean;
  keep?: number;
  json?: boolean;
}

/** Where the answer goes, and where remarks go. */
export interface AnswerAndRemarks {
  print: (text: string) => void;
  report: (text: string) => void;
}

const BYTES_PER_MIB = 2 ** 20;

/** @throws BackupError, MigrationError, StoreError */
export async function backupCommand(
  database: Database,
  {
    to,
    passphraseFile,
    withoutKeys = false,
    keep,
    json = false,
    stateDir,
    productVersion,
    paymentLog,
  }: BackupCommandOptions & { stateDir: string; productVersion: string; paymentLog: string | null },
  { print, report }: AnswerAndRemarks,
): Promise<void> {
  if (withoutKeys === (passphraseFile !== undefined))
    throw new BackupError(
      "name the file with the passphrase that seals the operator's keys (--passphrase-file), or leave the keys out (--without-keys): " +
        "without them every host must join again after the loss of operator.json, and registry credentials, variables and webhook secrets are lost",
    );
  const keys =
    passphraseFile === undefined ? null : { stateDir, passphrase: await readPassphrase(passphraseFile) };
  const url = database.pool.options.connectionString ?? "";
  const { path, takenAt, bytes, dump, hasKeys, removed } = await takeBackup({
    url,
    to,
    keys,
    pgDumpVersion: await pgDumpVersion(url),
    productVersion,
    paymentLog,
    keep: keep ?? null,
  });
  if (!(await recordBackup(database, takenAt)))
    report("The schema of this database has no place for the time of its last backup: run migrate.");
  if (json)
    return print(
      JSON.stringify({
        path,
        taken_at: takenAt.toISOString(),
        bytes,
        method: dump.kind,
        has_keys: hasKeys,
        removed,
      }),
    );
  const by = dump.kind === "pg_dump" ? `pg_dump ${dump.version}` : `COPY, since ${dump.reason}`;
  print(
    `${path}: ${(bytes / BYTES_PER_MIB).toFixed(1)} MiB, dumped by ${by}, ${hasKeys ? "with" : "without"} keys`,
  );
  for (const name of removed) print(`removed ${name}`);
}
