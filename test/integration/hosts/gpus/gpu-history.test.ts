/**
 * The history of cards: recorded heartbeats of two hours are played to servers whose clock is that of the recording, and
 * read by the API. What was not heard is null, whatever it was that was away.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GpuHistory } from "@remotegpu/control-plane/server/controllers/hosts/gpu-history";
import { hostSync } from "@remotegpu/control-plane/server/controllers/hosts/host-sync";
import { oldGpuHistoryPass } from "@remotegpu/control-plane/server/controllers/hosts/old-gpu-history";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import {
  gpuReport,
  openControlScene,
  type ControlScene,
  ScriptedHost,
} from "../../../support/worlds/control-scene.ts";
import { quietLog } from "../../../support/quiet-log.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Two whole hours that are over. */
const T0 = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS;
const at = (minutes: number) => new Date(T0 + minutes * MINUTE_MS);
const BEAT = 10 / 60;

/** What a card said from one minute to another, every ten seconds; seconds before a bucket ends belong to it. */
interface Recorded {
  from: number;
  to: number;
  use: number | null;
  degraded?: string[];
  epoch?: number;
  /** Minutes from one to the next. */
  every?: number;
}

let scene: ControlScene;
let clock: Date;
const hosts: ScriptedHost[] = [];
beforeAll(async () => {
  scene = await openControlScene();
});
afterAll(async () => await scene?.close());

/** One of several on one database, each with what it alone has heard. */
function openServer() {
  const { api } = scene;
  const history = new GpuHistory({ db: api.deps.db, now: () => clock });
  const handlers = hostSync({
    db: api.deps.db,
    now: () => clock,
    log: quietLog,
    passwords: api.deps.passwords,
    envVars: api.deps.envVars,
    hostKeys: api.deps.hostKeys,
    terminalKeys: api.terminalKeys,
    jupyterTokens: api.deps.jupyterTokens,
    rankKeys: api.rankKeys,
    history,
    wake: () => undefined,
    nudge: () => undefined,
  });
  return {
    history,
    /** Plays what was recorded; its loop passes each minute. */
    async hears(host: ScriptedHost, recording: Recorded[]) {
      for (const { from, to, use, degraded = [], epoch = 1, every = BEAT } of recording)
        for (let minute = from; minute < to - 1e-9; minute += every) {
          clock = at(minute);
          const heartbeat = host.heartbeatOf({
            gpus: host.gpus.map(vitals(use)),
            degraded,
            agentEpoch: epoch,
          });
          const reply = await handlers.heartbeat(host.id, heartbeat);
          expect(reply.kind).toBe("heartbeat-reply");
          await history.pass();
        }
    },
  };
}

const vitals =
  (use: number | null) =>
  ({ uuid, health }: { uuid: string; health: string }) => ({
    uuid,
    health,
    utilizationPercent: use,
    memoryUsedMib: use === null ? null : use * 100,
    temperatureC: use === null ? null : 40,
    powerW: use === null ? null : 100.4,
  });

const newHost = async (gpus = 1) => {
  const host = await scene.host(`host-history-${hosts.length}`, { gpus });
  hosts.push(host);
  return host;
};

async function history(uuid: string, { from = 0, to = 120 }: { from?: number; to?: number } = {}) {
  const query = `from=${at(from).toISOString()}&to=${at(to).toISOString()}`;
  const { status, body } = await scene.api.request("GET", `/api/v1/gpus/${uuid}/history?${query}`, {
    as: scene.api.admin,
  });
  expect(status).toBe(200);
  return body;
}

type ReportedPoint = { at: string; samples: number; utilization: { mean: number } | null };
/** `[minute, samples, mean use]` of the points of which something was heard. */
const heardOf = (series: { points: ReportedPoint[] }) =>
  series.points
    .filter(({ samples }) => samples > 0)
    .map((point) => [
      (Date.parse(point.at) - T0) / MINUTE_MS,
      point.samples,
      point.utilization?.mean ?? null,
    ]);

