import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

let scene: ControlScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
});
afterEach(async () => await scene.close());

const times = (count: number) => Array.from({ length: count });

async function count(sql: string, values: unknown[] = []): Promise<number> {
  const { rows } = await scene.api.db.query<{ count: number }>(sql, values);
  return rows[0]?.count ?? -1;
}
const liveCards = () => count("SELECT count(*) FROM gpu_allocations WHERE released_at IS NULL");
const statuses = async () => {
  const { rows } = await scene.api.db.query<{ status: string }>(
    "SELECT status FROM environments ORDER BY status",
  );
  return rows.map(({ status }) => status);
};

describe("the last GPU", () => {
  test("twenty orders at once and three schedulers at once give exactly one placement; the others state why they wait", async () => {
    await setSetting(scene.api.db, "DEFAULT_QUOTA_LEVEL", "enterprise");
    const alice = await scene.customer("alice", "100000");
    await scene.host("host-a", { gpus: 1, cpu: 64 });

    const orders = await Promise.all(times(20).map(async () => await scene.order(alice, { gpu: 1 })));
    expect(orders.map(({ status }) => status)).toEqual(times(20).map(() => 201));
    const passes = await Promise.all(times(3).map(async () => await scene.schedule()));

    expect(passes.flatMap(({ placed }) => placed)).toHaveLength(1);
    expect(await liveCards()).toBe(1);
    expect(await count("SELECT count(*) FROM runs")).toBe(1);
    await scene.schedule();
    const waiting = await scene.api.request("GET", "/api/v1/environments?status=queued&limit=50", {
      as: alice,
    });
    expect(waiting.body.items).toHaveLength(19);
    for (const row of waiting.body.items)
      expect(row.status_reason).toBe("Waiting for a place. host-a: 1 GPU asked, 0 free.");
  });

  test("whole cards and slices never mix on a card, and slices share one until its memory is used", async () => {
    const alice = await scene.customer("alice");
    await scene.host("host-a", { gpus: 1, cpu: 64 });
    const slice = { gpu: 1, gpu_memory: 8 * GIB, config: { gpu_sharing: "shared" } } as const;

    for (const change of [slice, slice, slice, slice, { gpu: 1 }]) await scene.order(alice, change);
    await scene.schedule();

    expect(await statuses()).toEqual(["creating", "creating", "creating", "queued", "queued"]);
    const { rows } = await scene.api.db.query(
      "SELECT mode, slot, memory_mib, share_thousandths FROM gpu_allocations ORDER BY slot",
    );
    expect(rows).toEqual(
      [0, 1, 2].map((slot) => ({ mode: "shared", slot, memory_mib: 8192, share_thousandths: 333 })),
    );
  });
});

