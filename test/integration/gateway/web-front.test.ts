/** What the gateway refuses by its form or its amount, and what of its limits and outages others notice: nothing. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { GATEWAY_LIMITS } from "@remotegpu/control-plane/gateway/router/load";
import { SlowBodies } from "@remotegpu/control-plane/gateway/router/slow-bodies";
import { eventually } from "../../support/eventually.ts";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

let scene: WebScene;
let host: string;
let key: string;
const log = memoryLog();
/** Statuses of answers, as whoever counts hears of them. */
const answered: number[] = [];

beforeAll(async () => {
  scene = await openWebScene({ log, onAnswer: (status) => void answered.push(status) });
  host = scene.hostOf(SERVICE_PORT);
  ({ key } = scene.owner);
});
afterAll(async () => await scene.close());

/** All that is said to these bytes, until the gateway ends the connection. */
async function printedTo(text: string): Promise<string> {
  const socket = await scene.raw(text);
  let output = "";
  for await (const chunk of socket) output += String(chunk);
  return output;
}
const head = (line: string, ...headers: string[]) =>
  `${[line, ...headers, `X-Api-Key: ${key}`, "Connection: close"].join("\r\n")}\r\n\r\n`;
const statusOf = async (text: string) => Number((await printedTo(text)).split(" ")[1]);

describe("refused is", () => {
  test.each([
    ["a host that is none of ours", () => head("GET / HTTP/1.1", "Host: evil.example"), 421],
    [
      "a name below ours that names nothing",
      () => head("GET / HTTP/1.1", `Host: x.${scene.base.domain}`),
      421,
    ],
    ["no host", () => head("GET / HTTP/1.1"), 400],
    ["two hosts", () => head("GET / HTTP/1.1", `Host: ${host}`, "Host: evil.example"), 400],
    ["another host's whole address", () => head("GET http://evil.example/ HTTP/1.1", `Host: ${host}`), 400],
    ["CONNECT", () => head(`CONNECT ${host} HTTP/1.1`, `Host: ${host}`), 405],
    ["TRACE", () => head("TRACE / HTTP/1.1", `Host: ${host}`), 405],
    [
      "a body of two lengths",
      () => head("POST / HTTP/1.1", `Host: ${host}`, "Content-Length: 3", "Transfer-Encoding: chunked"),
      400,
    ],
    [
      "an encoding nobody knows",
      () => head("POST / HTTP/1.1", `Host: ${host}`, "Transfer-Encoding: gzip, chunked"),
      501,
    ],
    ["a bare line feed in a header", () => head("GET / HTTP/1.1", `Host: ${host}`, "X: a\nY: b"), 400],
    ["a head of 40 KB", () => head("GET / HTTP/1.1", `Host: ${host}`, `X: ${"x".repeat(40_000)}`), 431],
    [
      "a flood of headers",
      () => head("GET / HTTP/1.1", `Host: ${host}`, ...Array.from({ length: 300 }, (_, n) => `X-${n}: 1`)),
      431,
    ],
  ])("%s", async (_what, text, status) => {
    expect(await statusOf(text())).toBe(status);
  });

  test("a WebSocket from another origin, and one by cookie that names none", async () => {
    const cookie = await scene.enter(scene.owner, SERVICE_PORT);
    const requested = async (...headers: string[]) =>
      await statusOf(
        `${["GET /ws HTTP/1.1", `Host: ${host}`, "Connection: Upgrade", "Upgrade: websocket", ...headers].join("\r\n")}\r\n\r\n`,
      );

    expect(await requested(`X-Api-Key: ${key}`, "Origin: http://evil.example")).toBe(403);
    expect(await requested(`Cookie: ${cookie}`, `Origin: http://${scene.hostOf(9)}`)).toBe(403);
    expect(await requested(`Cookie: ${cookie}`)).toBe(403);
  });

  test("everything below the bare domain but its health", async () => {
    const bare = scene.base.domain;

    expect((await scene.request(bare, "/healthz")).status).toBe(200);
    expect((await scene.request(bare, "/", { key })).status).toBe(404);
    expect((await scene.request(bare, `/${scene.environment.id}`, { key })).status).toBe(404);
  });
});

test("its own whole address is an address, and another upgrade than WebSocket is a request like any", async () => {
  expect(await printedTo(head(`GET http://${host}/tell?x HTTP/1.1`, `Host: ${host}`))).toContain(
    '"url":"/tell?x"',
  );
  const output = await printedTo(
    `GET /tell HTTP/1.1\r\nHost: ${host}\r\nX-Api-Key: ${key}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n`.replace(
      "Connection: Upgrade",
      "Connection: close, Upgrade",
    ),
  );
  expect(output).toContain("HTTP/1.1 200");
  expect(output).not.toContain("h2c");
});

