/** A replica that goes, at two gateways and a real access process: what is open there goes on, and nothing new comes. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Gateway } from "@remotegpu/control-plane/gateway/gateway";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { keepGateway, removeGateway } from "@remotegpu/control-plane/server/store/gateway/gateways";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { eventually } from "../../support/eventually.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
let web: WebScene;
/** Beside the scene's own. */
let other: Gateway;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  other = ending.adopt(await web.anotherGateway({ id: "gw-other" }), (one) => one.close());
  ending.defer(async () => await removeGateway(web.control.api.db, "gw-other"));
}, STORY_MS);
/** Both run. */
beforeEach(async () => {
  const { db, now } = web.control.api.deps;
  const serviceBase = `http://${web.base.domain}`;
  for (const id of ["gw-scene", "gw-other"])
    await keepGateway(db, {
      id,
      name: id,
      tunnel: null,
      webBase: serviceBase,
      serviceBase,
      serviceDomain: null,
      now: now(),
    });
});
afterAll(() => ending.disposeAsync());

async function twoReplicas(config: object = {}): Promise<ServedScene> {
  const served = await ServedScene.begin(web, { replicas: 2, min_replicas: 1, config });
  onTestFinished(() => served[Symbol.asyncDispose]());
  return served;
}

/** One of two that are asked for lies with each replica. */
async function streams(served: ServedScene, gateway: Gateway): Promise<IncomingMessage[]> {
  const open = await Promise.all([1, 2].map(() => served.open("/events", { gateway })));
  await Promise.all(open.map(async (one) => await once(one, "data")));
  return open;
}

async function replica(served: ServedScene, rank: number) {
  const { items } = (await served.api("GET", "/instances?all=true")).body;
  return (items as { rank: number; draining_since: string | null; dismissal: string | null }[]).find(
    (one) => one.rank === rank,
  );
}

/** The newest one drains, and its host has followed that. */
async function scaleDown(served: ServedScene): Promise<void> {
  await served.api("POST", "/scale", { replicas: 1 });
  await web.control.replicas();
  await web.host.round({ phase: "ready", serving: "yes" });
  await served.lead();
  expect(await replica(served, 1)).toMatchObject({ draining_since: expect.any(String), dismissal: null });
}

async function whyGone(served: ServedScene): Promise<string> {
  return await eventually(
    async () => {
      await web.control.replicas();
      return (await replica(served, 1))?.dismissal ?? undefined;
    },
    { withinMs: 60_000, what: "the end of the drain" },
  );
}

describe("a replica that drains", () => {
  test(
    "ends once the streams of each gateway have ended, and meanwhile the other answers all",
    { timeout: STORY_MS },
    async () => {
      const served = await twoReplicas();
      const here = await streams(served, web.gateway);
      const there = await streams(served, other);
      await scaleDown(served);

      for (const one of here) one.destroy();
      await eventually(
        async () => {
          const { rows } = await web.control.api.db.query<{ flight: number }>(
            "SELECT (services #>> ARRAY[$1, 'inFlight'])::int AS flight FROM gateway_reports WHERE gateway_id = 'gw-scene'",
            [served.id],
          );
          return rows[0]?.flight === 0;
        },
        { what: "that one gateway has nothing open" },
      );
      await web.control.replicas();
      expect(await replica(served, 1)).toMatchObject({ dismissal: null });
      const requested = await Promise.all(
        [web.gateway, other].flatMap((gateway) => [1, 2, 3].map(() => served.request("/", { gateway }))),
      );
      expect(requested.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
      for (const one of there) one.destroy();

      expect(await whyGone(served)).toBe("Scaled down to 1.");
    },
  );

  test("has a WebSocket cut off when its time is up", { timeout: STORY_MS }, async () => {
    const served = await twoReplicas({ drain_seconds: 3 });
    const sockets = [await webSocket(served), await webSocket(served)];
    const over = (socket: Socket) => socket.readableEnded || socket.destroyed;
    await scaleDown(served);

    expect(await whyGone(served)).toBe(
      "Scaled down to 1. What was still open there after 3 seconds was cut off.",
    );
    expect(sockets.filter(over)).toEqual([]);
    await web.host.round({ phase: "ready", serving: "yes" });
    await served.lead();
    await eventually(() => sockets.some(over), { what: "the end of the one that was there" });
    expect(sockets.filter(over)).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
  });

  test(
    "refuses a gateway that does not know of it yet, which counts as never reached",
    { timeout: STORY_MS },
    async () => {
      const served = await twoReplicas();
      const url = new URL(web.databaseUrl);
      await using stack = new AsyncDisposableStack();
      const route = stack.adopt(await cuttableTcp({ host: url.hostname, port: Number(url.port) }), (one) =>
        one.close(),
      );
      url.host = `127.0.0.1:${route.port}`;
      const db = stack.adopt(openDatabase(url.href, { maxConnections: 4 }), (one) => one.close());
      const gateway = stack.adopt(await web.anotherGateway({ db }), (one) => one.close());
      expect((await served.request("/", { gateway })).status).toBe(200);
      route.cut();
      await scaleDown(served);

      const requested = Array.from({ length: 30 }, (_, nth) =>
        nth % 2 === 0
          ? served.request("/", { gateway })
          : served.request("/", { gateway, method: "POST", body: "x".repeat(50_000) }),
      );

      expect(new Set((await Promise.all(requested)).map(({ status }) => status))).toEqual(new Set([200]));
    },
  );
});

async function webSocket(served: ServedScene) {
  const socket = await web.raw(
    [
      `GET /services/${served.id}/ws HTTP/1.1`,
      `Host: ${web.base.domain}`,
      `Authorization: Bearer ${served.key}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "",
      "hello",
    ].join("\r\n"),
  );
  let text = "";
  socket.on("data", (bytes: Buffer) => (text += String(bytes)));
  await eventually(() => text.endsWith("hello"), { what: "the echo" });
  return socket;
}
