/** Orders whose image is still on its way: what they hold, what they are told, what they pay, and how that ends. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { pullsOfHost, putHostPulls } from "@remotegpu/control-plane/server/store/hosts/images/host-pulls";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { type ObservedPull, PULL_PROBLEM_REASONS } from "@remotegpu/shared/instance/image-fetch";
import { InstanceId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { GIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";

const IMAGE = "large:1";
const NOT_BEGUN = { phase: "starting", containerId: null, detail: "Image large:1 is being pulled." } as const;

let scene: ControlScene;
let host: ScriptedHost;
let alice: Caller & { customerId: number };
let bob: Caller & { customerId: number };

let hosts = 0;

beforeAll(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  bob = await scene.customer("bob");
});
afterAll(async () => await scene?.close());
beforeEach(async () => {
  host = await anotherHost("a");
});
// One fleet and one line for each test, in one database.
afterEach(async () => {
  await sql("UPDATE environments SET status = 'stopped', deleted_at = now()");
  await sql("UPDATE hosts SET deleted_at = now(), revoked_at = now()");
  await sql("DELETE FROM image_fetches");
  await sql("UPDATE placements SET waited_for_image_at = NULL");
  await sql("DELETE FROM settings WHERE key = 'IMAGE_REGISTRIES'");
});

/** Of equal ones the first by `name` is taken first. */
async function anotherHost(name: string, fetches = true): Promise<ScriptedHost> {
  hosts += 1;
  return await scene.host(`host-${name}-${hosts}`, { gpus: 1, fetches });
}

const sql = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await scene.api.db.query<Row>(text, values)).rows;

function pull(change: Partial<ObservedPull> = {}): ObservedPull {
  return {
    image: IMAGE,
    fetchId: null,
    state: "pulling",
    layersDone: null,
    layers: null,
    bytesDone: null,
    bytes: null,
    problem: null,
    operatorDetail: null,
    ...change,
  };
}

async function ordered(as: Caller, change: object = {}): Promise<string> {
  const { status, body } = await scene.order(as, { gpu: 1, image: IMAGE, ...change });
  expect(status).toBe(201);
  return body.id;
}

/** Placed on the host, which says that it pulls the image. */
async function placed(as: Caller = alice, on: ScriptedHost = host): Promise<string> {
  const id = await ordered(as);
  await scene.schedule();
  on.pulls = [pull()];
  await on.round(NOT_BEGUN);
  expect(await scene.get(as, id)).toMatchObject({ status: "creating", host_id: on.id });
  return id;
}

/** Two minutes later, with the host heard on. */
async function twoMinutesLater(on: ScriptedHost = host): Promise<void> {
  scene.api.passMinutes(2);
  await on.heartbeat();
}

/** Taken back, confirmed by its host, which fetches the image now. */
async function fetching(as: Caller = alice): Promise<{ id: string; fetchId: ObservedPull["fetchId"] }> {
  const id = await placed(as);
  await twoMinutesLater();
  expect(await scene.fetches()).toBe(true);
  await host.pull();
  const [fetch] = host.desiredFetches;
  host.pulls = [pull({ fetchId: fetch?.fetchId ?? null })];
  await host.round();
  await scene.schedule();
  return { id, fetchId: fetch?.fetchId ?? null };
}

/** It waits without a card until that host has its image, and is placed there then. */
async function placedOnceFetched(as: Caller, id: string, on: ScriptedHost): Promise<void> {
  expect((await scene.schedule()).placed).toEqual([]);
  const sentence = `Host ${on.id} is fetching the image; no GPU is held meanwhile.`;
  expect(await status(as, id)).toEqual(["queued", sentence]);
  await on.heartbeat();
  await on.pull();
  const fetchId = on.desiredFetches[0]?.fetchId ?? null;
  on.pulls = [pull({ fetchId, state: "present" })];
  await on.report([]);
  await scene.fetches();
  expect((await scene.schedule()).placed).toEqual([id]);
  expect((await scene.get(as, id)).host_id).toBe(on.id);
}

/** Its image is still to come, by the sentence of its host. */
const waitsFor = async (id: string, on: ScriptedHost = host) => {
  const [, reason] = await status(alice, id);
  expect(reason).toBe(`Host ${on.id} fetches the image when its turn comes; no GPU is held meanwhile.`);
};
const registries = async (value: string) =>
  await scene.api.request("PUT", "/api/v1/settings/IMAGE_REGISTRIES", {
    as: scene.api.admin,
    body: { value },
  });
