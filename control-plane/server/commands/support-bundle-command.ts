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
import type { SettingsDefinition } from "@remotegpu/shared/settings/settings-report";
import { VERSION } from "../release/version.ts";
import { type Database, openDatabase } from "../store/database/database.ts";
import { writeBundle } from "../support-bundle/bundle-file.ts";
import { databaseCollectors } from "../support-bundle/database-collectors.ts";
import { fileSecrets } from "../support-bundle/known-secrets.ts";
import { natsCollectors } from "../support-bundle/nats-collectors.ts";
import { runProgram } from "../support-bundle/run-program.ts";
import { serverCollectors } from "../support-bundle/server-collectors.ts";
import type { ServerPlace } from "../support-bundle/server-place.ts";
import { configCheck } from "./config-command.ts";

const PROGRAM = "remotegpu-control-plane";
/** Several questions at once, and none that keeps a server from a connection. */
const MAX_CONNECTIONS = 3;

interface SupportBundleParts {
  sources: SettingSources;
  definition: SettingsDefinition;
  /** Null where the settings are at fault: the bundle then says how. */
  place: ServerPlace | null;
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
  { sources, definition, place, environment, log, report, now, run = runProgram }: SupportBundleParts,
): Promise<void> {
  const startedMs = performance.now();
  const redactor = new Redactor([
    ...settingSecrets(sources, definition, environment),
    ...(place === null ? [] : fileSecrets(place)),
  ]);
  const database = place === null ? null : lazyDatabase(place);
  const settings = () => {
    const texts: string[] = [];
    configCheck({ sources, definition }, { json: true }, (text) => texts.push(text));
    return texts.join("");
  };
  const collected = await collectAll(
    [
      ...serverCollectors(place, { settings, run, redactor }),
      ...(place === null || database === null
        ? []
        : [
            ...databaseCollectors(database.open, { now, paymentLog: place.paymentLog }),
            ...natsCollectors(place, log),
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
function lazyDatabase({ stateDir, databaseUrl }: ServerPlace): { open: () => Promise<Database> } {
  let opened: Promise<Database> | null = null;
  const open = async () => {
    const url = await databaseUrl();
    if (url === null) throw new Error(`the Postgres of ${stateDir} does not run`);
    return openDatabase(url, { maxConnections: MAX_CONNECTIONS, runsAs: "owner" });
  };
  return { open: async () => await (opened ??= open()) };
}
