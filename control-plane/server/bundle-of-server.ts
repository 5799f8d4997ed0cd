/** `support-bundle` of this server, as its settings place its parts. */
import { SettingsFileError, type SettingSources } from "@remotegpu/shared/settings/setting-sources";
import { CONTROL_PLANE_SETTINGS } from "./config-defaults.ts";
import { type Config, ConfigError } from "./config.ts";
import { apiCa, lastNatsOf, runningDatabaseUrl } from "./engines.ts";
import type { ServerPlace } from "./support-bundle/server-place.ts";
import { configOf, type Options, sourcesOf, UsageError } from "./command-options.ts";
import { commandLog, report } from "./command-output.ts";
import { supportBundleCommand } from "./commands/support-bundle-command.ts";

/** With settings at fault, too: then it says which. */
export async function bundleOfServer({ to, ...options }: Options & { to?: string }): Promise<void> {
  const sources = sourcesOf(options);
  const config = configOrNull(options, sources);
  await supportBundleCommand(to, {
    sources,
    definition: CONTROL_PLANE_SETTINGS,
    place: config && placeOf(config),
    environment: process.env,
    log: commandLog,
    report,
    now: new Date(),
  });
  // What did not answer in time may hold the process for longer.
  process.exit();
}

function placeOf(config: Config): ServerPlace {
  const { listen, gateway, stateDir, paymentLog, signOn } = config;
  const alone = gateway?.metricsListen ?? null;
  return {
    stateDir,
    paymentLog,
    clientSecretFile: signOn?.clientSecretFile ?? null,
    metrics: [
      { name: "metrics.prom", ...listen, readCa: () => apiCa(config) },
      ...(alone === null ? [] : [{ name: "metrics-gateway.prom", ...alone, readCa: () => null }]),
    ],
    databaseUrl: () => runningDatabaseUrl(config),
    nats: () => lastNatsOf(config),
  };
}

/** Null where they are at fault. @throws what is no fault of the settings */
function configOrNull(options: Options, sources: SettingSources): Config | null {
  try {
    return configOf(options, sources);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof SettingsFileError || error instanceof UsageError)
      return null;
    throw error;
  }
}
