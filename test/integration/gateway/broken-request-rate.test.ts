/** Whoever goes on with what is broken: some of it is answered at once, the rest waits, and nobody else does. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Gateway } from "@remotegpu/control-plane/gateway/gateway";
import { eventually } from "../../support/eventually.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

const AT_ONCE = 5;
const MANY = 20;
/** As if for ever. */
const HELD = { burst: AT_ONCE, perSecond: 0.001, longestMs: 600_000 };

let scene: WebScene;
let host: string;
let key: string;
let gateway: Gateway;
let served: ServedScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.adopt(await openWebScene(), (one) => one.close());
  host = scene.hostOf(SERVICE_PORT);
  ({ key } = scene.owner);
  served = ending.use(await ServedScene.begin(scene, { replicas: 1 }));
  gateway = ending.adopt(await scene.anotherGateway({ broken: HELD }), (one) => one.close());
});
afterAll(() => ending.disposeAsync());

const ofService = (path: string) =>
  `GET /services/${served.id}${path} HTTP/1.1\r\nHost: ${scene.base.domain}\r\nX-Api-Key: ${served.key}\r\nConnection: close\r\n\r\n`;
const from = (address: string, requested = host) =>
  `Host: ${requested}\r\nX-Api-Key: ${key}\r\nX-Forwarded-For: ${address}\r\nConnection: close\r\n`;

test.each([
  ["what is no request", 400, () => "this is no HTTP\r\n\r\n"],
  [
    "a name that is none of ours",
    421,
    () => `GET / HTTP/1.1\r\n${from("203.0.113.1", "nobody.example")}\r\n`,
  ],
  [
    "a head that is too long",
    431,
    () => `GET / HTTP/1.1\r\n${"X: y\r\n".repeat(500)}${from("203.0.113.2")}\r\n`,
  ],
  [
    "what its container answers with garbage",
    502,
    () => `GET /garbage HTTP/1.1\r\n${from("203.0.113.3")}\r\n`,
  ],
  ["what a replica of a service answers with garbage", 502, () => ofService("/garbage")],
])("%s", async (_what, status, text) => {
  const output: string[] = Array.from({ length: MANY }, () => "");
  const sockets = await Promise.all(output.map(() => scene.raw(text(), gateway)));
  for (const [nth, socket] of sockets.entries())
    socket.on("data", (bytes) => (output[nth] += String(bytes))).on("error", () => undefined);
  const answered = () => output.filter((one) => one.startsWith(`HTTP/1.1 ${status} `)).length;
  await eventually(() => answered() >= AT_ONCE, { withinMs: 60_000, what: "the first answers" });

  const others: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const headers = { "X-Forwarded-For": "203.0.113.8" };
    others.push((await scene.request(host, "/tell", { key, gateway, headers })).status);
  }

  expect(others).toEqual([200, 200, 200]);
  expect(answered()).toBe(AT_ONCE);
  for (const socket of sockets) socket.destroy();
});

test.each([
  ["a container", () => `GET /short HTTP/1.1\r\n${from("203.0.113.4")}\r\n`],
  ["a replica of a service", () => ofService("/short")],
])("an answer that %s breaks off ends at once, and of many only some", async (_what, text) => {
  let ended = 0;
  await using stack = new AsyncDisposableStack();
  const another = stack.adopt(await scene.anotherGateway({ broken: HELD }), (one) => one.close());
  const sockets = await Promise.all(Array.from({ length: MANY }, () => scene.raw(text(), another)));
  for (const socket of sockets)
    socket
      .once("end", () => socket.destroy())
      .once("close", () => (ended += 1))
      .resume();
  await eventually(() => ended >= AT_ONCE, { withinMs: 60_000, what: "the first ends" });

  for (let round = 0; round < 3; round += 1) expect((await served.request("/tell")).status).toBe(200);

  expect(ended).toBe(AT_ONCE);
  for (const socket of sockets) socket.destroy();
});
