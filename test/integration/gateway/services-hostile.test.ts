/**
 * Inference services among those who wish them ill, on the wire: clients that say one thing and mean two, that are slow or
 * too many; and replicas whose answers have no end, no sense or another length than they say. Each is contained, with a
 * status that says what it is, and the service beside it answers as before.
 */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { MIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { eventually } from "../../support/eventually.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
const HOSTILE = join(import.meta.dirname, "../../fixtures/hostile-replica.ts");
let web: WebScene;
let served: ServedScene;
/** Its replica answers in the bad way that the path names. */
let hostile: ServedScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  served = ending.use(await ServedScene.begin(web, { replicas: 1 }));
  const config = { timeout_seconds: 2 };
  hostile = ending.use(await ServedScene.begin(web, { replicas: 1, config, serves: HOSTILE }));
}, STORY_MS);
afterAll(() => ending.disposeAsync());
/** Whatever it was, others are served. */
afterEach(async () => {
  const { status } = await served.request("/");
  if (status !== 200) throw new Error(`the service beside it answers ${status}`);
});

async function output(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}
const statusesOf = (text: string) =>
  [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
/** To the service that does no harm. */
const requesting = (method: string, path: string, ...headers: string[]) => {
  const own = [`Host: ${web.base.domain}`, `Authorization: Bearer ${served.key}`];
  return `${[`${method} /services/${served.id}${path} HTTP/1.1`, ...own, ...headers].join("\r\n")}\r\n\r\n`;
};
const UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
const HIDDEN = () => requesting("GET", "/?hidden", "Connection: close");

describe("of an ambiguous request only an error is heard, and nothing behind it", () => {
  test.each([
    ["both lengths", ["Content-Length: 4", "Transfer-Encoding: chunked"]],
    ["two lengths", ["Content-Length: 4", "Content-Length: 5"]],
    ["a length below zero", ["Content-Length: -1"]],
    ["an encoding behind a blank", ["Transfer-Encoding : chunked"]],
    ["an encoding that is no word", ["Transfer-Encoding: \u000bchunked"]],
    ["an encoding that is not the last", ["Transfer-Encoding: chunked, identity"]],
    ["a bare line feed", ["X: 1\nTransfer-Encoding: chunked"]],
    ["a zero byte", ["X: a\0b"]],
    ["a second Host", ["Host: evil.example"]],
  ])("%s", async (_what, headers) => {
    const text = await output(await web.raw(`${requesting("POST", "/", ...headers)}0\r\n\r\n${HIDDEN()}`));

    const statuses = statusesOf(text);
    expect(statuses).toHaveLength(1);
    expect(statuses[0]).toBeGreaterThanOrEqual(400);
    expect(text).not.toContain("hidden");
  });

  test.each(["zz\r\nbody\r\n", "4;a=\nb\r\nbody\r\n", "-4\r\nbody\r\n", "fffffffffffffffff\r\nbody\r\n"])(
    "a piece of a body that begins with %j",
    async (pieces) => {
      const begun = requesting("POST", "/", "Transfer-Encoding: chunked");
      const text = await output(await web.raw(`${begun}${pieces}0\r\n\r\n${HIDDEN()}`));

      expect(statusesOf(text).filter((status) => status < 400)).toEqual([]);
      expect(text).not.toContain("hidden");
    },
  );

  test.each([
    ["with a body", "GET", ["Content-Length: 40"]],
    ["with pieces of a body", "GET", ["Transfer-Encoding: chunked"]],
    ["that is a POST", "POST", []],
  ])("a WebSocket %s", async (_what, method, headers) => {
    expect(
      statusesOf(await output(await web.raw(requesting(method, "/ws", ...UPGRADE, ...headers)))),
    ).toEqual([400]);
  });

  test.each([
    ["a path that leads out of the service", "/../svc-other/"],
    ["the same, written otherwise", "/%2e%2e/svc-other/"],
  ])("%s stays in it, as it was written", async (_what, path) => {
    const text = await output(await web.raw(requesting("GET", path, "Connection: close")));

    // The replica is asked for what stands behind its own beginning, whatever that is.
    expect(text).toContain(`"url":${JSON.stringify(path)}`);
  });
});

describe("too much", () => {
  test.each([
    ["in one header", [`X-Long: ${"x".repeat(40_000)}`]],
    ["in all of them", Array.from({ length: 40 }, (_, nth) => `X-${nth}: ${"x".repeat(1_000)}`)],
    ["in their number", Array.from({ length: 300 }, (_, nth) => `X-${nth}: 1`)],
  ])("%s is refused with 431", async (_what, headers) => {
    expect(
      statusesOf(await output(await web.raw(requesting("GET", "/", "Connection: close", ...headers)))),
    ).toEqual([431]);
  });

  test("of WebSockets at once is refused with 429, and each that goes leaves its place to another", async () => {
    const config = { public: true, max_in_flight: 5, max_queued: 0 };
    const few = ending.use(await ServedScene.begin(web, { replicas: 1, config }));
    const comeIn = async () => {
      const words = [`GET /services/${few.id}/ws HTTP/1.1`, `Host: ${web.base.domain}`, ...UPGRADE];
      const socket = await web.raw(`${words.join("\r\n")}\r\n\r\n`);
      socket.on("error", () => undefined);
      const [head] = (await once(socket, "data")) as [Buffer];
      return { socket, status: statusesOf(String(head))[0] };
    };

    for (let flood = 0; flood < 3; flood += 1) {
      await eventually(async () => (await few.request("/")).status === 200, { what: "a place" });
      const came = await Promise.all(Array.from({ length: 100 }, comeIn));
      const inside = came.filter(({ status }) => status === 101);

      expect(new Set(came.map(({ status }) => status))).toEqual(new Set([101, 429]));
      expect(inside.length).toBeLessThanOrEqual(5);
      for (const { socket } of came) socket.destroy();
    }
  });

  test("time for a body ends the connection, and no request of the replica waits on", async () => {
    await using stack = new AsyncDisposableStack();
    const gateway = stack.adopt(await web.anotherGateway({ bodyCheckMs: 50 }), (one) => one.close());
    const socket = await web.raw(`${requesting("POST", "/", "Content-Length: 1000")}abc`, gateway);
    socket.on("end", () => socket.destroy());

    await once(socket, "close");

    expect((await served.request("/", { gateway })).status).toBe(200);
  });
});

describe("a replica", () => {
  test.each([
    ["is no HTTP", "/8004", 502],
    ["has headers without end", "/8005", 502],
    ["is 101 to what requested no other protocol, and a flood", "/8007", 502],
    ["says one byte of its head after the other", "/8010", 504],
    ["is a connection that is cut", "/8011", 502],
    ["is one word to go on after the other", "/8012", 502],
    ["is one early hint after the other", "/8018", 502],
    ["is empty lines without end", "/8013", 504],
    ["has two lengths", "/8015", 502],
    ["never comes", "/8003", 504],
  ])(
    "whose answer %s (%s) is reported as %d, whether a body was sent or not",
    async (_what, path, status) => {
      const answers = await Promise.all([
        hostile.request(path),
        hostile.request(path, { method: "POST", body: "x" }),
      ]);

      expect(answers.map((one) => [one.status, one.body.status])).toEqual([
        [status, status],
        [status, status],
      ]);
      for (const { headers } of answers) expect(headers["x-request-id"]).toBeTypeOf("string");
      expect((await hostile.request("/8001")).text).toBe("ok");
    },
  );

  test("that does not answer in the service's time whether it takes a WebSocket is given up with 504", async () => {
    const key = `Authorization: Bearer ${hostile.key}`;
    const head = [`GET /services/${hostile.id}/8003 HTTP/1.1`, `Host: ${web.base.domain}`, key, ...UPGRADE];

    expect(statusesOf(await output(await web.raw(`${head.join("\r\n")}\r\n\r\n`)))).toEqual([504]);
  });

  test("that answers less than it declares leaves nobody in the belief that it was all", async () => {
    const answer = await served.open("/short");

    expect(answer.headers["content-length"]).toBe("100");
    await expect(wholeOf(answer)).rejects.toThrow("aborted");
  });

  test("that sends more than was requested sends it to nobody", async () => {
    const poison = await served.request("/poison");
    const after = await Promise.all([1, 2, 3].map((nth) => served.request(`/?${nth}`)));

    expect(poison.text).toBe("ok");
    expect(after.map(({ body }) => body.url)).toEqual(["/?1", "/?2", "/?3"]);
  });

  test.each([
    ["of a length that nothing has", "/8006"],
    ["in small pieces", "/8014"],
  ])("whose answer has no end %s, waits for whoever reads, and ends with them", async (_what, path) => {
    const before = process.memoryUsage().rss;
    const reader = await hostile.open(path);
    reader.on("error", () => undefined);
    let read = 0;
    for await (const chunk of reader) {
      read += (chunk as Buffer).length;
      if (read > MIB) break;
    }

    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB);
    expect((await hostile.request("/8001")).text).toBe("ok");
  });

  test("that takes every WebSocket and floods it ends with whoever leaves", async () => {
    const upgrade = [
      `GET /services/${hostile.id}/8007 HTTP/1.1`,
      `Host: ${web.base.domain}`,
      `Authorization: Bearer ${hostile.key}`,
      ...UPGRADE,
    ];
    const socket = await web.raw(`${upgrade.join("\r\n")}\r\n\r\n`);
    socket.on("error", () => undefined);
    let bytes = 0;
    for await (const chunk of socket) if ((bytes += (chunk as Buffer).length) > MIB) break;

    expect((await hostile.request("/8001")).text).toBe("ok");
  });
});

