/** Arrays of training jobs: one order of many, so many of them at once, and one group to look at and to end. */
import { KIB, GIB } from "@remotegpu/shared/values/units";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { withTurn } from "@remotegpu/control-plane/server/store/training/job-arrays";
import { lockJobOrders } from "@remotegpu/control-plane/server/store/training/job-orders";
import { afterEach, beforeEach, expect, test } from "vitest";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import type { ControlScene, ScriptedHost } from "../../support/worlds/control-scene.ts";
import { openCustomerScene } from "../../support/worlds/customer-scene.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  ({ scene, alice, host } = await openCustomerScene({ gpus: 4 }, await emptyDatabase()));
});
afterEach(async () => await scene.close());

const TURN = "Waiting for its turn: of its array 2 run at once.";

const request = async (method: string, path: string, body?: object) =>
  await scene.api.request(method, `/api/v1${path}`, { as: alice, ...(body && { body }) });
const order = async (change: object) =>
  await request("POST", "/training-jobs", {
    name: "sweep",
    image: "trainer:1",
    command: "python train.py",
    cpu: 1,
    memory: GIB,
    gpu: 1,
    ...change,
  });

async function ordered(array: object, change: object = {}): Promise<string> {
  const { status, body } = await order({ array, ...change });
  expect(status).toBe(201);
  return body.group_id;
}

/** In the order of their indexes. */
async function elements(group: string) {
  const { items } = (await request("GET", `/training-jobs?limit=200&group_id=${group}`)).body;
  return items.sort(
    (a: { array_index: number }, b: { array_index: number }) => a.array_index - b.array_index,
  );
}

const statuses = async (group: string) =>
  (await elements(group)).map(({ status, host_id: at }: Record<string, string | null>) =>
    status === "queued" && at !== null ? "placed" : status,
  );
const group = async (id: string) => (await request("GET", `/training-job-groups/${id}`)).body;
const countOf = async (table: string) =>
  Number((await scene.api.db.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n);

test("one order makes them all, each a job with its index, and one group that counts them", async () => {
  const { body } = await order({ array: { from: 7, to: 9 } });

  expect(body).toMatchObject({ name: "sweep-7", array_index: 7, group_id: expect.stringMatching(/^jobs-/) });
  const all = await elements(body.group_id);
  expect(all.map(({ name, array_index: index }: Record<string, unknown>) => [name, index])).toEqual([
    ["sweep-7", 7],
    ["sweep-8", 8],
    ["sweep-9", 9],
  ]);
  await scene.schedule();
  const wanted = await host.pull();
  const indexes = wanted.map(({ spec }) => spec?.env["REMOTEGPU_ARRAY_INDEX"]);
  expect(new Set(indexes)).toEqual(new Set(["7", "8", "9"]));
  expect(indexes).toHaveLength(3);
  expect(await group(body.group_id)).toMatchObject({
    name: "sweep",
    from: 7,
    to: 9,
    at_once: null,
    status: "queued",
    elements: { queued: 3, running: 0, completed: 0 },
  });
  const listed = (await request("GET", "/training-job-groups?name=sweep")).body;
  expect(listed.items.map(({ id }: { id: string }) => id)).toEqual([body.group_id]);
});

test("a job that is none of an array has no index in its environment", async () => {
  expect((await order({})).body).toMatchObject({ group_id: null, array_index: null });
  await scene.schedule();

  expect((await host.pull())[0]?.spec?.env).not.toHaveProperty("REMOTEGPU_ARRAY_INDEX");
});

test("no more than at_once run, although there is room; the others report so and follow in order of their indexes", async () => {
  const id = await ordered({ from: 0, to: 4, at_once: 2 });

  await scene.schedule();
  await scene.schedule();

  expect(await statuses(id)).toEqual(["placed", "placed", "queued", "queued", "queued"]);
  const [, , third, , last] = await elements(id);
  expect(third.status_reason).toBe(TURN);
  expect((await request("GET", `/training-jobs/${last.id}/why`)).body).toMatchObject({ reason: TURN });
  await host.round({ phase: "ready" });
  await scene.workloads();
  await host.round({ phase: "stopped", exitCode: 0 });
  await scene.workloads();
  await host.round();
  await scene.schedule();
  expect(await statuses(id)).toEqual(["completed", "completed", "placed", "placed", "queued"]);
  expect(await group(id)).toMatchObject({ status: "running", elements: { completed: 2, queued: 3 } });
  expect(
    (await examine(scene.api.deps.db, scene.api.deps.now())).filter(({ state }) => state !== "well"),
  ).toEqual([]);
});

test("two that place at the same time give no more than at_once their turn", async () => {
  const id = await ordered({ from: 0, to: 4, at_once: 2 });
  const ids = (await elements(id)).map((one: { id: string }) => one.id);

  const due = await transaction(scene.api.deps.db, async (sql) => {
    const jobs = [...(await lockJobOrders(sql, ids)).values()];
    const turns = await withTurn(sql, jobs);
    return jobs.filter((job) => turns.has(job.id)).map((job) => job.array_index);
  });

  expect(due).toEqual([0, 1]);
});

test("all of it is cancelled by one word, what waits at once and what runs by its host", async () => {
  const id = await ordered({ from: 0, to: 2, at_once: 1 });
  await scene.schedule();
  await host.round({ phase: "ready" });
  await scene.workloads();

  const { status, body } = await request("POST", `/training-job-groups/${id}/cancel`);

  expect(status).toBe(200);
  expect(body).toMatchObject({ status: "running", elements: { stopping: 1, cancelled: 2 } });
  await host.round({ phase: "stopped", exitCode: 143 });
  await scene.workloads();
  expect(await group(id)).toMatchObject({ status: "cancelled", elements: { cancelled: 3 } });
});

test("all of it is deleted by one word, and what its hosts have goes", async () => {
  const id = await ordered({ from: 0, to: 1 });
  await scene.schedule();
  await host.round({ phase: "ready" });

  expect((await request("DELETE", `/training-job-groups/${id}`)).status).toBe(202);

  expect((await request("GET", `/training-job-groups/${id}`)).status).toBe(404);
  expect(await elements(id)).toEqual([]);
  await host.round();
  const { rows } = await scene.api.db.query("SELECT FROM placements WHERE resources_released_at IS NULL");
  expect(rows).toEqual([]);
});

test("of the quotas each takes its own: what alone is beyond is refused, what is together waits", async () => {
  await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
    as: scene.api.admin,
    body: { cpu_quota: 8, memory_quota: 99_999, gpu_quota: 2, storage_quota: 0, environment_quota: 0 },
  });

  expect((await order({ array: { from: 0, to: 1 }, gpu: 3 })).status).toBe(409);
  expect(await countOf("training_jobs")).toBe(0);
  const id = await ordered({ from: 0, to: 3 });
  await scene.schedule();

  expect(await statuses(id)).toEqual(["placed", "placed", "queued", "queued"]);
  expect((await elements(id))[2].status_reason).toMatch(/^Waiting for quota: gpu_quota/);
});

