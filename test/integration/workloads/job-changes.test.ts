/** Training jobs that are there, changed over HTTP: how they are called, and how soon they are tried. */
import type { Queue } from "@remotegpu/control-plane/server/http/queue/queue";
import { GIB } from "@remotegpu/shared/values/units";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { type Caller, problem } from "../../support/http/api.ts";
import type { ControlScene, ScriptedHost } from "../../support/worlds/control-scene.ts";
import { openCustomerScene } from "../../support/worlds/customer-scene.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  ({ scene, alice, host } = await openCustomerScene(
    { gpus: 2, cpu: 64, memoryGib: 64 },
    await emptyDatabase(),
  ));
});
afterEach(async () => await scene.close());

const request = async (method: string, path: string, body?: object) =>
  await scene.api.request(method, `/api/v1${path}`, { as: alice, ...(body && { body }) });
const patch = async (id: string, body: object) => await request("PATCH", `/training-jobs/${id}`, body);
const job = async (id: string) => (await request("GET", `/training-jobs/${id}`)).body;

/** Each ordered later than those before it. */
async function ordered(change: object = {}): Promise<string> {
  scene.api.passMinutes(0.1);
  const { status, body } = await request("POST", "/training-jobs", {
    name: "train",
    image: "trainer:1",
    command: "python train.py",
    cpu: 1,
    memory: GIB,
    gpu: 2,
    ...change,
  });
  expect(status).toBe(201);
  return body.id;
}

async function running(change: object = {}): Promise<string> {
  const id = await ordered(change);
  await scene.schedule();
  await reported({ phase: "ready" });
  expect(await job(id)).toMatchObject({ status: "running" });
  return id;
}

const reported = async (report: Parameters<ScriptedHost["round"]>[0]) => {
  await host.round(report);
  await scene.workloads();
};

/** As it is now: the line that is kept may be of a moment ago. */
async function line(): Promise<Pick<Queue["items"][number], "id" | "priority">[]> {
  scene.api.passMinutes(0.1);
  const { items }: Queue = (await request("GET", "/queue")).body;
  return items.map(({ id, priority }) => ({ id, priority }));
}

async function changes(id: string) {
  const { items } = (await request("GET", `/training-jobs/${id}/events`)).body;
  return items
    .filter(({ kind }: { kind: string }) => kind === "changed")
    .map(({ old, new: is, reason, reason_code }: Record<string, unknown>) => ({
      old,
      new: is,
      reason,
      reason_code,
    }));
}

describe("the priority of one that waits", () => {
  test("changes its place in the line at once, and who is placed next", async () => {
    await running();
    const first = await ordered();
    const second = await ordered();
    expect(await line()).toEqual([
      { id: first, priority: 0 },
      { id: second, priority: 0 },
    ]);

    const answer = await patch(second, { priority: 4 });

    expect(answer).toMatchObject({ status: 200, body: { id: second, priority: 4, status: "queued" } });
    expect(await line()).toEqual([
      { id: second, priority: 4 },
      { id: first, priority: 0 },
    ]);
    expect(await changes(second)).toEqual([
      { old: "0", new: "4", reason: "priority was changed.", reason_code: "field-changed" },
    ]);
    await reported({ phase: "stopped", exitCode: 0 });
    await scene.schedule();
    expect([await job(first), await job(second)]).toMatchObject([{ host_id: null }, { host_id: "host-a" }]);
  });

  test("takes a job of several ranks with all of them in front, and back behind", async () => {
    await running();
    const single = await ordered();
    const gang = await ordered({ gpu: 1, node_count: 2 });

    await patch(gang, { priority: 1 });
    expect((await line()).map(({ id }) => id)).toEqual([gang, single]);
    await patch(gang, { priority: 0 });
    expect((await line()).map(({ id }) => id)).toEqual([single, gang]);
    await patch(gang, { priority: 10 });

    await reported({ phase: "stopped", exitCode: 0 });
    await scene.schedule();
    expect((await job(gang)).instances).toMatchObject([
      { rank: 0, host_id: "host-a" },
      { rank: 1, host_id: "host-a" },
    ]);
    expect(await job(single)).toMatchObject({ host_id: null });
  });

  test("and its name and description, which the audit log has as well", async () => {
    await running();
    const id = await ordered({ description: "the first one" });

    const answer = await patch(id, { name: "<b>train</b> 😀", description: null, priority: 2 });

    expect(answer).toMatchObject({
      status: 200,
      body: { name: "<b>train</b> 😀", description: null, priority: 2 },
    });
    const { rows } = await scene.api.db.query(
      "SELECT action, target_id, outcome, before, after FROM audit_log WHERE request_id = $1",
      [answer.headers.get("X-Request-Id")],
    );
    expect(rows).toMatchObject([
      {
        action: "training-job.change",
        target_id: id,
        outcome: "done",
        before: { name: "train", priority: 0 },
        after: { name: "<b>train</b> 😀", priority: 2 },
      },
    ]);
    const before = await changes(id);
    expect(before).toHaveLength(3);
    expect(await patch(id, { name: "<b>train</b> 😀", description: null, priority: 2 })).toMatchObject({
      status: 200,
    });
    expect(await patch(id, {})).toMatchObject({ status: 200 });
    expect(await changes(id)).toEqual(before);
  });
});

