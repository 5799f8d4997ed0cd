/** The model that an inference service serves: which may be one's own to mount, and where its replicas find it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

let fresh: FreshDatabase;
let services: ServiceScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 2 });
});
afterEach(async () => await services.scene.close());

const request = async (method: string, path: string, as: Caller, body?: object) =>
  await services.scene.api.request(method, `/api/v1${path}`, { as, ...(body && { body }) });

async function model(
  as: Caller,
  { status, ...options }: { status?: string; visibility?: string } = {},
): Promise<number> {
  const { id } = (await request("POST", "/models", as, { name: "weights", ...options })).body;
  const { admin } = services.scene.api;
  if (status !== undefined) await request("PATCH", `/models/${id}`, admin, { status });
  return id;
}

const orders = async (modelId: number) => await services.order({ model_id: modelId });

test("one's own that is filled is at /gemini/pretrain1 in each replica, and cannot be deleted meanwhile", async () => {
  const own = await model(services.alice, { status: "ready" });

  const id = await services.runs({ model_id: own, min_replicas: 2 });

  for (const host of services.hosts) {
    const [wanted] = host.desired;
    const { mounts, env } = InstanceSpec.parse(wanted?.spec);
    expect(mounts.map(({ kind, target }) => [kind, target])).toEqual([
      ["model", "/gemini/pretrain1"],
      ["model", "/gemini/pretrain"],
    ]);
    expect(new Set(mounts.map(({ source }) => source)).size).toBe(1);
    expect(env).toMatchObject({ PORT: "8000", GEMINI_PRETRAIN1: "/gemini/pretrain1" });
  }
  expect((await request("DELETE", `/models/${own}`, services.alice)).status).toBe(409);
  await services.request("DELETE", `/${id}`);
  expect((await request("DELETE", `/models/${own}`, services.alice)).status).toBe(204);
});

describe("an order is refused", () => {
  test("with another customer's, which is answered like one that is not there", async () => {
    const bob = await services.scene.customer("bob");
    const theirs = await model(bob, { status: "ready" });

    const [hidden, missing] = [await orders(theirs), await orders(999_999)];

    expect([hidden.status, missing.status]).toEqual([404, 404]);
    expect(hidden.body.detail.replace(String(theirs), "N")).toBe(missing.body.detail.replace("999999", "N"));
  });

  test.each([
    ["nobody has filled yet", undefined, /uploading/],
    ["is broken", "error", /status error/],
  ])("with one that %s", async (_what, status, report) => {
    const own = await model(services.alice, status === undefined ? {} : { status });

    expect(await orders(own)).toMatchObject({ status: 409, body: { detail: expect.stringMatching(report) } });
  });

  test("with one that is deleted", async () => {
    const own = await model(services.alice, { status: "ready" });
    await request("DELETE", `/models/${own}`, services.alice);

    expect((await orders(own)).status).toBe(404);
  });
});

test("what may be mounted no longer gives further replicas up, and those that run go on", async () => {
  const bob = await services.scene.customer("bob");
  const open = await model(bob, { status: "ready", visibility: "public" });
  const id = await services.runs({ model_id: open });
  await request("PATCH", `/models/${open}`, bob, { visibility: "private" });

  await services.request("POST", `/${id}/scale`, { replicas: 2 });
  await services.settle();

  expect(await services.serving(id)).toEqual([0]);
  expect(await services.get(id)).toMatchObject({
    status: "running",
    status_reason: expect.stringMatching(new RegExp(`model ${open} .*Another one is made in its place`)),
  });
});

test("a pool without its files is not tried again for ten minutes, and another one is", async () => {
  const own = await model(services.alice, { status: "ready" });
  const [, other] = services.hosts;
  const { admin } = services.scene.api;
  await request("POST", `/hosts/${other?.id}/cordon`, admin);
  services.text.set(0, {
    phase: "failed",
    problem: "mount-missing",
    detail: "The model is not in this pool.",
  });
  const id = await services.ordered({ model_id: own });
  await services.settle();
  await services.pass(10);
  await services.settle();

  const why = (await services.request("GET", `/${id}/why`)).body;
  expect(await services.get(id)).toMatchObject({ status: "creating", waiting_replicas: 1 });
  expect(why.hosts.map(({ reason }: { reason: string }) => reason).join("\n")).toContain(
    "storage pool pool-host-0 is skipped",
  );

  await request("POST", `/hosts/${other?.id}/uncordon`, admin);
  await services.settle();

  expect(await services.get(id)).toMatchObject({ status: "running", host_id: other?.id });
});
