/** The server's commands: run it, bring its database up to date, make the first administrator's key. */
import { existsSync } from "node:fs";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { CheckResult } from "@remotegpu/shared/doctor";
import { LOG_FORMATS } from "@remotegpu/shared/logging/log-settings";
import { backupCommand, type BackupCommandOptions } from "./commands/backup-command.ts";
import { assertDatabaseThere, ownersOf, withSchema } from "./command-database.ts";
import { explain, WRONG_USAGE } from "./command-failures.ts";
import { configOf, type Options, sourcesOf, UsageError } from "./command-options.ts";
import { commandLog, print, report } from "./command-output.ts";
import { configCheck } from "./commands/config-command.ts";
import { doctorCommand } from "./commands/doctor-command.ts";
import { gatewayCommand } from "./gateway-command.ts";
import { migrateCommand, type MigrateCommandOptions } from "./commands/migrate-command.ts";
import { natsConfigCommand, type NatsConfigOptions } from "./nats-config-command.ts";
import { restoreCommand, type RestoreCommandOptions } from "./commands/restore-command.ts";
import {
  restoreHoldCommand,
  restoreResumeCommand,
  restoreStatusCommand,
} from "./commands/restore-status-command.ts";
import { runCommand } from "./run-command.ts";
import {
  SEALING_KEY_STEPS,
  sealingKeyCommand,
  type SealingKeyStep,
  sealsOf,
  sealUnlessServed,
} from "./commands/sealing-key-command.ts";
import {
  STANDBY_STEPS,
  standbyCommand,
  type StandbyCommandOptions,
  type StandbyStep,
} from "./commands/standby-command.ts";
import { bundleOfServer } from "./bundle-of-server.ts";
import { CONTROL_PLANE_SETTINGS } from "./config-defaults.ts";
import type { Config } from "./config.ts";
import { database, natsOf, openOperatorKeys } from "./engines.ts";
import { createFirstAdminKey } from "./http/server/admin-key.ts";
import {
  checkJournalStream,
  noStreamToCheck,
  streamNotChecked,
} from "./link/journal/journal-stream-check.ts";
import { operatorFile } from "./link/servers/operator.ts";
import { VERSION } from "./release/version.ts";
import type { Database } from "./store/database/database.ts";
import { transaction } from "./store/database/transaction.ts";
import { noteOnThisMachine } from "./store/hosts/host-addresses.ts";
import { schemaSnapshot } from "./store/schema-snapshot.ts";

const logFormatOption = () =>
  new Option("--log-format <format>", "or REMOTEGPU_LOG_FORMAT: the form of log lines").choices(LOG_FORMATS);

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
  .action((options: Options) => runCommand(withProgramOptions(options)));
program
  .command("gateway")
  .description("the gateway alone, for one machine more: needs DATABASE_URL and the fleet's operator.json")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR: where operator.json lies")
  .addOption(logFormatOption())
  .action((options: Options) => gatewayCommand(withProgramOptions(options)));
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
    const config = configOf(withProgramOptions(options));
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
    const config = configOf(withProgramOptions(options));
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
    withSchema(withProgramOptions(options), (db) =>
      standbyCommand(db, { ...options, step }, { print, now: new Date() }),
    ),
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
    withSchema(withProgramOptions(options), async (db) =>
      print((await createFirstAdminKey(db, new Date())).key),
    ),
  );
program
  .command("local-host")
  .description(
    "say that a host's agent runs on this machine, whose own addresses gateways here may then connect to, until it restarts",
  )
  .argument("<host>", "its id")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .action((host: string, options: Options) =>
    withSchema(withProgramOptions(options), async (db) => {
      if (!(await noteOnThisMachine(db, host))) throw new UsageError(`There is no host ${host}.`);
    }),
  );
program
  .command("schema-snapshot")
  .description("print the database's schema as plain SQL")
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR, without DATABASE_URL")
  .action((options: Options) =>
    withSchema(withProgramOptions(options), async (db) => print((await snapshotInUtc(db)).trimEnd())),
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
      { sources: sourcesOf(withProgramOptions({})), definition: CONTROL_PLANE_SETTINGS },
      options,
      print,
    );
  });
program
  .command("support-bundle")
  .description(
    "one archive with what whoever helps needs to see of this server, without secrets; reads only, and works while parts are down",
  )
  .option(
    "--to <file>",
    "a file that is not there yet; `-`: standard output; by default a new one in this folder",
  )
  .option("--state-dir <folder>", "or REMOTEGPU_STATE_DIR")
  .action((options: Options & { to?: string }) => bundleOfServer(withProgramOptions(options)));
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
  .action((options: Options & NatsConfigOptions) => natsConfigCommand(withProgramOptions(options), print));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? usageCode(error) : explain(error);
}

/** Commander has said it already; help and version are no failure. */
function usageCode({ exitCode }: CommanderError): number {
  return exitCode === 0 ? 0 : WRONG_USAGE;
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

/** With those of the program itself. */
function withProgramOptions<Own extends Options>(options: Own): Own {
  return { ...program.opts<Options>(), ...options };
}

async function sealingKey(step: SealingKeyStep, options: Options): Promise<void> {
  const { stateDir } = configOf(withProgramOptions(options));
  // Made anew they would be another fleet's.
  if (!existsSync(operatorFile(stateDir)))
    throw new UsageError(
      `${operatorFile(stateDir)} is not there; name the folder that has the fleet's (--state-dir).`,
    );
  const operator = await openOperatorKeys(stateDir);
  await withSchema(
    withProgramOptions(options),
    async (db) => await sealingKeyCommand(step, { db, operator, stateDir }, print),
  );
}

async function restore(
  step: "status" | "resume" | "hold" | undefined,
  options: Options & Partial<RestoreCommandOptions> & { anyway?: boolean },
): Promise<void> {
  const { from, json, anyway } = options;
  if (step === "status")
    return await withSchema(withProgramOptions(options), (db) => restoreStatusCommand(db, { json }, print));
  if (step === "resume")
    return await withSchema(withProgramOptions(options), (db) => restoreResumeCommand(db, { anyway }, print));
  if (step === "hold")
    return await withSchema(withProgramOptions(options), (db) => restoreHoldCommand(db, print));
  if (from === undefined) throw new UsageError("Name the backup: --from FOLDER.");
  const config = configOf(withProgramOptions(options));
  const paymentLog = options.paymentLog ?? (config.paymentLog === null ? [] : [config.paymentLog]);
  const requested = { ...options, from, paymentLog, stateDir: config.stateDir };
  const { end } = await database(ownersOf(config), commandLog, {
    leavesRunning: true,
    prepare: (owner) => restoreCommand(owner, requested, { print, report }),
  });
  await end();
}

/** A database that cannot be asked is neither well nor broken. */
async function doctor(options: Options & { json?: boolean }): Promise<void> {
  try {
    await withSchema(withProgramOptions(options), async (db) => {
      const requested = {
        json: options.json,
        now: new Date(),
        checkStream: () => checkStreamOf(configOf(withProgramOptions(options))),
        paymentLog: configOf(withProgramOptions(options)).paymentLog,
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
