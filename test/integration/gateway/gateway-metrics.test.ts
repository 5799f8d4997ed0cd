/** The metrics of a gateway that runs alone: on a port of their own, for one path, and bounded. */
import { createServer } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ServerCounters } from "@remotegpu/control-plane/server/core/metrics/server-counters";
import { serveGatewayMetrics } from "@remotegpu/control-plane/server/gateway-metrics";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { memoryLog } from "../../support/memory-log.ts";

let fresh: FreshDatabase;
const counters = new ServerCounters();
const log = memoryLog();

beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(async () => await fresh.drop());

const served = async (port = 0) =>
  await serveGatewayMetrics({ address: "127.0.0.1", port }, { counters, db: fresh.database, log });

async function opened(): Promise<string> {
  const metrics = await served();
  if (metrics === null) throw new Error("no port is free");
  onTestFinished(() => metrics.close());
  return `http://127.0.0.1:${metrics.port}`;
}

test("its answers are counted by the class of their status, beside its connections to Postgres", async () => {
  const url = await opened();
  counters.gatewayAnswered(200);
  counters.gatewayAnswered(502);
  await fresh.database.query("SELECT 1", []);

  const answer = await fetch(`${url}/metrics`);

  const text = await answer.text();
  expect(answer.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(text).toMatch(/^remotegpu_gateway_requests_total\{status_class="2xx"\} 1$/m);
  expect(text).toMatch(/^remotegpu_gateway_requests_total\{status_class="5xx"\} 1$/m);
  expect(text).toMatch(/^remotegpu_db_query_duration_seconds_count\{scope="statement"\} [1-9]/m);
  expect(text).not.toContain("remotegpu_hosts");
});

test("nothing but GET /metrics is answered", async () => {
  const url = await opened();

  const statuses = [
    (await fetch(`${url}/`)).status,
    (await fetch(`${url}/metrics?x=1`)).status,
    (await fetch(`${url}/metrics`, { method: "POST", body: "x" })).status,
  ];

  expect(statuses).toEqual([404, 404, 404]);
});

test("a port that is taken is a warning, and the gateway goes on without metrics", async () => {
  const other = createServer();
  other.listen({ host: "127.0.0.1", port: 0 });
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;

  expect(await served(port)).toBeNull();
  expect(JSON.stringify(log.lines)).toContain("REMOTEGPU_GATEWAY_METRICS_LISTEN");
});
