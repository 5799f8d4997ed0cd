/** Inference services at a gateway: who may ask, which replica answers, who waits, and what is told when none does. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { webBaseText } from "@remotegpu/control-plane/server/core/gateway/origin";
import { Registration } from "@remotegpu/control-plane/gateway/registration";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, SERVICE_PORT, type WebAnswer, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
/** Ends each connection as it comes. */
const LEAVES = new URL("../../fixtures/leaving-service.ts", import.meta.url).pathname;
const LEAVING_ROUNDS = 40;
let web: WebScene;
let served: ServedScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  served = ending.use(await ServedScene.begin(web, { replicas: 2 }));
}, STORY_MS);
afterAll(() => ending.disposeAsync());

/** One of its own, for what changes it. */
async function another(options: {
  replicas: number;
  min_replicas?: number;
  config?: object;
}): Promise<ServedScene> {
  const scene = await ServedScene.begin(web, options);
  onTestFinished(() => scene[Symbol.asyncDispose]());
  return scene;
}

async function firstBytes(answer: IncomingMessage): Promise<string> {
  return String(((await once(answer, "data")) as [Buffer])[0]);
}

describe("who may request", () => {
  test("with a key of the service gets an answer, of a replica that sees the key's name and never the key", async () => {
    const { status, body, headers } = await served.request("/v1/x?y=1", {
      headers: { "X-Request-Id": "mine-1" },
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      url: "/v1/x?y=1",
      headers: {
        "x-remotegpu-key": "app",
        "x-forwarded-prefix": `/services/${served.id}`,
        "x-request-id": "mine-1",
      },
    });
    expect(headers["x-request-id"]).toBe("mine-1");
    expect(JSON.stringify(body)).not.toContain(served.key);
  });

  test("as X-API-Key as well", async () => {
    const { status, body } = await served.request("/", { key: null, headers: { "X-API-Key": served.key } });
    expect([status, body.headers["x-api-key"]]).toEqual([200, undefined]);
  });

  test("with a key of the API that orders may, who works in its workspace", async () => {
    const stranger = await web.control.customer(`stranger-${randomBytes(3).toString("hex")}`);
    expect((await served.request("/", { key: web.owner.key })).status).toBe(200);
    expect((await served.request("/", { key: stranger.key })).status).toBe(404);
  });

  test.each([
    ["nothing", null, 401],
    ["a key that was never made", `rgs_${"x".repeat(43)}`, 401],
    ["something that is no key of ours", "sk-foreign", 401],
  ])("with %s nobody may", async (_what, key, status) => {
    const refused = await served.request("/", { key });
    expect(refused.status).toBe(status);
    expect(refused.body).toMatchObject({ status });
  });

  test("is checked again while an answer lasts: a key that is revoked ends it within seconds, and opens nothing", async () => {
    const own = await another({ replicas: 1 });
    const events = await own.open("/events");
    expect(await firstBytes(events)).toBe("data: first\n\n");
    const over = new Promise((resolve) => events.once("close", resolve));
    events.on("error", () => undefined);

    await own.revoke();

    await over;
    await eventually(async () => (await own.request("/")).status === 401, { what: "the refusal" });
  });

  test(
    "is answered so while it waits for an answer, or for a replica, and no replica has failed for that",
    { timeout: STORY_MS },
    async () => {
      const own = await another({ replicas: 2, config: { max_in_flight: 3 } });
      const { body } = await own.api("POST", "/keys", { name: "other" });
      const key = String(body.key);
      // A replica that fails three times is left out for a while.
      const requested = Array.from({ length: 7 }, () => own.request("/never"));
      const waiting = () => Promise.all([0, 1].map((rank) => reports(own, rank, "/waiting")));
      await eventually(async () => (await waiting()).every((count) => count === 3), {
        what: "full replicas",
      });

      await own.revoke();

      expect((await Promise.all(requested)).map(({ status }) => status)).toEqual(Array(7).fill(401));
      const open = await Promise.all([1, 2, 3, 4].map(() => own.open("/events", { key })));
      await Promise.all(open.map(firstBytes));
      expect(await Promise.all([0, 1].map((rank) => listeners(own, rank)))).toEqual([2, 2]);
      for (const one of open) one.destroy();
    },
  );

  test("of a public one is everybody, by no key or any", async () => {
    const open = await another({ replicas: 1, config: { public: true } });
    expect((await open.request("/", { key: null })).status).toBe(200);
    expect((await open.request("/", { key: `rgs_${"x".repeat(43)}` })).status).toBe(200);
    expect((await open.request("/")).body.headers["x-remotegpu-key"]).toBe("app");
  });

  test("of a service that is none gets what does not exist", async () => {
    expect((await web.request(web.base.domain, "/services/svc-none/")).status).toBe(404);
    expect((await web.request(web.base.domain, "/services/")).status).toBe(404);
  });
});

