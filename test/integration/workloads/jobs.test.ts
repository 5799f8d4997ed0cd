/** A training job of one rank, from its order to its end, with a host that a test speaks for. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { workloadsPass } from "@remotegpu/control-plane/server/controllers/workloads";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { settleAccount } from "@remotegpu/control-plane/server/store/spending/suspensions";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { quietLog } from "../../support/quiet-log.ts";
import type { ControlScene, ScriptedHost } from "../../support/worlds/control-scene.ts";
import { openCustomerScene } from "../../support/worlds/customer-scene.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  ({ scene, alice, host } = await openCustomerScene({ gpus: 2 }, await emptyDatabase()));
});
afterEach(async () => await scene.close());

const order = async (change: object = {}, as: Caller = alice) =>
  await scene.api.request("POST", "/api/v1/training-jobs", {
    as,
    body: {
      name: "train",
      image: "trainer:1",
      command: "python train.py",
      cpu: 1,
      memory: GIB,
      gpu: 1,
      ...change,
    },
  });
const request = async (method: string, path: string, as: Caller = alice) =>
  await scene.api.request(method, `/api/v1/training-jobs/${path}`, { as });
const job = async (id: string) => (await request("GET", id)).body;
const rows = async <Row extends object>(sql: string, values: unknown[] = []) =>
  (await scene.api.db.query<Row>(sql, values)).rows;

async function ordered(change: object = {}): Promise<string> {
  const { status, body } = await order(change);
  expect(status).toBe(201);
  return body.id;
}

/** Ordered, placed, and told ready by its host. */
async function running(change: object = {}): Promise<string> {
  const id = await ordered(change);
  await scene.schedule();
  await host.round({ phase: "ready" });
  await scene.workloads();
  expect(await job(id)).toMatchObject({ status: "running" });
  return id;
}

const reported = async (report: Parameters<ScriptedHost["round"]>[0]) => {
  await host.round(report);
  await scene.workloads();
};
const wellFormed = async () =>
  (await examine(scene.api.deps.db, scene.api.deps.now())).filter(({ state }) => state !== "well");