describe("quotas", () => {
  test("orders at once cannot exceed a quota, and the refusal names it", async () => {
    const alice = await scene.customer("alice");
    await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 3, memory_quota: 100_000, gpu_quota: 0, storage_quota: 0, environment_quota: 50 },
    });

    const orders = await Promise.all(times(10).map(async () => await scene.order(alice)));

    expect(orders.filter(({ status }) => status === 201)).toHaveLength(3);
    const refused = orders.filter(({ status }) => status !== 201);
    for (const { status, body } of refused) {
      expect(status).toBe(409);
      expect(body.detail).toBe("cpu_quota of the customer is 3: 3 in use, 1 more asked");
    }
    expect(await statuses()).toHaveLength(3);
  });

  test.each([
    ["gpu_quota", { gpu: 1 }],
    ["storage_quota", { storage: GIB + 1 }],
    ["memory_quota", { memory: 3 * GIB }],
  ])("%s", async (name, change) => {
    const alice = await scene.customer("alice");
    await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 8, memory_quota: 2048, gpu_quota: 0, storage_quota: GIB, environment_quota: 1 },
    });

    expect((await scene.order(alice, change)).body.detail).toContain(name);
    expect((await scene.order(alice, { storage: GIB })).status).toBe(201);
    expect((await scene.order(alice)).body.detail).toContain("environment_quota");
  });

  test("a workspace's own quota bounds it within its owner's", async () => {
    const alice = await scene.customer("alice");
    await scene.api.request("PUT", `/api/v1/workspaces/${alice.workspaceId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 1, memory_quota: 99_999, gpu_quota: 0, storage_quota: 0, environment_quota: 9 },
    });

    expect((await scene.order(alice)).status).toBe(201);
    expect((await scene.order(alice)).body.detail).toContain("cpu_quota of the workspace is 1");
  });

  test("a quota that was lowered while an order waited keeps it waiting with that reason", async () => {
    const alice = await scene.customer("alice");
    const { id } = (await scene.order(alice, { cpu: 2 })).body;
    await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 1, memory_quota: 99_999, gpu_quota: 0, storage_quota: 0, environment_quota: 9 },
    });
    await scene.host("host-a");

    await scene.schedule();

    expect(await scene.get(alice, id)).toMatchObject({
      status: "queued",
      status_reason: "Waiting for quota: cpu_quota of the customer is 1: 0 in use, 2 more asked.",
    });
  });
});

describe("funds", () => {
  test("orders at once cannot together request more than an hour of them is worth", async () => {
    // One core costs 0.6 an hour: 2 pays three of them for an hour, and not a fourth.
    const alice = await scene.customer("alice", "2");

    const orders = await Promise.all(times(8).map(async () => await scene.order(alice)));

    const refused = orders.filter(({ status }) => status !== 201);
    expect(orders.filter(({ status }) => status === 201)).toHaveLength(3);
    for (const { status, body } of refused) {
      expect(status).toBe(402);
      expect(body.detail).toContain("does not cover 60 minutes");
    }
  });

  test("without money nothing starts", async () => {
    const alice = await scene.customer("alice", "0");

    expect((await scene.order(alice)).status).toBe(402);
    expect(await statuses()).toEqual([]);
  });

  test("money that went away while an order waited keeps it waiting with that reason", async () => {
    const alice = await scene.customer("alice", "1");
    const { id } = (await scene.order(alice)).body;
    await scene.api.request("POST", `/api/v1/customers/${alice.customerId}/adjustments`, {
      as: scene.api.admin,
      body: { amount: "-0.9", reason: "a test" },
    });
    await scene.host("host-a");

    await scene.schedule();

    const row = await scene.get(alice, id);
    expect(row.status).toBe("queued");
    expect(row.status_reason).toMatch(/^Waiting for funds: /);
  });

  test("a restart is a start: it is refused without money, and the run goes on", async () => {
    const alice = await scene.customer("alice", "1");
    const host = await scene.host("host-a");
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    const [before] = await host.round();
    await setSetting(scene.api.db, "MIN_START_MINUTES", "200");

    const answer = await scene.api.request("POST", `/api/v1/environments/${id}/restart`, { as: alice });

    expect(answer.status).toBe(402);
    expect(await host.pull()).toEqual([before]);
    expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
  });

  test("the owner of the workspace pays for what its members order", async () => {
    const alice = await scene.customer("alice", "100");
    const bob = await scene.customer("bob", "0");
    const made = await scene.api.request("POST", "/api/v1/workspaces", { as: alice, body: { name: "team" } });
    const workspaceId = made.body.id;
    await scene.api.join(workspaceId, alice, bob);
    await scene.host("host-a");

    const { id } = (await scene.order(bob, { workspace_id: workspaceId })).body;
    await scene.schedule();

    const { rows } = await scene.api.db.query(
      "SELECT customer_id, ordered_by, workspace_id FROM runs WHERE resource_id = $1",
      [id],
    );
    expect(rows).toEqual([
      { customer_id: alice.customerId, ordered_by: bob.customerId, workspace_id: workspaceId },
    ]);
  });

  test("what has no price is refused at the order, naming it", async () => {
    const alice = await scene.customer("alice");
    await scene.api.db.query("DELETE FROM prices WHERE line = 'temp_storage'");

    const answer = await scene.order(alice, { temp_storage: GIB });

    expect(answer.status).toBe(422);
    expect(answer.body.detail).toContain("no price for temp_storage");
  });
});