describe("an origin that others share", () => {
  test("takes no cookie of a replica and sends it none", async () => {
    const { headers } = await served.request("/cookies");
    expect(headers["set-cookie"]).toBeUndefined();
    const cookie = `a=1; remotegpu_session=rgb_${"s".repeat(43)}`;
    expect((await served.request("/", { cookie })).body.headers.cookie).toBeUndefined();
    expect((await served.request("/", { cookie, key: null })).status).toBe(401);
  });

  test("answers pages of other origins as the service's owner set, without a key for preflight requests", async () => {
    const own = await another({ replicas: 1, config: { cors_origins: ["https://app.example"] } });
    const Origin = "https://app.example";
    const requests = {
      Origin,
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "authorization",
    };

    const preflight = await own.request("/v1/chat", { method: "OPTIONS", key: null, headers: requests });
    const answered = await own.request("/", { headers: { Origin } });
    const refused = await own.request("/", { key: null, headers: { Origin } });
    const foreign = await own.request("/", { headers: { Origin: "https://evil.example" } });

    expect([preflight.status, preflight.text]).toEqual([204, ""]);
    expect(preflight.headers).toMatchObject({ "access-control-allow-origin": Origin });
    for (const { headers } of [answered, refused])
      expect(headers["access-control-allow-origin"]).toBe(Origin);
    expect(refused.status).toBe(401);
    expect(foreign.headers["access-control-allow-origin"]).toBeUndefined();
    expect((await served.request("/", { method: "OPTIONS", key: null, headers: requests })).status).toBe(401);
  });
});

test("at a name of its own a service has whole paths, and its cookies in both directions but for the dashboard's session", async () => {
  const serviceDomain = { scheme: "https", domain: "services.example.com" } as const;
  const gateway = await web.anotherGateway({ serviceDomain });
  onTestFinished(() => gateway.close());
  const { db, now } = web.control.api.deps;
  const reported = {
    serviceBase: null,
    webBase: null,
    serviceDomain: webBaseText(serviceDomain),
    tunnel: null,
  };
  const registration = new Registration({ id: "gw-named", db, now, log: quietLog, ...reported });
  onTestFinished(() => registration.stop());
  await registration.start();
  const { body: visible } = await served.api("GET", "");
  expect(visible.domain_url).toBe(`https://${served.id}.services.example.com/`);
  const { host } = new URL(visible.domain_url);
  const session = `remotegpu_session=rgb_${"s".repeat(43)}`;
  const own = { gateway, key: served.key, cookie: `${session}; mine=1; __Host-${session}` };

  const { status, body } = await web.request(host, `/services/${served.id}/x?y=1`, own);
  const { headers } = await web.request(host, "/cookies", own);

  expect([status, body.url, body.headers.cookie, body.headers["x-forwarded-prefix"]]).toEqual([
    200,
    `/services/${served.id}/x?y=1`,
    "mine=1",
    undefined,
  ]);
  expect(headers["set-cookie"]?.[0]).toMatch(/^mine=1/);
  expect((await web.request(host, "/", { ...own, key: `rgs_${"x".repeat(43)}` })).status).toBe(401);
  expect((await web.request("svc-none.services.example.com", "/", own)).status).toBe(404);
});

