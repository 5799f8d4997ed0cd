/** Reads the control plane's settings from where they are: options, the environment, credentials and the settings file. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { ProcessLog } from "@remotegpu/shared/logging/process-log";
import {
  assertReadable,
  type Disk,
  foundSettings,
  readSources,
  type SettingSources,
  valuesOf,
} from "@remotegpu/shared/settings/setting-sources";
import { reloadSettings } from "@remotegpu/shared/settings/settings-reload";
import { originText, fileWarnings } from "@remotegpu/shared/settings/settings-report";
import { CONTROL_PLANE_SETTINGS } from "./config-defaults.ts";
import { type Config, ConfigError, readConfig } from "./config.ts";

const DISK: Disk = {
  read: (path) => readFileSync(path, "utf8"),
  mode: (path) => statSync(path).mode,
  names: (folder) => readdirSync(folder),
};

/** @param options by the variable that each stands for @throws SettingsFileError */
export function readSettings(options: Record<string, string>): SettingSources {
  return readSources({ options, environment: process.env }, CONTROL_PLANE_SETTINGS.names, DISK);
}

/** @throws SettingsFileError, ConfigError naming the variable and, of one in a file, its line */
export function configFrom(sources: SettingSources): Config {
  assertReadable(sources.file);
  const found = foundSettings(sources);
  try {
    return readConfig(valuesOf(found));
  } catch (error) {
    const origin = error instanceof ConfigError ? found.get(error.variable)?.origin : undefined;
    if (!(error instanceof ConfigError) || origin?.from !== "file") throw error;
    throw new ConfigError(error.variable, `${error.fault} (${originText(origin)})`);
  }
}

/** What an operator should know of the file, though it can be used. */
export function warnOfFile(sources: SettingSources, log: ProcessLog): void {
  for (const warning of fileWarnings(sources, CONTROL_PLANE_SETTINGS)) log.warn({}, warning);
}

/** Takes the log's level and form as they are set now, and names what else has changed. */
export function reloadLog(sources: SettingSources, log: ProcessLog): void {
  const logOf = (values: Record<string, string>) => readConfig(values).log;
  reloadSettings({ sources, definition: CONTROL_PLANE_SETTINGS, disk: DISK, logOf, log });
}
