/** What goes through the gateway to a container and back, and what of it does not, on the real access process. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

/** More than gateways open connections of their own for, one after another. */
const CLOSING_ROUNDS = 20;
const CLOSING_AT_ONCE = 10;
/** Ends each connection as it comes. */
const LEAVES = new URL("../../fixtures/leaving-service.ts", import.meta.url).pathname;
const LEAVING_PORT = 8002;

let scene: WebScene;
let host: string;
let key: string;

beforeAll(async () => {
  scene = await openWebScene();
  host = scene.hostOf(SERVICE_PORT);
  ({ key } = scene.owner);
});
afterAll(async () => await scene.close());

test("a container sees the request as it was, the client by the gateway's word alone, and no key of ours", async () => {
  const { status, body } = await scene.request(host, "/tell?a=1&b=%2F", {
    key,
    headers: {
      "X-Api-Key": key,
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Host": "evil.example",
      Forwarded: "for=6.6.6.6",
      "X-Own": "kept",
      Connection: "X-Hop",
      "X-Hop": "gone",
      Cookie: "mine=1; remotegpu=x; other=2",
    },
  });

  expect(status).toBe(200);
  expect(body.url).toBe("/tell?a=1&b=%2F");
  expect(body.headers).toMatchObject({
    host,
    "x-own": "kept",
    "x-forwarded-proto": "http",
    "x-forwarded-host": host,
    cookie: "mine=1; other=2",
  });
  const ours = ["authorization", "x-api-key", "forwarded", "x-hop"];
  expect(ours.filter((name) => name in body.headers)).toEqual([]);
});

test("a program's other Authorization passes", async () => {
  const { body } = await scene.request(host, "/tell", {
    headers: { "X-Api-Key": key, Authorization: "Bearer of-the-container" },
  });

  expect(body.headers.authorization).toBe("Bearer of-the-container");
});

test("100 MB go up, and 100 MB come down", async () => {
  const up = Buffer.alloc(100_000_000, "u");
  const sent = await scene.request(host, "/tell", { key, method: "PUT", body: up });
  const down = await scene.open(host, "/bytes?n=100000000", { key });
  let bytes = 0;
  for await (const chunk of down) bytes += (chunk as Buffer).length;

  expect(sent.body.sha256).toBe(createHash("sha256").update(up).digest("hex"));
  expect(bytes).toBe(100_000_000);
});

test("a client that does not read an answer slows the container down", async () => {
  const before = Number((await scene.request(host, "/sent", { key })).text);
  const unread = await scene.open(host, "/bytes?n=1000000000", { key });

  let last = -1;
  const sent = await eventually(async () => {
    const now = Number((await scene.request(host, "/sent", { key })).text) - before;
    const isStill = now === last && now > 0;
    last = now;
    return isStill && now;
  });
  unread.destroy();

  expect(sent).toBeLessThan(100_000_000);
});

test("headers that stand twice, and letters beyond ASCII, come as they were sent", async () => {
  const answer = await scene.open(host, "/twice", { key });
  const body = Buffer.concat((await answer.toArray()) as Buffer[]).toString();

  expect(answer.headers).toMatchObject({ "www-authenticate": "Basic, Bearer", "x-own": "\u00e9" });
  expect(body).toBe("\u00e9\u20ac");
});

test("events come one by one, as they are sent", async () => {
  const events = await scene.open(host, "/events", { key });
  const [first] = (await once(events, "data")) as [Buffer];
  expect(String(first)).toBe("data: first\n\n");

  expect((await scene.request(host, "/say", { key })).text).toBe("1");
  const [second] = (await once(events, "data")) as [Buffer];
  expect(String(second)).toBe("data: second\n\n");
  events.destroy();
});