describe("what goes through", () => {
  test("is whole in both directions, whatever its length", async () => {
    const body = randomBytes(8_000_000);
    const sent = await served.request("/", { method: "POST", body });
    expect(sent.body).toMatchObject({
      method: "POST",
      bytes: body.length,
      sha256: createHash("sha256").update(body).digest("hex"),
    });
    expect((await served.request("/bytes?n=8000000")).text.length).toBe(8_000_000);
  });

  test("is streamed as it comes", async () => {
    const events = await served.open("/events");
    expect(events.headers["content-type"]).toBe("text/event-stream");
    expect(await firstBytes(events)).toBe("data: first\n\n");
    events.destroy();
  });

  test("may be a WebSocket", async () => {
    const upgrade = [
      `GET /services/${served.id}/ws HTTP/1.1`,
      `Host: ${web.base.domain}`,
      `Authorization: Bearer ${served.key}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "",
      "hello",
    ].join("\r\n");
    const socket = await web.raw(upgrade);
    let text = "";
    socket.on("data", (bytes: Buffer) => (text += String(bytes)));
    await eventually(() => text.endsWith("\r\n\r\nhello") && text, { what: "the echo" });
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
    socket.destroy();
  });

  test.each([
    ["garbage", "/garbage"],
    ["a body of two lengths", "/both-lengths"],
    ["a head that never ends", "/endless-head"],
  ])("is refused where a replica answers %s", async (_what, path) => {
    expect((await served.request(path)).status).toBe(502);
    expect((await served.request("/")).status).toBe(200);
  });
});

test.each([
  ["garbage", "/garbage"],
  ["nothing", "/cut"],
])(
  "a WebSocket that a replica answers with %s is a 502 that states so, and it serves on",
  async (_what, path) => {
    const socket = await web.raw(
      `GET /services/${served.id}${path} HTTP/1.1\r\nHost: ${web.base.domain}\r\nAuthorization: Bearer ${served.key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );

    const output = await text(socket);

    expect(output).toMatch(/^HTTP\/1\.1 502 /);
    expect(output).toContain("ended the connection without an answer that is HTTP.");
    expect((await served.request("/")).status).toBe(200);
  },
);

describe("replicas", () => {
  test("get requests by how many they have open", async () => {
    const own = await another({ replicas: 2 });
    const open = await Promise.all([1, 2, 3, 4].map(() => own.open("/events")));
    await Promise.all(open.map(firstBytes));

    expect(await Promise.all([0, 1].map((rank) => listeners(own, rank)))).toEqual([2, 2]);

    for (const one of open) one.destroy();
    const left = async () => (await listeners(own, 0)) + (await listeners(own, 1));
    await eventually(async () => (await left()) === 0, { what: "the end of what nobody waits for" });
  });

  test(
    "one of which is broken costs no request, whether it has a body or not",
    { timeout: STORY_MS },
    async () => {
      const own = await another({ replicas: 2 });
      await own.break(0);

      const requested = Array.from({ length: 40 }, (_, nth) =>
        nth % 2 === 0 ? own.request("/") : own.request("/", { method: "POST", body: "x".repeat(100_000) }),
      );

      expect(new Set((await Promise.all(requested)).map(({ status }) => status))).toEqual(new Set([200]));
    },
  );

  test(
    "one of which ends each connection as it comes lets nobody wait, whether there is a body or not",
    { timeout: STORY_MS },
    async () => {
      const own = await another({ replicas: 2 });
      await own.break(0);
      await own.containers.get(0)?.serveFixture(LEAVES, SERVICE_PORT);

      const statuses: number[] = [];
      for (let round = 0; round < LEAVING_ROUNDS; round += 1) {
        const requested = [
          own.request("/"),
          own.request("/"),
          own.request("/", { method: "POST", body: "x" }),
        ];
        statuses.push(...(await Promise.all(requested)).map(({ status }) => status));
      }

      // Where a request is on its way when the end comes, nobody knows whether it was read.
      expect([...new Set(statuses)].filter((status) => status !== 502)).toEqual([200]);
    },
  );

  test("that fail now and then, and answer in between, keep their turns", async () => {
    const own = await another({ replicas: 2 });
    for (let failed = 0; failed < 3; failed += 1) {
      expect((await own.request("/garbage")).status).toBe(502);
      for (let answered = 0; answered < 3; answered += 1) expect((await own.request("/")).status).toBe(200);
    }

    const open = await Promise.all([own.open("/events"), own.open("/events")]);

    expect(await Promise.all([0, 1].map((rank) => listeners(own, rank)))).toEqual([1, 1]);
    for (const one of open) one.destroy();
  });

  test(
    "of which none is there are waited for, and who waits is answered",
    { timeout: STORY_MS },
    async () => {
      const own = await another({ replicas: 1 });
      await own.break(0);
      const waiting = own.request("/", { method: "POST", body: "hello" });
      await own.mend(0);
      expect((await waiting).body).toMatchObject({ bytes: 5 });
    },
  );

  test("are given no more than they may have at once; so many wait, and who comes then is answered when to retry", async () => {
    const own = await another({
      replicas: 1,
      config: { max_in_flight: 1, max_queued: 1, queue_seconds: 60 },
    });
    const first = await own.open("/events");
    await firstBytes(first);
    let refused = 0;
    const others = Array.from({ length: 3 }, async () => {
      const answer = await own.request("/", { headers: { "X-Request-Id": "mine" } });
      if (answer.status === 429) refused += 1;
      return answer;
    });
    await eventually(() => refused === 2, { what: "two that are told to come again" });

    first.destroy();

    const answers = await Promise.all(others);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 429, 429]);
    for (const { status, headers } of answers)
      expect([headers["x-request-id"], headers["retry-after"]]).toEqual([
        "mine",
        status === 429 ? "2" : undefined,
      ]);
  });

  test(
    "of which none is reached are waited for by so many, and who comes then is answered when to retry",
    { timeout: STORY_MS },
    async () => {
      const own = await another({ replicas: 1, config: { max_queued: 1, queue_seconds: 60 } });
      await own.break(0);
      const requested = Array.from({ length: 3 }, () => own.request("/", { method: "POST", body: "hello" }));
      const refused: WebAnswer[] = [];
      for (const one of requested) void one.then((answer) => answer.status === 503 && refused.push(answer));
      await eventually(() => refused.length === 2, { what: "two that are told to come again" });

      await own.mend(0);

      const answers = await Promise.all(requested);
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 503, 503]);
      for (const { headers, body } of refused)
        expect([headers["retry-after"], body.detail]).toEqual([
          "2",
          "No replica of the service is reached now.",
        ]);
    },
  );

  test("of which none serves are waited for as long as its owner set, and then the answer states when to retry", async () => {
    const own = await another({ replicas: 1, min_replicas: 0, config: { queue_seconds: 1 } });
    await own.api("POST", "/scale", { replicas: 0 });
    await web.control.replicas();

    const refused = await eventually(async () => {
      const answer = await own.request("/");
      return answer.status !== 200 && answer;
    });

    expect([refused.status, refused.body.title, refused.headers["retry-after"]]).toEqual([
      503,
      "No replica serves",
      "2",
    ]);
  });

  test("whose pooled connection ends as it is used again are requested once more, where that does no more than once", async () => {
    const own = await another({ replicas: 1 });
    const statuses: Record<string, number> = {};
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"]) {
      expect((await own.request("/cut-next")).text).toBe("ok");
      statuses[method] = (await own.request("/", { method })).status;
    }

    const [once, twice] = [502, 200];
    expect(statuses).toEqual({
      GET: twice,
      HEAD: twice,
      OPTIONS: twice,
      PUT: twice,
      DELETE: twice,
      POST: once,
      PATCH: once,
    });
  });

  test("that do not answer in time are given up", async () => {
    const own = await another({ replicas: 1, config: { timeout_seconds: 1 } });
    expect((await own.request("/never")).status).toBe(504);
    expect((await own.request("/never", { method: "POST", body: "x" })).status).toBe(504);
    expect((await own.request("/")).status).toBe(200);
  });

  test("of one that is stopped are not waited for: it answers so at once", async () => {
    const own = await another({ replicas: 1 });
    expect((await own.request("/")).status).toBe(200);
    await own.api("POST", "/stop");

    const reported = await eventually(async () => {
      const answer = await own.request("/");
      return answer.status === 503 && answer;
    });

    expect(reported.body.detail).toContain("remotegpu service start");
  });

  test("are known while the database is away", { timeout: STORY_MS }, async () => {
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

    expect((await served.request("/", { gateway })).status).toBe(200);
    expect((await web.request(web.base.domain, "/services/svc-unknown/", { gateway })).status).toBe(503);
  });
});

