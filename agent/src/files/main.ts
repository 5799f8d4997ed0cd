/** The command of the third unit, remotegpu-files: reads and writes files of this host's storage pool for the control plane. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { ControlSocketError } from "../process/socket-file.ts";
import { configFrom, readSettings, reloadOnSignal } from "../config/config-sources.ts";
import { ConfigError, filesFolder, filesSocket } from "../config/config.ts";
import { monotonicMs } from "../host/clock.ts";
import { ServiceNotifier } from "../host/notify.ts";
import { FILES_LOCK_FILE, FolderLockedError, lockFolder } from "../journal/database/folder-lock.ts";
import { ending } from "@remotegpu/shared/ending";
import { LOG_FORMATS } from "@remotegpu/shared/logging/log-settings";
import { openLog, STANDARD_OUTPUT } from "@remotegpu/shared/logging/process-log";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { SettingsFileError } from "@remotegpu/shared/settings/setting-sources";
import { FilesServer } from "./files-server.ts";
import { giveUpRights, ManyRightsError } from "./few-rights.ts";

const ALIVE_EVERY_MS = 1_000;

async function run({ logFormat }: { logFormat?: string }): Promise<void> {
  const sources = readSettings(logFormat === undefined ? {} : { REMOTEGPU_LOG_FORMAT: logFormat });
  const config = configFrom(sources);
  const log = openLog(config.log, STANDARD_OUTPUT, newTrace());
  const logged = (error: unknown) => log.warn({ error }, "systemd could not be notified");
  mkdirSync(filesFolder(config.stateDir), { recursive: true, mode: 0o700 });
  giveUpRights();
  // Not before: the process begins anew there.
  reloadOnSignal(sources, log);
  const lock = lockFolder(filesFolder(config.stateDir), { file: FILES_LOCK_FILE, holder: "files process" });
  // What it makes in the pool has the modes that it says.
  process.umask(0);
  const server = new FilesServer({
    poolRoot: config.poolFolder,
    notes: join(filesFolder(config.stateDir), "written"),
    log,
  });
  await server.open(filesSocket(config.stateDir));
  const notifier = new ServiceNotifier({ environment: process.env });
  await notifier.ready("serving files of the storage pool");
  const reporting = setInterval(() => void notifier.alive(monotonicMs()).catch(logged), ALIVE_EVERY_MS);
  log.info({ pool: config.poolFolder }, "serving files");
  await ending(config);
  clearInterval(reporting);
  await notifier.stopping().catch(logged);
  await server.close();
  lock.release();
  process.exit(0);
}

function explain(error: unknown): number {
  const isExplained =
    error instanceof ConfigError ||
    error instanceof FolderLockedError ||
    error instanceof ControlSocketError ||
    error instanceof ManyRightsError ||
    error instanceof SettingsFileError;
  if (!isExplained) throw error;
  process.stderr.write(`remotegpu-files: ${error.message}\n`);
  return 1;
}

const program = new Command("remotegpu-files").exitOverride();
program
  .command("run", { isDefault: true })
  .description("serve files of this host's storage pool to the control plane")
  .addOption(
    new Option("--log-format <format>", "or REMOTEGPU_LOG_FORMAT: the form of log lines").choices(
      LOG_FORMATS,
    ),
  )
  .action(run);

try {
  await program.parseAsync();
} catch (error) {
  process.exit(error instanceof CommanderError ? error.exitCode : explain(error));
}
