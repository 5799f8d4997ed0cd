/**
 * Replicas of one service are starts of their own: what runs of it neither holds back the next one nor is made free by
 * it, and nothing is mixed up with another kind's workload of the same id.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { waitingOrders } from "@remotegpu/control-plane/server/store/placement/inputs/waiting";
import type { PlacementProposal } from "@remotegpu/control-plane/server/store/placement/commit/proposals";
import {
  card,
  type Customer,
  openPlacementScene,
  place,
  type PlacementScene,
  whole,
} from "../../support/placement/placement-scene.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import type { ScriptedHost } from "../../support/worlds/control-scene.ts";

let fresh: FreshDatabase;
let scene: PlacementScene;
let alice: Customer;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  scene = await openPlacementScene(fresh);
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 4 });
});
afterEach(async () => await scene.close());

async function service(id: string, change: Record<string, unknown> = {}): Promise<string> {
  const row: Record<string, unknown> = {
    id,
    customer_id: alice.customerId,
    workspace_id: alice.workspaceId,
    name: "answers",
    image: "server:1",
    status: "running",
    cpu: 1,
    memory: GIB,
    gpu: 1,
    replicas: 1,
    ...change,
  };
  const columns = Object.keys(row);
  await scene.rows(
    `INSERT INTO inference_services (${columns.join(", ")}) VALUES (${columns.map((_, n) => `$${n + 1}`).join(", ")})`,
    Object.values(row),
  );
  await scene.rows(
    `INSERT INTO service_revisions (service_id, number, image, cpu, memory, gpu, created_at, actor)
     SELECT id, 1, image, cpu, memory, gpu, now(), 'the test' FROM inference_services WHERE id = $1`,
    [id],
  );
  return id;
}

async function replica(id: string, rank: number): Promise<void> {
  await scene.rows("UPDATE inference_services SET replicas = greatest(replicas, $2) WHERE id = $1", [
    id,
    rank + 1,
  ]);
  await scene.rows(
    "INSERT INTO instances (id, workload_kind, workload_id, rank, state, revision) VALUES ($1, 'inference', $2, $3, 'placed', 1)",
    [`ins-${id}-${rank}`, id, rank],
  );
}

const replicaAt = (id: string, firstRank: number, index: number): PlacementProposal => ({
  start: { kind: "inference", id, firstRank },
  instances: [place("host-a", whole(card("host-a", index)))],
});
const runs = async () =>
  await scene.rows<{ rank: number; waive_from: Date | null; closed_at: Date | null }>(
    `SELECT i.rank, r.waive_from, r.closed_at FROM runs r JOIN instances i ON i.id = r.instance_id
      WHERE r.resource_type = 'inference' ORDER BY i.rank`,
  );
const waiting = async () =>
  (await waitingOrders(fresh.database, { now: scene.api.deps.now() })).map(({ start, heldBy }) => [
    start.kind,
    start.id,
    start.firstRank,
    heldBy,
  ]);

test("a second replica is placed beside the first, whose run goes on and costs what it did", async () => {
  await service("svc-1");
  await replica("svc-1", 0);
  expect(await scene.commit([replicaAt("svc-1", 0, 0)])).toMatchObject([{ committed: true }]);
  await host.round({ phase: "ready" });
  await replica("svc-1", 1);

  expect(await waiting()).toEqual([["inference", "svc-1", 1, []]]);
  expect(await scene.commit([replicaAt("svc-1", 1, 1)])).toMatchObject([{ committed: true }]);

  expect(await runs()).toEqual([
    { rank: 0, waive_from: null, closed_at: null },
    { rank: 1, waive_from: null, closed_at: null },
  ]);
  expect(await waiting()).toEqual([]);
  const wanted = await host.round({ phase: "ready" });
  expect(new Map(wanted.map(({ want, spec }) => [spec.hostname, want]))).toEqual(
    new Map([
      ["svc-1-0", "running"],
      ["svc-1-1", "running"],
    ]),
  );
  const unwell = (await examine(scene.api.deps.db, scene.api.deps.now())).filter(
    ({ state }) => state !== "well",
  );
  expect(unwell).toEqual([]);
});

test("two replicas of one pass are two starts", async () => {
  await service("svc-1");
  for (const rank of [0, 1]) await replica("svc-1", rank);

  const outcomes = await scene.commit([replicaAt("svc-1", 0, 0), replicaAt("svc-1", 1, 1)]);

  expect(outcomes).toMatchObject([{ committed: true }, { committed: true }]);
  expect((await runs()).map(({ rank }) => rank)).toEqual([0, 1]);
});

test("a replica that was placed waits no more, and is not placed twice", async () => {
  await service("svc-1");
  await replica("svc-1", 0);
  await scene.commit([replicaAt("svc-1", 0, 0)]);

  expect(await scene.commit([replicaAt("svc-1", 0, 1)])).toMatchObject([
    { committed: false, reason: "not-queued" },
  ]);
});

test("the scheduler starts replicas beside environments and jobs of the same id, each with what is its own", async () => {
  await service("same");
  await replica("same", 0);
  await scene.job(alice, { id: "same", node_count: 1 });
  const environment = await scene.environment(alice, { gpu: 1 });

  const { placed } = await scene.schedule();

  expect(placed.toSorted()).toEqual(["same", "same", environment].toSorted());
  expect(
    await scene.rows(
      `SELECT r.resource_type, r.resource_name, p.spec->>'kind' AS kind FROM runs r
         JOIN placements p ON p.run_id = r.id WHERE r.resource_id = 'same' ORDER BY 1`,
    ),
  ).toEqual([
    { resource_type: "inference", resource_name: "answers", kind: "inference" },
    { resource_type: "training", resource_name: "a job", kind: "training" },
  ]);
});

test("a quota counts every replica that is wanted, the requesting one once", async () => {
  await scene.rows(
    `INSERT INTO resource_quotas (customer_id, quota_level, cpu_quota, memory_quota, gpu_quota, storage_quota, environment_quota)
     VALUES ($1, 'own', 100, 100000, 2, 1, 1)`,
    [alice.customerId],
  );
  await service("svc-1");
  for (const rank of [0, 1]) await replica("svc-1", rank);
  expect(await scene.commit([replicaAt("svc-1", 0, 0), replicaAt("svc-1", 1, 1)])).toMatchObject([
    { committed: true },
    { committed: true },
  ]);
  await replica("svc-1", 2);

  expect(await scene.commit([replicaAt("svc-1", 2, 2)])).toMatchObject([
    { committed: false, reason: "quota" },
  ]);
});

test("a replica waits since it was made, however old its service is", async () => {
  await service("svc-1", { created_at: "2020-01-01" });
  await replica("svc-1", 0);

  const [waits] = await waitingOrders(fresh.database, { now: scene.api.deps.now() });

  expect(new Date(waits?.stand.orderedAtMs ?? 0).getUTCFullYear()).toBeGreaterThan(2020);
});
