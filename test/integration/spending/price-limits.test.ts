/** The most that an hour of an order may cost: at the order, where it is placed, and while it waits. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import type { Caller } from "../../support/http/api.ts";
import type { ScriptedHost } from "../../support/worlds/control-scene.ts";
import {
  card,
  jobAt,
  openPlacementScene,
  place,
  type PlacementScene,
  whole,
} from "../../support/placement/placement-scene.ts";

let scene: PlacementScene;
let alice: Caller & { workspaceId: number };
/** A host of one dear card, and of one cheap one that comes after it in every order of hosts. */
let dear: ScriptedHost;
let cheap: ScriptedHost;
beforeAll(async () => {
  scene = await openPlacementScene();
  alice = await scene.customer("alice", "100000");
  const quota = {
    cpu_quota: 100,
    memory_quota: 999_999,
    gpu_quota: 100,
    storage_quota: 0,
    environment_quota: 99,
  };
  await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
    as: scene.api.admin,
    body: quota,
  });
  dear = await scene.host("a-dear", { gpus: 2 });
  cheap = await scene.host("b-cheap", { gpus: 1 });
  dear.gpus = dear.gpus.map((gpu) => ({ ...gpu, name: "NVIDIA H100" }));
  await dear.report([]);
  await price("gpu:NVIDIA H100", "30");
});
afterAll(() => scene.close());

/** Of the spec "default", where a core costs 0.6 and any other card 6 an hour. */
async function price(line: string, unitPrice: string): Promise<void> {
  const body = { spec: "default", line, unit_price: unitPrice, billing_unit: "hour" };
  const answer = await scene.api.request("POST", "/api/v1/prices", { as: scene.api.admin, body });
  expect(answer.status).toBe(201);
  // A price is one from its moment on.
  scene.api.passMinutes(1);
  await dear.heartbeat();
  await cheap.heartbeat();
}

const upTo = (maximum: string, gpu = 1) => ({ gpu, config: { max_price_per_hour: maximum } });

test("an order that costs more on every model is refused, with both numbers and the field", async () => {
  const answer = await scene.order(alice, upTo("6.5999"));

  expect(answer.status).toBe(422);
  expect(answer.body.errors).toMatchObject([
    { path: "config.max_price_per_hour", message: expect.stringMatching(/6\.6000.*6\.5999/) },
  ]);
  expect((await scene.order(alice, upTo("0.5", 0))).body.errors).toMatchObject([
    { path: "config.max_price_per_hour" },
  ]);
  const named = { gpu: 1, config: { max_price_per_hour: "6.6", gpu_model: "NVIDIA H100" } };
  expect((await scene.order(alice, named)).status).toBe(422);
});

test.each(["-1", "1e3", "NaN", "12.34567", "1".repeat(30), 5, null])(
  "a maximum of %j is no maximum",
  async (maximum) => {
    const answer = await scene.order(alice, { config: { max_price_per_hour: maximum } } as object);

    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ path: "config.max_price_per_hour" }]);
  },
);

test("it goes to a model within its maximum, though a dearer one is free, and waits where only that is", async () => {
  const first = await scene.environment(alice, upTo("6.6"));
  const second = await scene.environment(alice, upTo("6.6"));

  const report = await scene.schedule();

  expect(report.placed).toEqual([first]);
  expect(await scene.get(alice, first)).toMatchObject({ host_id: "b-cheap", status: "creating" });
  const why = (await scene.api.request("GET", `/api/v1/environments/${second}/why`, { as: alice })).body;
  expect(why.hosts.map(({ fits }: { fits: boolean }) => fits)).toEqual([false, false]);
  for (const id of [first, second])
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
  await cheap.round();
  await cheap.round();
});

test("a price that rises while it waits keeps it queued with the reason, and one that falls lets it start", async () => {
  const waiting = await scene.environment(alice, upTo("0.6", 0));
  const withCard = await scene.environment(alice, upTo("6.6"));
  await price("cpu", "0.7");

  expect((await scene.schedule()).placed).toEqual([]);

  expect(await scene.get(alice, waiting)).toMatchObject({
    status: "queued",
    status_reason: "Waiting for price: an hour of it costs 0.7000, and its maximum is 0.6000.",
  });
  expect(await scene.get(alice, withCard)).toMatchObject({
    status: "queued",
    status_reason: "Waiting for price: an hour of it costs 6.7000, and its maximum is 6.6000.",
  });
  // The commit looks at it again, whatever the pass thought.
  const forced = await scene.commit([
    { start: { kind: "environment", id: waiting, firstRank: 0 }, instances: [place("a-dear")] },
  ]);
  expect(forced).toMatchObject([{ committed: false, reason: "price" }]);

  await price("cpu", "0.6");

  expect((await scene.schedule()).placed.sort()).toEqual([waiting, withCard].sort());
});

test("a restart is a new run: beyond the maximum it is refused, and what runs goes on", async () => {
  const id = await scene.environment(alice, upTo("0.6", 0));
  await scene.schedule();
  await dear.round();
  await cheap.round();
  await price("cpu", "0.8");

  const answer = await scene.api.request("POST", `/api/v1/environments/${id}/restart`, { as: alice });

  expect(answer.status).toBe(422);
  expect(answer.body.errors).toMatchObject([{ path: "config.max_price_per_hour" }]);
  expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
  await price("cpu", "0.6");
});

test("the maximum of a training job is for all of its ranks together", async () => {
  const job = async (maximum: string) =>
    await scene.job(alice, { memory: GIB, node_count: 2, config: { max_price_per_hour: maximum } });
  const cards = [0, 1].map((index) => place("a-dear", whole(card("a-dear", index))));
  // Each rank costs 30.6 there.
  const beyond = await job("61.1999");
  const within = await job("61.2");

  expect(await scene.commit([jobAt(beyond, ...cards)])).toMatchObject([{ committed: false }]);
  expect(await scene.commit([jobAt(within, ...cards)])).toMatchObject([{ committed: true }]);
});
