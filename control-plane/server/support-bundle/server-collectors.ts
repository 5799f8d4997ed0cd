/** What this machine and this server's processes say, without database and NATS. */
import { cpus, freemem, loadavg, release, totalmem, uptime } from "node:os";
import { boundedBody } from "@remotegpu/shared/bounded-body";
import type { Collector } from "@remotegpu/shared/support-bundle/collection";
import {
  diskCollector,
  documentCollector,
  logCollector,
  type RunProgram,
  unitCollector,
} from "@remotegpu/shared/support-bundle/program-collectors";
import type { Redactor } from "@remotegpu/shared/support-bundle/redaction";
import { localPlace } from "@remotegpu/shared/values/local-url";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { Agent, request } from "undici";
import { VERSION } from "../release/version.ts";
import type { MetricsPlace, ServerPlace } from "./server-place.ts";

const UNITS = [
  "remotegpu-control-plane.service",
  "remotegpu-gateway.service",
  "remotegpu-backup.service",
  "remotegpu-backup.timer",
];
const OK = 200;
const MAX_METRICS_BYTES = 4 * MIB;
const METRICS_WITHIN_MS = 10 * MS_PER_SECOND;

interface ServerParts {
  /** What `config check --json` prints. */
  settings: () => string;
  run: RunProgram;
  redactor: Redactor;
}

/** @param place null where the settings are at fault, so that it is not known where anything is */
export function serverCollectors(
  place: ServerPlace | null,
  { settings, run, redactor }: ServerParts,
): Collector[] {
  return [
    documentCollector("version.json", "this program and this machine", machine),
    {
      name: "settings.json",
      source: "config check --json",
      without: "values of secret settings: of those there is the length",
      collect: (add) => add(settings()),
    },
    unitCollector(UNITS, run),
    logCollector(UNITS, { run, redactor }),
    ...(place === null ? [] : [diskCollector([place.stateDir], run), ...place.metrics.map(scrape)]),
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

function scrape({ name, address, port, readCa }: MetricsPlace): Collector {
  const at = localPlace({ address, port });
  return {
    name,
    source: `a scrape of /metrics on ${at}`,
    withinMs: METRICS_WITHIN_MS,
    maxBytes: MAX_METRICS_BYTES,
    async collect(add, signal) {
      const ca = readCa();
      const dispatcher = new Agent({ connect: { ca: ca ?? undefined } });
      try {
        const url = `${ca === null ? "http" : "https"}://${at}/metrics`;
        const { statusCode, body } = await request(url, { dispatcher, signal });
        if (statusCode !== OK) throw new Error(`it answers ${statusCode}`);
        add(new TextDecoder().decode(await boundedBody(body, { maxBytes: MAX_METRICS_BYTES, signal })));
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}