test("HEAD, ranges, trailers and Expect", async () => {
  const head = await scene.request(host, "/bytes?n=1000", { key, method: "HEAD" });
  const range = await scene.request(host, "/range", { key, headers: { Range: "bytes=0-3" } });
  const trailers = await scene.open(host, "/trailers", { key });
  trailers.resume();
  await once(trailers, "end");
  const expecting = await scene.request(host, "/tell", {
    key,
    method: "POST",
    body: "after all",
    headers: { Expect: "100-continue" },
  });

  expect([head.status, head.headers["content-length"], head.text]).toEqual([200, "1000", ""]);
  expect([range.status, range.text, range.headers["content-range"]]).toEqual([206, "0123", "bytes 0-3/10"]);
  expect(trailers.trailers).toEqual({ "x-sum": "42" });
  expect(expecting.body.bytes).toBe("after all".length);
});

test("a chunked body arrives whole, and its trailers end at the gateway", async () => {
  const socket = await scene.raw(
    `POST /tell HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: close\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 10.0.0.9\r\nAuthorization: Bearer x\r\n\r\n`,
  );
  let output = "";
  for await (const chunk of socket) output += String(chunk);

  expect(output).toContain('"bytes":4');
  expect(output).toContain('"trailers":{}');
  expect(output).not.toContain("x-sum");
});

