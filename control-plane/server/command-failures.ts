/** How a command that fails is reported. */
import { isRefusedByDisk } from "@remotegpu/shared/file-errors";
import { SettingsFileError } from "@remotegpu/shared/settings/setting-sources";
import { GatewayListenError } from "../gateway/router/listen-error.ts";
import { TunnelListenError } from "../gateway/tunnel/tunnel-listener.ts";
import { BackupError } from "./backup/backup-error.ts";
import { ConfigError } from "./config.ts";
import { NatsStartError } from "./embedded/nats.ts";
import { PostgresStartError } from "./embedded/postgres-start-error.ts";
import { StateLockedError } from "./embedded/state-lock.ts";
import { EngineError } from "./engines.ts";
import { NotAnAdminError } from "./http/server/admin-key.ts";
import { ListenError } from "./http/server/listen-error.ts";
import { NotEmptyError } from "./store/backup/empty-database.ts";
import { MigrationError } from "./store/upgrade/migration-error.ts";
import { UsageError } from "./command-options.ts";
import { report } from "./command-output.ts";
import { SealingKeyError } from "./commands/sealing-key-command.ts";
import { StandbyError } from "./commands/standby-command.ts";

/** 1 is for what went wrong although it was asked rightly. */
export const WRONG_USAGE = 2;

const EXPLAINED = [
  BackupError,
  ConfigError,
  EngineError,
  GatewayListenError,
  ListenError,
  MigrationError,
  NatsStartError,
  NotAnAdminError,
  NotEmptyError,
  PostgresStartError,
  SealingKeyError,
  StandbyError,
  SettingsFileError,
  StateLockedError,
  TunnelListenError,
];

/** Its exit code. What a person can act on is one line; anything else is a bug and shows its stack. */
export function explain(error: unknown): number {
  if (error instanceof UsageError) {
    report(`remotegpu-control-plane: ${error.message}`);
    return WRONG_USAGE;
  }
  if (
    !(error instanceof Error && (EXPLAINED.some((kind) => error instanceof kind) || isRefusedByDisk(error)))
  )
    throw error;
  report(`remotegpu-control-plane: ${error.message}`);
  return 1;
}
