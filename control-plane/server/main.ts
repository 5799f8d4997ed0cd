/** The server's commands: run it, bring its database up to date, make the first administrator's key. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { CheckResult } from "@remotegpu/shared/doctor";
import { ending, endingSignal } from "@remotegpu/shared/ending";
import { LOG_FORMATS } from "@remotegpu/shared/logging/log-settings";
import { COMMAND_LOG, openLog, STANDARD_ERROR } from "@remotegpu/shared/logging/process-log";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { ReloadSignal } from "@remotegpu/shared/reload-signal";
import {
  CONFIG_FILE,
  SettingsFileError,
  type SettingSources,
} from "@remotegpu/shared/settings/setting-sources";
import { CONTROL_PLANE_SETTINGS } from "./config-defaults.ts";
import { configFrom, readSettings, reloadLog, warnOfFile } from "./config-sources.ts";
import { ConfigError, type Config } from "./config.ts";
import { ServerCounters } from "./core/metrics/server-counters.ts";
import { BackupError } from "./backup/backup-error.ts";
import { backupCommand, type BackupCommandOptions } from "./commands/backup-command.ts";
import { restoreCommand, type RestoreCommandOptions } from "./commands/restore-command.ts";
import {
  restoreHoldCommand,
  restoreResumeCommand,
  restoreStatusCommand,
} from "./commands/restore-status-command.ts";
import { NotEmptyError } from "./store/backup/empty-database.ts";
import { configCheck } from "./commands/config-command.ts";
import { doctorCommand } from "./commands/doctor-command.ts";
import { NatsStartError } from "./embedded/nats.ts";
import { dataFolder } from "./embedded/postgres.ts";
import { PostgresStartError } from "./embedded/postgres-start-error.ts";
import { StateLockedError } from "./embedded/state-lock.ts";
import { TunnelListenError } from "../gateway/tunnel/tunnel-listener.ts";
import { database, EngineError, natsOf, openOperatorKeys, publicHostOf, renewNatsCa } from "./engines.ts";
import { GatewayListenError } from "../gateway/router/listen-error.ts";
import { createFirstAdminKey, NotAnAdminError } from "./http/server/admin-key.ts";
import { ListenError } from "./http/server/listen-error.ts";
import {
  checkJournalStream,
  noStreamToCheck,
  streamNotChecked,
} from "./link/journal/journal-stream-check.ts";
import { renderNatsConfig } from "./link/servers/nats-config.ts";
import { operatorFile } from "./link/servers/operator.ts";
import {
  STANDBY_STEPS,
  standbyCommand,
  type StandbyCommandOptions,
  StandbyError,
  type StandbyStep,
} from "./commands/standby-command.ts";
import { migrateCommand, type MigrateCommandOptions } from "./commands/migrate-command.ts";
import {
  SEALING_KEY_STEPS,
  sealingKeyCommand,
  SealingKeyError,
  type SealingKeyStep,
  sealsOf,
  sealUnlessServed,
} from "./commands/sealing-key-command.ts";
import { type Database, transaction } from "./store/database/database.ts";
import { noteOnThisMachine } from "./store/hosts/host-addresses.ts";
import { assertMigrated } from "./store/migrate.ts";
import { MigrationError } from "./store/upgrade/migration-error.ts";
import { schemaSnapshot } from "./store/schema-snapshot.ts";
import { VERSION } from "./release/version.ts";

class UsageError extends Error {}

/** 1 is for what went wrong although it was asked rightly. */
const WRONG_USAGE = 2;
const NATS_PORT = 4222;
const NATS_CLUSTER_PORT = 6222;

// Logs go to standard error: what a command answers stands alone on standard output.
const commandLog = openLog(COMMAND_LOG, STANDARD_ERROR);
const logFormatOption = () =>
  new Option("--log-format <format>", "or REMOTEGPU_LOG_FORMAT: the form of log lines").choices(LOG_FORMATS);
const print = (text: string) => void process.stdout.write(`${text}\n`);
const report = (text: string) => void process.stderr.write(`${text}\n`);

const program = new Command("remotegpu-control-plane")
  .version(VERSION)
  .exitOverride()
  .option(
    "--config <file>",
    "or REMOTEGPU_CONFIG_FILE: the settings, NAME=value a line; the environment goes before them",
  )
  .addHelpText(
    "after",
    "\nExit codes: 0 done, 1 not done, 2 wrong usage; doctor: 1 something is broken, 2 something could not be checked.",
  );
