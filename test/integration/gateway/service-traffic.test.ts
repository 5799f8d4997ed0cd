/** What gateways count of services: as much as a client sent, and nothing twice, whatever becomes of a gateway. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { answersByRevision } from "@remotegpu/control-plane/server/store/inference/gateway/traffic";
import type { Gateway } from "@remotegpu/control-plane/gateway/gateway";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { eventually } from "../../support/eventually.ts";
import { MS_PER_DAY, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
let web: WebScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
}, STORY_MS);
afterAll(() => ending.disposeAsync());

async function another(
  options: { replicas: number; config?: object } = { replicas: 1 },
): Promise<ServedScene> {
  const scene = await ServedScene.begin(web, options);
  onTestFinished(() => scene[Symbol.asyncDispose]());
  return scene;
}

interface Counted {
  revision: number;
  key_name: string;
  requests: number;
  [count: string]: number | string | number[];
}

/** Of all gateways and minutes. */
async function countsOf(served: ServedScene): Promise<Counted[]> {
  const { rows } = await web.control.api.deps.db.query<Counted>(
    `SELECT revision, key_name, sum(requests)::int AS requests, sum(unanswered)::int AS unanswered,
            sum(status_1xx)::int AS status_1xx, sum(status_2xx)::int AS status_2xx,
            sum(status_4xx)::int AS status_4xx, sum(status_5xx)::int AS status_5xx, sum(cut_off)::int AS cut_off,
            sum(bytes)::int AS bytes, sum(token_answers)::int AS token_answers, sum(token_silent)::int AS token_silent,
            sum(prompt_tokens)::int AS prompt_tokens, sum(completion_tokens)::int AS completion_tokens
       FROM service_traffic WHERE service_id = $1 GROUP BY revision, key_name ORDER BY revision, key_name`,
    [served.id],
  );
  return rows;
}

/** Asks by a gateway of its own, which then ends. */
async function byOwnGateway(request: (gateway: Gateway) => Promise<void>): Promise<void> {
  const gateway = await web.anotherGateway();
  try {
    await request(gateway);
  } finally {
    await gateway.close();
  }
}

