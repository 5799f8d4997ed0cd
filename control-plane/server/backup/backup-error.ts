/** What keeps a backup or a restore from being made, in one sentence for whoever typed the command. */
import { StoreError } from "../store/database/store-error.ts";

export class BackupError extends Error {
  override readonly name = "BackupError";
}

/** Postgres' own refusal as a sentence of the command, which begins with `what`; any other error as it is. */
export function asBackupError(error: unknown, what: string): unknown {
  return error instanceof StoreError ? new BackupError(`${what}: ${error.message}`, { cause: error }) : error;
}