test("each answer is counted by its status, of the container's and of the gateway's own", async () => {
  const before = answered.length;

  const served = await scene.request(host, "/", { key });
  const refused = await scene.request(host, "/");

  await eventually(() => answered.length === before + 2);
  expect(answered.slice(before)).toEqual([served.status, refused.status]);
  expect([served.status, refused.status]).toEqual([200, 401]);
});

test("each upgrade is counted once by the status of its answer: opened, refused by either, and CONNECT", async () => {
  const before = answered.length;
  const upgrade = (path: string, ...headers: string[]) =>
    `${[`GET ${path} HTTP/1.1`, `Host: ${host}`, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", ...headers].join("\r\n")}\r\n\r\n`;

  const opened = await scene.raw(upgrade("/ws", `X-Api-Key: ${key}`));
  await once(opened, "data");
  opened.write("echoed");
  await once(opened, "data");
  opened.destroy();
  const refused = [
    await statusOf(upgrade("/refused", `X-Api-Key: ${key}`)),
    await statusOf(upgrade("/ws")),
    await statusOf(head(`CONNECT ${host} HTTP/1.1`, `Host: ${host}`)),
  ];

  expect(answered.slice(before)).toEqual([101, ...refused]);
  expect(refused).toEqual([403, 401, 405]);
});

test("a body that does not come ends its connection, one that waits for the container does not", async () => {
  const bodies = new SlowBodies();
  const reported: string[] = [];
  const request = { socket: { bytesRead: 0, destroy: () => reported.push("ended") }, complete: false };
  let isPaused = true;
  bodies.watch({ ...request, isPaused: () => isPaused, once: () => undefined } as never);

  for (let check = 1; check <= 10; check += 1) bodies.check();
  expect(reported).toEqual([]);
  isPaused = false;
  for (let check = 1; check <= 3; check += 1) bodies.check();
  expect(reported).toEqual([]);
  bodies.check();
  expect(reported).toEqual(["ended"]);
});

test("more than an origin may hold open is refused with a word, and others are not", async () => {
  await using stack = new AsyncDisposableStack();
  const limits = { ...GATEWAY_LIMITS, openPerOrigin: 2 };
  const gateway = stack.adopt(await scene.anotherGateway({ limits }), (one) => one.close());
  const open = [
    await scene.open(host, "/events", { key, gateway }),
    await scene.open(host, "/events", { key, gateway }),
  ];

  const refused = await scene.request(host, "/tell", { key, gateway });
  const other = await scene.request(scene.hostOf(9), "/tell", { key, gateway });
  for (const events of open) events.destroy();

  expect([refused.status, other.status]).toEqual([429, 502]);
  expect(refused.headers["retry-after"]).toBeDefined();
});

test("more requests a second than an address may make are refused with a word", async () => {
  await using stack = new AsyncDisposableStack();
  const limits = { ...GATEWAY_LIMITS, perAddress: { burst: 3, perSecond: 0.001 } };
  const gateway = stack.adopt(await scene.anotherGateway({ limits }), (one) => one.close());
  const requested: number[] = [];
  for (let n = 1; n <= 4; n += 1)
    requested.push((await scene.request(host, "/tell", { key, gateway })).status);

  expect(requested).toEqual([200, 200, 200, 429]);
});

test("the proxy in front names the client, and only the last that it names is believed", async () => {
  const { body } = await scene.request(host, "/tell", {
    key,
    headers: { "X-Forwarded-For": "6.6.6.6, 192.0.2.9" },
  });

  expect(body.headers["x-forwarded-for"]).toBe("192.0.2.9");
});

test("while Postgres is away who was in goes on, and who is new is answered to come again", async () => {
  await using stack = new AsyncDisposableStack();
  const url = new URL(scene.databaseUrl);
  const target = { host: url.hostname, port: Number(url.port) };
  const route = stack.adopt(await cuttableTcp(target), (one) => one.close());
  url.host = `127.0.0.1:${route.port}`;
  const db = stack.adopt(openDatabase(url.href), (one) => one.close());
  const gateway = stack.adopt(await scene.anotherGateway({ db }), (one) => one.close());
  const cookie = await scene.enter(scene.owner, SERVICE_PORT);
  expect((await scene.request(host, "/tell", { cookie, gateway })).status).toBe(200);
  const events = await scene.open(host, "/events", { cookie, gateway });
  await once(events, "data");

  route.cut();

  expect((await scene.request(host, "/tell", { cookie, gateway })).status).toBe(200);
  expect((await scene.request(scene.hostOf(9), "/", { key, gateway })).status).toBe(503);
  expect(events.destroyed).toBe(false);
  events.destroy();
});

test("no key, cookie or token stands in the log", async () => {
  const cookie = await scene.enter(scene.owner, SERVICE_PORT);
  await scene.request(host, "/garbage", { cookie, key });

  const output = JSON.stringify(log.lines);
  expect([key, cookie.split("=")[1] ?? "none"].filter((secret) => output.includes(secret))).toEqual([]);
});
