/** The command of the second unit, remotegpu-access: holds the ports of this host's leases and relays to containers. */
import { mkdirSync, readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { configFrom, readSettings, reloadOnSignal } from "../config/config-sources.ts";
import { ConfigError, type Config } from "../config/config.ts";
import { doOverlap } from "../core/leases/lease-port.ts";
import { ServiceNotifier } from "../host/notify.ts";
import { FolderLockedError } from "../journal/database/folder-lock.ts";
import { NewerDatabaseError } from "../journal/database/schema-steps.ts";
import { bundleOf } from "../process/bundle.ts";
import { ending } from "@remotegpu/shared/ending";
import type { Log } from "@remotegpu/shared/log";
import { LOG_FORMATS } from "@remotegpu/shared/logging/log-settings";
import { openLog, STANDARD_OUTPUT } from "@remotegpu/shared/logging/process-log";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { SettingsFileError } from "@remotegpu/shared/settings/setting-sources";
import { AccessProcess } from "./access-process.ts";
import { ControlSocketError } from "../process/socket-file.ts";
import { HandoverError } from "./handover/predecessor.ts";

const KERNEL_RANGE_FILE = "/proc/sys/net/ipv4/ip_local_port_range";

async function run({ logFormat }: { logFormat?: string }): Promise<void> {
  const { config, log } = begun(logFormat === undefined ? {} : { REMOTEGPU_LOG_FORMAT: logFormat });
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  warnOfOverlap(config, log);
  // What it waited for as well, as for its standard input to close, would keep it up.
  process.exit(await begin(config, new ServiceNotifier({ environment: process.env }), log).run());
}

async function succeed(): Promise<void> {
  const notifier = new ServiceNotifier({ environment: process.env, mainPid: process.pid });
  const { config, log } = begun();
  process.exit(await begin(config, notifier, log).succeed());
}

/** @param options by the variable that each stands for @throws ConfigError, SettingsFileError */
function begun(options: Record<string, string> = {}): { config: Config; log: Log } {
  const sources = readSettings(options);
  const config = configFrom(sources);
  const log = openLog(config.log, STANDARD_OUTPUT, newTrace());
  reloadOnSignal(sources, log);
  return { config, log };
}

function begin(config: Config, notifier: ServiceNotifier, log: Log): AccessProcess {
  return new AccessProcess({
    config,
    notifier,
    isUnderUnit: (process.env["NOTIFY_SOCKET"] ?? "") !== "",
    folder: import.meta.dirname,
    bundle: bundleOf(import.meta.dirname),
    ending: ending(config),
    wallMs: () => Date.now(),
    log,
  });
}

function warnOfOverlap({ leasePorts }: Config, log: Log): void {
  const [first = 0, last = 0] = readFileSync(KERNEL_RANGE_FILE, "utf8").trim().split(/\s+/).map(Number);
  if (doOverlap(leasePorts, { first, last }))
    log.warn(
      { leasePorts, kernel: { first, last } },
      "the range of leases overlaps the one that outgoing connections of this host get their ports from",
    );
}

function explain(error: unknown): number {
  const isExplained =
    error instanceof ConfigError ||
    error instanceof FolderLockedError ||
    error instanceof NewerDatabaseError ||
    error instanceof ControlSocketError ||
    error instanceof HandoverError ||
    error instanceof SettingsFileError;
  if (!isExplained) throw error;
  process.stderr.write(`remotegpu-access: ${error.message}\n`);
  return 1;
}

const program = new Command("remotegpu-access").exitOverride();
program
  .command("run", { isDefault: true })
  .description("hold the ports of this host's leases")
  .addOption(
    new Option("--log-format <format>", "or REMOTEGPU_LOG_FORMAT: the form of log lines").choices(
      LOG_FORMATS,
    ),
  )
  .action(run);
program
  .command("succeed", { hidden: true })
  .description("take over from the process of another version, which starts this one")
  .action(succeed);

try {
  await program.parseAsync();
} catch (error) {
  process.exit(error instanceof CommanderError ? error.exitCode : explain(error));
}
