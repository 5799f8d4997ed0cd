/** What the API tells of what a service answered: sums, keys and minutes as gateways wrote them down, and for how long. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { oldTrafficPass } from "@remotegpu/control-plane/server/controllers/inference/old-traffic";
import {
  type CountedAnswer,
  countAnswer,
  noCounts,
} from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { keepGateway, removeGateway } from "@remotegpu/control-plane/server/store/gateway/gateways";
import { writeReport } from "@remotegpu/control-plane/server/store/gateway/reports";
import { keepTraffic } from "@remotegpu/control-plane/server/store/inference/gateway/traffic";
import { MS_PER_DAY, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { freshDatabase } from "../../support/engines/postgres.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

let services: ServiceScene;
beforeAll(async () => {
  services = await ServiceScene.begin(await openControlScene(await freshDatabase()), { hosts: 1 });
});
afterAll(() => services.scene.close());

const ANSWER: CountedAnswer = {
  status: 200,
  isWhole: true,
  bytes: 100,
  tookMs: 20,
  firstByteMs: 10,
  queuedMs: 0,
  tokens: null,
};

/** A gateway has counted these so far, in that minute. */
async function counted(
  id: string,
  at: { gateway?: string; minutesAgo?: number; revision?: number; keyName?: string | null },
  ...answers: Partial<CountedAnswer>[]
): Promise<void> {
  const { gateway = "gw-1", minutesAgo = 5, revision = 1, keyName = "app" } = at;
  const counts = noCounts();
  for (const one of answers) countAnswer(counts, { ...ANSWER, ...one });
  const minute = new Date(
    Math.floor(services.scene.api.deps.now().getTime() / MS_PER_MINUTE - minutesAgo) * MS_PER_MINUTE,
  );
  await keepTraffic(services.scene.api.db, gateway, [
    { at: { serviceId: id, revision, keyName }, minute, counts },
  ]);
}

const traffic = async (id: string, query = "") =>
  (await services.request("GET", `/${id}/traffic${query}`)).body;

const metrics = async (id: string) => String((await services.request("GET", `/${id}/metrics`)).body);

