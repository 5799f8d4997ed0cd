/**
 * `restore`: brings a backup into an empty database, to this version's schema, and books what the payment log has beyond it.
 * With --verify nothing is placed, started, stopped or charged on it before `restore resume`.
 */
import { join } from "node:path";
import { restoreBackup } from "../backup/restore.ts";
import { withBackup } from "../backup/backup-store.ts";
import { loggedPayments, PAYMENTS } from "../backup/payment-log.ts";
import { readPassphrase } from "../backup/sealed-keys.ts";
import { holdRestored } from "../store/database/restore-hold.ts";
import { type LoggedPayment, replayPayments } from "../store/billing/ledger/logged-payments.ts";
import { migrate } from "../store/migrate.ts";
import type { AnswerAndRemarks } from "./backup-command.ts";
import type { Database } from "../store/database/database.ts";
import { transaction } from "../store/database/transaction.ts";

export interface RestoreCommandOptions {
  from: string;
  passphraseFile?: string;
  verify?: boolean;
  paymentLog?: string[];
  json?: boolean;
}

/** @throws BackupError, NotEmptyError, MigrationError, StoreError */
export async function restoreCommand(
  owner: Database,
  {
    from,
    passphraseFile,
    verify = false,
    paymentLog = [],
    json = false,
    stateDir,
  }: RestoreCommandOptions & { stateDir: string },
  { print, report }: AnswerAndRemarks,
): Promise<void> {
  const passphrase = passphraseFile === undefined ? null : await readPassphrase(passphraseFile);
  const now = new Date();
  const restored = await withBackup(from, async (folder) => {
    // Before anything is written, since one that was edited is refused.
    const payments = await loggedPayments([join(folder, PAYMENTS), ...paymentLog]);
    const backup = await restoreBackup(owner, { folder, stateDir, passphrase, now, report });
    await migrate(owner, { log: report });
    const restoredTo = new Date(backup.manifest.takenAt);
    if (verify) await transaction(owner, (sql) => holdRestored(sql, { now, restoredTo }));
    return { ...backup, payments: await replayPayments(owner, payments) };
  });
  const { manifest, dbIncarnation, placedKeys, unknownTables, payments } = restored;
  for (const table of unknownTables)
    report(`The rows of ${table}, which is no table of this schema, stay in the backup.`);
  const refused = payments.filter(({ outcome }) => outcome !== "replayed" && outcome !== "known");
  for (const { payment, outcome } of refused) report(refusalText(payment, outcome));
  const replayed = payments.filter(({ outcome }) => outcome === "replayed").length;
  if (json)
    return print(
      JSON.stringify({
        taken_at: manifest.takenAt,
        schema_version: manifest.migrations.at(-1)?.name,
        db_incarnation: dbIncarnation,
        placed_keys: placedKeys,
        unknown_tables: unknownTables,
        is_held: verify,
        payments: { replayed, refused: refused.map(({ payment, outcome }) => ({ ...payment, outcome })) },
      }),
    );
  print(`Restored what the database was at ${manifest.takenAt}, as incarnation ${dbIncarnation}.`);
  for (const path of placedKeys) print(`placed ${path}`);
  if (manifest.keys !== null && passphrase === null)
    print("The operator's keys stay in the backup: --passphrase-file places them.");
  if (payments.length > 0)
    print(
      `${replayed} payments were booked that the payment log has beyond it; ${refused.length} could not be.`,
    );
  print(
    verify ? VERIFYING : "Next: start the servers, then the doctor. Each host waits until it has reported.",
  );
}

const VERIFYING =
  "Nothing is placed, started, stopped or charged yet. Next: start the servers, look at `restore status`, then `restore resume`, then the doctor.";

function refusalText({ kind, amount, customerId, at, runId }: LoggedPayment, outcome: string): string {
  const what = outcome === "unknown-run" ? `run ${runId ?? "?"}` : `customer ${customerId}`;
  const why =
    outcome === "beyond-column" ? "the balance would be beyond its column" : `the backup has no ${what}`;
  return `A ${kind} of ${amount} to customer ${customerId} at ${at} could not be booked: ${why}.`;
}
