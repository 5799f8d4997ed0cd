/**
 * The metrics of a gateway that runs alone, on a port of their own: its web side is open to everybody, and a path there
 * would be in the way of some service's. Whoever reaches the port reads them, so it belongs on loopback or behind a proxy.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Log } from "@remotegpu/shared/log";
import { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { MetricsRegistry } from "@remotegpu/shared/metrics/metrics-registry";
import { CONTROL_PLANE_FAMILIES, type ControlPlaneMetric } from "./core/metrics/families.ts";
import type { ServerCounters } from "./core/metrics/server-counters.ts";
import { collectPool } from "./http/metrics/pool-metrics.ts";
import type { Database } from "./store/database/database.ts";

const PATH = "/metrics";
const MAX_CONNECTIONS = 16;
/** A scraper that is slower is cut off. */
const REQUEST_WITHIN_MS = 5 * MS_PER_SECOND;

interface GatewayMetricsParts {
  readonly counters: Pick<ServerCounters, "gatewayRequests">;
  readonly db: Pick<Database, "pool" | "times">;
  readonly log: Log;
}

export interface GatewayMetrics {
  readonly port: number;
  close(): Promise<void>;
}

/** Null where the port cannot be had: a gateway serves without metrics rather than not at all. */
export async function serveGatewayMetrics(
  { address, port }: { address: string; port: number },
  parts: GatewayMetricsParts,
): Promise<GatewayMetrics | null> {
  const registry = new MetricsRegistry(CONTROL_PLANE_FAMILIES);
  const server = createServer(
    {
      headersTimeout: REQUEST_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      keepAliveTimeout: REQUEST_WITHIN_MS,
    },
    (request, response) => void respond(request, response, { registry, parts }),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(REQUEST_WITHIN_MS);
  server.listen({ host: address, port });
  try {
    await once(server, "listening");
  } catch (error) {
    parts.log.warn(
      { error },
      "no metrics are served; REMOTEGPU_GATEWAY_METRICS_LISTEN names another port for them",
    );
    return null;
  }
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { registry, parts }: { registry: MetricsRegistry<ControlPlaneMetric>; parts: GatewayMetricsParts },
): Promise<void> {
  if (request.method !== "GET" || request.url !== PATH) {
    response.writeHead(404, { "Content-Length": 0, Connection: "close" }).end();
    return;
  }
  const collected = new CollectedMetrics<ControlPlaneMetric>();
  collectPool(collected, parts.db);
  collected.addAll("gateway_requests_total", parts.counters.gatewayRequests.samples());
  const text = await registry.text(collected);
  response.writeHead(200, { "Content-Type": registry.contentType }).end(text);
}