program
  .command("run")
  .description("serve the API, place orders, charge")
  .option("--listen <address:port>", "or REMOTEGPU_LISTEN; beyond loopback with TLS from a CA of our own")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR")
  .option("--public-url <url>", "or REMOTEGPU_PUBLIC_URL: where clients and hosts reach us")
  .addOption(logFormatOption())
  .action(run);
program
  .command("gateway")
  .description("the gateway alone, for one machine more: needs DATABASE_URL and the fleet's operator.json")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR: where operator.json lies")
  .addOption(logFormatOption())
  .action(runGateway);
program
  .command("migrate")
  .description(
    "bring the database to this version's schema, old tables with their rows included; safe to run twice and from several processes",
  )
  .addArgument(
    new Argument("[direction]", "down: back to the old system's schema")
      .choices(["up", "down"])
      .default("up"),
  )
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .option("--dry-run", "print what an upgrade of old tables would do and report, and write nothing")
  .option("--strict", "refuse an upgrade that has anything to report")
  .option("--discard <table...>", "with down: tables of ours whose rows may go")
  .option("--wait <seconds>", "how long others may go on using the old tables", secondsOf, 30)
  .option("--json", "the answer for scripts")
  .action(async (direction: "up" | "down", options: Options & MigrateCommandOptions) => {
    const config = configOf(options);
    const asOwner = ownersOf(config);
    if (direction === "down" || options.dryRun === true) assertDatabaseThere(asOwner);
    const isSealing = direction === "up" && options.dryRun !== true;
    const { end } = await database(asOwner, commandLog, {
      leavesRunning: true,
      async prepare(owner) {
        // A server does it when it starts; where the fleet's keys are here, nothing need stay plain until then.
        const operator = existsSync(operatorFile(config.stateDir))
          ? await openOperatorKeys(config.stateDir)
          : null;
        const seals = operator && sealsOf(operator);
        await migrateCommand(owner, direction, options, { print, report }, seals?.envVars ?? null);
        if (isSealing && seals !== null) await sealUnlessServed(owner, seals, report);
      },
    });
    await end();
  });
program
  .command("backup")
  .description("one snapshot of the database, and the operator's keys, sealed, as a folder with a manifest")
  .requiredOption("--to <folder>", "in which the backup becomes a folder; or rclone:REMOTE:PATH")
  .option("--passphrase-file <file>", "seals the operator's keys")
  .option("--without-keys", "the database alone")
  .option("--keep <count>", "remove all but so many of the newest backups", countOf)
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR: where operator.json lies")
  .option("--json", "the answer for scripts")
  .action(async (options: Options & BackupCommandOptions) => {
    const config = configOf(options);
    assertDatabaseThere(config);
    const { db, end } = await database(config, commandLog, { leavesRunning: true });
    try {
      await backupCommand(
        db,
        { ...options, stateDir: config.stateDir, productVersion: VERSION, paymentLog: config.paymentLog },
        { print, report },
      );
    } finally {
      await end();
    }
  });
program
  .command("restore")
  .description("a backup into an empty database, which is another incarnation from then on")
  .addArgument(
    new Argument(
      "[step]",
      "of a database restored with --verify; status: what hosts and database differ in; resume: work and charging go on; hold: as with --verify, of one that another tool restored",
    ).choices(["status", "resume", "hold"]),
  )
  .option("--from <backup>", "the backup's folder; or rclone:REMOTE:PATH")
  .option("--verify", "place, start, stop and charge nothing before `restore resume`")
  .option("--payment-log <folder...>", "or REMOTEGPU_PAYMENT_LOG: payments beyond the backup are booked")
  .option("--anyway", "with resume: also where hosts have not reported")
  .option("--passphrase-file <file>", "opens the operator's keys, for a state folder that has none")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR: where operator.json is to lie")
  .option("--json", "the answer for scripts")
  .action(restore);
program
  .command("standby")
  .description(
    "whether a standby of Postgres must confirm orders and money before they are acknowledged: require, or go on alone",
  )
  .addArgument(
    new Argument("<step>", "status changes nothing; the other two are in the audit log").choices(
      STANDBY_STEPS,
    ),
  )
  .option("--reason <text>", "for the audit log")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .option("--json", "the answer for scripts")
  .action((step: StandbyStep, options: Options & StandbyCommandOptions) =>
    withSchema(options, (db) => standbyCommand(db, { ...options, step }, { print, now: new Date() })),
  );
