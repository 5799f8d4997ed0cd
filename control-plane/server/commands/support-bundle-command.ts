/**
 * `support-bundle`: what whoever helps needs to see of this server, in one archive without secrets. Starts and changes
 * nothing; database, NATS or server may be down, and the manifest then says so.
 */
import { resolve } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { bundleArchive, bundleName } from "@remotegpu/shared/support-bundle/bundle-archive";
import { collectAll, remarksOf } from "@remotegpu/shared/support-bundle/collection";
import type { RunProgram } from "@remotegpu/shared/support-bundle/program-collectors";
import { Redactor } from "@remotegpu/shared/support-bundle/redaction";
import { settingSecrets } from "@remotegpu/shared/support-bundle/setting-secrets";
import type { SettingSources } from "@remotegpu/shared/settings/setting-sources";
import { CONTROL_PLANE_SETTINGS } from "../config-defaults.ts";
import type { Config } from "../config.ts";
import { runningDatabaseUrl } from "../engines.ts";
import { VERSION } from "../release/version.ts";
import { type Database, openDatabase } from "../store/database/database.ts";
import { writeBundle } from "../support-bundle/bundle-file.ts";
import { databaseCollectors } from "../support-bundle/database-collectors.ts";
import { fileSecrets } from "../support-bundle/known-secrets.ts";
import { natsCollectors } from "../support-bundle/nats-collectors.ts";
import { runProgram } from "../support-bundle/run-program.ts";
import { serverCollectors } from "../support-bundle/server-collectors.ts";

const PROGRAM = "remotegpu-control-plane";
/** Several questions at once, and none that keeps a server from a connection. */
const MAX_CONNECTIONS = 3;

interface SupportBundleParts {
  sources: SettingSources;
  /** Null where the settings are at fault: the bundle then says how. */
  config: Config | null;
  environment: NodeJS.ProcessEnv;
  log: Log;
  /** Remarks, a line each; never on standard output, which may be the bundle. */
  report: (text: string) => void;
  now: Date;
  run?: RunProgram;
}

/** @param to a path, `-` for standard output; left out: a name in this folder @throws what Node throws of the file */
export async function supportBundleCommand(
  to: string | undefined,
  { sources, config, environment, log, report, now, run = runProgram }: SupportBundleParts,
): Promise<void> {
  const startedMs = performance.now();
  const redactor = new Redactor([
    ...settingSecrets(sources, CONTROL_PLANE_SETTINGS, environment),
    ...(config === null ? [] : fileSecrets(config)),
  ]);
  const database = config === null ? null : lazyDatabase(config);
  const collected = await collectAll(
    [
      ...serverCollectors(sources, config, { run, redactor }),
      ...(config === null || database === null
        ? []
        : [
            ...databaseCollectors(database.open, { now, paymentLog: config.paymentLog }),
            ...natsCollectors(config, log),
          ]),
    ],
    { redactor },
  );
  const name = bundleName(PROGRAM, now);
  const tookMs = Math.round(performance.now() - startedMs);
  const archive = bundleArchive(name, { program: PROGRAM, version: VERSION, madeAt: now, tookMs }, collected);
  const file = to ?? `${name}.tar.gz`;
  await writeBundle(file, archive);
  for (const line of remarksOf(collected)) report(line);
  const where = file === "-" ? "standard output" : resolve(file);
  report(`${collected.described.length} entries in ${where}. Read it before you send it.`);
}

/** Opened by the first question. What hangs there ends with the process. */
function lazyDatabase(config: Config): { open: () => Promise<Database> } {
  let opened: Promise<Database> | null = null;
  const open = async () => {
    const url = await runningDatabaseUrl(config);
    if (url === null) throw new Error(`the Postgres of ${config.stateDir} does not run`);
    return openDatabase(url, { maxConnections: MAX_CONNECTIONS, runsAs: "owner" });
  };
  return { open: async () => await (opened ??= open()) };
}