describe("an order", () => {
  test("waits with a sentence, is placed free of charge, runs, and is completed with what its command left", async () => {
    const { body } = await order({ priority: 3, config: { max_minutes: 90 } });
    expect(body).toMatchObject({
      status: "queued",
      status_reason: "Waiting for a place.",
      priority: 3,
      instances: [],
    });

    await scene.schedule();
    const placed = await job(body.id);
    expect(placed).toMatchObject({
      status: "queued",
      status_reason: "Placed on host host-a, free of charge until it runs.",
      started_at: null,
      instances: [{ rank: 0, host_id: "host-a", state: "placed", gpus: [{ simulated: false }] }],
    });
    await reported({ phase: "starting", detail: "Fetching the image." });
    expect(await job(body.id)).toMatchObject({ status: "queued", status_reason: "Fetching the image." });
    await reported({ phase: "ready" });
    expect(await job(body.id)).toMatchObject({
      status: "running",
      status_reason: null,
      started_at: expect.any(String),
      status_deadline_at: expect.any(String),
    });

    const remains = { outOfMemory: false, signal: null, tail: "epoch 3 done\n" };
    await reported({ phase: "stopped", exitCode: 0, remains });

    const ended = await job(body.id);
    expect(ended).toMatchObject({
      status: "completed",
      status_reason: null,
      completed_at: expect.any(String),
      status_deadline_at: null,
      instances: [{ state: "stopped", exit_code: 0 }],
    });
    expect((await request("GET", `${body.id}/instances`)).body.items[0].runs[0].end).toMatchObject({
      exit_code: 0,
      signal: null,
      tail: "epoch 3 done\n",
    });
    const { items } = (await request("GET", `${body.id}/events`)).body;
    const statuses = items.filter(({ kind }: { kind: string }) => kind === "status");
    expect(statuses.map((event: { new: string }) => event.new).toReversed()).toEqual([
      "queued",
      "queued",
      "running",
      "completed",
    ]);
    await reported({ phase: "stopped", exitCode: 0, remains });
    expect(host.desired.map(({ want }) => want)).toEqual(["removed"]);
    expect(await wellFormed()).toEqual([]);
  });

  test("sends its host the command, what it mounts and where its output goes, once each", async () => {
    await ordered({ env_vars: { EPOCHS: "3" }, output_path: "/gemini/output" });
    await scene.schedule();

    const [wanted] = await host.round();

    expect(wanted?.spec).toMatchObject({
      kind: "training",
      command: "python train.py",
      env: { EPOCHS: "3", GEMINI_DATA_OUT: "/gemini/output" },
      folders: [
        { target: "/gemini/output", source: expect.stringMatching(/^training-jobs\/.*\/output\/attempt-1$/) },
      ],
      jupyter: false,
    });
  });

  const REFUSED: [change: object, path: string, message: string][] = [
    [{ env_id: "env-none" }, "env_id", "is no environment of yours"],
    [{ code_id: "code-none" }, "code_id", "is no code that you have brought whole"],
    [{ code_id: "code-1", env_id: "env-1" }, "env_id", "name one of them"],
    [{ mounted_datasets: [1, 1] }, "mounted_datasets", "names one twice"],
    [{ config: { gpu_sharing: "shared" } }, "gpu_memory", "is needed with gpu_sharing shared"],
    [{ output_path: "/gemini/data-1" }, "output_path", "must be /gemini/output or a path"],
    [{ output_path: "/gemini/output/../code" }, "output_path", "must be /gemini/output or a path"],
    [{ gpu: 3 }, "gpu", ""],
    [{ config: { gpu_model: "no such" } }, "config.gpu_model", ""],
  ];

  test("of what cannot be is refused by its field, and nothing is written", async () => {
    for (const [change, path, message] of REFUSED) {
      const { status, body } = await order(change);

      expect(status).toBe(422);
      expect(body.errors).toContainEqual(
        expect.objectContaining({ path, message: expect.stringContaining(message) }),
      );
    }
    expect(await rows("SELECT FROM training_jobs")).toEqual([]);
  });

  test("brings its code, which only who brought it orders with", async () => {
    const sha256 = "ab".repeat(32);
    await rows(
      `INSERT INTO codes (id, customer_id, sha256, size, ready_at, created_at, used_at)
       VALUES ('code-1', $1, $2, 700, now(), now(), now()), ('code-2', $1, $3, 700, NULL, now(), now())`,
      [alice.customerId, sha256, "cd".repeat(32)],
    );
    const bob = await scene.customer("bob");

    const id = await ordered({ code_id: "code-1" });
    expect(await order({ code_id: "code-1" }, bob)).toMatchObject({ status: 422 });
    expect(await order({ code_id: "code-2" })).toMatchObject({ status: 422 });
    await scene.schedule();
    const [wanted] = await host.round();

    expect(await job(id)).toMatchObject({ code_id: "code-1", env_id: null });
    expect(wanted?.spec).toMatchObject({
      code: { sha256, bytes: 700 },
      workingFolder: "/gemini/code",
      env: { GEMINI_CODE: "/gemini/code" },
    });
    expect(wanted?.spec.views).toBeUndefined();
  });

  test("whose code was given up is not tried once more", async () => {
    await rows(
      `INSERT INTO codes (id, customer_id, sha256, size, ready_at, created_at, used_at)
       VALUES ('code-1', $1, $2, 700, now(), now(), now())`,
      [alice.customerId, "ab".repeat(32)],
    );
    const id = await ordered({ code_id: "code-1" });
    await request("POST", `${id}/cancel`);
    await rows("DELETE FROM codes");

    expect(await request("POST", `${id}/retry`)).toMatchObject({
      status: 409,
      body: { detail: "Its code is not kept any more; order it again." },
    });
  });

  test("with the code of an environment is placed only where that lies, and reports so while it waits", async () => {
    await rows(
      `INSERT INTO environments (id, customer_id, workspace_id, name, image, cpu, memory, status, storage_pool)
       VALUES ('env-1', $1, $2, 'e', 'i', 1, 1073741824, 'stopped', 'pool-b'), ('env-2', $1, $2, 'f', 'i', 1, 1073741824, 'stopped', NULL)`,
      [alice.customerId, alice.workspaceId],
    );
    expect((await order({ env_id: "env-2" })).body.errors).toMatchObject([
      { path: "env_id", message: expect.stringContaining("has not run yet") },
    ]);
    expect(await order({ env_id: "env-1" }, await scene.customer("bob"))).toMatchObject({ status: 422 });
    const other = await scene.host("host-b", { gpus: 1, pool: "pool-b" });
    const held = await ordered({ gpu: 1, env_id: "env-1" });
    await scene.schedule();
    const [wanted] = await other.round();
    const waits = await ordered({ gpu: 1, env_id: "env-1" });
    await scene.schedule();

    expect(await host.round()).toEqual([]);
    expect(await job(held)).toMatchObject({ env_id: "env-1", code_id: null });
    expect(wanted?.spec).toMatchObject({
      views: [{ source: "environments/env-1/code", target: "/gemini/code", isNeeded: true }],
      workingFolder: "/gemini/code",
    });
    expect(JSON.stringify((await request("GET", `${waits}/why`)).body)).toContain(
      "the files are in storage pool pool-b, this host sees pool-host-a",
    );
  });

  test("without funds is refused, and one that is repeated with its key is the same job", async () => {
    const bob = await scene.customer("bob", "0");
    expect((await order({}, bob)).status).toBe(402);

    const keyed = async () =>
      await scene.api.request("POST", "/api/v1/training-jobs", {
        as: alice,
        headers: { "Idempotency-Key": "one" },
        body: { name: "t", image: "trainer:1", command: "true", cpu: 1, memory: GIB },
      });
    const [first, second] = [await keyed(), await keyed()];
    expect([first.status, second.status, second.body.id]).toEqual([201, 201, first.body.id]);
    expect(await rows("SELECT FROM training_jobs")).toHaveLength(1);
  });

  test("beyond the quota waits for room in it and reports so; one that is beyond it alone is refused", async () => {
    await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 4, memory_quota: 9_999, gpu_quota: 1, storage_quota: 0, environment_quota: 0 },
    });
    expect(await order({ cpu: 5 })).toMatchObject({ status: 409 });
    const first = await running();
    const second = await ordered();
    await scene.schedule();

    expect(await job(second)).toMatchObject({
      status: "queued",
      status_reason: "Waiting for quota: gpu_quota of the customer is 1: 1 in use, 1 more asked.",
    });
    expect((await request("GET", `${second}/why`)).body).toMatchObject({ status: "queued", position: 1 });

    await reported({ phase: "stopped", exitCode: 0 });
    expect(await job(first)).toMatchObject({ status: "completed" });
    await scene.schedule();
    expect(await job(second)).toMatchObject({
      status_reason: "Placed on host host-a, free of charge until it runs.",
    });
  });

  test("that finds no room reports so, host by host", async () => {
    await running({ gpu: 2 });
    const id = await ordered();
    await scene.schedule();

    expect(await job(id)).toMatchObject({
      status: "queued",
      status_reason: expect.stringMatching(/^Waiting .*\.$/),
    });
    expect((await request("GET", `${id}/why`)).body).toMatchObject({
      position: 1,
      hosts: [{ host_id: "host-a", fits: false }],
    });
  });
});