test("a thousand are one order; who pays has to be able to pay for those that run at once", async () => {
  await scene.api.db.query("UPDATE customers SET balance = 25 WHERE id = $1", [alice.customerId]);

  const beyond = await order({ array: { from: 0, to: 999 } });
  expect(beyond.status).toBe(402);
  expect([await countOf("training_jobs"), await countOf("training_job_groups")]).toEqual([0, 0]);

  const id = await ordered({ from: 0, to: 999, at_once: 2 });
  expect((await group(id)).elements).toMatchObject({ queued: 1_000 });
  // What comes later in its turn keeps nobody from ordering something else.
  expect((await order({ name: "one" })).status).toBe(201);
  const cancelled = await request("POST", `/training-job-groups/${id}/cancel`);
  expect(cancelled.body.elements).toMatchObject({ queued: 0, cancelled: 1_000 });
});

test.each([
  [{ from: 5, to: 4 }, "array.to", "must not be less than from"],
  [{ from: 0, to: 1_000 }, "array.to", "makes more than 1000 elements, which are the most of an array"],
])("the range %j is refused by name, and nothing of it is ordered", async (array, path, report) => {
  const { status, body } = await order({ array });

  expect(status).toBe(422);
  expect(body.errors).toEqual(
    expect.arrayContaining([expect.objectContaining({ path, message: expect.stringContaining(report) })]),
  );
  expect(await countOf("training_jobs")).toBe(0);
});

test("a name that leaves no room for the index is refused, and a command of 64 KiB is taken", async () => {
  const named = await order({ name: "x".repeat(127), array: { from: 0, to: 10 } });

  expect(named.body.errors).toMatchObject([
    { path: "name", message: "is too long for names of elements like …-10" },
  ]);
  expect((await order({ command: "x".repeat(64 * KIB) })).status).toBe(201);
});
