/** A service that sleeps, at a gateway: who comes wakes it and is answered once it serves, with one replica for all. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { LoadBalancerQueues } from "@remotegpu/control-plane/gateway/load-balancer/load-balancer-queues";
import { whyClosed } from "@remotegpu/control-plane/server/core/gateway/services/service-route";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { changeReplicaRequests } from "@remotegpu/control-plane/server/store/inference/replica-requests";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
let web: WebScene;
/** How often the loops were woken for it. */
let woken = 0;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene({ onOrder: () => void (woken += 1) }), (one) => one.close());
}, STORY_MS);
afterAll(() => ending.disposeAsync());

async function asleep(config: object = {}): Promise<ServedScene> {
  const served = await ServedScene.begin(web, {
    replicas: 1,
    min_replicas: 0,
    autoscaling_enabled: true,
    autoscaling_config: { target_in_flight: 1, scale_to_zero_after: 60 },
    config,
  });
  const { db } = web.control.api.deps;
  await transaction(db, (sql) => changeReplicaRequests(sql, served.id, { load_replicas: 0, woken_at: null }));
  const isOver = async () => {
    await served.settle();
    return (await served.api("GET", "/instances")).body.items.length === 0;
  };
  await eventually(isOver, { what: "the end of its replica" });
  woken = 0;
  return served;
}

const replicas = async (served: ServedScene) => (await served.api("GET", "")).body.replicas as number;
const made = async (served: ServedScene) =>
  ((await served.api("GET", "/instances?all=true")).body.items as { rank: number }[]).map(({ rank }) => rank);
const waiting = async (served: ServedScene) => {
  const { rows } = await web.control.api.db.query<{ held: number }>(
    "SELECT (services #>> ARRAY[$1, 'held'])::int AS held FROM gateway_reports",
    [served.id],
  );
  return rows[0]?.held ?? 0;
};

test(
  "is woken by twenty requests at once, all of which are answered, by exactly one replica",
  { timeout: STORY_MS },
  async () => {
    await using served = await asleep();
    expect(await replicas(served)).toBe(0);

    const requested = Array.from({ length: 20 }, (_, nth) =>
      served.request(`/?nth=${nth}`, { method: "POST", body: `${nth}` }),
    );
    await eventually(async () => (await replicas(served)) === 1, { what: "the wish" });
    await eventually(async () => (await waiting(served)) === 20, { what: "all that wait" });
    expect(woken).toBe(1);
    await served.settle();

    const answers = await Promise.all(requested);
    expect(answers.map(({ status, body }) => [status, body.url])).toEqual(
      answers.map((_, nth) => [200, `/?nth=${nth}`]),
    );
    expect(await made(served)).toEqual([0, 1]);
    expect((await served.request("/")).status).toBe(200);
    expect(woken).toBe(1);
  },
);

test("is checked as soon as there is a notification, for whoever waits", { timeout: STORY_MS }, async () => {
  await using served = await asleep();
  const { db, now } = web.control.api.deps;
  // What comes by news alone.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const lines = new LoadBalancerQueues({
    db,
    now,
    log: quietLog,
    wake: () => undefined,
    report: () => Promise.resolve(),
  });
  try {
    lines.start();
    const line = await lines.of(served.id);
    const taken = line?.take(new Set(), new AbortController().signal, { wakes: true });
    await transaction(db, (sql) => changeReplicaRequests(sql, served.id, { load_replicas: 1 }));
    await served.settle();

    lines.checkNow();

    expect((await taken)?.kind).toBe("given");
  } finally {
    vi.useRealTimers();
    await lines.stop();
  }
});

