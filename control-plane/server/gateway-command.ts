/** `gateway`: the gateway alone, for one machine more, until it is told to end. */
import { existsSync } from "node:fs";
import { ending, endingSignal } from "@remotegpu/shared/ending";
import { openLog, STANDARD_ERROR } from "@remotegpu/shared/logging/process-log";
import { ReloadSignal } from "@remotegpu/shared/reload-signal";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { reloadLog, warnOfFile } from "./config-sources.ts";
import type { Config } from "./config.ts";
import { ServerCounters } from "./core/metrics/server-counters.ts";
import { database, natsOf, openOperatorKeys, publicHostOf, renewNatsCa } from "./engines.ts";
import type { Log } from "@remotegpu/shared/log";
import { operatorFile } from "./link/servers/operator.ts";
import type { Database } from "./store/database/database.ts";
import { assertMigrated } from "./store/migrate.ts";
import { configOf, type Options, sourcesOf, UsageError } from "./command-options.ts";

/** @throws UsageError where it is told of no gateway, no database or no keys */
export async function gatewayCommand(options: Options): Promise<void> {
  const sources = sourcesOf(options);
  const config = configOf(options, sources);
  const log = openLog(config.log, STANDARD_ERROR, newTrace());
  warnOfFile(sources, log);
  const reloads = new ReloadSignal();
  const settings = gatewaySettings(config);
  const { db, end } = await database(config, log, { prepare: assertMigrated });
  try {
    const signal = endingSignal();
    const gateway = await startedGateway(settings, { db, config, log });
    reloads.start(() => {
      reloadLog(sources, log);
      gateway.renewCertificates();
      return Promise.resolve();
    });
    await ending(config, signal);
    log.info({}, "ending in order");
    await gateway.stop();
  } finally {
    await end();
  }
}

type GatewaySettings = NonNullable<Config["gateway"]>;

/** @throws UsageError */
function gatewaySettings({ gateway, databaseUrl, stateDir }: Config): GatewaySettings {
  if (gateway === null)
    throw new UsageError("REMOTEGPU_GATEWAY_LISTEN is off; name an address and port for the gateway.");
  if (databaseUrl === null)
    throw new UsageError("A gateway alone has no Postgres of its own; name the fleet's DATABASE_URL.");
  // Made anew they would be another fleet's, and no host would let this gateway in.
  if (!existsSync(operatorFile(stateDir)))
    throw new UsageError(`${operatorFile(stateDir)} is not there; copy the fleet's.`);
  return gateway;
}

async function startedGateway(
  settings: GatewaySettings,
  { db, config, log }: { db: Database; config: Config; log: Log },
): Promise<{ renewCertificates: () => void; stop: () => Promise<void> }> {
  const operator = await openOperatorKeys(config.stateDir, log);
  // What no other command needs.
  const [{ startGateway }, { GatewayLink }, { serveGatewayMetrics }] = await Promise.all([
    import("./gateway-process.ts"),
    import("./gateway-link.ts"),
    import("./gateway-metrics.ts"),
  ]);
  const counters = new ServerCounters();
  const address = natsOf(config);
  const link = address === null ? null : new GatewayLink({ operator, address, log });
  const gateway = await startGateway(
    { ...settings, isRequested: true },
    {
      db,
      operator,
      // Not the API's, which is elsewhere.
      publicHost: publicHostOf({ publicUrl: null, listen: settings.tunnel?.listen ?? config.listen }),
      // Without a link hosts see it in the answer to their next heartbeat.
      nudge: (host) => link?.nudge(host),
      onOrder: () => link?.wakeOthers(),
      onAnswer: (status) => counters.gatewayAnswered(status),
      now: () => new Date(),
      log,
    },
  );
  link?.start(() => gateway.checkNow());
  const { metricsListen } = settings;
  const metrics =
    metricsListen === null ? null : await serveGatewayMetrics(metricsListen, { counters, db, log });
  if (metrics !== null) log.info({ port: metrics.port }, "metrics are served");
  return {
    renewCertificates() {
      gateway.renewCertificate();
      if (address !== null) renewNatsCa(config, address, log);
    },
    async stop() {
      await metrics?.close();
      await gateway.close();
      await link?.stop();
    },
  };
}