describe("of recorded heartbeats", () => {
  test("is a point for each five minutes, and null where the host was away", async () => {
    const host = await newHost();
    const server = openServer();
    await server.hears(host, [
      { from: 0, to: 5, use: 40 },
      { from: 5, to: 7.5, use: 10 },
      { from: 7.5, to: 10, use: 90 },
      { from: 20, to: 25, use: 60 },
      { from: 25, to: 25 + BEAT, use: 0 },
    ]);

    const { step_seconds, series } = await history(host.gpus[0]!.uuid, { to: 30 });

    expect(step_seconds).toBe(300);
    expect(series).toHaveLength(1);
    const mean = (point: { utilization: unknown }) => point.utilization;
    expect(series[0]!.points.map(mean)).toEqual([
      { min: 40, mean: 40, max: 40 },
      { min: 10, mean: 50, max: 90 },
      null,
      null,
      { min: 60, mean: 60, max: 60 },
      null,
    ]);
    expect(series[0]!.points[0]).toEqual({
      at: at(0).toISOString(),
      samples: 30,
      utilization: { min: 40, mean: 40, max: 40 },
      memory_used: { min: 4_000, mean: 4_000, max: 4_000 },
      temperature: { min: 40, mean: 40, max: 40 },
      power: { min: 100, mean: 100, max: 100 },
    });
    expect(series[0]!.points[2]).toEqual({
      at: at(10).toISOString(),
      samples: 0,
      utilization: null,
      memory_used: null,
      temperature: null,
      power: null,
    });
  });

  test("an hour ends to the second: what is heard a moment later is the next row's", async () => {
    const host = await newHost();
    const server = openServer();
    await server.hears(host, [
      { from: 59.5, to: 60, use: 80 },
      { from: 60, to: 60.5, use: 20 },
      { from: 65, to: 65 + BEAT, use: 1 },
    ]);

    const series = (await history(host.gpus[0]!.uuid)).series[0]!;

    expect(heardOf(series)).toEqual([
      [55, 3, 80],
      [60, 3, 20],
    ]);
    const { rows } = await scene.api.db.query(
      "SELECT h.hour FROM gpu_history h JOIN gpus g ON g.id = h.gpu_id WHERE g.uuid = $1 ORDER BY h.hour",
      [host.gpus[0]!.uuid],
    );
    expect(rows).toEqual([{ hour: at(0) }, { hour: at(60) }]);
  });

  test("a server that is killed loses what it heard in the open five minutes, which are fewer samples and never 0", async () => {
    const host = await newHost();
    const [killed, next] = [openServer(), openServer()];
    await killed.hears(host, [{ from: 0, to: 7, use: 50 }]);

    await next.hears(host, [{ from: 8, to: 10 + BEAT, use: 70 }]);

    expect(heardOf((await history(host.gpus[0]!.uuid)).series[0]!)).toEqual([
      [0, 30, 50],
      [5, 12, 70],
    ]);
  });

  test("one that ends in order loses nothing", async () => {
    const host = await newHost();
    const [ended, next] = [openServer(), openServer()];
    await ended.hears(host, [{ from: 5, to: 7, use: 50 }]);

    await ended.history.end();
    await next.hears(host, [{ from: 8, to: 10 + BEAT, use: 80 }]);

    expect(heardOf((await history(host.gpus[0]!.uuid)).series[0]!)).toEqual([[5, 24, 65]]);
  });

  test("two servers that hear a host by turns have one history, also where they write at once", async () => {
    const host = await newHost(8);
    const [one, other] = [openServer(), openServer()];
    for (let minute = 0; minute < 5; minute += 1)
      await (minute % 2 === 0 ? one : other).hears(host, [
        { from: minute, to: minute + 1, use: minute * 10 },
      ]);
    clock = at(5.1);

    await Promise.all([one.history.pass(), other.history.pass()]);

    for (const { uuid } of host.gpus) {
      const series = (await history(uuid)).series[0]!;
      expect(heardOf(series)).toEqual([[0, 30, 20]]);
      expect(series.points[0]!.utilization).toEqual({ min: 0, mean: 20, max: 40 });
    }
  });

  test("an agent that starts anew and has not read its cards yet reports nulls, which lower no mean", async () => {
    const host = await newHost();
    const server = openServer();
    await server.hears(host, [
      { from: 0, to: 2, use: 60 },
      { from: 3, to: 4, use: null, epoch: 2 },
      { from: 4, to: 5, use: 60, epoch: 2 },
      { from: 5, to: 10, use: null, epoch: 2 },
      { from: 10, to: 10 + BEAT, use: 1, epoch: 2 },
    ]);

    const series = (await history(host.gpus[0]!.uuid)).series[0]!;

    expect(heardOf(series)).toEqual([
      [0, 24, 60],
      [5, 30, null],
    ]);
  });

  test("what a host repeats that does not see its cards is not read", async () => {
    const host = await newHost();
    const server = openServer();
    await server.hears(host, [
      { from: 0, to: 5, use: 60 },
      { from: 5, to: 10, use: 60, degraded: ["nvidia-smi-hung"] },
      { from: 10, to: 15 + BEAT, use: 60 },
    ]);

    expect(heardOf((await history(host.gpus[0]!.uuid)).series[0]!)).toEqual([
      [0, 30, 60],
      [10, 30, 60],
    ]);
  });

  test("of a card that is gone what was read before stays, then null, and of its neighbour all", async () => {
    const host = await newHost(2);
    const [gone, stays] = host.gpus as [ReturnType<typeof gpuReport>, ReturnType<typeof gpuReport>];
    const server = openServer();
    await server.hears(host, [{ from: 0, to: 7, use: 30 }]);
    host.gpus = [stays];
    await host.report([]);
    await server.hears(host, [{ from: 7, to: 15 + BEAT, use: 30 }]);

    expect(heardOf((await history(gone.uuid)).series[0]!)).toEqual([
      [0, 30, 30],
      [5, 12, 30],
    ]);
    expect(heardOf((await history(stays.uuid)).series[0]!)).toEqual([
      [0, 30, 30],
      [5, 30, 30],
      [10, 30, 30],
    ]);
  });

  test("a host speaks for its own cards alone", async () => {
    const [victim, liar] = [await newHost(), await newHost()];
    liar.gpus = [...victim.gpus, gpuReport("GPU-is-made-up", 1, 1)];
    const server = openServer();

    await server.hears(liar, [{ from: 0, to: 5 + BEAT, use: 100 }]);

    expect(heardOf((await history(victim.gpus[0]!.uuid)).series[0]!)).toEqual([]);
    const made = await scene.api.request("GET", "/api/v1/gpus/GPU-is-made-up/history", {
      as: scene.api.admin,
    });
    expect(made.status).toBe(404);
  });

  test("of more than three days comes in hours, each bucket counting as often as it was read", async () => {
    const host = await newHost();
    const server = openServer();
    await server.hears(host, [
      { from: 0, to: 5, use: 20 },
      { from: 30, to: 31, use: 80 },
      { from: 60, to: 65 + BEAT, use: 50 },
    ]);

    const { step_seconds, series } = await history(host.gpus[0]!.uuid, { from: -4 * 24 * 60 });

    expect(step_seconds).toBe(3_600);
    expect(heardOf(series[0]!)).toEqual([
      [0, 36, 30],
      [60, 30, 50],
    ]);
  });
});