/** All of them that begin so, together. */
async function metric(id: string, begins: string): Promise<number> {
  const lines = (await metrics(id))
    .split("\n")
    .filter((line) => line.startsWith(`remotegpu_service_${begins}`));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

describe("what is reported", () => {
  test("is the sum of all gateways, by key and revision; what is written again takes the place of what was", async () => {
    const id = await services.ordered();
    const tokens = { prompt: 3, completion: 4 };
    await counted(id, {}, {});
    await counted(id, {}, {}, { tokens });
    await counted(id, { gateway: "gw-2" }, { status: 500, tokens: "silent" });
    await counted(id, { keyName: "other", revision: 2 }, { tokens });
    await counted(id, { keyName: null, revision: 0 }, { status: 401, firstByteMs: null });

    const reported = await traffic(id);

    expect(reported.total).toMatchObject({
      requests: 5,
      status_2xx: 3,
      status_4xx: 1,
      status_5xx: 1,
      bytes_sent: 500,
      token_answers: 2,
      token_silent: 1,
      prompt_tokens: 6,
      completion_tokens: 8,
      took: { count: 5, mean_ms: 20 },
      first_byte: { count: 4 },
    });
    expect(reported.own_answers).toBe(1);
    const requests = (rows: Record<string, unknown>[], name: string) =>
      rows.map((row) => [row[name], row["requests"], row["prompt_tokens"]]);
    expect(requests(reported.keys, "key_name")).toEqual([
      ["", 1, null],
      ["app", 3, 3],
      ["other", 1, 3],
    ]);
    expect(requests(reported.revisions, "revision")).toEqual([
      [1, 3, 3],
      [2, 1, 3],
    ]);
    expect((await traffic(id, "?key=other")).total.requests).toBe(1);
  });

  test("are minutes by pages, the newest first, of the time that is requested", async () => {
    const id = await services.ordered();
    for (const minutesAgo of [3, 10, 70]) await counted(id, { minutesAgo }, {});

    const first = await traffic(id, "?limit=1");
    const second = await traffic(id, `?limit=1&cursor=${first.next_cursor}`);
    const day = `?start_time=${new Date(services.scene.api.deps.now().getTime() - MS_PER_DAY).toISOString()}`;

    expect([first.items.length, second.items.length, second.next_cursor]).toEqual([1, 1, null]);
    expect(Date.parse(first.items[0].minute) - Date.parse(second.items[0].minute)).toBe(7 * MS_PER_MINUTE);
    expect(first.total.requests).toBe(2);
    expect((await traffic(id, day)).items).toHaveLength(3);
  });

  test("is refused of a time that ends before it begins", async () => {
    const id = await services.ordered();
    const query = "start_time=2026-01-02T00:00:00Z&end_time=2026-01-01T00:00:00Z";

    const { status, body } = await services.request("GET", `/${id}/traffic?${query}`);

    expect([status, body.errors[0].path]).toEqual([422, "start_time"]);
  });

  test("is what is in flight and waits now, of the gateways that run", async () => {
    const id = await services.runs({});
    const { db, deps } = services.scene.api;
    const [replica] = (await services.get(id)).instances;
    expect(replica!.in_flight).toBeNull();
    for (const [gateway, inFlight] of [
      ["gw-a", 2],
      ["gw-b", 3],
    ] as const) {
      const base = "https://web.example.com";
      await keepGateway(db, {
        id: gateway,
        name: "a",
        tunnel: null,
        webBase: null,
        serviceBase: base,
        serviceDomain: null,
        now: deps.now(),
      });
      onTestFinished(() => removeGateway(db, gateway));
      const reported = { inFlight, held: 1, requests: 9, left: {}, listed: { [replica!.id]: inFlight } };
      await writeReport(db, gateway, { asOf: deps.now(), services: { [id]: reported } });
    }
    expect(await traffic(id)).toMatchObject({ in_flight: 5, held: 2 });
    expect(await metric(id, "in_flight ")).toBe(5);
    expect((await services.get(id)).instances).toMatchObject([{ id: replica!.id, in_flight: 5 }]);
    const listed = (await services.request("GET", "")).body.items.find(
      (one: { id: string }) => one.id === id,
    );
    expect(listed.instances).toMatchObject([{ in_flight: 5 }]);
    expect((await services.request("GET", `/${id}/instances`)).body.items).toMatchObject([{ in_flight: 5 }]);
  });
});

async function oldTraffic(): Promise<void> {
  const { db, deps } = services.scene.api;
  const now = deps.now();
  const term = (await acquireLeadership(db, { holder: "the test", now })) ?? 0;
  await oldTrafficPass({ db }, { term, now });
}

describe("after two days", () => {
  test("a minute is one row of each revision and key, however many gateways had a part in it", async () => {
    const id = await services.ordered();
    const { db } = services.scene.api;
    const minutes = MS_PER_DAY / MS_PER_MINUTE;
    const gateways = Array.from({ length: 6 }, (_, nth) => `gw-${nth}`);
    for (const gateway of gateways)
      for (const minutesAgo of [2 * minutes + 2, 2 * minutes + 3, 20 * minutes])
        await counted(id, { gateway, minutesAgo }, {}, { status: 500, tookMs: 400_000 });
    await counted(id, { minutesAgo: 20 * minutes, keyName: "other" }, {});
    for (const gateway of gateways) await counted(id, { gateway, minutesAgo: 2 * minutes - 2 }, {});
    const reported = async () => {
      const { total, keys, revisions, items } = await traffic(id, "?start_time=2020-01-01T00:00:00Z");
      return { total, keys, revisions, items, metrics: await metrics(id) };
    };
    const before = await reported();

    for (let time = 0; time < 2; time += 1) {
      await oldTraffic();

      const { rows } = await db.query("SELECT FROM service_traffic WHERE service_id = $1", [id]);
      expect(rows).toHaveLength(4 + gateways.length);
      expect(await reported()).toEqual(before);
    }
  });
});

describe("after thirty days", () => {
  test("minutes go, and counters stay as they were", async () => {
    const id = await services.ordered();
    const { db } = services.scene.api;
    const minutes = MS_PER_DAY / MS_PER_MINUTE;
    const old = [30 * minutes + 2, 30 * minutes + 3, 40 * minutes];
    for (const minutesAgo of old)
      for (const gateway of ["gw-1", "gw-2"])
        await counted(id, { gateway, minutesAgo }, {}, { tookMs: 400_000 });
    await counted(id, { minutesAgo: 30 * minutes - 2 }, {});
    await counted(id, { minutesAgo: old[0] ?? 0, keyName: "other" }, {});
    const before = await metrics(id);

    for (let time = 0; time < 2; time += 1) {
      await oldTraffic();
      const { rows } = await db.query("SELECT FROM service_traffic WHERE service_id = $1", [id]);
      expect(rows).toHaveLength(3);
      expect(await metrics(id)).toBe(before);
    }
    // One that comes late joins what is there.
    await counted(id, { gateway: "gw-3", minutesAgo: 31 * minutes }, {});
    await oldTraffic();

    expect(await metric(id, 'requests_total{revision="1",key="app"')).toBe(14);
    expect(await metric(id, "request_seconds_count")).toBe(15);
    const whole = await traffic(id, "?start_time=2020-01-01T00:00:00Z");
    expect([whole.total.requests, whole.items.length]).toEqual([1, 1]);
  });
});

test("two lives of a gateway in one minute count once each, put together by the minute and again after thirty days", async () => {
  const id = await services.ordered();
  const { api } = services.scene;
  const minutes = MS_PER_DAY / MS_PER_MINUTE;
  const minutesAgo = 3 * minutes;
  await counted(id, { gateway: "gw-before", minutesAgo }, {}, {});
  // What it wrote last stands whole in place of that.
  await counted(id, { gateway: "gw-before", minutesAgo }, {}, {}, {});
  await counted(id, { gateway: "gw-after", minutesAgo }, {}, {});
  const stored = async () =>
    (
      await api.db.query(
        "SELECT gateway, requests::int, minute = 'epoch' AS old FROM service_traffic WHERE service_id = $1",
        [id],
      )
    ).rows;
  expect(await stored()).toHaveLength(2);

  for (const old of [false, true]) {
    for (let time = 0; time < 2; time += 1) await oldTraffic();

    expect(await stored()).toEqual([{ gateway: "all", requests: 5, old }]);
    expect(await metric(id, "requests_total")).toBe(5);
    api.passMinutes(28 * minutes);
  }
});
