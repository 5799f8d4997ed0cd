/** `run`: the whole server, until it is told to end. */
import { ending, endingSignal } from "@remotegpu/shared/ending";
import { openLog, STANDARD_ERROR } from "@remotegpu/shared/logging/process-log";
import { ReloadSignal } from "@remotegpu/shared/reload-signal";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { reloadLog, warnOfFile } from "./config-sources.ts";
import { configOf, type Options, sourcesOf } from "./command-options.ts";

export async function runCommand(options: Options): Promise<void> {
  const sources = sourcesOf(options);
  const config = configOf(options, sources);
  const log = openLog(config.log, STANDARD_ERROR, newTrace());
  warnOfFile(sources, log);
  const reloads = new ReloadSignal();
  // The whole server, which no other command needs.
  const { startControlPlane } = await import("./control-plane.ts");
  const signal = endingSignal();
  const controlPlane = await startControlPlane(config, log);
  reloads.start(async () => {
    reloadLog(sources, log);
    await controlPlane.renewCertificates();
  });
  await ending(config, signal);
  log.info({}, "ending in order");
  await controlPlane.stop();
}
