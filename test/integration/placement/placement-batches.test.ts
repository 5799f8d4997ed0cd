import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LeadershipLostError } from "@remotegpu/control-plane/server/store/database/leader";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import {
  card,
  type Customer,
  environmentAt,
  NOTHING_WRITTEN,
  openPlacementScene,
  place,
  type PlacementScene,
  whole,
} from "../../support/placement/placement-scene.ts";

let scene: PlacementScene;
let alice: Customer;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openPlacementScene(await emptyDatabase());
  alice = await scene.customer("alice");
  await scene.host("host-a", { gpus: 2, cpu: 32 });
});
afterEach(async () => await scene.close());

const onHostA = (id: string) => environmentAt(id, place("host-a"));
const environments = async (count: number, as: Customer = alice, change: object = {}): Promise<string[]> => {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await scene.environment(as, change));
  return ids;
};
const hostRow = async () =>
  (
    await scene.rows<{ generation: number; used_cpu: number; used_gpu: number }>(
      "SELECT generation, used_cpu, used_gpu FROM hosts WHERE id = 'host-a'",
    )
  )[0];
const statusOf = async (id: string) =>
  (await scene.rows<{ status: string }>("SELECT status FROM environments WHERE id = $1", [id]))[0]?.status;
const reasons = (outcomes: Awaited<ReturnType<PlacementScene["commit"]>>) =>
  outcomes.map((outcome) => (outcome.committed ? "placed" : outcome.reason));

describe("one host several times in a batch", () => {
  test("its generation rises once, and its use and the leases follow", async () => {
    const ids = await environments(3);
    const before = await hostRow();

    const outcomes = await scene.commit(ids.map(onHostA));

    expect(reasons(outcomes)).toEqual(["placed", "placed", "placed"]);
    const after = await hostRow();
    expect(after?.generation).toBe((before?.generation ?? 0) + 1);
    expect(after?.used_cpu).toBe(3);
    expect(await scene.rows("SELECT DISTINCT generation, state FROM lease_orders")).toEqual([
      { generation: after?.generation, state: "waiting" },
    ]);
    expect(await scene.written()).toMatchObject({ instances: 3, placements: 3, runs: 3, lease_orders: 3 });
  });

  test("slices of one card get a slot each, the lowest that is free, and the card is taken once", async () => {
    const slice = { gpu: 1, gpu_memory: 6 * GIB, config: { gpu_sharing: "shared" } };
    const ids = await environments(4, alice, slice);
    const grant = { uuid: card("host-a", 0), memoryMib: 6144, shareThousandths: 250 };
    const at = (id: string) => environmentAt(id, place("host-a", grant));

    await scene.commit(ids.slice(0, 2).map(at));
    await scene.rows("UPDATE gpu_allocations SET released_at = now(), mode = NULL WHERE slot = 0");
    await scene.commit(ids.slice(2).map(at));

    expect(
      await scene.rows("SELECT slot FROM gpu_allocations WHERE released_at IS NULL ORDER BY slot"),
    ).toEqual([{ slot: 0 }, { slot: 1 }, { slot: 2 }]);
    expect(
      await scene.rows("SELECT old, new FROM events WHERE new = 'allocated' AND gpu_uuid = $1", [grant.uuid]),
    ).toEqual([{ old: "available", new: "allocated" }]);
  });

  test("the last of a host goes to the first that requests it", async () => {
    const ids = await environments(3, alice, { cpu: 16 });

    const outcomes = await scene.commit(ids.map(onHostA));

    expect(outcomes).toMatchObject([
      { committed: true },
      { committed: true },
      { committed: false, reason: "taken", detail: "16 CPU cores asked, 0 free" },
    ]);
  });
});

