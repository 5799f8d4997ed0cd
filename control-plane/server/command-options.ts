/** The options that commands share, and the settings that follow from them. */
import { resolve } from "node:path";
import { CONFIG_FILE, type SettingSources } from "@remotegpu/shared/settings/setting-sources";
import { configFrom, readSettings } from "./config-sources.ts";
import { type Config, ConfigError } from "./config.ts";

/** The command was called in a way that cannot be meant. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Options {
  /** The settings file. */
  config?: string;
  listen?: string;
  stateDir?: string;
  publicUrl?: string;
  logFormat?: string;
}

/** What its options say goes before the environment. @throws SettingsFileError */
export function sourcesOf({
  config: file,
  listen,
  stateDir,
  publicUrl,
  logFormat: format,
}: Options): SettingSources {
  return readSettings({
    ...(file !== undefined && { [CONFIG_FILE]: resolve(file) }),
    ...(listen !== undefined && { REMOTEGPU_LISTEN: listen }),
    ...(stateDir !== undefined && { REMOTEGPU_STATE_DIR: stateDir }),
    ...(publicUrl !== undefined && { REMOTEGPU_PUBLIC_URL: publicUrl }),
    ...(format !== undefined && { REMOTEGPU_LOG_FORMAT: format }),
  });
}

/** @throws ConfigError, UsageError where an option is what is wrong */
export function configOf(options: Options, sources = sourcesOf(options)): Config {
  try {
    return configFrom(sources);
  } catch (error) {
    if (!(error instanceof ConfigError) || !(error.variable in sources.options)) throw error;
    const option = error.variable.replace("REMOTEGPU", "-").toLowerCase().replaceAll("_", "-");
    throw new UsageError(`${option}: ${error.fault}`);
  }
}