describe("requests", () => {
  test("are counted by client and by what answered, each once", async () => {
    const served = await another();
    await byOwnGateway(async (gateway) => {
      for (let time = 0; time < 5; time += 1) await served.request("/", { gateway });
      await served.request("/", { gateway, method: "POST", body: "x" });
      await served.request("/v1/other", {
        gateway,
        method: "POST",
        body: "{}",
        headers: { "X-Say-Status": "503" },
      });
      await served.request("/garbage", { gateway });
      await served.request("/", { gateway, key: web.owner.key });
      for (let time = 0; time < 3; time += 1) await served.request("/", { gateway, key: null });
      await served.request("/", { gateway, key: `rgs_${"x".repeat(43)}` });
    });

    const { username } = (await web.control.api.request("GET", "/api/v1/me", { as: web.owner })).body;
    expect(await countsOf(served)).toMatchObject([
      { revision: 0, key_name: "", requests: 4, status_4xx: 4 },
      { revision: 1, key_name: "app", requests: 8, status_2xx: 6, status_5xx: 2 },
      { revision: 1, key_name: `user:${username}`, requests: 1, status_2xx: 1 },
    ]);
    expect(await answersByRevision(web.control.api.deps.db, served.id, web.control.api.deps.now())).toEqual(
      new Map([[1, { requests: 9, failed: 2 }]]),
    );
  });

  test(
    "of several gateways add up, and what was reported is counted once",
    { timeout: STORY_MS },
    async () => {
      const served = await another();
      const requested = [4, 7];
      await Promise.all(
        requested.map((times) =>
          byOwnGateway(async (gateway) => {
            for (let time = 0; time < times; time += 1) {
              await served.request("/", { gateway });
              // It has told what it counted so far, and tells it again with the rest.
              if (time === 0)
                await eventually(async () => (await countsOf(served)).length > 0, {
                  withinMs: 60_000,
                  what: "a first word",
                });
            }
          }),
        ),
      );
      expect(await countsOf(served)).toMatchObject([{ revision: 1, requests: 11, status_2xx: 11 }]);
    },
  );

  test(
    "of a gateway that was killed are what it wrote down, and its next life counts none of them again",
    { timeout: STORY_MS },
    async () => {
      const served = await another();
      const url = new URL(web.databaseUrl);
      const route = await cuttableTcp({ host: url.hostname, port: Number(url.port) });
      onTestFinished(() => route.close());
      url.host = `127.0.0.1:${route.port}`;
      const db = openDatabase(url.href, { maxConnections: 4 });
      onTestFinished(() => db.close());
      const killed = await web.anotherGateway({ db });
      for (let time = 0; time < 3; time += 1) await served.request("/", { gateway: killed });
      await eventually(async () => (await countsOf(served))[0]?.requests === 3, {
        withinMs: 60_000,
        what: "what it wrote down",
      });
      await served.request("/", { gateway: killed });
      // From here on nothing of it gets there, as of one that is killed.
      route.cut();
      const written = (await countsOf(served))[0]?.requests;
      await killed.close();
      await byOwnGateway(async (gateway) => {
        for (let time = 0; time < 4; time += 1) await served.request("/", { gateway });
      });
      expect([3, 4]).toContain(written);
      expect((await countsOf(served))[0]?.requests).toBe(Number(written) + 4);
    },
  );

  test(
    "that were not written down for a day are given up: they may have been put together",
    { timeout: STORY_MS },
    async () => {
      const served = await another();
      const url = new URL(web.databaseUrl);
      const route = await cuttableTcp({ host: url.hostname, port: Number(url.port) });
      onTestFinished(() => route.close());
      url.host = `127.0.0.1:${route.port}`;
      const db = openDatabase(url.href, { maxConnections: 4 });
      onTestFinished(() => db.close());
      let passedMs = 0;
      const late = await web.anotherGateway({ db, now: () => new Date(Date.now() + passedMs) });
      expect((await served.request("/", { gateway: late })).status).toBe(200);
      // Whatever it wrote down until here.
      route.cut();
      const before = await countsOf(served);
      expect((await served.request("/", { gateway: late })).status).toBe(200);

      passedMs = MS_PER_DAY + MS_PER_MINUTE;
      route.mend();
      await late.close();

      expect(await countsOf(served)).toEqual(before);
    },
  );

  test("that nobody waits for any more, or that a gateway's end breaks off, are no answers that came whole", async () => {
    const served = await another();
    await byOwnGateway(async (gateway) => {
      const events = await Promise.all([1, 2].map(() => served.open("/events", { gateway })));
      for (const one of events) one.on("error", () => undefined);
      await Promise.all(events.map((one) => once(one, "data")));
      events[0]?.destroy();
      const requested = `GET /services/${served.id}/never HTTP/1.1\r\nHost: ${web.base.domain}\r\nX-API-Key: ${served.key}\r\n\r\n`;
      const silent = await web.raw(requested, gateway);
      await eventually(async () => (await served.request("/waiting", { gateway })).text === "1", {
        what: "the question",
      });
      silent.destroy();
      await eventually(async () => (await served.request("/waiting", { gateway })).text === "0", {
        what: "its end",
      });
    });
    const [counts] = await countsOf(served);
    expect(counts).toMatchObject({ revision: 1, unanswered: 1, status_5xx: 0, cut_off: 2 });
  });

  test("that no replica got are the gateway's own", async () => {
    const served = await another({ replicas: 1, config: { queue_seconds: 0 } });
    await served.break(0);
    await byOwnGateway(async (gateway) => {
      expect((await served.request("/", { gateway })).status).toBe(502);
    });
    expect(await countsOf(served)).toMatchObject([
      { revision: 0, key_name: "app", requests: 1, status_5xx: 1 },
    ]);
    await served.mend(0);
  });
});

describe("tokens", () => {
  const usage = { prompt_tokens: 11, completion_tokens: 22, total_tokens: 33 };
  const long = "x".repeat(200_000);
  const print = (served: ServedScene, gateway: Gateway, body: string, headers: Record<string, string> = {}) =>
    served.request("/v1/chat/completions", { gateway, method: "POST", body, headers });

  test("are those that answers report; what is compressed, or does not report, is counted as silent", async () => {
    const served = await another();
    const stream = { "X-Say-Type": "text/event-stream" };
    await byOwnGateway(async (gateway) => {
      await print(served, gateway, JSON.stringify({ choices: [long], usage }));
      await print(
        served,
        gateway,
        `data: {"choices":[]}\n\ndata: ${JSON.stringify({ usage })}\n\ndata: [DONE]\n\n`,
        stream,
      );
      await print(served, gateway, `data: {"choices":[]}\n\ndata: [DONE]\n\n`, stream);
      await print(served, gateway, JSON.stringify({ usage: { ...usage, prompt_tokens: -4 } }));
      await print(served, gateway, JSON.stringify({ usage }), { "X-Say-Encoding": "gzip" });
      // An error uses nothing, and what is no such answer is not asked.
      await print(served, gateway, JSON.stringify({ usage }), { "X-Say-Status": "400" });
      await served.request("/v1/other", { gateway, method: "POST", body: "{}" });
    });
    expect(await countsOf(served)).toMatchObject([
      { requests: 7, token_answers: 2, token_silent: 3, prompt_tokens: 22, completion_tokens: 44 },
    ]);
  });

  test("are read of what goes through whole", async () => {
    const served = await another();
    const body = `{"data":"${randomBytes(3_000_000).toString("hex")}","usage":${JSON.stringify(usage)}}`;
    await byOwnGateway(async (gateway) => {
      expect((await print(served, gateway, body)).text).toBe(body);
    });
    expect(await countsOf(served)).toMatchObject([{ prompt_tokens: 11, completion_tokens: 22 }]);
  });
});
