/**
 * `support-bundle`: what whoever helps needs to see of this host, in one archive without secrets, beside a running agent or
 * without one. Changes nothing; runtime, driver or journal may be out of order, and the manifest then says so.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { bundleArchive, bundleName } from "@remotegpu/shared/support-bundle/bundle-archive";
import { collectAll, remarksOf } from "@remotegpu/shared/support-bundle/collection";
import type { RunProgram } from "@remotegpu/shared/support-bundle/program-collectors";
import { Redactor } from "@remotegpu/shared/support-bundle/redaction";
import { settingSecrets } from "@remotegpu/shared/support-bundle/setting-secrets";
import type { SettingSources } from "@remotegpu/shared/settings/setting-sources";
import { AGENT_SETTINGS } from "../config/config-defaults.ts";
import { credentialFile, type Config, keyFile } from "../config/config.ts";
import { AGENT_VERSION } from "../process/version.ts";
import { writeBundle } from "./support-bundle/bundle-file.ts";
import { configCheck } from "./config-check.ts";
import { doctor } from "./doctor.ts";
import { hostCollectors, type HostParts, type OwnPart } from "./support-bundle/host-collectors.ts";
import { journalFigures, leaseFigures } from "./support-bundle/own-parts.ts";
import { runProgram } from "./support-bundle/run-program.ts";

const PROGRAM = "remotegpu-agent";
/** The words of a JSON file that are its own are shorter. */
const SHORTEST_IN_FILE = 24;

interface SupportBundleParts extends Pick<HostParts, "again" | "kernelLog"> {
  sources: SettingSources;
  /** Null where the settings are at fault: the bundle then says how. */
  config: Config | null;
  environment: NodeJS.ProcessEnv;
  /** Remarks, a line each; never on standard output, which may be the bundle. */
  report: (text: string) => void;
  now: Date;
  run?: RunProgram;
}

/** @param to a path, `-` for standard output; left out: a name in this folder @throws what Node throws of the file */
export async function supportBundle(
  to: string | undefined,
  { sources, config, environment, report, now, run = runProgram, ...parts }: SupportBundleParts,
): Promise<void> {
  const startedMs = performance.now();
  const redactor = new Redactor([
    ...settingSecrets(sources, AGENT_SETTINGS, environment),
    ...(config === null ? [] : fileSecrets(config)),
  ]);
  const settings = () => printed((print) => void configCheck(sources, { json: true }, print));
  const collectors = hostCollectors(config, { ...parts, settings, run, redactor });
  const collected = await collectAll(collectors, { redactor });
  const name = bundleName(PROGRAM, now);
  const tookMs = Math.round(performance.now() - startedMs);
  const head = { program: PROGRAM, version: AGENT_VERSION, madeAt: now, tookMs };
  const file = to ?? `${name}.tar.gz`;
  await writeBundle(file, bundleArchive(name, head, collected));
  for (const line of remarksOf(collected)) report(line);
  const where = file === "-" ? "standard output" : resolve(file);
  report(`${collected.described.length} entries in ${where}. Read it before you send it.`);
}

/** The text of a part that is read in a process of its own. @throws with why it cannot be read */
export async function readOwnPart(config: Config, part: OwnPart): Promise<string> {
  switch (part) {
    case "doctor":
      return await doctorText(config);
    case "journal":
      return JSON.stringify(journalFigures(config), null, 2);
    case "leases":
      return JSON.stringify(leaseFigures(config), null, 2);
  }
}

/** Without the notes, which name images of customers. */
async function doctorText(config: Config): Promise<string> {
  const texts: string[] = [];
  await doctor(config, { json: true }, (text) => texts.push(text));
  const withoutNotes = (name: string, value: unknown) => (name === "notes" ? undefined : value);
  return JSON.stringify(JSON.parse(texts.join(""), withoutNotes), null, 2);
}

function printed(command: (print: (text: string) => void) => void): string {
  const texts: string[] = [];
  command((text) => texts.push(text));
  return texts.join("");
}

/** The host's key and what it was granted: whatever long words stand in their files. */
function fileSecrets({ stateDir }: Config): string[] {
  const words = [keyFile(stateDir), credentialFile(stateDir)].flatMap((path) =>
    contents(path).split(/[\s",]+/),
  );
  return words.filter((word) => word.length >= SHORTEST_IN_FILE && !word.includes("://"));
}

/** Empty where it is not there or may not be read: then no collector can have it from there either. */
function contents(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
