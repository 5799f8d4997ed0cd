/** `restore`: brings a backup into an empty database and says what it is now and what comes next. */
import { restoreBackup } from "../backup/restore.ts";
import { withBackup } from "../backup/backup-store.ts";
import { readPassphrase } from "../backup/sealed-keys.ts";
import type { AnswerAndRemarks } from "./backup-command.ts";
import type { Database } from "../store/database/database.ts";

export interface RestoreCommandOptions {
  from: string;
  passphraseFile?: string;
  json?: boolean;
}

/** @throws BackupError, NotEmptyError, MigrationError, StoreError */
export async function restoreCommand(
  owner: Database,
  { from, passphraseFile, json = false, stateDir }: RestoreCommandOptions & { stateDir: string },
  { print, report }: AnswerAndRemarks,
): Promise<void> {
  const passphrase = passphraseFile === undefined ? null : await readPassphrase(passphraseFile);
  const { manifest, dbIncarnation, placedKeys, unknownTables } = await withBackup(
    from,
    async (folder) => await restoreBackup(owner, { folder, stateDir, passphrase, now: new Date(), report }),
  );
  for (const table of unknownTables)
    report(`The rows of ${table}, which is no table of this schema, stay in the backup.`);
  if (json)
    return print(
      JSON.stringify({
        taken_at: manifest.takenAt,
        schema_version: manifest.migrations.at(-1)?.name,
        db_incarnation: dbIncarnation,
        placed_keys: placedKeys,
        unknown_tables: unknownTables,
      }),
    );
  print(`Restored what the database was at ${manifest.takenAt}, as incarnation ${dbIncarnation}.`);
  for (const path of placedKeys) print(`placed ${path}`);
  if (manifest.keys !== null && passphrase === null)
    print("The operator's keys stay in the backup: --passphrase-file places them.");
  print("Next: migrate, then start the servers, then the doctor. Each host waits until it has reported.");
}