program
  .command("sealing-key")
  .description(
    "the key that seals secrets in the database, and its rotation: add, rotate, drop, in this order",
  )
  .addArgument(new Argument("<step>", "what to do; each may be run again").choices(SEALING_KEY_STEPS))
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR: where operator.json lies")
  .action(sealingKey);
program
  .command("admin-key")
  .description("print a fresh key of the first administrator")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .action((options: Options) =>
    withSchema(options, async (db) => print((await createFirstAdminKey(db, new Date())).key)),
  );
program
  .command("local-host")
  .description(
    "say that a host's agent runs on this machine, whose own addresses gateways here may then connect to, until it restarts",
  )
  .argument("<host>", "its id")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .action((host: string, options: Options) =>
    withSchema(options, async (db) => {
      if (!(await noteOnThisMachine(db, host))) throw new UsageError(`There is no host ${host}.`);
    }),
  );
program
  .command("schema-snapshot")
  .description("print the database's schema as plain SQL")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .action((options: Options) =>
    withSchema(options, async (db) => print((await snapshotInUtc(db)).trimEnd())),
  );
program
  .command("doctor")
  .description("look whether the database is what it must be, and name what is broken; writes nothing")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .option("--json", "the answer for scripts")
  .action(doctor);
program
  .command("config")
  .description("print the effective settings, where each comes from, and what is wrong with them")
  .addArgument(new Argument("<step>", "what to do").choices(["check"]))
  .option("--gateway", "as a gateway that runs alone reads them")
  .option("--json", "the answer for scripts")
  .action((_step: string, options: { gateway?: boolean; json?: boolean }) => {
    process.exitCode = configCheck(
      { sources: sourcesOf({}), definition: CONTROL_PLANE_SETTINGS },
      options,
      print,
    );
  });
program
  .command("nats-config")
  .description("print the configuration that a NATS of your own needs, with the keys of this state folder")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR")
  .option("--store-dir <folder>", "where that NATS keeps its files", "/var/lib/nats")
  .option("--tls-cert <file>", "PEM of its certificate")
  .option("--tls-key <file>", "PEM of its key")
  .option("--server-name <name>", "its own name; in a cluster no two are alike", "remotegpu-nats")
  .option("--route <url...>", "for one of a cluster: all its servers, as nats://ADDRESS:6222")
  .option(
    "--cluster-ca <file>",
    "PEM of the CA by which servers of the cluster know each other's certificates",
  )
  .action(printNatsConfig);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? usageCode(error) : explain(error);
}

/** Commander has said it already; help and version are no failure. */
function usageCode({ exitCode }: CommanderError): number {
  return exitCode === 0 ? 0 : WRONG_USAGE;
}

interface Options {
  listen?: string;
  stateDir?: string;
  publicUrl?: string;
  logFormat?: string;
}

function secondsOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError("Whole seconds, at least 1.");
  return Number(text);
}

function countOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("A count, at least 1.");
  return Number(text);
}

/** @throws SettingsFileError */
function sourcesOf({ listen, stateDir, publicUrl, logFormat: format }: Options): SettingSources {
  const { config: file } = program.opts<{ config?: string }>();
  return readSettings({
    ...(file !== undefined && { [CONFIG_FILE]: resolve(file) }),
    ...(listen !== undefined && { REMOTEGPU_LISTEN: listen }),
    ...(stateDir !== undefined && { REMOTEGPU_STATE_DIR: stateDir }),
    ...(publicUrl !== undefined && { REMOTEGPU_PUBLIC_URL: publicUrl }),
    ...(format !== undefined && { REMOTEGPU_LOG_FORMAT: format }),
  });
}

/** @throws ConfigError, UsageError where an option is what is wrong */
function configOf(options: Options, sources = sourcesOf(options)): Config {
  try {
    return configFrom(sources);
  } catch (error) {
    if (!(error instanceof ConfigError) || !(error.variable in sources.options)) throw error;
    const option = error.variable.replace("REMOTEGPU", "-").toLowerCase().replaceAll("_", "-");
    throw new UsageError(`${option}: ${error.fault}`);
  }
}

async function sealingKey(step: SealingKeyStep, options: Options): Promise<void> {
  const { stateDir } = configOf(options);
  // Made anew they would be another fleet's.
  if (!existsSync(operatorFile(stateDir)))
    throw new UsageError(
      `${operatorFile(stateDir)} is not there; name the folder that has the fleet's (--state-dir).`,
    );
  const operator = await openOperatorKeys(stateDir);
  await withSchema(options, async (db) => await sealingKeyCommand(step, { db, operator, stateDir }, print));
}

