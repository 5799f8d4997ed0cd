/** The agent's endpoint of metrics, by itself: what it answers, and what nobody can take from it. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { MetricsEndpoint, type MetricsSource } from "@remotegpu/agent/metrics/metrics-endpoint";
import { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { DistributionCounter } from "@remotegpu/shared/metrics/distribution";
import { MetricsRegistry } from "@remotegpu/shared/metrics/metrics-registry";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { memoryLog } from "../../support/memory-log.ts";

const LOOPBACK = "127.0.0.1";
const MOST_CONNECTIONS = 16;
const log = memoryLog();
afterEach(() => void log.lines.splice(0));

async function endpointOf(render: MetricsSource["render"] = () => Promise.resolve("metric 1\n")) {
  const listen = { address: LOOPBACK, port: 0 };
  const endpoint = await MetricsEndpoint.open(listen, { contentType: "text/plain", render }, log);
  if (endpoint === null) throw new Error("no port is free");
  onTestFinished(() => endpoint.close());
  return { endpoint, url: `http://${LOOPBACK}:${endpoint.port}` };
}

describe("a request", () => {
  test("for the metrics is answered with their text and type", async () => {
    const { url } = await endpointOf();

    const answer = await fetch(`${url}/metrics?collect=all`);

    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(await answer.text()).toBe("metric 1\n");
  });

  test.each([
    ["GET", "/"],
    ["GET", "/metrics/"],
    ["GET", "/debug/pprof"],
    ["HEAD", "/metrics"],
    ["POST", "/metrics"],
    ["DELETE", "/metrics"],
  ])("%s %s finds nothing", async (method, path) => {
    const { url } = await endpointOf();

    expect((await fetch(`${url}${path}`, { method })).status).toBe(404);
  });

  test("is refused where the metrics cannot be read, and the next one is answered", async () => {
    let isBroken = true;
    const { url } = await endpointOf(() =>
      isBroken ? Promise.reject(new Error("no journal")) : Promise.resolve("metric 1\n"),
    );

    expect((await fetch(`${url}/metrics`)).status).toBe(500);
    isBroken = false;

    const statusOf = async () => (await fetch(`${url}/metrics`)).status;
    await expect.poll(statusOf, { timeout: 30_000 }).toBe(200);
    expect(log.lines).toContainEqual(expect.objectContaining({ level: "error" }));
  });
});

test("many scrapes at once read the agent once", async () => {
  let reads = 0;
  const { url } = await endpointOf(() => {
    reads += 1;
    return Promise.resolve("metric 1\n");
  });

  const statuses = await Promise.all(
    Array.from({ length: MOST_CONNECTIONS }, async () => (await fetch(`${url}/metrics`)).status),
  );

  expect(statuses.every((status) => status === 200)).toBe(true);
  expect(reads).toBe(1);
});

test("a client beyond the bound of connections is let go at once, and one within it is served afterwards", async () => {
  const { endpoint, url } = await endpointOf();
  const idle = Array.from({ length: MOST_CONNECTIONS }, () => connect(endpoint.port, LOOPBACK));
  await Promise.all(idle.map((socket) => once(socket, "connect")));
  onTestFinished(() => idle.forEach((socket) => socket.destroy()));

  await expect(fetch(`${url}/metrics`)).rejects.toThrow("fetch failed");

  idle.forEach((socket) => socket.destroy());
  await expect
    .poll(() =>
      fetch(`${url}/metrics`).then(
        ({ status }) => status,
        () => null,
      ),
    )
    .toBe(200);
});

test("a client that sends no request is cut off", { timeout: 60_000 }, async () => {
  const { endpoint } = await endpointOf();
  const socket: Socket = connect(endpoint.port, LOOPBACK);
  await once(socket, "connect");
  socket.resume();
  socket.write("GET /metrics HTTP/1.1\r\nHost: agent\r\n");

  await once(socket, "close");

  expect((await fetch(`http://${LOOPBACK}:${endpoint.port}/metrics`)).status).toBe(200);
});

test("headers without end are refused", async () => {
  const { endpoint } = await endpointOf();
  const socket = connect(endpoint.port, LOOPBACK);
  let answer = "";
  socket.on("data", (data: Buffer) => (answer += data.toString()));
  socket.write(`GET /metrics HTTP/1.1\r\nHost: agent\r\nX-Long: ${"a".repeat(64 * 1024)}`);

  await once(socket, "close").catch(() => undefined);

  expect(answer).toContain("431");
});

test("a port that is taken is a warning, and nothing is served", async () => {
  const { endpoint } = await endpointOf();

  const second = await MetricsEndpoint.open(
    { address: LOOPBACK, port: endpoint.port },
    { contentType: "text/plain", render: () => Promise.resolve("") },
    log,
  );

  expect(second).toBeNull();
  expect(log.lines).toContainEqual(
    expect.objectContaining({
      level: "warn",
      message: "metrics are not served: their address cannot be listened on",
    }),
  );
});

describe("the registry", () => {
  const registry = new MetricsRegistry<string>([
    { name: "gpu_info", type: "gauge", help: "GPUs.", labels: ["gpu"] },
    { name: "agent_outbox_rows", type: "gauge", help: "Rows.", labels: [] },
    { name: "agent_errors_total", type: "counter", help: "Errors.", labels: ["kind"] },
    { name: "agent_loop_duration_seconds", type: "histogram", help: "Rounds.", labels: [], buckets: [1] },
  ]);
  const linesOf = async (samples: CollectedMetrics<string>) =>
    (await registry.text(samples)).split("\n").filter((line) => line !== "" && !line.startsWith("#"));

  test("hands out what this scrape has, and nothing of the one before", async () => {
    const rounds = new DistributionCounter({ bounds: [1], labels: [] });
    rounds.observe([], 0.5);
    const first = new CollectedMetrics<string>();
    first.add("agent_outbox_rows", 5);
    first.add("gpu_info", 1, { gpu: "a" });
    first.add("agent_errors_total", 2, { kind: 'of "quotes"\nand lines' });
    const second = new CollectedMetrics<string>();
    second.add("agent_errors_total", 3, { kind: "io" });
    second.distributions("agent_loop_duration_seconds", rounds.distributions());

    const [one, other] = [await linesOf(first), await linesOf(second)];

    expect(one).toContain("remotegpu_agent_outbox_rows 5");
    expect(one).toContain('remotegpu_gpu_info{gpu="a"} 1');
    expect(one).toContain(String.raw`remotegpu_agent_errors_total{kind="of \"quotes\"\nand lines"} 2`);
    expect(other).toEqual([
      'remotegpu_agent_errors_total{kind="io"} 3',
      'remotegpu_agent_loop_duration_seconds_bucket{le="1"} 1',
      'remotegpu_agent_loop_duration_seconds_bucket{le="+Inf"} 1',
      "remotegpu_agent_loop_duration_seconds_sum 0.5",
      "remotegpu_agent_loop_duration_seconds_count 1",
    ]);
  });
});
