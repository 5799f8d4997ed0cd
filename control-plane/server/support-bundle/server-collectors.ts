/** What this machine and this server's processes say, without database and NATS. */
import { cpus, freemem, loadavg, release, totalmem, uptime } from "node:os";
import type { Collector } from "@remotegpu/shared/support-bundle/collection";
import {
  diskCollector,
  documentCollector,
  logCollector,
  type RunProgram,
  unitCollector,
} from "@remotegpu/shared/support-bundle/program-collectors";
import type { Redactor } from "@remotegpu/shared/support-bundle/redaction";
import type { SettingSources } from "@remotegpu/shared/settings/setting-sources";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { Agent, request } from "undici";
import { configCheck } from "../commands/config-command.ts";
import { CONTROL_PLANE_SETTINGS } from "../config-defaults.ts";
import type { Config } from "../config.ts";
import { apiCa, bracketed } from "../engines.ts";
import { VERSION } from "../release/version.ts";

const UNITS = [
  "remotegpu-control-plane.service",
  "remotegpu-gateway.service",
  "remotegpu-backup.service",
  "remotegpu-backup.timer",
];
const MAX_METRICS_BYTES = 4 * MIB;
const METRICS_WITHIN_MS = 10 * MS_PER_SECOND;

/** @param config null where the settings are at fault, so that it is not known where anything is */
export function serverCollectors(
  sources: SettingSources,
  config: Config | null,
  { run, redactor }: { run: RunProgram; redactor: Redactor },
): Collector[] {
  return [
    documentCollector("version.json", "this program and this machine", machine),
    settings(sources),
    unitCollector(UNITS, run),
    logCollector(UNITS, { run, redactor }),
    ...(config === null ? [] : [diskCollector([config.stateDir], run), ...scrapes(config)]),
  ];
}

function machine(): unknown {
  return {
    version: VERSION,
    is_installed: import.meta.filename.endsWith(".mjs"),
    node: process.versions,
    platform: `${process.platform} ${process.arch} ${release()}`,
    cpus: cpus().length,
    memory_bytes: totalmem(),
    memory_free_bytes: freemem(),
    load: loadavg(),
    up_seconds: uptime(),
    now: new Date().toISOString(),
  };
}

function settings(sources: SettingSources): Collector {
  return {
    name: "settings.json",
    source: "config check --json",
    without: "values of secret settings: of those there is the length",
    collect: (add) => void configCheck({ sources, definition: CONTROL_PLANE_SETTINGS }, { json: true }, add),
  };
}

function scrapes(config: Config): Collector[] {
  const { listen, gateway } = config;
  const ofApi = scrape("metrics.prom", listen, () => apiCa(config));
  const ofGateway = gateway?.metricsListen ?? null;
  return [ofApi, ...(ofGateway === null ? [] : [scrape("metrics-gateway.prom", ofGateway, () => null)])];
}

function scrape(
  name: string,
  { address, port }: { address: string; port: number },
  readCa: () => string | null,
): Collector {
  const host = bracketed(address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address);
  return {
    name,
    source: `a scrape of /metrics on ${host}:${port}`,
    withinMs: METRICS_WITHIN_MS,
    maxBytes: MAX_METRICS_BYTES,
    async collect(add, signal) {
      const ca = readCa();
      const dispatcher = new Agent({ connect: { ca: ca ?? undefined } });
      try {
        const url = `${ca === null ? "http" : "https"}://${host}:${port}/metrics`;
        const { statusCode, body } = await request(url, { dispatcher, signal });
        const text = await body.text();
        if (statusCode !== 200) throw new Error(`it answers ${statusCode}`);
        add(text);
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}