async function restore(
  step: "status" | "resume" | "hold" | undefined,
  options: Options & Partial<RestoreCommandOptions> & { anyway?: boolean },
): Promise<void> {
  const { from, json, anyway } = options;
  if (step === "status") return await withSchema(options, (db) => restoreStatusCommand(db, { json }, print));
  if (step === "resume")
    return await withSchema(options, (db) => restoreResumeCommand(db, { anyway }, print));
  if (step === "hold") return await withSchema(options, (db) => restoreHoldCommand(db, print));
  if (from === undefined) throw new UsageError("Name the backup: --from FOLDER.");
  const config = configOf(options);
  const paymentLog = options.paymentLog ?? (config.paymentLog === null ? [] : [config.paymentLog]);
  const requested = { ...options, from, paymentLog, stateDir: config.stateDir };
  const { end } = await database(ownersOf(config), commandLog, {
    leavesRunning: true,
    prepare: (owner) => restoreCommand(owner, requested, { print, report }),
  });
  await end();
}

async function run(options: Options): Promise<void> {
  const sources = sourcesOf(options);
  const config = configOf(options, sources);
  const log = openLog(config.log, STANDARD_ERROR, newTrace());
  warnOfFile(sources, log);
  const reloads = new ReloadSignal();
  // The whole server, which no other command needs.
  const { startControlPlane } = await import("./control-plane.ts");
  const signal = endingSignal();
  const controlPlane = await startControlPlane(config, log);
  reloads.start(async () => {
    reloadLog(sources, log);
    await controlPlane.renewCertificates();
  });
  await ending(config, signal);
  log.info({}, "ending in order");
  await controlPlane.stop();
}

async function runGateway(options: Options): Promise<void> {
  const sources = sourcesOf(options);
  const config = configOf(options, sources);
  const log = openLog(config.log, STANDARD_ERROR, newTrace());
  warnOfFile(sources, log);
  const reloads = new ReloadSignal();
  if (config.gateway === null)
    throw new UsageError("REMOTEGPU_GATEWAY_LISTEN is off; name an address and port for the gateway.");
  if (config.databaseUrl === null)
    throw new UsageError("A gateway alone has no Postgres of its own; name the fleet's DATABASE_URL.");
  // Made anew they would be another fleet's, and no host would let this gateway in.
  if (!existsSync(operatorFile(config.stateDir)))
    throw new UsageError(`${operatorFile(config.stateDir)} is not there; copy the fleet's.`);
  const operator = await openOperatorKeys(config.stateDir, log);
  const { db, end } = await database(config, log, { prepare: assertMigrated });
  try {
    const [{ startGateway }, { GatewayLink }, { serveGatewayMetrics }] = await Promise.all([
      import("./gateway-process.ts"),
      import("./gateway-link.ts"),
      import("./gateway-metrics.ts"),
    ]);
    const counters = new ServerCounters();
    const signal = endingSignal();
    const address = natsOf(config);
    const link = address === null ? null : new GatewayLink({ operator, address, log });
    const gateway = await startGateway(
      { ...config.gateway, isRequested: true },
      {
        db,
        operator,
        // Not the API's, which is elsewhere.
        publicHost: publicHostOf({ publicUrl: null, listen: config.gateway.tunnel?.listen ?? config.listen }),
        // Without a link hosts see it in the answer to their next heartbeat.
        nudge: (host) => link?.nudge(host),
        onOrder: () => link?.wakeOthers(),
        onAnswer: (status) => counters.gatewayAnswered(status),
        now: () => new Date(),
        log,
      },
    );
    link?.start(() => gateway.checkNow());
    const { metricsListen } = config.gateway;
    const metrics =
      metricsListen === null ? null : await serveGatewayMetrics(metricsListen, { counters, db, log });
    if (metrics !== null) log.info({ port: metrics.port }, "metrics are served");
    reloads.start(() => {
      reloadLog(sources, log);
      gateway.renewCertificate();
      if (address !== null) renewNatsCa(config, address, log);
      return Promise.resolve();
    });
    await ending(config, signal);
    log.info({}, "ending in order");
    await metrics?.close();
    await gateway.close();
    await link?.stop();
  } finally {
    await end();
  }
}

/**
 * For what only asks: neither a database nor its schema is made for it. Beside a running server its Postgres is used and
 * left running; alone, one is started for the moment.
 */
async function withSchema(options: Options, work: (db: Database) => Promise<void>): Promise<void> {
  const config = configOf(options);
  assertDatabaseThere(config);
  const { db, end } = await database(config, commandLog, {
    leavesRunning: true,
    prepare: assertMigrated,
  });
  try {
    await work(db);
  } finally {
    await end();
  }
}

