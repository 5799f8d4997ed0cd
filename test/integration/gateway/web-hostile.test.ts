/**
 * The gateway among those who wish it ill, on the wire: clients that say one thing and mean two, that are slow or want to
 * be somebody else; containers whose answers have no end; and those who are in when the right to it ends.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EntryCookies } from "@remotegpu/control-plane/gateway/entry/entry-cookies";
import { MIB } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";
import type { Caller } from "../../support/http/api.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

const WITHIN = { withinMs: 60_000 };

let scene: WebScene;
let host: string;
let key: string;
let slowHead: Promise<string>;

beforeAll(async () => {
  scene = await openWebScene();
  host = scene.hostOf(SERVICE_PORT);
  ({ key } = scene.owner);
  // It takes its time, beside all others.
  slowHead = scene.raw(`GET /tell HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `).then(output);
});
afterAll(async () => await scene.close());

async function output(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}
const statusesOf = (text: string) =>
  [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
const requesting = (line: string, ...headers: string[]) =>
  `${[line, `Host: ${host}`, `X-Api-Key: ${key}`, ...headers].join("\r\n")}\r\n\r\n`;

describe("of an ambiguous request only an error is heard, and nothing behind it", () => {
  test.each([
    ["both lengths", ["Content-Length: 4", "Transfer-Encoding: chunked"]],
    ["two lengths", ["Content-Length: 4", "Content-Length: 5"]],
    ["a length with a sign", ["Content-Length: +4"]],
    ["a length below zero", ["Content-Length: -1"]],
    ["a list of lengths", ["Content-Length: 4, 4"]],
    ["an encoding on a line of its own", ["Transfer-Encoding:\r\n chunked"]],
    ["an encoding that goes on on the next line", ["Transfer-Encoding: chunked,\r\n\tidentity"]],
    ["an encoding behind a blank", ["Transfer-Encoding : chunked"]],
    ["an encoding that is no word", ["Transfer-Encoding: \u000bchunked"]],
    ["a bare line feed", ["X: 1\nTransfer-Encoding: chunked"]],
    ["a bare carriage return", ["X: 1\rTransfer-Encoding: chunked"]],
    ["a zero byte", ["X: a\0b"]],
    ["a header without a name", [": nothing"]],
    ["a continued Host", ["X: 1", " Host: evil.example"]],
  ])("%s", async (_what, headers) => {
    const hidden = requesting("GET /tell?hidden HTTP/1.1", "Connection: close");
    const text = await output(
      await scene.raw(`${requesting("POST /tell HTTP/1.1", ...headers)}0\r\n\r\n${hidden}`),
    );

    const statuses = statusesOf(text);
    expect(statuses).toHaveLength(1);
    expect(statuses[0]).toBeGreaterThanOrEqual(400);
    expect(text).not.toContain("hidden");
  });

  test.each(["zz\r\nbody\r\n", "4;a=\nb\r\nbody\r\n", "-4\r\nbody\r\n", "fffffffffffffffff\r\nbody\r\n"])(
    "a piece of a body that begins with %j",
    async (pieces) => {
      const begun = requesting("POST /tell HTTP/1.1", "Transfer-Encoding: chunked");
      const text = await output(
        await scene.raw(
          `${begun}${pieces}0\r\n\r\n${requesting("GET /tell?hidden HTTP/1.1", "Connection: close")}`,
        ),
      );

      expect(statusesOf(text).filter((status) => status < 400)).toEqual([]);
      expect(text).not.toContain("hidden");
    },
  );

  test.each([
    ["with a body", "GET", ["Content-Length: 40"]],
    ["with pieces of a body", "GET", ["Transfer-Encoding: chunked"]],
    ["that is a POST", "POST", []],
  ])("a WebSocket %s", async (_what, method, headers) => {
    const upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    const text = await output(
      await scene.raw(requesting(`${method} /tell HTTP/1.1`, ...upgrade, ...headers)),
    );

    expect(statusesOf(text)).toEqual([400]);
    expect((await scene.request(host, "/tell?after", { key })).body.url).toBe("/tell?after");
  });
});

test.each([
  ["in capitals", (name: string) => name.toUpperCase(), 200],
  ["with another port", (name: string) => name.replace(/:\d+$/, ":1"), 421],
  ["without its port", (name: string) => name.replace(/:\d+$/, ""), 421],
  ["with a dot at its end", (name: string) => name.replace(/:(\d+)$/, ".:$1"), 421],
  ["below another name", (name: string) => `x.${name}`, 421],
  ["with a blank in it", (name: string) => name.replace(".", " ."), 421],
  ["with somebody before it", (name: string) => `a@${name}`, 421],
])("a Host %s", async (_what, change, status) => {
  const requested = change(host);

  expect((await scene.request(requested, "/tell", { key })).status).toBe(status);
});

describe("a cookie", () => {
  const made = (what: { seed?: Uint8Array; seconds: number; at?: string }) => {
    const now = scene.control.api.deps.now();
    const entry = { kind: "person", customerId: scene.owner.customerId, keyId: keyId() } as const;
    const cookies = new EntryCookies(what.seed ?? scene.operator.key.getSeed(), "http");
    const claim = { entry, expiresAt: new Date(now.getTime() + what.seconds * 1000) };
    return cookies.make(what.at ?? host, claim, now).split(";")[0] ?? "";
  };
  let known = 0;
  const keyId = () => known;
  beforeAll(async () => {
    const cookie = await scene.enter(scene.owner, SERVICE_PORT);
    known = Number(/=k\.\d+\.(\d+)\./.exec(cookie)?.[1]);
  });

  test("that was made as the gateway makes it opens, one that is over does not, whatever it states", async () => {
    const over = made({ seconds: -1 });
    const longer = over.replace(/(=k\.\d+\.\d+\.)\d+/, "$19999999999");

    expect((await scene.request(host, "/tell", { cookie: made({ seconds: 60 }) })).status).toBe(200);
    expect((await scene.request(host, "/tell", { cookie: over })).status).toBe(401);
    expect((await scene.request(host, "/tell", { cookie: longer })).status).toBe(401);
  });

  test("of another fleet, or of another origin, opens nothing", async () => {
    const seed = new TextEncoder().encode("SOACGNTK5SWHAGJXO5VRRCUXPT4EMHHGRBBVWAVX6ZYQFBYR7BXZUXO7CA");

    expect((await scene.request(host, "/tell", { cookie: made({ seed, seconds: 60 }) })).status).toBe(401);
    const elsewhere = made({ seconds: 60, at: scene.hostOf(9) });
    expect((await scene.request(host, "/tell", { cookie: elsewhere })).status).toBe(401);
  });
});

describe("a container", () => {
  const taken = async () => (await scene.request(host, "/taken", { key })).text;
  const flooded = async () => JSON.parse(await taken()) as { bytes: number; isOver: boolean };

  test("whose head never ends is given up, with a 502", async () => {
    const { status, body } = await scene.request(host, "/endless-head", { key });

    expect([status, body.title]).toEqual([502, "No sound answer"]);
    const { bytes } = await eventually(
      async () => {
        const one = await flooded();
        return one.isOver && one;
      },
      { ...WITHIN, what: "the end of it" },
    );
    expect(bytes).toBeLessThan(32 * MIB);
  });

  test("whose body never ends waits for whoever reads, and ends with them", async () => {
    const reader = await scene.open(host, "/endless", { key });
    reader.on("error", () => undefined);
    let before = -1;
    const stands = async () => {
      const { bytes } = await flooded();
      const isStill = bytes === before;
      before = bytes;
      return isStill && bytes > 0;
    };
    await eventually(stands, { ...WITHIN, what: "a container that waits" });

    expect(before).toBeLessThan(64 * MIB);
    let read = 0;
    for await (const chunk of reader) {
      read += (chunk as Buffer).length;
      if (read > before) break;
    }
    expect(read).toBeGreaterThan(before);
    await eventually(async () => (await flooded()).isOver, { ...WITHIN, what: "its end" });
  });

  test("that sends more than was requested sends it to nobody", async () => {
    for (let round = 1; round <= 5; round += 1) {
      const poison = await scene.request(host, "/poison", { key });
      const after = await Promise.all([1, 2, 3].map((nth) => scene.request(host, `/tell?${nth}`, { key })));

      expect([poison.status, poison.text]).toEqual([200, "ok"]);
      expect(after.map(({ body }) => body.url)).toEqual(["/tell?1", "/tell?2", "/tell?3"]);
    }
  });
});

test.each([
  ["with what is no HTTP", "/garbage"],
  ["by breaking off", "/cut"],
])("a container that answers a WebSocket %s is a 502 that states so", async (_what, path) => {
  const text = await output(
    await scene.raw(requesting(`GET ${path} HTTP/1.1`, "Connection: Upgrade", "Upgrade: websocket")),
  );

  expect(statusesOf(text)).toEqual([502]);
  expect(text).toContain("ended the connection without an answer that is HTTP.");
});

test.concurrent.each([
  ["said what is no HTTP", () => "this is no HTTP\r\n\r\n"],
  ["requested CONNECT", () => `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  [
    "requested a WebSocket without a right",
    () => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  ],
  [
    "requested a WebSocket that its container refuses",
    () => requesting("GET /refused HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"),
  ],
])("who %s and stays holds no connection", async (_what, words) => {
  const socket = await scene.raw(words());
  // It takes its answer, and does not end its own side.
  const talking = setInterval(() => socket.write("x"), 100);

  await new Promise((resolve) => socket.resume().once("close", resolve));

  clearInterval(talking);
  expect(socket.destroyed).toBe(true);
});

test("a body that does not come ends its connection", async () => {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.adopt(await scene.anotherGateway({ bodyCheckMs: 50 }), (one) => one.close());
  const socket = await scene.raw(`${requesting("POST /tell HTTP/1.1", "Content-Length: 1000")}abc`, gateway);
  socket.on("end", () => socket.destroy());

  const [error] = await once(socket, "close");

  expect(error).toBe(false);
  expect((await scene.request(host, "/tell", { key, gateway })).status).toBe(200);
});

describe("what is open ends once the right to it has ended:", () => {
  const opened = async (headers: string, path = "/ws", requested = host) => {
    const socket = await scene.raw(
      `GET ${path} HTTP/1.1\r\nHost: ${requested}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n`,
    );
    const [head] = (await once(socket, "data")) as [Buffer];
    expect(String(head)).toContain("HTTP/1.1 101");
    socket.on("end", () => socket.destroy());
    return { closed: new Promise((resolve) => socket.once("close", resolve)) };
  };
  const request = async (method: string, path: string, as: Caller, body?: object) => {
    const answer = await scene.control.api.request(method, `/api/v1${path}`, { as, ...(body && { body }) });
    expect(answer.status).toBeLessThan(300);
    return answer.body;
  };
  const member = async (name: string) => {
    const one = await scene.control.customer(name);
    await scene.control.api.join(scene.owner.workspaceId, scene.owner, one, "admin");
    return one;
  };

  test("a member's role is gone, and with it what came by key and by cookie", async () => {
    const one = await member("demoted");
    const cookie = await scene.enter(one, SERVICE_PORT);
    const byKey = await opened(`X-Api-Key: ${one.key}\r\n`);
    const byCookie = await opened(`Cookie: ${cookie}\r\nOrigin: http://${host}\r\n`);

    await request("PATCH", `/workspaces/${scene.owner.workspaceId}/members/${one.customerId}`, scene.owner, {
      role: "viewer",
    });

    await Promise.all([byKey.closed, byCookie.closed]);
    expect((await scene.request(host, "/tell", { key: one.key })).status).toBe(403);
  });

  test("an account is suspended", async () => {
    const one = await member("suspended");
    const socket = await opened(`X-Api-Key: ${one.key}\r\n`);

    await request("PATCH", `/customers/${one.customerId}`, scene.control.api.admin, { status: "suspended" });

    await socket.closed;
    expect((await scene.request(host, "/tell", { key: one.key })).status).toBe(401);
  });

  test("a share is ended, and one whose hours are over", async () => {
    const shares = `/environments/${scene.environment.id}/shares`;
    const made = await request("POST", shares, scene.owner, { port: SERVICE_PORT });
    const short = await request("POST", shares, scene.owner, { port: SERVICE_PORT, hours: 1 });
    const token = (share: { url: unknown }) => String(share.url).split("=").at(-1) ?? "";
    const ended = await opened("", `/ws?remotegpu_share=${token(made)}`);
    const over = await opened("", `/ws?remotegpu_share=${token(short)}`);

    await request("DELETE", `${shares}/${made.id}`, scene.owner);
    await ended.closed;
    await scene.control.api.db.query(
      "UPDATE web_shares SET made_at = made_at - interval '2 h', expires_at = expires_at - interval '2 h' WHERE id = $1",
      [short.id],
    );
    await over.closed;

    expect((await scene.request(host, `/tell?remotegpu_share=${token(short)}`)).status).toBe(401);
  });

  test("the environment is stopped", async () => {
    const socket = await opened(`X-Api-Key: ${key}\r\n`);

    await request("POST", `/environments/${scene.environment.id}/stop`, scene.owner);

    await socket.closed;
    expect((await scene.request(host, "/tell", { key })).status).toBe(409);
  });
});

test("a head that does not come is answered with 408 and ends its connection", async () => {
  expect(statusesOf(await slowHead)).toEqual([408]);
}, 90_000);