describe("an end", () => {
  test.each([
    [
      "another exit code",
      { phase: "failed", exitCode: 3, problem: "exited" },
      "The command ended with exit code 3.",
    ],
    [
      "too much memory",
      { phase: "failed", exitCode: 137, problem: "out-of-memory", detail: "It used up its memory." },
      "It used up its memory.",
    ],
  ] as const)("with %s is a failure that states so", async (_what, report, reason) => {
    const id = await running();

    await reported(report);

    expect(await job(id)).toMatchObject({
      status: "failed",
      status_reason: reason,
      completed_at: expect.any(String),
    });
    await reported(report);
    expect(host.desired.map(({ want }) => want)).toEqual(["removed"]);
  });

  test("while it is only placed counts as well, since a short command may be over before it is seen", async () => {
    const id = await ordered();
    await scene.schedule();

    await reported({ phase: "stopped", exitCode: 0 });

    expect(await job(id)).toMatchObject({ status: "completed" });
  });

  test("by its own limit is a failure, once its host has stopped it", async () => {
    const id = await running({ config: { max_minutes: 1 } });
    scene.api.passMinutes(2);
    await host.heartbeat();
    await scene.lifecycle();
    expect(await job(id)).toMatchObject({
      status: "stopping",
      status_reason: "It has run for as long as its config.max_minutes allows.",
    });
    const [wanted] = await host.pull();
    expect(wanted).toMatchObject({ want: "stopped", orderedBy: "limit" });

    await reported({ phase: "stopped", exitCode: 143 });

    expect(await job(id)).toMatchObject({
      status: "failed",
      status_reason: "It has run for as long as its config.max_minutes allows.",
    });
  });

  test("of a job that its host does not get running is a failure, and nothing is charged", async () => {
    const id = await ordered({ config: { max_infrastructure_retries: 0 } });
    await scene.schedule();
    await host.round({ phase: "starting" });
    scene.api.passMinutes(31);
    await host.heartbeat();
    await scene.lifecycle();
    expect(await job(id)).toMatchObject({ status: "stopping" });

    await reported({ phase: "stopped" });

    expect(await job(id)).toMatchObject({
      status: "failed",
      status_reason: expect.stringContaining("within 30 minutes"),
    });
    expect(await rows("SELECT first_proven_at FROM runs")).toEqual([{ first_proven_at: null }]);
  });
});

