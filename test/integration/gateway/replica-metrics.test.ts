/** What a replica tells of itself at its own /metrics, asked of the API and fetched through the tunnel. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { replicaMetrics } from "@remotegpu/control-plane/gateway/load-balancer/replica-metrics";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { TunnelError, type Tunnels } from "@remotegpu/control-plane/gateway/tunnel/tunnel";
import { MIB } from "@remotegpu/shared/values/units";
import type { Answer } from "../../support/http/api.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
const SERVES = new URL("../../fixtures/metrics-service.ts", import.meta.url).pathname;
const PAGE = '# TYPE loads counter\nloads{model="é"} 3\n';
let web: WebScene;
let served: ServedScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  served = ending.use(await ServedScene.begin(web, { replicas: 1, serves: SERVES }));
}, STORY_MS);
afterAll(() => ending.disposeAsync());

const metrics = async (query = "?rank=0"): Promise<Answer> => await served.api("GET", `/metrics${query}`);

/** As its replica answers from now on. */
async function answers(next: object): Promise<void> {
  expect((await served.request("/next", { method: "PUT", body: JSON.stringify(next) })).status).toBe(200);
}

test("is what the replica reports, with nothing of whoever requests it", async () => {
  await answers({
    text: PAGE,
    headers: { "Content-Type": "text/plain; version=0.0.4", "Set-Cookie": "a=1" },
  });

  const reported = await web.control.api.request(
    "GET",
    `/api/v1/inference-services/${served.id}/metrics?rank=0`,
    {
      as: served.owner,
      headers: { Cookie: "remotegpu=secret", "X-Forwarded-For": "192.0.2.1" },
    },
  );

  expect(reported).toMatchObject({ status: 200, body: PAGE });
  expect(reported.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(reported.headers.get("Set-Cookie")).toBeNull();
  const seen = (await served.request("/seen")).body;
  expect(Object.keys(seen).toSorted()).toEqual(["accept", "accept-encoding", "connection", "host"]);
  expect(JSON.stringify(seen)).not.toContain("secret");
});

test("is passed on in OpenMetrics, too, up to 1 MiB", async () => {
  const headers = { "Content-Type": "application/openmetrics-text; version=1.0.0" };
  await answers({ headers, text: "x".repeat(1_024), times: 1_024 });

  const reported = await metrics();

  expect(reported.status).toBe(200);
  expect(reported.headers.get("Content-Type")).toBe(
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  expect(String(reported.body)).toHaveLength(MIB);
});

test.each([
  ["another status", { status: 404 }, "It answers /metrics with 404 Not Found."],
  ["another place", { status: 302, headers: { Location: "/x" } }, "It answers /metrics with 302 Found."],
  [
    "a page",
    { headers: { "Content-Type": "text/html" } },
    "neither text/plain nor application/openmetrics-text",
  ],
  ["no type", { headers: {} }, "neither text/plain nor application/openmetrics-text"],
  [
    "what is compressed",
    { headers: { "Content-Type": "text/plain", "Content-Encoding": "gzip" } },
    "is compressed, which was not asked for",
  ],
  ["one byte too many", { text: "x".repeat(MIB + 1) }, "is longer than 1048576 bytes"],
  [
    "less than it says",
    { headers: { "Content-Type": "text/plain", "Content-Length": "9" } },
    "ends in order",
  ],
  ["nothing", { breaksOff: true }, "ends in order"],
])("is a 502 where the replica answers %s", async (_what, next, sentence) => {
  await answers(next);

  const reported = await metrics();

  expect(reported).toMatchObject({ status: 502, body: { title: "Wrong answer" } });
  expect(reported.body.detail).toMatch(/^Replica 0 tells no metrics: /);
  expect(reported.body.detail).toContain(sentence);
});

test("is a 502 where nothing listens there", { timeout: STORY_MS }, async () => {
  await served.break(0);

  const reported = await metrics();

  expect(reported.status).toBe(502);
  expect(reported.body.detail).toBe("Replica 0 tells no metrics: Nothing answers on port 8000 in there.");
  await served.mend(0);
  expect((await metrics()).status).toBe(200);
});

test("is a 404 of a rank that never was", async () => {
  expect((await metrics("?rank=7")).status).toBe(404);
});

test("is a 409 of a replica that is not up", { timeout: STORY_MS }, async () => {
  await served.api("POST", "/scale", { replicas: 2 });
  await web.control.replicas();

  const reported = await metrics("?rank=1");

  expect(reported.status).toBe(409);
  expect(reported.body.detail).toBe("Replica 1 is not up, so that nobody tells its metrics: it is placed.");
  await served.api("POST", "/scale", { replicas: 1 });
  await served.settle();
});

test(
  "is a 409 of a replica that drains: its host takes nothing new to it",
  { timeout: STORY_MS },
  async () => {
    await served.api("POST", "/scale", { replicas: 2 });
    await served.settle();
    expect((await metrics("?rank=2")).status).toBe(200);
    await served.api("POST", "/scale", { replicas: 1 });
    await web.control.replicas();

    const reported = await metrics("?rank=2");

    expect(reported.status).toBe(409);
    expect(reported.body.detail).toBe(
      "Replica 2 drains and takes nothing new, so that nobody is told its metrics any more.",
    );
    expect((await metrics()).status).toBe(200);
    await served.settle();
  },
);

test("without a rank it is what gateways counted", async () => {
  const reported = await metrics("");

  expect(reported.status).toBe(200);
  expect(String(reported.body)).toContain("remotegpu_service_requests_total");
});

/** As the route asks it. */
async function through(
  tunnels: Tunnels | null,
  { signal = new AbortController().signal, withinMs = 200 } = {},
) {
  const place = { hostId: web.environment.hostId, instanceId: served.instanceOf(0), port: 8_000 };
  return await replicaMetrics(() => tunnels, withinMs).request(place, signal);
}

test("is nobody's where there is no gateway, and where the host is away", async () => {
  const away = new TunnelError("away", asReported("Host host-1 does not answer gateways."));

  expect(await through(null)).toEqual({
    kind: "away",
    why: "This server has no gateway, by which hosts are reached.",
  });
  expect(await through({ open: () => Promise.reject(away) })).toEqual({ kind: "away", why: away.message });
});

test.each([
  ["away", 503, "Replica 0 cannot be reached now: So it is."],
  ["late", 504, "Replica 0 tells no metrics: So it is."],
] as const)("is a problem of its own where it is %s", async (kind, status, detail) => {
  const { deps } = web.control.api;
  const { replicaMetrics: real } = deps;
  onTestFinished(() => void (deps.replicaMetrics = real));
  deps.replicaMetrics = { request: () => Promise.resolve({ kind, why: "So it is." }) };

  expect(await metrics()).toMatchObject({ status, body: { detail } });
});

/** A replica as this says it, which is reached without a tunnel; and whether its connection has ended. */
async function withText(text: string) {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => void socket.write(text));
    socket.on("close", () => resolve());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { ended, tunnels: { open: async () => await connected(port) } };
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";

test.each([
  ["says nothing", ""],
  ["does not end", `${HEAD}up 1\n`],
  ["only begins its head", "HTTP/1.1 200 OK\r\nContent-"],
])("is given up, and its connection ended, where a replica %s", async (_what, text) => {
  const { ended, tunnels } = await withText(text);

  expect(await through(tunnels)).toEqual({ kind: "late", why: "Its answer was not whole within 0.2 s." });

  await ended;
});

test("is given up where no route is found, and a route that is found then is let go", async () => {
  const { ended, tunnels } = await withText("");
  const { promise, resolve } = Promise.withResolvers<Socket>();

  expect(await through({ open: () => promise })).toMatchObject({ kind: "late" });

  resolve(await tunnels.open());
  await ended;
});

test("ends at the replica once the client is gone", async () => {
  const { ended, tunnels } = await withText(HEAD);
  const leaving = new AbortController();

  const requested = through(tunnels, { signal: leaving.signal, withinMs: STORY_MS });
  leaving.abort();

  await ended;
  expect(await requested).toMatchObject({ kind: "late" });
});

test.each([
  [
    "goes over to another protocol",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
  ],
  ["says what is no HTTP", "SSH-2.0-OpenSSH\r\n"],
])("is wrong where a replica %s", async (_what, text) => {
  const { ended, tunnels } = await withText(text);

  expect(await through(tunnels)).toMatchObject({ kind: "wrong" });

  await ended;
});
