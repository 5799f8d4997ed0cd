/** Reads the agent's settings from where they are: options, the environment, credentials and the settings file. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { ProcessLog } from "@remotegpu/shared/logging/process-log";
import { ReloadSignal } from "@remotegpu/shared/reload-signal";
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
import { AGENT_SETTINGS } from "./config-defaults.ts";
import { type Config, ConfigError, readConfig } from "./config.ts";

const DISK: Disk = {
  read: (path) => readFileSync(path, "utf8"),
  mode: (path) => statSync(path).mode,
  names: (folder) => readdirSync(folder),
};

/** @param options by the variable that each stands for @throws SettingsFileError */
export function readSettings(options: Record<string, string> = {}): SettingSources {
  return readSources({ options, environment: process.env }, AGENT_SETTINGS.names, DISK);
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

/** From now on HUP ends the process no longer: its log takes level and form as they are set then. */
export function reloadOnSignal(sources: SettingSources, log: ProcessLog): void {
  for (const warning of fileWarnings(sources, AGENT_SETTINGS)) log.warn({}, warning);
  const logOf = (values: Record<string, string>) => readConfig(values).log;
  new ReloadSignal().start(() => {
    reloadSettings({ sources, definition: AGENT_SETTINGS, disk: DISK, logOf, log });
    return Promise.resolve();
  });
}