const instanceOf = (id: string, on: ScriptedHost = host) => {
  const wanted = on.desired.find(({ spec }) => spec.workloadId === id);
  if (wanted === undefined) throw new Error(`${on.id} has no ${id}`);
  return wanted.instanceId;
};

const openFetches = async () =>
  await sql<{ workload_id: string }>("SELECT workload_id FROM image_fetches WHERE ended_at IS NULL");
const lastFetch = async () =>
  (await sql("SELECT outcome, problem FROM image_fetches ORDER BY since DESC LIMIT 1"))[0];
const status = async (as: Caller, id: string) => {
  const { status: now, status_reason: reason } = await scene.get(as, id);
  return [now, reason];
};
const why = async (as: Caller, id: string) =>
  (await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as })).body;
const queuedAt = async (id: string) =>
  (await sql<{ queued_at: Date }>("SELECT queued_at FROM environments WHERE id = $1", [id]))[0]?.queued_at;

describe("a placement whose image is being pulled", () => {
  test("keeps its card for two minutes, and then waits again from where it was in the line", async () => {
    const id = await placed();
    const since = await queuedAt(id);
    scene.api.passMinutes(1.9);
    await host.heartbeat();
    expect(await scene.fetches()).toBe(false);

    scene.api.passMinutes(0.2);
    await host.heartbeat();
    scene.api.nudged.length = 0;
    expect(await scene.fetches()).toBe(true);

    expect(await status(alice, id)).toEqual([
      "queued",
      `Host ${host.id} is fetching the image; its place there is being given back.`,
    ]);
    expect(await queuedAt(id)).toEqual(since);
    expect(scene.api.nudged).toEqual([host.id]);
    expect(await host.pull()).toEqual([
      expect.objectContaining({ want: "removed", orderedBy: "control-plane" }),
    ]);
    expect(host.desiredFetches).toEqual([
      expect.objectContaining({ image: IMAGE, terms: expect.objectContaining({ credential: null }) }),
    ]);
    expect(await scene.fetches()).toBe(false);
  });

  test("gives its card to another customer's order once its host has confirmed, and not before", async () => {
    const id = await placed();
    await twoMinutesLater();
    await scene.fetches();
    const other = await ordered(bob, { image: "small:1" });
    expect((await scene.schedule()).placed).toEqual([]);

    await host.round();
    const { placed: landed } = await scene.schedule();

    expect(landed).toEqual([other]);
    expect(await status(alice, id)).toEqual([
      "queued",
      `Host ${host.id} is fetching the image; no GPU is held meanwhile.`,
    ]);
    expect(
      await sql(
        "SELECT FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid WHERE a.released_at IS NULL AND g.host_id = $1",
        [host.id],
      ),
    ).toHaveLength(1);
  });

  test("waits on, as ever, on a host whose agent does not follow fetches", async () => {
    const old = await anotherHost("b", false);
    await scene.api.request("POST", `/api/v1/hosts/${host.id}/cordon`, { as: scene.api.admin, body: {} });
    const id = await placed(alice, old);
    scene.api.passMinutes(29);
    await old.heartbeat();

    expect(await scene.fetches()).toBe(false);
    expect(await status(alice, id)).toEqual(["creating", NOT_BEGUN.detail]);
  });

  test.each<[string, Parameters<ScriptedHost["round"]>[0]]>([
    ["has a container", { phase: "starting", detail: "The container runs; its metering opens." }],
    ["runs", { phase: "ready" }],
    ["is on a host whose runtime is silent", { ...NOT_BEGUN, problem: "runtime-down" }],
  ])("keeps its place where it %s", async (_what, report) => {
    await placed();
    await host.round(report);
    await twoMinutesLater();

    expect(await scene.fetches()).toBe(false);
    expect(await openFetches()).toEqual([]);
  });

  test("is not taken back for another image's pull, nor by a host that reports nothing of pulls", async () => {
    await placed();
    host.pulls = [pull({ image: "other:1" })];
    await host.round(NOT_BEGUN);
    await twoMinutesLater();
    expect(await scene.fetches()).toBe(false);

    host.pulls = null;
    await host.round(NOT_BEGUN);
    expect(await scene.fetches()).toBe(false);
  });

  test("is taken back for the pull that it waits for itself, and not for another order's of the same image", async () => {
    const id = await placed();
    host.pulls = [pull({ instanceIds: [InstanceId.parse("ins-of-another")] })];
    await host.round(NOT_BEGUN);
    await twoMinutesLater();
    expect(await scene.fetches()).toBe(false);

    host.pulls.push(pull({ instanceIds: [instanceOf(id)] }));
    await host.round(NOT_BEGUN);
    expect(await scene.fetches()).toBe(true);
  });

  test("takes nothing of an earlier start along that its host still has: what ran then is paid for", async () => {
    const id = await ordered(alice);
    await scene.schedule();
    await host.round({ phase: "ready" });
    await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });
    await host.round({ phase: "stopped" });
    const [earlier] = await sql<{ id: string; waive_from: Date }>("SELECT id, waive_from FROM runs");
    await scene.api.request("POST", `/api/v1/environments/${id}/start`, { as: alice });
    await scene.schedule();
    host.pulls = [pull()];
    await host.pull();
    await host.heartbeat();
    await host.report(
      host.desired.map((wanted) =>
        host.observedOf(wanted, wanted.want === "removed" ? { phase: "stopped" } : NOT_BEGUN),
      ),
    );
    await twoMinutesLater();

    expect(await scene.fetches()).toBe(true);

    expect(await sql("SELECT gone_at FROM placements WHERE run_id = $1", [earlier?.id])).toEqual([
      { gone_at: null },
    ]);
    expect(await sql("SELECT id, waive_from FROM runs WHERE id = $1", [earlier?.id])).toEqual([earlier]);
  });

  test("is taken back after a restart as well, two minutes after that", async () => {
    const id = await placed();
    host.pulls = [];
    await host.round({ phase: "ready" });
    scene.api.passMinutes(30);
    await host.heartbeat();
    const { status: answered } = await scene.api.request("POST", `/api/v1/environments/${id}/restart`, {
      as: alice,
    });
    expect(answered).toBe(202);
    host.pulls = [pull()];
    await host.round(NOT_BEGUN);
    expect((await scene.get(alice, id)).status).toBe("restarting");
    expect(await scene.fetches()).toBe(false);

    await twoMinutesLater();
    expect(await scene.fetches()).toBe(true);

    expect((await scene.get(alice, id)).status).toBe("queued");
    expect(await host.pull()).toEqual([expect.objectContaining({ want: "removed" })]);
  });

  test("waits without a fetch behind four of its customer's own there, and holds no card for that", async () => {
    await scene.api.request("POST", `/api/v1/hosts/${host.id}/cordon`, { as: scene.api.admin, body: {} });
    const large = await scene.host(`host-large-${(hosts += 1)}`, { gpus: 6, fetches: true });
    const ids = [];
    for (let number = 0; number < 5; number += 1) ids.push(await ordered(alice));
    const others = await ordered(bob);
    await scene.schedule();
    large.pulls = [pull()];
    await large.round(NOT_BEGUN);
    await twoMinutesLater(large);
    await scene.fetches();
    await large.round();
    await scene.schedule();

    const reported = large.desiredFetches.map(({ fetchId }) => fetchId);
    const waiting = await sql<{ id: string; is_told: boolean }>(
      "SELECT workload_id AS id, id = ANY($1) AS is_told FROM image_fetches WHERE ended_at IS NULL",
      [reported],
    );
    expect(waiting.map(({ id }) => id).toSorted()).toEqual([...ids, others].toSorted());
    const [last, ...more] = waiting.filter((one) => !one.is_told);
    expect([ids.includes(last?.id ?? ""), more]).toEqual([true, []]);
    await waitsFor(last!.id, large);
    expect(
      await sql(
        "SELECT FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid WHERE a.released_at IS NULL AND g.host_id = $1",
        [large.id],
      ),
    ).toEqual([]);

    const first = waiting.find((one) => one.is_told && one.id !== others);
    await scene.api.request("POST", `/api/v1/environments/${first?.id}/stop`, { as: alice });
    await scene.fetches();
    await large.pull();
    expect(large.desiredFetches).toHaveLength(5);
    expect((await scene.schedule()).placed).toEqual([]);
  });

  test("is taken back at once where its registry goes off the list, with the list's reason and without a fetch", async () => {
    const id = await placed();
    await registries("ghcr.io");
    await host.heartbeat();

    expect(await scene.fetches()).toBe(true);

    const reason = "Waiting for image: images of docker.io may not be used; these may be used: ghcr.io.";
    expect(await status(alice, id)).toEqual(["queued", reason]);
    expect(await openFetches()).toEqual([]);
    expect(await host.pull()).toEqual([expect.objectContaining({ want: "removed" })]);
    await host.round();
    expect((await scene.schedule()).placed).toEqual([]);
    expect(await status(alice, id)).toEqual(["queued", reason]);
  });

  test("is taken back whatever becomes of another one, whose rows cannot be written", async () => {
    const other = await anotherHost("b");
    const ids = [await placed(), await ordered(bob)];
    await scene.schedule();
    other.pulls = [pull()];
    await other.round(NOT_BEGUN);
    await twoMinutesLater();
    await other.heartbeat();
    await sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$`);
    await sql(
      `CREATE TRIGGER refused BEFORE UPDATE ON environments FOR EACH ROW WHEN (old.id = '${ids[0]}') EXECUTE FUNCTION refuse()`,
    );
    try {
      expect(await scene.fetches()).toBe(true);
    } finally {
      await sql("DROP FUNCTION refuse() CASCADE");
    }

    expect(await openFetches()).toEqual([{ workload_id: ids[1] }]);
    expect((await scene.get(alice, ids[0]!)).status).toBe("creating");
  });

  test("retains its place where its host has all the fetches that it can be sent", async () => {
    await placed();
    await sql(
      `INSERT INTO image_fetches (id, workload_kind, workload_id, host_id, image, since)
       SELECT 'fetch-' || n, 'environment', 'env-' || n, $1, 'other:1', $2 FROM generate_series(1, 64) n`,
      [host.id, scene.api.deps.now()],
    );
    await sql(
      `INSERT INTO environments (id, customer_id, name, image, status, cpu, memory, gpu)
       SELECT 'env-' || n, $1, 'x', 'other:1', 'queued', 1, 1073741824, 0 FROM generate_series(1, 64) n`,
      [bob.customerId],
    );
    await twoMinutesLater();

    expect(await scene.fetches()).toBe(false);
  });

  test("reports its progress without an event for it, however often its host reports", async () => {
    const id = await placed();
    const events = async () => (await sql<{ n: number }>("SELECT count(*) AS n FROM events"))[0]?.n;
    const before = await events();

    for (let done = 1; done <= 20; done += 1)
      await host.round({ ...NOT_BEGUN, detail: `Image large:1 is being pulled (${done} of 20 layers).` });

    expect(await status(alice, id)).toEqual(["creating", "Image large:1 is being pulled (20 of 20 layers)."]);
    expect(await events()).toBe(before);
  });
});

describe("while the image is fetched", () => {
  test("the order reports how far it is, and no event is written for that", async () => {
    const { id, fetchId } = await fetching();
    const events = async () => (await sql<{ n: number }>("SELECT count(*) AS n FROM events"))[0]?.n;
    const before = await events();

    for (const done of [1, 2, 3]) {
      scene.api.passMinutes(1 / 20);
      await host.heartbeat();
      const bytesDone = Math.round(done * 0.4 * GIB);
      host.pulls = [pull({ fetchId, layersDone: done, layers: 8, bytesDone, bytes: 4 * GIB })];
      await host.report([]);
      await scene.schedule();
    }

    const sentence = `Host ${host.id} is fetching the image (3 of 8 layers, 1.2 of 4.0 GiB); no GPU is held meanwhile.`;
    expect(await status(alice, id)).toEqual(["queued", sentence]);
    expect(await events()).toBe(before);
    expect(await why(alice, id)).toMatchObject({
      status: "queued",
      reason: sentence,
      position: 1,
      image_fetches: [{ host_id: host.id, image: IMAGE, ended_at: null, outcome: null, reason: null }],
      suggestions: [],
    });
  });

  test("the order is not placed, also where another host is free, and keeps no room from others", async () => {
    const { id } = await fetching();
    await anotherHost("b");
    const others = [await ordered(bob, { image: "small:1" }), await ordered(bob, { image: "small:1" })];

    const { placed: landed } = await scene.schedule();

    expect(landed.toSorted()).toEqual(others.toSorted());
    expect((await scene.get(alice, id)).status).toBe("queued");
  });

  test("the order goes before those that came after it once the image is there", async () => {
    const { id, fetchId } = await fetching();
    const later = await ordered(alice, { image: "small:1" });
    host.pulls = [pull({ fetchId, state: "present" })];
    await host.report([]);
    expect(await scene.fetches()).toBe(true);

    const { placed: landed, waiting } = await scene.schedule();

    expect([landed, waiting]).toEqual([[id], [later]]);
    expect(await lastFetch()).toEqual({ outcome: "present", problem: null });
    await host.pull();
    expect(host.desiredFetches).toEqual([]);
    host.pulls = [];
    await host.round();
    expect((await scene.get(alice, id)).status).toBe("running");
  });

  test("a stop, a deletion and a start anew are carried out at once, and end the fetch", async () => {
    const { id } = await fetching();
    await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });
    expect(await status(alice, id)).toEqual(["stopped", null]);
    expect(await scene.fetches()).toBe(true);
    expect(await lastFetch()).toEqual({ outcome: "not-wanted", problem: null });
    await host.pull();
    expect(host.desiredFetches).toEqual([]);

    await scene.api.request("POST", `/api/v1/environments/${id}/start`, { as: alice });
    await host.heartbeat();
    expect((await scene.schedule()).placed).toEqual([]);
    await host.pull();
    expect(host.desiredFetches).toHaveLength(1);
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
    await scene.fetches();
    expect(await openFetches()).toEqual([]);
    expect((await scene.api.request("GET", `/api/v1/environments/${id}`, { as: alice })).status).toBe(404);
  });
});

describe("an image that does not come", () => {
  test.each(["refused", "no-such-image", "unreachable"] as const)(
    "ends the order with a fixed sentence, whatever the registry answered: %s",
    async (problem) => {
      const { id, fetchId } = await fetching();
      const operatorDetail = "http://169.254.169.254/ answered: token=secret";
      host.pulls = [pull({ fetchId, state: "failed", problem, operatorDetail })];
      await host.report([]);
      await scene.fetches();

      expect(await status(alice, id)).toEqual(["error", textOf(PULL_PROBLEM_REASONS[problem])]);
      expect(await lastFetch()).toEqual({ outcome: "failed", problem });
      const events = await scene.api.request("GET", `/api/v1/environments/${id}/events`, { as: alice });
      expect(JSON.stringify([await why(alice, id), events.body])).not.toContain("secret");
      const pulls = await scene.api.request("GET", `/api/v1/hosts/${host.id}/pulls`, { as: scene.api.admin });
      expect(pulls.body.items).toEqual([
        expect.objectContaining({
          image: IMAGE,
          fetch_id: fetchId,
          state: "failed",
          operator_detail: operatorDetail,
        }),
      ]);
    },
  );

  test("is waited for an hour in which it had no turn, and then its order is free to go elsewhere", async () => {
    const { id, fetchId } = await fetching();
    host.pulls = [pull({ fetchId, state: "waiting" })];
    await host.report([]);
    scene.api.passMinutes(59);
    await host.heartbeat();
    expect(await scene.fetches()).toBe(false);
    scene.api.passMinutes(1);
    await host.heartbeat();
    expect(await scene.fetches()).toBe(true);

    expect(await lastFetch()).toEqual({ outcome: "not-begun", problem: null });
    expect((await scene.schedule()).placed).toEqual([id]);
  });

  test("is given up after an hour of being pulled, in which its waiting does not count", async () => {
    const { id, fetchId } = await fetching();
    const report = async (state: ObservedPull["state"], minutes: number) => {
      host.pulls = [pull({ fetchId, state })];
      await host.report([]);
      scene.api.passMinutes(minutes);
      await host.heartbeat();
    };
    await report("pulling", 30);
    await report("waiting", 50);
    await report("pulling", 29);
    expect(await scene.fetches()).toBe(false);

    await report("pulling", 1);
    expect(await scene.fetches()).toBe(true);

    expect(await status(alice, id)).toEqual(["error", textOf(PULL_PROBLEM_REASONS["too-slow"])]);
  });

  test("because its registry goes off the list is requested no more, and its order waits with that reason", async () => {
    const { id } = await fetching();
    await registries("ghcr.io");
    await host.pull();
    expect(host.desiredFetches).toEqual([]);

    expect(await scene.fetches()).toBe(true);

    expect(await lastFetch()).toEqual({ outcome: "not-allowed", problem: null });
    expect((await scene.schedule()).placed).toEqual([]);
    expect(await status(alice, id)).toEqual([
      "queued",
      "Waiting for image: images of docker.io may not be used; these may be used: ghcr.io.",
    ]);
  });

  test("is given up after an hour", async () => {
    const { id } = await fetching();
    scene.api.passMinutes(59);
    await host.heartbeat();
    expect(await scene.fetches()).toBe(false);

    scene.api.passMinutes(1);
    await host.heartbeat();
    await scene.fetches();

    expect(await status(alice, id)).toEqual(["error", textOf(PULL_PROBLEM_REASONS["too-slow"])]);
  });

  test.each<[string, () => Promise<unknown>]>([
    [
      "is cordoned",
      () => scene.api.request("POST", `/api/v1/hosts/${host.id}/cordon`, { as: scene.api.admin, body: {} }),
    ],
    ["is unreachable", () => sql("UPDATE hosts SET connection = 'unreachable' WHERE id = $1", [host.id])],
    [
      "leaves the fleet",
      () => scene.api.request("DELETE", `/api/v1/hosts/${host.id}`, { as: scene.api.admin }),
    ],
  ])("from a host that %s is had by another one", async (_what, happens) => {
    const { id } = await fetching();
    await happens();
    const other = await anotherHost("b");
    expect((await scene.schedule()).placed).toEqual([]);

    await scene.fetches();

    expect(await lastFetch()).toEqual({ outcome: "host-away", problem: null });
    await placedOnceFetched(alice, id, other);
  });

  test("is reported for some minutes after the fetch has ended, and then forgotten", async () => {
    const { id } = await fetching();
    await scene.api.request("POST", `/api/v1/hosts/${host.id}/cordon`, { as: scene.api.admin, body: {} });
    await scene.fetches();
    expect((await why(alice, id)).image_fetches).toEqual([
      expect.objectContaining({
        outcome: "host-away",
        reason: `Host ${host.id} cannot go on fetching the image.`,
      }),
    ]);

    scene.api.passMinutes(10);
    await scene.fetches();
    expect((await why(alice, id)).image_fetches).toEqual([]);
  });
});

test("an order that is taken back waits on where its host is lost before it has confirmed", async () => {
  const id = await placed();
  await twoMinutesLater();
  await scene.fetches();

  await scene.api.request("DELETE", `/api/v1/hosts/${host.id}?lost=true`, { as: scene.api.admin });
  await scene.fetches();
  const other = await anotherHost("b");

  await placedOnceFetched(alice, id, other);

  expect(await scene.get(alice, id)).toMatchObject({ status: "creating", host_id: other.id });
});

test("an order that is stopped before its host has confirmed does not report that anything goes on", async () => {
  const id = await placed();
  await twoMinutesLater();
  await scene.fetches();

  await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });

  expect(await status(alice, id)).toEqual(["stopped", null]);
});

test("the host that has fetched the image is preferred at once, though its list of images is older", async () => {
  host.machine.images = [];
  await host.report([]);
  const { id, fetchId } = await fetching();
  // Alike in all else, and the first of equals by its name.
  const other = await anotherHost("0");
  other.machine.images = [];
  await other.report([]);
  host.pulls = [pull({ fetchId, state: "present" })];
  await host.report([]);
  await scene.fetches();
  host.pulls = [];
  await host.report([]);

  expect((await scene.schedule()).placed).toEqual([id]);
  expect((await scene.get(alice, id)).host_id).toBe(host.id);
});

test("a second host without the image fetches it before it gives a card", async () => {
  const { id, fetchId } = await fetching();
  const taken = await ordered(bob, { image: "small:1" });
  expect((await scene.schedule()).placed).toEqual([taken]);
  const other = await anotherHost("b");
  host.pulls = [pull({ fetchId, state: "present" })];
  await host.round();
  await scene.fetches();

  await placedOnceFetched(alice, id, other);

  expect(await lastFetch()).toEqual({ outcome: "present", problem: null });
});

describe("a start that held a card in vain", () => {
  beforeEach(async () => {
    const id = await placed();
    host.pulls = [pull({ instanceIds: [instanceOf(id)] })];
    await host.round(NOT_BEGUN);
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
    host.pulls = [];
    await host.round();
  });

  test("cannot hold another: the same customer's next order of the image, however spelled, gets a fetch first", async () => {
    const again = await ordered(alice, { image: `docker.io/library/${IMAGE}` });
    expect((await scene.schedule()).placed).toEqual([]);
    scene.api.nudged.length = 0;
    const third = await ordered(alice);
    expect((await scene.schedule()).placed).toEqual([]);
    expect(scene.api.nudged).toEqual([host.id]);
    expect((await openFetches()).map((row) => row.workload_id).toSorted()).toEqual([again, third].toSorted());

    const other = await ordered(bob);
    expect((await scene.schedule()).placed).toEqual([other]);
  });

  test("is not held against another image, nor against a host that has this one", async () => {
    const small = await ordered(alice, { image: "small:1" });
    expect((await scene.schedule()).placed).toEqual([small]);
    const other = await anotherHost("b");
    other.machine.images = [IMAGE];
    await other.report([]);
    const again = await ordered(alice);

    expect((await scene.schedule()).placed).toEqual([again]);
  });

  test("is forgotten after an hour", async () => {
    scene.api.passMinutes(60);
    await host.heartbeat();
    const again = await ordered(alice);

    expect((await scene.schedule()).placed).toEqual([again]);
  });
});

describe("the bill", () => {
  let journal: SceneJournal;
  let seq: number;

  beforeEach(() => {
    journal = new SceneJournal({ customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId });
    seq = 0;
  });

  /** Now, on the host's clock. */
  async function hostMs(): Promise<number> {
    const [boot] = await sql<{ utc_at_zero: Date }>("SELECT utc_at_zero FROM host_boots WHERE host_id = $1", [
      host.id,
    ]);
    return scene.api.deps.now().getTime() - (boot?.utc_at_zero.getTime() ?? 0);
  }

  async function proves(
    wanted: DesiredInstance | undefined,
    [fromMs, toMs]: [number, number],
  ): Promise<void> {
    if (wanted === undefined) throw new Error("nothing is wanted there");
    const { runId: run, instanceId, placementEpoch: epoch } = wanted;
    journal.write({ run, instanceId, epoch, fromMs, toMs, final: true });
    seq += 1;
    const deps = { db: scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA };
    await ingestBatch(deps, host.id, journal.batch(seq, seq), scene.api.deps.now());
  }

  async function charge(): Promise<void> {
    const { db, now } = scene.api.deps;
    const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
    await chargeDueHours({ db, calendar: CHINA }, { term, now: now() });
  }

  const runs = async (id: string) =>
    await sql<{ minutes: number; amount: string; closed: boolean }>(
      `SELECT billed_minutes AS minutes, posted_amount AS amount, closed_at IS NOT NULL AS closed FROM runs
        WHERE resource_id = $1 ORDER BY ordered_at`,
      [id],
    );

  test("of an order that waited for its image is for its running time alone", async () => {
    const { id, fetchId } = await fetching();
    scene.api.passMinutes(20);
    host.pulls = [pull({ fetchId, state: "present" })];
    await host.heartbeat();
    await host.report([]);
    await scene.fetches();
    expect((await scene.schedule()).placed).toEqual([id]);
    const [wanted] = await host.round();
    const fromMs = await hostMs();
    scene.api.passMinutes(10);

    await proves(wanted, [fromMs, fromMs + 10 * MS_PER_MINUTE]);

    expect(await runs(id)).toEqual([
      { minutes: 0, amount: "0.0000", closed: true },
      // 6.6 an hour.
      { minutes: 10, amount: "1.1000", closed: true },
    ]);
  });

  test("of an order whose image never comes is nothing", async () => {
    await charge();
    const { id } = await fetching();
    scene.api.passMinutes(60);
    await scene.fetches();
    scene.api.passMinutes(60);
    await charge();

    expect(await runs(id)).toEqual([{ minutes: 0, amount: "0.0000", closed: true }]);
    expect(await sql("SELECT FROM billing_records WHERE resource_id = $1", [id])).toEqual([]);
  });

  test.each([
    ["before its host heard of it", 0],
    ["a minute earlier, which its host had not reported", 1],
  ])(
    "has nothing of a container that began when its order was taken back: %s",
    async (_when, minutesEarlier) => {
      const id = await placed();
      const [wanted] = host.desired;
      await twoMinutesLater();
      await scene.fetches();
      const fromMs = (await hostMs()) - minutesEarlier * MS_PER_MINUTE;

      // From the set that it pulled before: the image is there, the container runs, and it says so.
      host.pulls = [];
      await host.report([host.observedOf(wanted!, { phase: "ready" })]);
      expect((await scene.get(alice, id)).status).toBe("queued");
      expect((await sql("SELECT container_id FROM environments WHERE id = $1", [id]))[0]).toEqual({
        container_id: null,
      });
      expect((await scene.schedule()).placed).toEqual([]);
      await host.heartbeat();
      await host.round({ phase: "stopping" });
      await proves(wanted, [fromMs, (await hostMs()) + 1_000]);

      // It says itself that the image is there.
      const fetchId = (await sql<{ id: ObservedPull["fetchId"] }>("SELECT id FROM image_fetches"))[0]?.id;
      host.pulls = [pull({ fetchId: fetchId ?? null, state: "present" })];
      await host.round();
      await scene.fetches();
      expect((await scene.schedule()).placed).toEqual([id]);
      host.pulls = [];
      const anew = (await host.round()).find(({ want }) => want === "running");
      const againMs = await hostMs();
      scene.api.passMinutes(5);
      await proves(anew, [againMs, againMs + 5 * MS_PER_MINUTE]);

      expect(await runs(id)).toEqual([
        { minutes: 0, amount: "0.0000", closed: true },
        { minutes: 5, amount: "0.5500", closed: true },
      ]);
      expect(await sql("SELECT FROM quarantine WHERE host_id = $1", [host.id])).toEqual([]);
    },
  );
});

describe("what a host reports of its pulls", () => {
  test("moves on at most once in two seconds, but for how it ends, which is known at once", async () => {
    const at = (sinceMs: number) => new Date(Date.UTC(2026, 0, 1) + sinceMs);
    const seen: unknown[] = [];
    const reported = async (sinceMs: number, change: Partial<ObservedPull>) => {
      await putHostPulls(scene.api.db, { hostId: host.id, pulls: [pull(change)], now: at(sinceMs) });
      seen.push(
        (await pullsOfHost(scene.api.db, { hostId: host.id, limit: 9, after: null })).map((row) => [
          row.state,
          row.layers_done,
        ]),
      );
    };

    await reported(0, { layersDone: 1 });
    await reported(1_999, { layersDone: 2 });
    await reported(2_000, { layersDone: 3 });
    await reported(3_999, { layersDone: 4 });
    await reported(3_999, { layersDone: 4, state: "failed", problem: "too-slow" });

    expect(seen).toEqual([
      [["pulling", 1]],
      [["pulling", 1]],
      [["pulling", 3]],
      [["pulling", 3]],
      [["failed", 4]],
    ]);
  });

  const pulls = async () =>
    (await scene.api.request("GET", `/api/v1/hosts/${host.id}/pulls`, { as: scene.api.admin })).body.items;

  test("replaces what it reported before, and nothing reported changes nothing", async () => {
    host.pulls = [pull({ image: "one:1" }), pull({ image: "two:1", state: "waiting" })];
    await host.report([]);
    host.pulls = [pull({ image: "two:1" }), pull({ image: "three:1" })];
    await host.report([]);
    const images = async () => (await pulls()).map(({ image, state }) => [image, state]);
    const now = [
      ["three:1", "pulling"],
      ["two:1", "pulling"],
    ];
    expect(await images()).toEqual(now);

    host.pulls = null;
    await host.report([]);
    expect(await images()).toEqual(now);

    host.pulls = [];
    await host.report([]);
    expect(await images()).toEqual([]);
  });

  test("may name an image once for each who wants it; what is reported twice counts once", async () => {
    const { fetchId } = await fetching();
    host.pulls = [pull(), pull({ fetchId }), pull({ fetchId }), pull()];

    await host.report([]);

    expect((await pulls()).map((row: { fetch_id: string | null }) => row.fetch_id)).toEqual([fetchId, null]);
  });

  test("separates two pulls of one image, in whichever order it reports them", async () => {
    const [one, other] = ["ins-a", "ins-b"].map((id) => InstanceId.parse(id));
    const pulls = [
      pull({ instanceIds: [other!, one!] }),
      pull({ instanceIds: [InstanceId.parse("ins-c")], state: "waiting" }),
      pull({ instanceIds: [InstanceId.parse("ins-c")], state: "pulling" }),
    ];
    const seen = [];
    for (const reported of [pulls, pulls.toReversed()]) {
      scene.api.passMinutes(1);
      await putHostPulls(scene.api.db, { hostId: host.id, pulls: reported, now: scene.api.deps.now() });
      seen.push(await pullsOfHost(scene.api.db, { hostId: host.id, limit: 9, after: null }));
    }

    expect(seen[0]).toMatchObject([{ state: "pulling" }, { state: "pulling" }]);
    expect(seen[1]).toEqual(seen[0]);
  });

  test("wakes the loops for what may matter to them, and not for numbers and sentences", async () => {
    await placed();
    const woken = async (change: Partial<ObservedPull>, detail: string = NOT_BEGUN.detail) => {
      const before = scene.wakes();
      host.pulls = [pull(change)];
      await host.round({ ...NOT_BEGUN, detail });
      return scene.wakes() - before;
    };

    expect(await woken({ layersDone: 1, layers: 9 }, "Image large:1 is being pulled (1 of 9 layers).")).toBe(
      0,
    );
    expect(await woken({ layersDone: 2, layers: 9 }, "Image large:1 is being pulled (2 of 9 layers).")).toBe(
      0,
    );
    expect(await woken({ state: "waiting", operatorDetail: "it waits for a free slot" })).toBe(1);
    expect(await woken({ state: "waiting" })).toBe(0);
    host.machine.cpuCount += 1;
    expect(await woken({ state: "waiting" })).toBe(1);
  });

  test("cannot end another host's fetch", async () => {
    const { fetchId } = await fetching();
    const other = await anotherHost("b");
    other.pulls = [pull({ fetchId, state: "failed", problem: "refused" })];
    await other.report([]);

    expect(await scene.fetches()).toBe(false);
  });
});