test(
  "that is stopped is followed by notifications alone, though nobody waits, and however many there are",
  { timeout: STORY_MS },
  async () => {
    await using served = await ServedScene.begin(web, { replicas: 1 });
    const { db, now } = web.control.api.deps;
    let reads = 0;
    const counted: Database = Object.assign(Object.create(db) as Database, {
      async query(text: string, values?: readonly unknown[]) {
        reads += 1;
        return await db.query(text, values);
      },
    });
    // Their own rhythm stands still: what comes, comes by news.
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    let nowMs = 0;
    const lines = new LoadBalancerQueues({
      db: counted,
      now,
      log: quietLog,
      nowMs: () => nowMs,
      wake: () => undefined,
      report: () => Promise.resolve(),
    });
    try {
      lines.start();
      const line = await lines.of(served.id);
      await served.api("POST", "/stop");
      reads = 0;

      for (let messages = 0; messages < 100; messages += 1) lines.checkNow();

      await eventually(() => line !== null && whyClosed(line.route) !== null, { what: "the stop" });
      for (let messages = 0; messages < 100; messages += 1) {
        nowMs += 1;
        lines.checkNow();
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(reads).toBe(1);
      nowMs += 250;
      lines.checkNow();
      await eventually(() => reads === 2, { what: "a look at later news" });
    } finally {
      vi.useRealTimers();
      await lines.stop();
    }
  },
);

test("is woken by a WebSocket that waits as well", { timeout: STORY_MS }, async () => {
  await using served = await asleep({ public: true });
  const head = [
    `GET /services/${served.id}/ws HTTP/1.1`,
    `Host: ${web.base.domain}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "",
    "",
  ].join("\r\n");
  const socket = await web.raw(head);
  let text = "";
  socket.on("data", (bytes: Buffer) => (text += String(bytes)));
  await eventually(() => woken === 1, { what: "the wish" });

  await served.settle();

  await eventually(() => text.includes("\r\n\r\n"), { what: "the answer" });
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  socket.destroy();
});

test("sleeps on for whoever may not request it, and while it is stopped", { timeout: STORY_MS }, async () => {
  await using served = await asleep();

  expect((await served.request("/", { key: null })).status).toBe(401);
  expect((await served.request("/", { key: `rgs_${"x".repeat(43)}` })).status).toBe(401);
  await served.api("POST", "/stop");
  expect((await served.request("/")).status).toBe(503);

  expect([await replicas(served), woken]).toEqual([0, 0]);
  await served.api("POST", "/start");
  await served.settle();
  expect(await replicas(served)).toBe(0);
});

test(
  "sleeps on for a viewer, a key that only reads and a member whose it is not, and wakes for who manages it",
  { timeout: STORY_MS },
  async () => {
    await using served = await asleep();
    const { api } = web.control;
    const name = randomBytes(3).toString("hex");
    const [viewer, member] = [await api.customer(`viewer-${name}`), await api.customer(`member-${name}`)];
    await api.join(web.owner.workspaceId, web.owner, viewer, "viewer");
    await api.join(web.owner.workspaceId, web.owner, member);
    const reads = await api.key(web.owner, { name: "reads", scopes: ["read"] });

    for (const { key } of [viewer, reads]) expect((await served.request("/", { key })).status).toBe(403);
    const refused = await served.request("/", { key: member.key });
    expect([refused.status, refused.body.detail]).toEqual([503, expect.stringContaining("sleeps")]);
    expect([await replicas(served), await waiting(served), woken]).toEqual([0, 0, 0]);

    const requested = served.request("/", { key: web.owner.key });
    await eventually(async () => (await replicas(served)) === 1, { what: "the wish" });
    await served.settle();

    expect((await requested).status).toBe(200);
    expect((await served.request("/", { key: member.key })).status).toBe(200);
    expect((await served.request("/", { key: viewer.key })).status).toBe(403);
  },
);

test(
  "is not woken where its number is left to people, whose word is none",
  { timeout: STORY_MS },
  async () => {
    await using served = await asleep({ queue_seconds: 1 });
    await served.api("POST", "/pause");

    const refused = await served.request("/");

    expect([refused.status, refused.body.detail]).toEqual([503, expect.stringContaining("Scaled to zero")]);
    expect([await replicas(served), woken]).toEqual([0, 0]);
  },
);

test(
  "that cannot start gives those who wait the reason, once their time is up",
  { timeout: STORY_MS },
  async () => {
    await using served = await asleep({ queue_seconds: 1, wake_seconds: 3 });
    await web.control.api.db.query("UPDATE hosts SET cordoned = true");

    const requested = served.request("/");
    await eventually(() => woken === 1, { what: "the wish" });
    await web.control.replicas();
    await web.control.schedule();

    const refused = await requested;
    await web.control.api.db.query("UPDATE hosts SET cordoned = false");
    expect([refused.status, refused.body.detail]).toEqual([
      503,
      expect.stringContaining("Waiting for a place"),
    ]);
  },
);