describe("a gateway that ends", () => {
  test("lets answers in progress come to their end, notifies whoever waits, and lets nobody in", async () => {
    const own = await another({ replicas: 1, config: { max_in_flight: 1 } });
    const gateway = await web.anotherGateway({ stopWithinMs: STORY_MS });
    const requested = request({
      port: gateway.port,
      method: "POST",
      path: `/services/${own.id}/v1/other`,
      headers: { Host: web.base.domain, Authorization: `Bearer ${own.key}` },
    });
    requested.write("one ");
    const [answer] = (await once(requested, "response")) as [IncomingMessage];
    const first = await firstBytes(answer);
    let waits = true;
    const waiting = own.request("/", { gateway }).finally(() => (waits = false));
    await eventually(
      async () =>
        (await own.request("/", { gateway, key: null }).catch(() => ({ status: 0 }))).status === 401 && waits,
      { what: "the other request's turn" },
    );

    let hasEnded = false;
    const ended = gateway.close().then(() => (hasEnded = true));

    expect(await waiting).toMatchObject({ status: 503, body: { detail: "The gateway is ending." } });
    const lastAnswer = async () =>
      await own.request("/", { gateway }).then(
        () => false as const,
        (error: unknown) => String(error),
      );
    expect(await eventually(lastAnswer, { what: "a port that is closed" })).toContain("ECONNREFUSED");
    expect(hasEnded).toBe(false);
    requested.end("two");
    expect(first + (await text(answer))).toBe("one two");
    await ended;
  });

  test("cuts what does not end in time", async () => {
    const gateway = await web.anotherGateway({ stopWithinMs: 100 });
    const events = await served.open("/events", { gateway });
    await firstBytes(events);
    const over = once(events, "error");

    await gateway.close();

    expect(await over).toMatchObject([{ code: "ECONNRESET" }]);
  });
});

/** How many streams a replica has open, as it tells itself. */
async function listeners(scene: ServedScene, rank: number): Promise<number> {
  return await reports(scene, rank, "/say");
}

/** A replica, asked by nobody's gateway. */
async function reports({ containers }: ServedScene, rank: number, path: string): Promise<number> {
  const container = containers.get(rank);
  const { stdout } = await execa("nsenter", [
    "-t",
    String(container?.instance.pid),
    "-n",
    "curl",
    "--silent",
    `http://127.0.0.1:${SERVICE_PORT}${path}`,
  ]);
  return Number(stdout);
}
