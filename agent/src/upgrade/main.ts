/** The program of the unit remotegpu-upgrade, the only one that moves the links of versions, and what people ask of it. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { errorForLog } from "@remotegpu/shared/log";
import { openLog, STANDARD_OUTPUT } from "@remotegpu/shared/logging/process-log";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { z } from "zod";
import { ConfigError, readConfig } from "../config/config.ts";
import { PROBATION_MS } from "../core/upgrade/probation.ts";
import type { ProcessStart } from "../core/upgrade/upgrade-files.ts";
import { monotonicMs, readBootId } from "../host/clock.ts";
import { readHealth } from "../host/health-file.ts";
import { readProcessStart } from "../host/processes/process-liveness.ts";
import { DurableDisk } from "../host/upgrades/durable-disk.ts";
import { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";
import { removeOldVersions } from "./old-folders.ts";
import { ReleaseSource } from "./release-source.ts";
import { requestUpgrade } from "./request.ts";
import { statusJson, statusText } from "./status.ts";
import { Systemctl, SystemctlError } from "./systemctl.ts";
import { Trials } from "./trials.ts";
import { UnitFiles } from "./unit-files.ts";
import { UpgradeRun } from "./upgrade-run.ts";

/** The unit's shell runs it again then; any other code but 0 is a failure. */
const MORE = 75;
const TURN_MS = 50_000;

const Folders = z.object({
  opt: z.string().startsWith("/"),
  etc: z.string().startsWith("/"),
  units: z.string().startsWith("/"),
});
const Request = z.object({
  release: z.string(),
  manifestSha256: z.string(),
  requestedBy: z.enum(["package", "install"]),
});
async function openRun(): Promise<UpgradeRun> {
  const config = readConfig(process.env);
  const { opt, etc, units } = folders();
  const disk = new DurableDisk();
  const folder = new UpgradeFolder(opt, disk);
  const publicKeyFile = join(etc, "release.pub");
  const caFile = join(etc, "ca.pem");
  const ca = config.caSha256 !== null && existsSync(caFile) ? readFileSync(caFile, "utf8") : null;
  return new UpgradeRun({
    folder,
    units: new UnitFiles({ opt, etc, units, state: config.stateDir, pool: config.poolFolder }, disk),
    systemctl: new Systemctl(),
    source: new ReleaseSource({ folder, disk, ca, publicKeyFile }),
    trials: new Trials(),
    publicKeyFile,
    readHealth: () => readHealth(config.stateDir),
    living,
    clock: { bootId: await readBootId(), monotonicMs, wallMs: () => Date.now() },
    probationMs: config.upgradeProbationMs ?? PROBATION_MS,
    turnMs: TURN_MS,
    log: openLog(config.log, STANDARD_OUTPUT, newTrace()),
  });
}

async function living(processes: readonly ProcessStart[]): Promise<ProcessStart[]> {
  const starts = await Promise.all(processes.map(({ pid }) => readProcessStart(pid)));
  return processes.filter(({ startTicks }, at) => starts[at] === startTicks);
}

function folders(): z.infer<typeof Folders> {
  const { opt, etc, units } = Folders.parse(program.opts());
  const withoutSlash = (path: string) => path.replace(/\/+$/, "");
  return { opt: withoutSlash(opt), etc: withoutSlash(etc), units: withoutSlash(units) };
}

const upgradeFolder = () => new UpgradeFolder(folders().opt);

const program = new Command("remotegpu-agent upgrade")
  .exitOverride()
  .addOption(new Option("--opt <folder>", "where versions lie").default(dirname(import.meta.dirname)))
  .addOption(new Option("--etc <folder>", "settings of this host").default("/etc/remotegpu"))
  .addOption(new Option("--units <folder>", "where units lie").default("/etc/systemd/system"));
program
  .command("status")
  .description("print what runs, what is under way, what came of earlier upgrades and what is refused")
  .option("--json", "one document for scripts")
  .action(({ json }: { json?: boolean }) => {
    process.stdout.write(json === true ? `${statusJson(upgradeFolder())}\n` : statusText(upgradeFolder()));
  });
program
  .command("allow")
  .description("take a release from the refused ones, so that it can be tried again")
  .argument("<version>")
  .action((version: string) => {
    if (upgradeFolder().allow(version)) process.stdout.write(`${version} can be tried again\n`);
    else program.error(`remotegpu-agent upgrade: ${version} is not refused on this host`);
  });
program
  .command("request", { hidden: true })
  .description("hand a release that lies here to the unit, and wait until it runs on probation")
  .requiredOption("--release <version>")
  .requiredOption("--manifest-sha256 <hash>")
  .requiredOption("--requested-by <who>")
  .action(async (options: unknown) => {
    const { release: version, manifestSha256, requestedBy } = Request.parse(options);
    const parts = {
      folder: upgradeFolder(),
      systemctl: new Systemctl(),
      monotonicMs,
      probationMs: readConfig(process.env).upgradeProbationMs ?? PROBATION_MS,
    };
    const request = { version, manifestSha256, requestedBy, source: null };
    const { isTaken, text } = await requestUpgrade(request, parts);
    process.stdout.write(`${text}\n`);
    process.exitCode = isTaken ? 0 : 1;
  });
program
  .command("prepare", { hidden: true })
  .description("of the unit: take a request, and fetch and verify its release")
  .action(async () => (await openRun()).prepare());
program
  .command("run", { hidden: true })
  .description("of the unit, by the new version: check, switch, watch, and commit or revert")
  .action(async () => {
    process.exitCode = (await (await openRun()).run()) === "more" ? MORE : 0;
  });
program
  .command("clean", { hidden: true })
  .description("remove versions that were left a day ago")
  .action(() => {
    const disk = new DurableDisk();
    for (const version of removeOldVersions({ folder: upgradeFolder(), disk }, Date.now()))
      process.stdout.write(`removed version ${version}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else if (error instanceof ConfigError || error instanceof SystemctlError) {
    process.stderr.write(`remotegpu-agent upgrade: ${error.message}\n`);
    process.exitCode = 1;
  } else {
    process.stderr.write(`remotegpu-agent upgrade: ${JSON.stringify(errorForLog(error))}\n`);
    process.exitCode = 2;
  }
}