describe("of a workload", () => {
  let customer: Awaited<ReturnType<ControlScene["customer"]>>;
  let id: string;
  let uuid: string;

  beforeAll(async () => {
    customer = await scene.customer("ada");
    await newHost();
    id = (await scene.order(customer, { gpu: 1 })).body.id;
    await scene.schedule();
    const { rows } = await scene.api.db.query<{ host_id: string; uuid: string }>(
      "SELECT host_id, uuid FROM gpus WHERE allocated_to IN (SELECT id FROM instances WHERE workload_id = $1)",
      [id],
    );
    uuid = rows[0]!.uuid;
    const host = hosts.find((one) => one.id === rows[0]!.host_id)!;
    await openServer().hears(host, [{ from: 0, to: 61, use: 70, every: 1 }]);
  });

  const request = async (as: typeof customer, path: string) =>
    await scene.api.request("GET", `/api/v1/${path}`, { as });
  const held = async (from: number, to: number | null) =>
    await scene.api.db.query(
      `UPDATE gpu_allocations SET allocated_at = $2, released_at = $3, mode = CASE WHEN $3::timestamptz IS NULL THEN mode END
        WHERE instance_id IN (SELECT id FROM instances WHERE workload_id = $1)`,
      [id, at(from), to === null ? null : at(to)],
    );
  const own = async (query = "") =>
    (
      await request(
        customer,
        `environments/${id}/history?from=${at(0).toISOString()}&to=${at(120).toISOString()}${query}`,
      )
    ).body;

  test("who holds the card sees it from then on, and nothing of a reading that may be the former holder's", async () => {
    await held(19.8, null);

    const { series } = await own();

    expect(series.map((one: { uuid: string; rank: number }) => [one.uuid, one.rank])).toEqual([[uuid, 0]]);
    expect(heardOf(series[0]).map(([minute]) => minute)).toEqual([25, 30, 35, 40, 45, 50, 55]);
    expect(series[0].from).toBe(at(25).toISOString());
  });

  test("who held it sees that time alone once it is over, and not a second beyond", async () => {
    await held(15, 39.9);

    const { series } = await own();

    expect(heardOf(series[0]).map(([minute]) => minute)).toEqual([20, 25, 30]);
    expect(series[0].to).toBe(at(39.9).toISOString());
    const later = await request(customer, `environments/${id}/history?from=${at(40).toISOString()}`);
    expect(later.body.series).toEqual([]);
  });

  test("is listed by rank, and of another rank nothing", async () => {
    await held(0, 60);

    expect((await own("&rank=0")).series).toHaveLength(1);
    expect((await own("&rank=1")).series).toEqual([]);
  });

  test("is not found under another kind of workload", async () => {
    expect((await request(customer, `training-jobs/${id}/history`)).status).toBe(404);
  });
});

