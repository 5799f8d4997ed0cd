/**
 * Programs that end, break and mix up their connections in every order, and clients that leave amid it: at random, nobody
 * waits for an answer that cannot come, nothing stays open, and what is told of it is what is there. Reproduced by its seed.
 * `UNSTEADY_REQUESTS=12000 npm test -- unsteady-containers` asks more of it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawFrom } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { gatewayReports } from "@remotegpu/control-plane/server/store/gateway/reports";
import { UNSTEADY_RESPONSES } from "../../fixtures/unsteady-service.ts";
import { eventually } from "../../support/eventually.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const UNSTEADY = new URL("../../fixtures/unsteady-service.ts", import.meta.url).pathname;
const REQUESTS = Number(process.env["UNSTEADY_REQUESTS"] ?? 600);
const AT_ONCE = 20;
const PORT = 8003;
/** All ways are over within a fraction of a second; a gateway gives nothing more time than a replica may take. */
const HUNG_AFTER_MS = 20_000;
const STORY_MS = 60_000 + 100 * REQUESTS;
/** Whoever breaks answers is answered at once, which is not what is looked at here. */
const broken = { burst: 1_000_000, perSecond: 1_000_000, longestMs: 0 };
const METHODS = ["GET", "GET", "HEAD", "DELETE", "POST", "PUT", "chunked", "upgrade"] as const;

let scene: WebScene;
let served: ServedScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.adopt(await openWebScene({ broken }), (one) => one.close());
  await scene.container.serveFixture(UNSTEADY, PORT);
  served = ending.use(await ServedScene.begin(scene, { replicas: 2, serves: UNSTEADY }));
}, STORY_MS);
afterAll(() => ending.disposeAsync());

type Request = { route: string; method: (typeof METHODS)[number]; leavesAfterMs: number | null };

function requestsFrom(seed: number): Request[] {
  const draw = drawFrom(seed);
  const oneOf = <T>(all: readonly T[]): T => all[draw(all.length)] as T;
  const routes = Object.keys(UNSTEADY_RESPONSES);
  return Array.from({ length: REQUESTS }, () => ({
    route: oneOf(routes),
    method: oneOf(METHODS),
    leavesAfterMs: draw(10) === 0 ? draw(60) : null,
  }));
}

/** What became of it, in a word; "hung" where nothing did. */
async function outcomeOf(
  { route, method, leavesAfterMs }: Request,
  { host, prefix, key }: { host: string; prefix: string; key: string },
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const isChunked = method === "chunked";
  const requested = request({
    host: "127.0.0.1",
    port: scene.gateway.port,
    path: `${prefix}/${route}`,
    method: isChunked ? "POST" : method === "upgrade" ? "GET" : method,
    agent: false,
    headers: {
      Host: host,
      Authorization: `Bearer ${key}`,
      ...(method === "upgrade" && { Connection: "Upgrade", Upgrade: "websocket" }),
      ...((method === "POST" || method === "PUT") && { "Content-Length": "4" }),
    },
  });
  const late = setTimeout(() => resolve("hung"), HUNG_AFTER_MS);
  if (leavesAfterMs !== null) setTimeout(() => requested.destroy(), leavesAfterMs);
  requested.once("response", (answer) => {
    answer.resume().once("end", () => resolve(String(answer.statusCode)));
    answer.once("error", () => resolve("broke off")).once("close", () => resolve("broke off"));
  });
  requested.once("upgrade", (_answer, socket) => {
    socket.destroy();
    resolve("101");
  });
  requested.on("error", () => resolve("not answered")).once("close", () => resolve("not answered"));
  if (isChunked) requested.write("bo");
  requested.end(isChunked ? "dy" : method === "POST" || method === "PUT" ? "body" : undefined);
  const outcome = await promise;
  clearTimeout(late);
  requested.destroy();
  return outcome;
}

async function hungOf(requests: readonly Request[], at: Parameters<typeof outcomeOf>[1]): Promise<Request[]> {
  const hung: Request[] = [];
  const rest = [...requests];
  const work = async () => {
    for (let options = rest.shift(); options !== undefined; options = rest.shift())
      if ((await outcomeOf(options, at)) === "hung") hung.push(options);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return hung;
}

const relayFiles = () => readdirSync(`/proc/${scene.access.relayPid}/fd`).length;

/** Of gateways to the host's port, as the kernel has them. */
function routesToHost(): number {
  const port = (scene.access.messages?.gatewayPort ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const established = new RegExp(`^\\s*\\d+: \\w+:${port} \\w+:\\w+ (?!0A|06)`);
  const lines = ["tcp", "tcp6"].flatMap((kind) => readFileSync(`/proc/net/${kind}`, "utf8").split("\n"));
  return lines.filter((line) => established.test(line)).length;
}

test(
  "nobody waits for an answer that cannot come, and nothing stays open",
  { timeout: STORY_MS },
  async () => {
    const seed = Math.trunc(Math.random() * 1_000_000);
    const requests = requestsFrom(seed);
    const before = relayFiles();

    const ofEnvironment = { host: scene.hostOf(PORT), prefix: "", key: scene.owner.key };
    const ofService = { host: scene.base.domain, prefix: `/services/${served.id}`, key: served.key };
    const hung = [...(await hungOf(requests, ofEnvironment)), ...(await hungOf(requests, ofService))];

    expect({ seed, hung }).toEqual({ seed, hung: [] });
    const { db, now } = scene.control.api.deps;
    const { rows } = await db.query<{ now: Date }>("SELECT clock_timestamp() AS now");
    const open = await eventually(
      async () => {
        const reports = await gatewayReports(db, [served.id], now());
        const reported = reports.find(({ gatewayId }) => gatewayId === "gw-scene")?.reported ?? null;
        const report =
          reported !== null &&
          reported.asOf > (rows[0]?.now ?? reported.asOf) &&
          reported.services[served.id];
        return report !== false && report !== undefined && report.inFlight + report.held === 0 && report;
      },
      { what: `nothing in flight (seed ${seed})` },
    );
    expect(open).toMatchObject({ inFlight: 0, held: 0 });
    // What WebSockets share stays, for the next ones.
    await eventually(() => routesToHost() <= 1 && relayFiles() <= before + 1, {
      what: `no way to the host (seed ${seed})`,
    });
  },
);