describe("a container's own file system", () => {
  const limits = async () =>
    await scene.rows<{ limit: number; reserved: number | null }>(
      `SELECT (spec->>'tempStorageBytes')::float AS limit, temp_storage_bytes::float AS reserved
         FROM placements ORDER BY 1 DESC`,
    );

  test("is bounded by a setting where its order sets none, without a price, a charge or room set aside", async () => {
    const [first = "", second = ""] = await environments(2);

    await scene.commit([onHostA(first)]);
    await setSetting(scene.api.db, "DEFAULT_TEMP_STORAGE_GIB", "7");
    await scene.commit([onHostA(second)]);

    expect(await limits()).toEqual([
      { limit: 20 * GIB, reserved: null },
      { limit: 7 * GIB, reserved: null },
    ]);
    expect(await scene.rows("SELECT line FROM run_lines WHERE line = 'temp_storage'")).toEqual([]);
  });

  test("is what was ordered, however large, and the default never more than what its spec includes", async () => {
    const shape = { cpu: 8, memory: 64 * GIB, gpu: 0, temp_storage: 2 * GIB };
    await scene.api.request("PUT", "/api/v1/specs/small", { as: scene.api.admin, body: { shape } });
    const prices = [
      { spec: "small", line: "spec", unit_price: "1", billing_unit: "hour" },
      { spec: "default", line: "temp_storage", unit_price: "0.1", billing_unit: "hour" },
    ];
    for (const body of prices)
      await scene.api.request("POST", "/api/v1/prices", { as: scene.api.admin, body });
    const [ordered, included] = [
      await scene.environment(alice, { temp_storage: 50 * GIB }),
      await scene.environment(alice, { config: { spec: "small" } }),
    ];

    await scene.commit([onHostA(ordered), onHostA(included)]);

    expect(await limits()).toEqual([
      { limit: 50 * GIB, reserved: 50 * GIB },
      { limit: 2 * GIB, reserved: null },
    ]);
  });
});

describe("one order that may not start does not hold up the others", () => {
  test("nor does it keep the place that it was to have", async () => {
    const bob = await scene.customer("bob", "10");
    const [poor] = await environments(1, bob, { gpu: 1 });
    const [rich] = await environments(1, alice, { gpu: 1 });
    await scene.rows("UPDATE customers SET balance = 0 WHERE id = $1", [bob.customerId]);
    const at = (id = "") => environmentAt(id, place("host-a", whole(card("host-a", 0))));

    const outcomes = await scene.commit([at(poor), at(rich)]);

    expect(outcomes).toMatchObject([
      { committed: false, reason: "funds", detail: "the balance is not above zero" },
      { committed: true },
    ]);
    expect(await statusOf(poor ?? "")).toBe("queued");
  });

  test("stopped meanwhile, named twice, on a host that is not there, without a price, with a mount that is gone", async () => {
    const ids = await environments(5);
    const [stopped = "", twice = "", elsewhere = "", unpriced = "", mounting = ""] = ids;
    await scene.api.request("POST", `/api/v1/environments/${stopped}/stop`, { as: alice });
    await scene.rows(`UPDATE environments SET config = '{"spec": "nobody-priced-it"}' WHERE id = $1`, [
      unpriced,
    ]);
    await scene.rows(
      `UPDATE environments SET mounted_datasets = '[{"id": 77, "path": "/gemini/data-1", "readonly": true}]' WHERE id = $1`,
      [mounting],
    );

    const outcomes = await scene.commit([
      onHostA(stopped),
      onHostA(twice),
      onHostA(twice),
      environmentAt(elsewhere, place("host-x")),
      onHostA(unpriced),
      onHostA(mounting),
    ]);

    expect(reasons(outcomes)).toEqual([
      "not-queued",
      "placed",
      "not-queued",
      "taken",
      "price",
      "mount-not-found",
    ]);
    expect(await scene.written()).toMatchObject({ placements: 1, runs: 1 });
  });

  test("what is in the mount's reach of one is not in another's", async () => {
    const bob = await scene.customer("bob");
    const { rows } = await scene.api.db.query<{ id: number }>(
      `INSERT INTO datasets (uuid, customer_id, name, storage_path, status, visibility)
       VALUES (gen_random_uuid(), $1, 'd', 'd/1', 'ready', 'private') RETURNING id`,
      [alice.customerId],
    );
    const [own = ""] = await environments(1, alice, { mounted_datasets: [{ id: rows[0]?.id }] });
    const [foreign = ""] = await environments(1, bob);
    await scene.rows(
      "UPDATE environments SET mounted_datasets = (SELECT mounted_datasets FROM environments WHERE id = $1) WHERE id = $2",
      [own, foreign],
    );

    expect(reasons(await scene.commit([onHostA(foreign), onHostA(own)]))).toEqual([
      "mount-not-found",
      "placed",
    ]);
  });
});