test("a pass over many jobs queries once what hosts reported of them, and each becomes what was reported of its own", async () => {
  const names = ["ends", "fails", "runs"] as const;
  const ids: string[] = [];
  for (const name of names) ids.push(await ordered({ name, gpu: 0 }));
  await scene.schedule();
  await reported({ phase: "ready" });
  const report = {
    ends: { phase: "stopped", exitCode: 0 },
    fails: { phase: "failed", exitCode: 3, problem: "exited" },
    runs: { phase: "ready" },
  } as const;
  const ofJob = (id: string) => host.desired.filter(({ spec }) => spec.workloadId === id);
  await host.report(
    names.flatMap((name, at) => ofJob(ids[at] ?? "").map((wanted) => host.observedOf(wanted, report[name]))),
  );
  const { db, now } = scene.api.deps;
  const requested: string[] = [];
  const watched: Database = {
    ...db,
    query: async (text, values) => {
      requested.push(text);
      return await db.query(text, values);
    },
  };
  const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;

  await workloadsPass({ db: watched, nudge: () => undefined, log: quietLog }, { term, now: now() });

  expect(requested.filter((text) => /\bplacements\b/.test(text))).toHaveLength(1);
  const statuses = await Promise.all(ids.map(async (id) => (await job(id)).status as string));
  expect(statuses).toEqual(["completed", "failed", "running"]);
});

describe("a cancellation", () => {
  test("of one that waits is done at once", async () => {
    const id = await ordered();

    expect(await request("POST", `${id}/cancel`)).toMatchObject({
      status: 200,
      body: { status: "cancelled", completed_at: expect.any(String) },
    });
    expect((await request("POST", `${id}/cancel`)).status).toBe(409);
    expect((await scene.schedule()).placed).toEqual([]);
  });

  test.each(["placed", "running"])("of one that is %s is carried out by its host", async (what) => {
    const id = what === "running" ? await running() : await ordered();
    await scene.schedule();

    expect((await request("POST", `${id}/cancel`)).body).toMatchObject({ status: "stopping" });
    expect((await host.pull())[0]).toMatchObject({ want: "stopped", orderedBy: "customer" });
    await reported({ phase: "stopped", exitCode: 143 });

    expect(await job(id)).toMatchObject({ status: "cancelled", completed_at: expect.any(String) });
    expect(await rows("SELECT waive_from IS NOT NULL AS is_waived FROM runs")).toEqual([{ is_waived: true }]);
    expect(await wellFormed()).toEqual([]);
  });
});

describe("a deletion", () => {
  test.each(["queued", "placed", "running", "stopping", "completed"])("of one that is %s", async (what) => {
    const id = what === "queued" || what === "placed" ? await ordered() : await running();
    if (what === "placed") await scene.schedule();
    if (what === "stopping") await request("POST", `${id}/cancel`);
    if (what === "completed") await reported({ phase: "stopped", exitCode: 0 });

    expect(await request("DELETE", id)).toMatchObject({ status: 202, body: { id, status: "deleting" } });

    expect((await request("GET", id)).status).toBe(404);
    await host.round({ phase: "ready" });
    await host.round();
    await scene.workloads();
    expect(await rows("SELECT FROM placements WHERE gone_at IS NULL")).toEqual([]);
    expect(await rows("SELECT FROM gpu_allocations WHERE released_at IS NULL")).toEqual([]);
    const [row] = await rows<{ status: string }>("SELECT status FROM training_jobs");
    expect(row?.status).toBe(what === "completed" ? "completed" : "cancelled");
    expect(await wellFormed()).toEqual([]);
  });
});