describe("bad questions", () => {
  test.each([
    [`from=${at(5).toISOString()}&to=${at(5).toISOString()}`, "from"],
    [`from=${at(6).toISOString()}&to=${at(5).toISOString()}`, "from"],
  ])("%s is refused, and the field named", async (query, field) => {
    const host = await newHost();

    const answer = await scene.api.request("GET", `/api/v1/gpus/${host.gpus[0]!.uuid}/history?${query}`, {
      as: scene.api.admin,
    });

    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body.errors)).toContain(field);
  });

  test("years are answered with what is stored, and the future with nothing", async () => {
    const uuid = (await newHost()).gpus[0]!.uuid;
    const request = async (query: string) =>
      (await scene.api.request("GET", `/api/v1/gpus/${uuid}/history?${query}`, { as: scene.api.admin })).body;

    const years = await request("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z");

    expect(years.step_seconds).toBe(3_600);
    expect(years.series[0]!.points.length).toBeLessThanOrEqual(30 * 24 + 1);
    expect(years.series[0]!.points.length).toBeGreaterThanOrEqual(30 * 24);
    expect((await request("from=9998-01-01T00:00:00Z&to=9999-01-01T00:00:00Z")).series[0]!.points).toEqual(
      [],
    );
    expect((await request("from=0001-01-01T00:00:00Z&to=0002-01-01T00:00:00Z")).series[0]!.points).toEqual(
      [],
    );
  });

  test.each(["GPU-nobody-has-it", "GPU-".padEnd(64, "0")])(
    "of the card %s there is nothing",
    async (uuid) => {
      const answer = await scene.api.request("GET", `/api/v1/gpus/${uuid}/history`, { as: scene.api.admin });

      expect(answer.status).toBe(404);
    },
  );
});

test("what is older than the setting allows goes, some thousand rows at a time, and the rest stays", async () => {
  const { db, deps, admin } = scene.api;
  const host = await newHost();
  await db.query(
    `INSERT INTO gpu_history SELECT g.id, date_trunc('hour', $2::timestamptz) - n * interval '1 hour', array_fill(1, ARRAY[12]), m, m, m, m
       FROM gpus g, generate_series(0, 6000) n, (SELECT array_fill(1, ARRAY[3, 12]) AS m) places
      WHERE g.uuid = $1`,
    [host.gpus[0]!.uuid, new Date()],
  );
  await scene.api.request("PUT", "/api/v1/settings/GPU_HISTORY_DAYS", { as: admin, body: { value: "20" } });
  const now = new Date();
  const term = await acquireLeadership(deps.db, { holder: "the test", now });

  await oldGpuHistoryPass({ db: deps.db }, { term: term ?? 0, now });

  const { rows } = await db.query(
    `SELECT count(*) AS count, min(h.hour) AS oldest FROM gpu_history h JOIN gpus g ON g.id = h.gpu_id WHERE g.uuid = $1`,
    [host.gpus[0]!.uuid],
  );
  expect(rows[0]?.count).toBe(20 * 24);
  expect(rows[0]?.oldest.getTime()).toBeGreaterThanOrEqual(now.getTime() - 20 * DAY_MS);
});
