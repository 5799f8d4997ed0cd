/** Limits of a service's keys, and of what its replicas have at once, at gateways that divide them. */
import { once } from "node:events";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PERSON_LIMITS } from "@remotegpu/control-plane/server/core/gateway/services/call-right";
import { partOf } from "@remotegpu/control-plane/server/core/gateway/services/key-limits";
import type { Gateway } from "@remotegpu/control-plane/gateway/gateway";
import { keepGateway } from "@remotegpu/control-plane/server/store/gateway/gateways";
import { MS_PER_DAY, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
let web: WebScene;
let served: ServedScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  served = ending.use(await ServedScene.begin(web, { replicas: 1 }));
}, STORY_MS);
afterAll(() => ending.disposeAsync());

async function keyOf(name: string, limits: object): Promise<string> {
  const { status, body } = await served.api("POST", "/keys", { name, ...limits });
  expect([status, body]).toMatchObject([201, limits]);
  return body.key;
}

/** One of two that run. Its clock stands still in the middle of a minute. */
async function gatewayOf(): Promise<Gateway> {
  const minute = Math.floor(Date.now() / MS_PER_MINUTE) * MS_PER_MINUTE;
  const now = () => new Date(minute + MS_PER_MINUTE / 2);
  await twoRun(now());
  const gateway = await web.anotherGateway({ now });
  onTestFinished(() => gateway.close());
  return gateway;
}

/** The scene's own, and another. */
async function twoRun(now: Date): Promise<void> {
  for (const id of ["gw-scene", "gw-2"])
    await keepGateway(web.control.api.deps.db, {
      id,
      name: id,
      tunnel: null,
      webBase: null,
      serviceBase: `https://${id}.example.com`,
      serviceDomain: null,
      now,
    });
}

test("requests of a minute are divided by the gateways that run", async () => {
  const key = await keyOf("some", { requests_per_minute: 5 });
  for (const gateway of [await gatewayOf(), await gatewayOf()]) {
    const answers = [];
    for (let time = 0; time < 3; time += 1) answers.push(await served.request("/", { gateway, key }));
    expect(answers.map(({ status, headers }) => [status, headers["retry-after"]])).toEqual([
      [200, undefined],
      [200, undefined],
      [429, "30"],
    ]);
    expect((await served.request("/", { gateway })).status).toBe(200);
  }
});

test("requests at once likewise, and the next one passes when one is over", async () => {
  const key = await keyOf("few", { max_in_flight: 2 });
  const gateway = await gatewayOf();
  const events = await served.open("/events", { gateway, key });
  await once(events, "data");

  expect((await served.request("/", { gateway, key })).status).toBe(429);
  expect((await served.request("/", { gateway: await gatewayOf(), key })).status).toBe(200);
  events.destroy();

  await eventually(async () => (await served.request("/", { gateway, key })).status === 200, {
    what: "the next one",
  });
});

test("a person's key has limits by itself, apart from those of a key of the service with that name", async () => {
  const { username } = (await web.control.api.request("GET", "/api/v1/me", { as: web.owner })).body;
  const own = await keyOf(username, { max_in_flight: 1, tokens_per_day: 1 });
  await twoRun(new Date());
  const first = await web.anotherGateway();
  const body = JSON.stringify({ usage: { prompt_tokens: 30, completion_tokens: 40 } });
  const byPerson = { gateway: first, key: web.owner.key, method: "POST", body };
  expect((await served.request("/v1/chat/completions", byPerson)).status).toBe(200);
  await first.close();
  const gateway = await gatewayOf();
  const most = partOf(PERSON_LIMITS.maxInFlight ?? 0, 2);
  const open = await Promise.all(
    Array.from({ length: most }, () => served.open("/events", { gateway, key: web.owner.key })),
  );
  await Promise.all(open.map((events) => once(events, "data")));

  const refused = await served.request("/", { gateway, key: web.owner.key });
  expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "1"]);
  expect((await served.request("/", { gateway, key: own })).status).toBe(200);
  for (const events of open) events.destroy();
  expect((await served.api("POST", "/keys", { name: `user:${username}` })).status).toBe(422);
});

test("what a replica may have at once is divided likewise", { timeout: STORY_MS }, async () => {
  const config = { max_in_flight: 2, max_queued: 0 };
  await using few = await ServedScene.begin(web, { replicas: 1, config });
  const [gateway, other] = [await gatewayOf(), await gatewayOf()];
  const events = await few.open("/events", { gateway });
  await once(events, "data");

  expect((await few.request("/", { gateway })).status).toBe(429);
  expect((await few.request("/", { gateway: other })).status).toBe(200);
  events.destroy();
});

test("tokens of a day are those that all gateways gave", { timeout: STORY_MS }, async () => {
  const key = await keyOf("cheap", { tokens_per_day: 200 });
  const usage = { prompt_tokens: 30, completion_tokens: 40 };
  const body = JSON.stringify({ usage });
  const print = async (gateway: Gateway) =>
    await served.request("/v1/chat/completions", { gateway, key, method: "POST", body });
  await twoRun(new Date());
  const first = await web.anotherGateway();
  // Whatever it gave the other one may have given as well, until it has read what all gave.
  expect([(await print(first)).status, (await print(first)).status]).toEqual([200, 200]);
  await first.close();

  const second = await gatewayOf();
  expect((await print(second)).status).toBe(200);
  const refused = await eventually(async () => {
    const answer = await print(second);
    return answer.status === 429 && answer;
  });

  const untilMidnight = (MS_PER_DAY - (Date.now() % MS_PER_DAY)) / 1_000;
  expect(Math.abs(Number(refused.headers["retry-after"]) - untilMidnight)).toBeLessThan(120);
});