describe("what one payer's orders of a batch take together", () => {
  test("is bounded by the money: as many start as an hour of them is paid for", async () => {
    const bob = await scene.customer("bob", "100");
    const ids = await environments(5, bob);
    // A core costs 0.6 an hour.
    await scene.rows("UPDATE customers SET balance = 1.9 WHERE id = $1", [bob.customerId]);

    const outcomes = await scene.commit(ids.map(onHostA));

    expect(reasons(outcomes)).toEqual(["placed", "placed", "placed", "funds", "funds"]);
  });

  test("is bounded by quotas that were lowered meanwhile, of the payer and of the workspace", async () => {
    const [two, one] = [
      await scene.environment(alice, { cpu: 2 }),
      await scene.environment(alice, { cpu: 1 }),
    ];
    await scene.api.request("PUT", `/api/v1/workspaces/${alice.workspaceId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 2, memory_quota: 99_999, gpu_quota: 0, storage_quota: 0, environment_quota: 9 },
    });

    // What waits counts, so neither fits beside the other.
    expect(await scene.commit([onHostA(two), onHostA(one)])).toMatchObject([
      { reason: "quota", detail: "cpu_quota of the workspace is 2: 1 in use, 2 more asked" },
      { reason: "quota", detail: "cpu_quota of the workspace is 2: 2 in use, 1 more asked" },
    ]);
    await scene.api.request("POST", `/api/v1/environments/${one}/stop`, { as: alice });
    expect(reasons(await scene.commit([onHostA(two)]))).toEqual(["placed"]);
  });
});

describe("somebody who is faster", () => {
  test("takes one place of a batch: only that order is left out", async () => {
    const ids = await environments(5);
    // What no lock of ours sees: an index says no.
    await scene.rows(
      `CREATE FUNCTION is_taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE unique_violation USING MESSAGE = 'somebody has it'; END $$`,
    );
    await scene.rows(
      `CREATE TRIGGER is_taken BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.resource_id = '${ids[3]}')
         EXECUTE FUNCTION is_taken()`,
    );

    const outcomes = await scene.commit(ids.map(onHostA));

    expect(reasons(outcomes)).toEqual(["placed", "placed", "placed", "taken", "placed"]);
    expect(outcomes[3]).toMatchObject({ detail: "somebody has it" });
    expect(await scene.written()).toMatchObject({ instances: 4, placements: 4, runs: 4 });
  });

  test("twenty orders for one card in two batches at once: one has it", async () => {
    await scene.rows("UPDATE settings SET value = 'enterprise' WHERE key = 'DEFAULT_QUOTA_LEVEL'");
    const ids = await environments(20, alice, { gpu: 1 });
    const at = (id: string) => environmentAt(id, place("host-a", whole(card("host-a", 1))));

    const outcomes = await Promise.all([scene.commit(ids.map(at)), scene.commit(ids.toReversed().map(at))]);

    expect(outcomes.flat().filter(({ committed }) => committed)).toHaveLength(1);
    expect(await scene.written()).toMatchObject({ placements: 1, gpu_allocations: 1 });
  });
});

test("a term that is over writes nothing at all", async () => {
  const ids = await environments(2);

  await expect(scene.commit(ids.map(onHostA), { term: 0 })).rejects.toThrow(LeadershipLostError);

  expect(await scene.written()).toEqual(NOTHING_WRITTEN);
  expect(await statusOf(ids[0] ?? "")).toBe("queued");
});
