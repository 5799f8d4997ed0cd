/** The agent's commands: `join` makes this host a member of the fleet, `run` looks after it. */
import { resolve } from "node:path";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { clean } from "./commands/clean.ts";
import { CommandRefusedError } from "./commands/command-refused.ts";
import { cleanUpDrill, drill, drillInUnit } from "./commands/drill.ts";
import { doctor } from "./commands/doctor.ts";
import { join } from "./commands/join.ts";
import { isRemoved, leave } from "./commands/leave.ts";
import { observe } from "./commands/observe.ts";
import { openRuns } from "./commands/open-runs.ts";
import { restoreLimits } from "./commands/restore-limits.ts";
import { run } from "./commands/run.ts";
import { guardedSelfTest, selfTest } from "./commands/self-test.ts";
import { simulateFault } from "./commands/simulate-fault.ts";
import { readOwnPart, supportBundle } from "./commands/support-bundle.ts";
import { OWN_PARTS, type OwnPart } from "./commands/support-bundle/host-collectors.ts";
import { configCheck } from "./commands/config-check.ts";
import { configFrom, readSettings, reloadOnSignal } from "./config/config-sources.ts";
import { type Config, ConfigError } from "./config/config.ts";
import { MachineFactsError } from "./host/machine-facts.ts";
import { ServiceNotifier } from "./host/notify.ts";
import { FolderLockedError } from "./journal/database/folder-lock.ts";
import { NewerDatabaseError } from "./journal/database/schema-steps.ts";
import { ApiUnreachableError } from "./link/api-request.ts";
import { AGENT_VERSION } from "./process/version.ts";
import { DRILL_FAULTS, type DrillFault } from "@remotegpu/shared/messages/drill-report";
import { isRefusedByDisk } from "@remotegpu/shared/file-errors";
import { LOG_FORMATS } from "@remotegpu/shared/logging/log-settings";
import { COMMAND_LOG, openLog, STANDARD_ERROR, STANDARD_OUTPUT } from "@remotegpu/shared/logging/process-log";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import {
  CONFIG_FILE,
  SettingsFileError,
  type SettingSources,
} from "@remotegpu/shared/settings/setting-sources";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { ToolboxError } from "./toolbox/packed-toolbox.ts";

const print = (text: string) => void process.stdout.write(`${text}\n`);
const report = (text: string) => void process.stderr.write(`remotegpu-agent: ${text}\n`);
const warn = (text: string) => report(`WARNING: ${text}`);
interface SelfTestOptions {
  json?: boolean;
  journal?: boolean;
  unguarded?: boolean;
}
/** What `--config` names goes before the environment. */
function sources(options: Record<string, string> = {}) {
  const { config: file } = program.opts<{ config?: string }>();
  return readSettings(file === undefined ? options : { ...options, [CONFIG_FILE]: resolve(file) });
}
const config = () => configFrom(sources());

/** What a person can act on is one line; anything else is a bug and shows its stack. */
const EXPLAINED = [
  CommandRefusedError,
  ConfigError,
  FolderLockedError,
  NewerDatabaseError,
  ToolboxError,
  ApiUnreachableError,
  MachineFactsError,
  SettingsFileError,
];

/** Null where they are at fault. @throws what is no fault of the settings */
function configOrNull(found: SettingSources): Config | null {
  try {
    return configFrom(found);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof SettingsFileError) return null;
    throw error;
  }
}

/** Of whatever keeps it from being read the process that waits for it needs one line. */
async function printPart(part: OwnPart): Promise<void> {
  try {
    print(await readOwnPart(config(), part));
  } catch (error) {
    report(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) throw new InvalidArgumentError("A whole number, at least 1.");
  return Number(text);
}

function explain(error: unknown): number {
  const isExplained = isRefusedByDisk(error) || EXPLAINED.some((kind) => error instanceof kind);
  if (!(error instanceof Error && isExplained)) throw error;
  report(error.message);
  return 1;
}

const program = new Command("remotegpu-agent")
  .version(AGENT_VERSION)
  .exitOverride()
  .option(
    "--config <file>",
    "or REMOTEGPU_CONFIG_FILE: the settings, NAME=value a line; the environment goes before them",
  );
program
  .command("join")
  .description("join the fleet of REMOTEGPU_SERVER with REMOTEGPU_JOIN_TOKEN")
  .action(() => join(config(), { print, warn }));
program
  .command("doctor")
  .description("check what this host knows against itself and against what runs here; changes nothing")
  .option("--json", "one document for scripts")
  .action(async (options: { json?: boolean }) => {
    try {
      process.exitCode = await doctor(config(), options, print);
    } catch (error) {
      explain(error);
      // What cannot be asked is neither well nor broken.
      process.exitCode = 2;
    }
  });
program
  .command("config")
  .description("print the effective settings, where each comes from, and what is wrong with them")
  .addArgument(new Argument("<step>", "what to do").choices(["check"]))
  .option("--json", "one document for scripts")
  .action((_step: string, options: { json?: boolean }) => {
    process.exitCode = configCheck(sources(), options, print);
  });
program
  .command("support-bundle")
  .description(
    "one archive with what whoever helps needs to see of this host, without secrets; reads only, beside a running agent or without one",
  )
  .option(
    "--to <file>",
    "a file that is not there yet; `-`: standard output; by default a new one in this folder",
  )
  .addOption(new Option("--only <part>").choices(OWN_PARTS).hideHelp())
  .action(async ({ to, only }: { to?: string; only?: OwnPart }) => {
    if (only !== undefined) return await printPart(only);
    const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)] as const;
    const parts = { sources: sources(), environment: process.env, report, now: new Date(), again };
    await supportBundle(to, { ...parts, config: configOrNull(parts.sources) });
    // What did not answer in time may hold the process for longer.
    process.exit();
  });