test("the priority of one that runs counts when it waits again, and its event states so", async () => {
  const id = await running();

  expect(await patch(id, { priority: 7 })).toMatchObject({
    status: 200,
    body: { status: "running", priority: 7 },
  });

  expect(await changes(id)).toEqual([
    {
      old: "0",
      new: "7",
      reason: "priority was changed; it counts when the job waits again.",
      reason_code: "field-changed-for-next-wait",
    },
  ]);
  expect(await line()).toEqual([]);
});

test("one that has ended keeps its priority until it is tried again, and may be called otherwise", async () => {
  const id = await running();
  await reported({ phase: "stopped", exitCode: 0 });
  expect(await job(id)).toMatchObject({ status: "completed" });

  const refused = await patch(id, { priority: 3, name: "other" });
  expect(refused).toMatchObject(problem(409));
  expect(refused.body.detail).toContain("already completed");
  expect(await job(id)).toMatchObject({ name: "train", priority: 0 });
  expect(await patch(id, { name: "other", priority: 0 })).toMatchObject({
    status: 200,
    body: { name: "other" },
  });

  await request("POST", `/training-jobs/${id}/retry`);
  expect(await patch(id, { priority: 3 })).toMatchObject({ status: 200, body: { priority: 3 } });
  await request("DELETE", `/training-jobs/${id}`);
  expect(await patch(id, { name: "gone" })).toMatchObject(problem(404));
});

describe("of an array", () => {
  test("all that has not ended gets the priority, and an element one of its own", async () => {
    await running();
    const other = await ordered();
    const first = await ordered({ array: { from: 0, to: 2 } });
    const { group_id: group } = await job(first);
    const { items } = (await request("GET", `/training-jobs?group_id=${group}`)).body;
    const byIndex: string[] = items
      .toSorted((a: { array_index: number }, b: { array_index: number }) => a.array_index - b.array_index)
      .map(({ id }: { id: string }) => id);
    const [ended = "", middle = "", last = ""] = byIndex;
    await request("POST", `/training-jobs/${ended}/cancel`);

    const answer = await request("PATCH", `/training-job-groups/${group}`, { priority: 2 });
    await patch(last, { priority: 3, name: "the last" });

    expect(answer).toMatchObject({ status: 200, body: { id: group, elements: { queued: 2, cancelled: 1 } } });
    expect(await line()).toEqual([
      { id: last, priority: 3 },
      { id: middle, priority: 2 },
      { id: other, priority: 0 },
    ]);
    expect(await job(ended)).toMatchObject({ status: "cancelled", priority: 0 });
    expect(await changes(ended)).toEqual([]);
    expect(await changes(middle)).toHaveLength(1);
    await request("POST", `/training-job-groups/${group}/cancel`);
    expect(await request("PATCH", `/training-job-groups/${group}`, { priority: 1 })).toMatchObject(
      problem(409),
    );
  });

  test("no change at all is refused", async () => {
    const { group_id: group } = await job(await ordered({ array: { from: 0, to: 1 } }));

    expect(await request("PATCH", `/training-job-groups/${group}`, {})).toMatchObject({ status: 422 });
  });
});

describe("is refused, and nothing is changed", () => {
  const REFUSED: [change: object, path: string, message: RegExp][] = [
    [{ command: "other" }, "command", /fixed at the order/],
    [{ gpu: 1 }, "gpu", /fixed at the order/],
    [{ workspace_id: 1 }, "workspace_id", /stays in its workspace/],
    [{ status: "completed" }, "status", /cancelling/],
    [{ priorty: 5 }, "priorty", /not a known field/],
  ];

  test("where it is of what is fixed, by the field with why", async () => {
    const id = await ordered();

    for (const [change, path, message] of REFUSED) {
      const answer = await patch(id, change);

      expect(answer).toMatchObject({ status: 422, body: { errors: [{ path }] } });
      expect(answer.body.errors[0].message).toMatch(message);
    }
    expect(await job(id)).toMatchObject({ name: "train", priority: 0, description: null });
    expect(await changes(id)).toEqual([]);
  });
});