/** For what changes the schema. */
function ownersOf(config: Config): Config {
  return { ...config, databaseUrl: config.migrationDatabaseUrl ?? config.databaseUrl };
}

/** A mistyped folder must not become a server's. */
function assertDatabaseThere({ databaseUrl, stateDir }: Config): void {
  if (databaseUrl === null && !existsSync(dataFolder(stateDir)))
    throw new EngineError(
      `there is no database in ${stateDir}; name the server's folder (--state-dir) or its DATABASE_URL`,
    );
}

/** A database that cannot be asked is neither well nor broken. */
async function doctor(options: Options & { json?: boolean }): Promise<void> {
  try {
    await withSchema(options, async (db) => {
      const requested = {
        json: options.json,
        now: new Date(),
        checkStream: () => checkStreamOf(configOf(options)),
        paymentLog: configOf(options).paymentLog,
      };
      process.exitCode = await doctorCommand(db, requested, print);
    });
  } catch (error) {
    explain(error);
    process.exitCode = 2;
  }
}

async function checkStreamOf(config: Config): Promise<CheckResult> {
  const address = natsOf(config);
  if (address === null)
    return noStreamToCheck(
      "NATS_URL is unset: a NATS of our own is one server, with one replica of the stream.",
    );
  if (!existsSync(operatorFile(config.stateDir)))
    return streamNotChecked(`${operatorFile(config.stateDir)}, the key to NATS, is not there`);
  return await checkJournalStream({ operator: await openOperatorKeys(config.stateDir), address }, commandLog);
}

/** A default that names a moment is written in the session's time zone. */
async function snapshotInUtc(db: Database): Promise<string> {
  return await transaction(db, async (sql) => {
    await sql.query("SET LOCAL TimeZone = 'UTC'");
    return await schemaSnapshot(sql);
  });
}

async function printNatsConfig(options: {
  stateDir?: string;
  storeDir: string;
  tlsCert?: string;
  tlsKey?: string;
  serverName: string;
  route?: string[];
  clusterCa?: string;
}): Promise<void> {
  const { stateDir } = configOf(options);
  const { tlsCert, tlsKey, storeDir, serverName, route: routes, clusterCa } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError("Give both --tls-cert and --tls-key, or neither.");
  const isTls = tlsCert !== undefined && tlsKey !== undefined;
  if (routes !== undefined && isTls !== (clusterCa !== undefined))
    throw new UsageError(
      "Servers of a cluster need --tls-cert, --tls-key and --cluster-ca, or none on loopback.",
    );
  const address = isTls ? "0.0.0.0" : "127.0.0.1";
  // Not before: it makes keys where there are none.
  const operator = await openOperatorKeys(stateDir);
  print(
    renderNatsConfig(operator, {
      listen: { address, port: NATS_PORT },
      storeDir,
      serverName,
      tls: isTls ? { certFile: tlsCert, keyFile: tlsKey } : null,
      cluster:
        routes === undefined
          ? undefined
          : { listen: { address, port: NATS_CLUSTER_PORT }, routes, caFile: clusterCa ?? null },
    }),
  );
}

/** What a person can act on is one line; anything else is a bug and shows its stack. */
function explain(error: unknown): number {
  if (error instanceof UsageError) {
    report(`remotegpu-control-plane: ${error.message}`);
    return WRONG_USAGE;
  }
  const isExplained =
    error instanceof BackupError ||
    error instanceof ConfigError ||
    error instanceof EngineError ||
    error instanceof GatewayListenError ||
    error instanceof ListenError ||
    error instanceof MigrationError ||
    error instanceof NatsStartError ||
    error instanceof NotAnAdminError ||
    error instanceof NotEmptyError ||
    error instanceof PostgresStartError ||
    error instanceof SealingKeyError ||
    error instanceof StandbyError ||
    error instanceof SettingsFileError ||
    error instanceof StateLockedError ||
    error instanceof TunnelListenError ||
    isRefusedByDisk(error);
  if (!isExplained) throw error;
  process.stderr.write(`remotegpu-control-plane: ${error.message}\n`);
  return 1;
}

/** Node's own sentence names the file and what was wanted with it. */
function isRefusedByDisk(error: unknown): error is Error {
  return (
    error instanceof Error &&
    "code" in error &&
    ["EACCES", "EPERM", "EROFS", "ENOSPC"].includes(String(error.code))
  );
}