program
  .command("self-test")
  .description(
    "check whether this version can work on this host, beside the agent that runs; changes nothing",
  )
  .option("--json", "a line of JSON for each check")
  .option("--journal", "only whether the journal is whole")
  .addOption(new Option("--unguarded").hideHelp())
  .action(async ({ json = false, journal = false, unguarded = false }: SelfTestOptions) => {
    const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1), "--unguarded"] as const;
    process.exitCode = unguarded
      ? await selfTest({ environment: process.env, json, journal, print })
      : await guardedSelfTest(again, { json, print });
  });
program
  .command("observe")
  .description("see and decide as the agent that runs does, and print what differs; changes nothing")
  .addOption(new Option("--ticks <n>", "how often").argParser(wholeNumber).default(3))
  .addOption(new Option("--every <seconds>", "between two of them").argParser(wholeNumber).default(10))
  .option("--json", "a line of JSON for each tick")
  .action(async ({ ticks, every, json }: { ticks: number; every: number; json?: boolean }) => {
    const log = openLog(COMMAND_LOG, STANDARD_ERROR);
    const options = { ticks, everyMs: every * MS_PER_SECOND, json };
    process.exitCode = await observe(config(), options, { print, log });
  });
program
  .command("drill")
  .description(
    "play faults on this host, under a canary workload alone, and write a signed certificate of it",
  )
  .option("--canary <instance>", "the instance under which they are played, as open-runs names it")
  .addOption(
    new Option("--only <faults...>", "play these alone, which gives no certificate").choices(DRILL_FAULTS),
  )
  .addOption(new Option("--in-unit").hideHelp())
  .addOption(new Option("--clean-up").hideHelp())
  .action(async (options: { canary?: string; only?: DrillFault[]; inUnit?: boolean; cleanUp?: boolean }) => {
    const { canary, only: faults = DRILL_FAULTS, inUnit = false, cleanUp = false } = options;
    if (cleanUp) return cleanUpDrill(config());
    // Whoever called may be gone by then, and with him whom it is told to.
    if (inUnit) process.stdout.on("error", () => undefined);
    if (canary === undefined)
      throw new CommandRefusedError("Name the canary: --canary INSTANCE, as remotegpu-agent open-runs does.");
    const own = [process.execPath, ...process.execArgv, process.argv[1] ?? ""];
    process.exitCode = inUnit
      ? await drill(config(), { canary, faults, print })
      : await drillInUnit(
          [process.execPath, ...process.execArgv, ...process.argv.slice(1), "--in-unit"],
          [...own, "drill", "--clean-up"],
        );
  });
program
  .command("is-removed")
  .description("ask the control plane whether this host was taken out of the fleet; the exit code says it")
  .action(() => isRemoved(config(), print));
program
  .command("leave")
  .description(
    "of a host that was taken out: end what it ran and put its key and journal aside, to join anew",
  )
  .action(() => leave(config(), print));
program
  .command("open-runs")
  .description("print the runs in this host's journal that have not ended; changes nothing")
  .action(() => openRuns(config(), print));
program
  .command("clean")
  .description(
    "remove this host's containers, networks, firewall rules and simulated cards; its files and journal stay",
  )
  .action(() => clean(config(), print));
program
  .command("restore-limits")
  .description(
    "give this host its own limits of the kernel back; an agent that runs raises them again within a minute",
  )
  .action(() => restoreLimits(config(), print));
program
  .command("simulate-fault")
  .description("of simulated cards: show a fault of real ones from now on, or with `well` none any more")
  .argument("<card>", "its index, its UUID, or `all` for what befalls the whole of nvidia-smi")
  .argument(
    "<fault...>",
    "requires-reset, lost-listed, exit 15, recovery Reset, fabric 'In Progress', mig, fall …",
  )
  .action((card: string, fault: string[]) => simulateFault(config(), { card, fault }, print));
program
  .command("run", { isDefault: true })
  .description("look after this host")
  .addOption(
    new Option("--log-format <format>", "or REMOTEGPU_LOG_FORMAT: the form of log lines").choices(
      LOG_FORMATS,
    ),
  )
  .action(async ({ logFormat }: { logFormat?: string }) => {
    const given: Record<string, string> = logFormat === undefined ? {} : { REMOTEGPU_LOG_FORMAT: logFormat };
    const found = sources(given);
    const settings = configFrom(found);
    const log = openLog(settings.log, STANDARD_OUTPUT, newTrace());
    reloadOnSignal(found, log);
    await run(settings, { notifier: new ServiceNotifier({ environment: process.env }), log });
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : explain(error);
}
