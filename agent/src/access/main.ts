/** The command of the second unit, remotegpu-access: holds the ports of this host's leases and relays to containers. */
import { mkdirSync, readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { accessSocket, ConfigError, readConfig, type Config } from "../config.ts";
import { doOverlap } from "../core/leases/lease-port.ts";
import { monotonicMs, readBootId } from "../host/clock.ts";
import { NotifyError, ServiceNotifier } from "../host/notify.ts";
import { FolderLockedError } from "../journal/database/folder-lock.ts";
import { bundleOf } from "../process/bundle.ts";
import { ending } from "../process/ending.ts";
import { log } from "../process/log.ts";
import { Broker } from "./broker.ts";
import { ControlSocketError } from "./control-server.ts";

const KERNEL_RANGE_FILE = "/proc/sys/net/ipv4/ip_local_port_range";

async function run(): Promise<void> {
  const config = readConfig(process.env);
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  warnOfOverlap(config);
  const notifier = new ServiceNotifier({ environment: process.env });
  const successor = Promise.withResolvers<void>();
  let isReady = false;
  let isTelling = false;
  /** One word at a time; what could not be told is told at the next tick. */
  const tellSystemd = async () => {
    if (isTelling) return;
    isTelling = true;
    await orLog(notifier.alive(monotonicMs()));
    if (!isReady && broker.isServing)
      isReady = await orLog(notifier.ready("holding the ports of this host's leases"));
    isTelling = false;
  };
  const broker = new Broker({
    stateDir: config.stateDir,
    socketPath: accessSocket(config.stateDir),
    range: config.leasePorts,
    address: config.leaseAddress,
    gatewayPort: config.gatewayPort,
    bundle: bundleOf(import.meta.dirname),
    clock: { monotonicMs, wallMs: () => Date.now() },
    bootId: await readBootId(),
    onTick: () => void tellSystemd(),
    onSucceeded: () => successor.resolve(),
    log,
  });
  await broker.open();
  log.info({ range: config.leasePorts }, "serving");
  await Promise.race([ending(config), successor.promise]);
  log.info({}, "ending in order; leases keep their numbers");
  await orLog(notifier.stopping());
  await broker.end();
}

/** False: systemd could not be told. An untold watchdog ends this process in the end. */
async function orLog(told: Promise<void>): Promise<boolean> {
  try {
    await told;
    return true;
  } catch (error) {
    if (!(error instanceof NotifyError)) throw error;
    log.warn({ error }, "systemd could not be told");
    return false;
  }
}

function warnOfOverlap({ leasePorts }: Config): void {
  const [first = 0, last = 0] = readFileSync(KERNEL_RANGE_FILE, "utf8").trim().split(/\s+/).map(Number);
  if (doOverlap(leasePorts, { first, last }))
    log.warn(
      { leasePorts, kernel: { first, last } },
      "the range of leases overlaps the one that outgoing connections of this host get their ports from",
    );
}

function explain(error: unknown): number {
  const isExplained =
    error instanceof ConfigError || error instanceof FolderLockedError || error instanceof ControlSocketError;
  if (!isExplained) throw error;
  process.stderr.write(`remotegpu-access: ${error.message}\n`);
  return 1;
}

const program = new Command("remotegpu-access").exitOverride();
program.command("run", { isDefault: true }).description("hold the ports of this host's leases").action(run);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : explain(error);
}