describe("a replica that would split its answer, or send in it what it may not, is heard as one answer or none", () => {
  const OK = "HTTP/1.1 200 OK\r\n";
  const SECOND = "HTTP/1.1 200 OK\r\nSet-Cookie: split=1\r\nContent-Length: 5\r\n\r\nsplit";
  const END = "Content-Length: 2\r\n\r\nok";
  const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";

  test.each([
    ["a folded header", `${OK}X-A: 1\r\n Set-Cookie: split=1\r\n\tContent-Security-Policy: x\r\n${END}`],
    ["a header that begins folded", `${OK} Set-Cookie: split=1\r\n${END}`],
    ["a bare line feed", `${OK}X-A: 1\nSet-Cookie: split=1\r\n${END}`],
    ["a bare carriage return", `${OK}X-A: 1\rSet-Cookie: split=1\r\n${END}`],
    ["a zero byte", `${OK}X-A: 1\0\r\nSet-Cookie: split=1\r\n${END}`],
    ["a blank behind a name", `${OK}Set-Cookie : split=1\r\nContent-Security-Policy : x\r\n${END}`],
    ["a reason of two lines", `HTTP/1.1 200 OK\rSet-Cookie: split=1\r\n${END}`],
    ["both lengths", `${OK}Content-Length: 2\r\n${CHUNKED}\r\n${SECOND}`],
    ["a list of lengths", `${OK}Content-Length: 2, 40\r\n\r\nok${SECOND}`],
    ["an encoding behind a control", `${OK}Transfer-Encoding:\u000bchunked\r\n${END}${SECOND}`],
    ["a piece whose length is no number", `${OK}Transfer-Encoding: chunked\r\n\r\n2 ;\n\r\nok\r\n0\r\n\r\n`],
    ["an answer behind it", `${OK}${END}${SECOND}`],
    ["an answer behind one without a body", `HTTP/1.1 304 Not Modified\r\n\r\n${SECOND}`],
    ["hints", `HTTP/1.1 103 Early Hints\r\nSet-Cookie: split=1\r\nLink: </x>\r\n\r\n${OK}${END}`],
    [
      "trailers that speak for it",
      `${OK}Trailer: Set-Cookie, Content-Security-Policy\r\n${CHUNKED}Set-Cookie: split=1\r\nContent-Security-Policy: x\r\nClear-Site-Data: "*"\r\nLocation: /\r\n\r\n`,
    ],
    ["trailers of two lines", `${OK}Trailer: X-Sum\r\n${CHUNKED}X-Sum: 1\rSet-Cookie: split=1\r\n\r\n`],
  ])("%s", { timeout: STORY_MS }, async (_what, raw) => {
    const path = `/services/${hostile.id}/raw/${Buffer.from(raw, "latin1").toString("base64url")}`;
    const own = [`Host: ${web.base.domain}`, `Authorization: Bearer ${hostile.key}`];
    const requested = (method: string, ...more: string[]) =>
      `${[`${method} ${path} HTTP/1.1`, ...own, "TE: trailers", ...more].join("\r\n")}\r\n\r\n`;
    for (const first of [
      requested("GET"),
      `${requested("POST", "Content-Length: 1")}x`,
      requested("GET", ...UPGRADE),
    ]) {
      // What stands behind it on the same connection is answered by itself, or not at all.
      const text = await output(await web.raw(`${first}${HIDDEN()}`));

      const [head = ""] = text.split("\r\n\r\n");
      const policy = head.split(/[\r\n]/).find((line) => /^content-security-policy/i.test(line));
      // The next one begins where a body ends, which may be amid a line.
      const heard = text.replaceAll("HTTP/1.1 ", "\nHTTP/1.1 ");
      const [status = "none", next = "none", ...others] = statusesOf(heard);
      expect(policy ?? "none").toMatch(text === "" ? "none" : /^content-security-policy: sandbox allow-/i);
      expect(text).not.toMatch(/[\r\n](set-cookie|clear-site-data|location)/i);
      expect(text).not.toContain("\nsplit");
      expect([200, 304, 502, 504, "none"]).toContain(status);
      expect([next, text.includes('"url":"/?hidden"')]).toEqual(next === 200 ? [200, true] : ["none", false]);
      expect(others).toEqual([]);
    }
  });
});