describe("what happens to it", () => {
  test("a suspension stops it, and it fails for want of money", async () => {
    const id = await running();
    const overdueSince = scene.api.deps.now();
    await scene.api.db.query(
      "UPDATE customers SET balance = -1, overdue_status = 'overdue', overdue_since = $2 WHERE id = $1",
      [alice.customerId, overdueSince],
    );
    const now = new Date(overdueSince.getTime() + 3_600_000);
    await transaction(scene.api.db, (sql) =>
      settleAccount(sql, { customerId: alice.customerId, hour: now, now }),
    );

    expect(await job(id)).toMatchObject({
      status: "stopping",
      status_reason: "The account is suspended: its balance is used up. A top-up makes it normal again.",
    });
    expect((await host.pull())[0]).toMatchObject({ want: "stopped", orderedBy: "account" });
    await reported({ phase: "stopped", exitCode: 137 });
    expect(await job(id)).toMatchObject({
      status: "failed",
      status_reason: expect.stringContaining("money"),
    });
  });

  test("a drained host stops it with the reason", async () => {
    const id = await running({ config: { max_infrastructure_retries: 0 } });

    await scene.api.request("POST", "/api/v1/hosts/host-a/drain", {
      as: scene.api.admin,
      body: { reason: "repairs" },
    });

    expect(await job(id)).toMatchObject({
      status: "stopping",
      status_reason: expect.stringContaining("repairs"),
    });
    await reported({ phase: "stopped", exitCode: 143 });
    expect(await job(id)).toMatchObject({
      status: "failed",
      status_reason: expect.stringContaining("repairs"),
    });
  });

  test("a host that is declared lost takes it along, and its time since then is free", async () => {
    const id = await running({ config: { max_infrastructure_retries: 0 } });

    await scene.api.request("DELETE", "/api/v1/hosts/host-a?lost=true", { as: scene.api.admin });
    await scene.workloads();

    expect(await job(id)).toMatchObject({ status: "failed", status_reason: expect.stringContaining("lost") });
    expect(await rows("SELECT closed_at IS NOT NULL AS is_closed FROM runs")).toEqual([{ is_closed: true }]);
  });

  test("a mount that is missing sends it back to the line, and the pool is skipped for a while", async () => {
    const id = await ordered();
    await scene.schedule();

    await reported({ phase: "failed", problem: "mount-missing", detail: "No such folder." });

    expect(await job(id)).toMatchObject({
      status: "queued",
      status_reason: expect.stringContaining("No such folder."),
    });
    await host.round();
    await scene.schedule();
    expect((await request("GET", `${id}/why`)).body.hosts[0].reason).toContain("pool-host-a");
  });

  test("a dataset that was taken away while it waited fails it with the reason, once and for all", async () => {
    const bob = await scene.customer("bob");
    const dataset = (
      await scene.api.request("POST", "/api/v1/datasets", {
        as: scene.api.admin,
        body: { name: "d", visibility: "public", storage_path: "d/1" },
      })
    ).body;
    const { body } = await order({ mounted_datasets: [dataset.id] }, bob);
    await scene.api.db.query("UPDATE datasets SET visibility = 'private' WHERE id = $1", [dataset.id]);

    await scene.schedule();

    const failed = (await request("GET", body.id, bob)).body;
    expect(failed).toMatchObject({ status: "failed", status_reason: expect.stringContaining("dataset") });
    expect((await scene.schedule()).placed).toEqual([]);
  });

  test("exec reaches its container while it runs", async () => {
    const id = await ordered();
    expect(
      (
        await scene.api.request("POST", `/api/v1/training-jobs/${id}/exec`, {
          as: alice,
          body: { argv: ["true"] },
        })
      ).status,
    ).toBe(409);
  });
});