test("pipelined requests are answered in their order, also of a client that has ended its side", async () => {
  const one = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n\r\n`;
  const socket = await scene.raw(one("/tell?1") + one("/bytes?n=3") + one("/tell?3"));
  socket.end();
  let output = "";
  for await (const chunk of socket) output += String(chunk);

  const order = ['"url":"/tell?1"', "xxx", '"url":"/tell?3"'].map((text) => output.indexOf(text));
  expect(order.every((at) => at > 0)).toBe(true);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
});

test("what a container sets as cookies stays on its origin, and ours cannot be replaced", async () => {
  const { headers } = await scene.request(host, "/cookies", { key });

  expect(headers["set-cookie"]).toEqual(["mine=1; Path=/; HttpOnly"]);
  expect([headers["alt-svc"], headers["x-hop"]]).toEqual([undefined, undefined]);
});

test("the dashboard's session opens nothing here, and no container sees it, by whichever route", async () => {
  const opened = await scene.control.api.request("POST", "/api/v1/sessions", {
    body: { key },
    headers: { Origin: "http://localhost" },
  });
  const session = opened.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  const cookie = `mine=1; ${session}; __Host-${session}; other=2`;

  const refused = await scene.request(host, "/tell", { cookie });
  const seen = await scene.request(host, "/tell", { key, cookie });
  const socket = await scene.raw(upgrade("/told", `X-Api-Key: ${key}\r\nCookie: ${cookie}\r\n`));
  let reported = "";
  for await (const chunk of socket) {
    reported += String(chunk);
    if (reported.endsWith("}")) break;
  }

  expect(session).toMatch(/^remotegpu_session=rgb_/);
  expect(refused.status).toBe(401);
  expect([seen.status, seen.body.headers.cookie]).toEqual([200, "mine=1; other=2"]);
  expect(reported).toContain('"cookie":"mine=1; other=2"');
});

test("a redirect is passed on as it is, and nobody follows it", async () => {
  const { status, headers } = await scene.request(host, "/redirect", { key });

  expect([status, headers.location]).toEqual([302, "http://169.254.169.254/latest/meta-data/"]);
});

test.each(["/garbage", "/both-lengths"])("a container that answers %s gets a 502 for it", async (path) => {
  const { status, body } = await scene.request(host, path, { key });

  expect([status, body.title]).toEqual([502, "No sound answer"]);
});

test("an answer that breaks off breaks off for the client", async () => {
  const answer = await scene.open(host, "/short", { key });

  await expect(answer.toArray()).rejects.toThrow("aborted");
});

test("a container that breaks its connections off breaks off those alone, and no half answer is taken for a whole one", async () => {
  const { relayPid } = scene.access;
  const other = await scene.raw(upgrade("/ws", `X-Api-Key: ${key}\r\n`));
  await once(other, "data");
  let hasEnded = false;
  other.once("end", () => (hasEnded = true)).once("close", () => (hasEnded = true));

  const reset = await scene.request(host, "/reset", { key });
  const half = await scene.open(host, "/half", { key });

  await expect(half.toArray()).rejects.toThrow("aborted");
  expect([reset.status, (await scene.request(host, "/tell", { key })).status]).toEqual([502, 200]);
  expect([scene.access.relayPid, hasEnded]).toEqual([relayPid, false]);
  other.destroy();
});

test("a client that leaves an answer that never comes is gone for the container, too", async () => {
  const socket = await scene.raw(
    `GET /never HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n\r\n`,
  );
  socket.destroy();

  expect((await scene.request(host, "/tell", { key })).status).toBe(200);
});

test("connections to a container are used again, and one that died meanwhile costs nobody an answer", async () => {
  const first = await scene.request(host, "/tell", { key });
  const second = await scene.request(host, "/tell", { key });
  expect(second.body.connection).toBe(first.body.connection);

  for (let round = 1; round <= 5; round += 1) {
    const ended = await scene.request(host, "/end-connection", { key });
    const after = await Promise.all([1, 2, 3].map(() => scene.request(host, "/tell", { key })));
    expect([ended.status, ...after.map(({ status }) => status)]).toEqual([200, 200, 200, 200]);
  }
});

test("a container that ends its connection after each answer costs nobody one, however often it is requested", async () => {
  const request = async () => (await scene.request(host, "/closing", { key })).status;
  const statuses: number[] = [];
  for (let round = 0; round < CLOSING_ROUNDS; round += 1)
    statuses.push(...(await Promise.all(Array.from({ length: CLOSING_AT_ONCE }, request))));

  expect(new Set(statuses)).toEqual(new Set([200]));
  expect((await scene.request(host, "/tell", { key })).status).toBe(200);
});

test("a program that ends each connection as it comes is reported at once, however it is requested", async () => {
  await scene.container.serveFixture(LEAVES, LEAVING_PORT);
  const leaving = scene.hostOf(LEAVING_PORT);
  const statuses: number[] = [];
  for (let round = 0; round < CLOSING_ROUNDS; round += 1) {
    const requested = ["GET", "POST", "GET", "PUT"].map((method) =>
      scene.request(leaving, "/", { key, method, ...(method.startsWith("P") && { body: "x" }) }),
    );
    statuses.push(...(await Promise.all(requested)).map(({ status }) => status));
    const socket = await scene.raw(upgrade("/", `X-Api-Key: ${key}\r\n`, leaving));
    const [head] = (await once(socket, "data")) as [Buffer];
    statuses.push(Number(String(head).split(" ")[1]));
    socket.destroy();
  }

  expect(new Set(statuses)).toEqual(new Set([502]));
});

test("a port where nobody listens reports so, for people and for programs", async () => {
  const other = scene.hostOf(9);
  const program = await scene.request(other, "/", { key });
  const person = await scene.request(other, "/", { key, headers: { Accept: "text/html" } });

  expect([program.status, program.headers["content-type"]]).toEqual([502, "application/problem+json"]);
  expect([person.status, person.headers["content-type"]]).toEqual([502, "text/html; charset=utf-8"]);
  expect(person.text).toContain('http-equiv="refresh"');
  expect(person.headers["content-security-policy"]).toContain("default-src 'none'");
});

const upgrade = (path: string, headers = "", at = host) =>
  `GET ${path} HTTP/1.1\r\nHost: ${at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`;

test("a WebSocket goes through in both directions", async () => {
  const socket = await scene.raw(upgrade("/ws", `X-Api-Key: ${key}\r\n`));
  const [head] = (await once(socket, "data")) as [Buffer];
  expect(String(head)).toContain("HTTP/1.1 101");
  expect(String(head).toLowerCase()).toContain("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=");

  const payload = Buffer.alloc(1_000_000, "w");
  socket.write(payload);
  let bytes = 0;
  for await (const chunk of socket) {
    bytes += (chunk as Buffer).length;
    if (bytes === payload.length) break;
  }
  expect(bytes).toBe(payload.length);
});

test("a container that refuses a WebSocket is heard", async () => {
  const socket = await scene.raw(upgrade("/refused", `X-Api-Key: ${key}\r\n`));
  let output = "";
  for await (const chunk of socket) output += String(chunk);

  expect(output).toContain("HTTP/1.1 403");
  expect(output).toContain("refused");
});
