import { afterEach, beforeEach, expect, test } from "vitest";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { GIB } from "@remotegpu/shared/values/units";

let fresh: FreshDatabase;
let scene: ControlScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  scene = await openControlScene(fresh);
});
afterEach(async () => await scene.close());

const times = (count: number) => Array.from({ length: count });
const queued = async () =>
  (
    await scene.api.db.query<{ customer_id: number; n: number }>(
      "SELECT customer_id, count(*) AS n FROM environments WHERE status = 'queued' GROUP BY 1 ORDER BY 1",
    )
  ).rows.map(({ n }) => n);
const quota = async (customerId: number, cpu: number) =>
  await scene.api.request("PUT", `/api/v1/customers/${customerId}/quota`, {
    as: scene.api.admin,
    body: { cpu_quota: cpu, memory_quota: 99_999, gpu_quota: 0, storage_quota: 0, environment_quota: 99 },
  });

test("orders of several payers that come together are each bounded by their own quota and money", async () => {
  const alice = await scene.customer("alice");
  await quota(alice.customerId, 4);
  // One core costs 0.6 an hour: 1.9 pays for three.
  const bob = await scene.customer("bob", "1.9");
  const carol = await scene.customer("carol");

  const answers = await Promise.all(
    times(10).flatMap(() => [alice, bob, carol].map(async (caller) => await scene.order(caller))),
  );

  expect(await queued()).toEqual([4, 3, 10]);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(6);
  expect(answers.filter(({ status }) => status === 402)).toHaveLength(7);
});

test("two servers at once cannot together go beyond a quota or the money", async () => {
  const alice = await scene.customer("alice");
  await quota(alice.customerId, 5);
  const bob = await scene.customer("bob", "1.9");
  const db = openDatabase(fresh.url);
  const second = createApp({ ...scene.api.deps, db });
  const orderThere = async (key: string) =>
    await second.request("/api/v1/environments", {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ name: "work", image: "busybox:1", cpu: 1, memory: GIB }),
    });

  await Promise.all(
    times(10).flatMap(() => [
      scene.order(alice),
      orderThere(alice.key),
      scene.order(bob),
      orderThere(bob.key),
    ]),
  );
  await db.close();

  expect(await queued()).toEqual([5, 3]);
});

test("orders that come together have one row and one event each, and what waits is answered as it is stored", async () => {
  const alice = await scene.customer("alice");

  const answers = await Promise.all(
    times(12).map(async (_, n) => await scene.order(alice, { name: `work ${n}`, env_vars: { N: `${n}` } })),
  );

  for (const { body } of answers) expect(await scene.get(alice, body.id)).toEqual(body);
  const { rows } = await scene.api.db.query(
    "SELECT workload_id FROM events WHERE kind = 'status' AND new = 'queued' ORDER BY 1",
  );
  expect(new Set(rows.map(({ workload_id }) => workload_id))).toEqual(
    new Set(answers.map(({ body }) => body.id)),
  );
  expect(rows).toHaveLength(answers.length);
});

test("one order that the database refuses is no other one's matter", async () => {
  const alice = await scene.customer("alice");
  await scene.api.db.query("ALTER TABLE environments ADD CONSTRAINT no_bad_luck CHECK (name <> 'bad luck')");

  const answers = await Promise.all(
    times(6).map(async (_, n) => await scene.order(alice, { name: n === 2 ? "bad luck" : `work ${n}` })),
  );

  expect(answers.map(({ status }) => status)).toEqual([201, 201, 409, 201, 201, 201]);
  expect(await queued()).toEqual([5]);
});