async function wholeOf(answer: IncomingMessage): Promise<void> {
  for await (const _chunk of answer);
}

test(
  "a gateway that is cut off from its database for an hour answers what it knows, goes on with what is open, reports what it does not, and is as before then",
  { timeout: STORY_MS },
  async () => {
    const open = ending.use(await ServedScene.begin(web, { replicas: 1, config: { public: true } }));
    const url = new URL(web.databaseUrl);
    await using stack = new AsyncDisposableStack();
    const route = stack.adopt(await cuttableTcp({ host: url.hostname, port: Number(url.port) }), (one) =>
      one.close(),
    );
    url.host = `127.0.0.1:${route.port}`;
    const real = stack.adopt(openDatabase(url.href, { maxConnections: 4 }), (one) => one.close());
    let passedMs = 0;
    const inVain: string[] = [];
    const db: Database = Object.assign(Object.create(real) as Database, {
      async query(text: string, values?: readonly unknown[]) {
        const isLater = passedMs > 0;
        return await real.query(text, values).catch((error: unknown) => {
          if (isLater) inVain.push(text);
          throw error;
        });
      },
    });
    const now = () => new Date(web.control.api.deps.now().getTime() + passedMs);
    const nowMs = () => performance.now() + passedMs;
    const gateway = stack.adopt(await web.anotherGateway({ db, now, nowMs }), (one) => one.close());
    expect((await open.request("/", { gateway })).body.headers["x-remotegpu-key"]).toBe("app");
    const stream = await served.open("/events", { gateway });
    await once(stream, "data");

    route.cut();
    passedMs = 60 * MS_PER_MINUTE;
    // What it does by itself has been tried in that hour: where services stand, and what keys open.
    const tried = (table: string) => inVain.some((text) => text.includes(table));
    await eventually(() => tried("draining_since") && tried("service_keys"), { what: "reads in vain" });

    expect((await open.request("/", { key: null, gateway })).status).toBe(200);
    const asAnybody = await open.request("/", { gateway });
    expect([asAnybody.status, asAnybody.body.headers["x-remotegpu-key"]]).toEqual([200, undefined]);
    // Whether its key was revoked meanwhile nobody can say.
    const unsure = await served.request("/", { gateway });
    expect(unsure).toMatchObject({ status: 503, body: { title: "Not available now" } });
    expect(unsure.headers["retry-after"]).toBeTypeOf("string");
    expect((await web.request(web.base.domain, "/services/svc-unknown/", { gateway })).status).toBe(503);
    expect(stream.destroyed).toBe(false);
    expect(await heard(stream)).toBe("data: second\n\n");

    route.mend();
    await eventually(async () => (await served.request("/", { gateway })).status === 200, {
      what: "its right",
    });
    expect((await web.request(web.base.domain, "/services/svc-unknown/", { gateway })).status).toBe(404);
    expect(await heard(stream)).toBe("data: second\n\n");
    stream.destroy();
  },
);

/** What a stream is told, asked for beside it. */
async function heard(stream: IncomingMessage): Promise<string> {
  const [[piece]] = (await Promise.all([once(stream, "data"), served.request("/say")])) as [
    [Buffer],
    unknown,
  ];
  return String(piece);
}
