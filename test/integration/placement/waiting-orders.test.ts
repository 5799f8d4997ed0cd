/** What waits, as one pass of the scheduler reads it: all of it, whole, and with a handful of queries. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inQueueOrder } from "@remotegpu/control-plane/server/core/queue/queue";
import { heldNow } from "@remotegpu/control-plane/server/store/placement/inputs/held-shares";
import { passCache, passInputs } from "@remotegpu/control-plane/server/store/placement/inputs/pass-inputs";
import {
  sharersOf,
  type WaitingOrder,
  waitingOrders,
} from "@remotegpu/control-plane/server/store/placement/inputs/waiting";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { PlacedWork } from "../../support/placement/placed-work.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { readingConnection } from "../../support/engines/reading-connection.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const NOW = new Date("2026-06-15T12:00:00Z");
const QUEUED = new Date("2026-06-15T11:00:00.123Z");

let fresh: FreshDatabase;
let work: PlacedWork;
let alice: number;
let bob: number;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  work = new PlacedWork(fresh.database);
  alice = await work.customer("alice");
  bob = await work.customer("bob");
  await work.price("default", "cpu", "memory", "gpu", "gpu_memory", "temp_storage");
});
afterEach(async () => await fresh.drop());

async function waiting(): Promise<Map<string, WaitingOrder>> {
  const orders = await waitingOrders(fresh.database, { now: NOW });
  return new Map(orders.map((order) => [order.start.id, order]));
}

test("an environment with all that was ordered of it", async () => {
  const team = await work.workspace(bob, { share_weight: 7 });
  await work.host("host-a");
  await work.card("host-a", { uuid: "GPU-0", model: "L4" });
  await work.environment("env-1", alice, {
    workspace_id: team,
    image: "lab:2",
    cpu: 3,
    memory: GIB + 1,
    gpu: 2,
    gpu_memory: 20 * GIB,
    storage: 5 * GIB,
    temp_storage: MIB,
    storage_pool: "pool-1",
    queued_at: QUEUED,
    config: { host_labels: { rack: "r1" }, command: "sleep 1", max_minutes: 5 },
  });

  expect(await waitingOrders(fresh.database, { now: NOW })).toEqual([
    {
      start: { kind: "environment", id: "env-1", firstRank: 0 },
      requested: {
        kind: "environment",
        id: "env-1",
        customerId: alice,
        payerId: bob,
        workspaceId: team,
        image: "lab:2",
        spec: "default",
        instances: 1,
        distinctHosts: false,
        cpuMilli: 3000,
        memoryBytes: GIB + 1,
        gpus: 2,
        gpuModel: null,
        gpuShared: false,
        gpuMemoryBytes: 20 * GIB,
        storageBytes: 5 * GIB,
        tempStorageBytes: MIB,
        storagePool: "pool-1",
        hostLabels: { rack: "r1" },
        maximum: null,
        needs: [],
      },
      stand: {
        id: "environment env-1 0",
        priority: 0,
        isUrgent: false,
        orderedAtMs: QUEUED.getTime(),
        payer: `${bob}`,
        workspace: `${team}`,
        demand: { cpuMilli: 3000, memoryMib: 1025, gpuThousandths: 2000 },
        limitSeconds: null,
      },
      request: {
        id: "environment env-1 0",
        instances: 1,
        distinctHosts: false,
        cpuMilli: 3000,
        memoryMib: 1025,
        tempStorageMib: 1,
        gpu: { kind: "whole", count: 2, leastMemoryMib: 20_480, models: ["L4"] },
        labels: { rack: "r1" },
        features: [],
        image: "lab:2",
        storagePool: "pool-1",
        skips: [],
        apart: [],
      },
      payerId: bob,
      workspaceId: team,
      shareWeight: 7,
      payerWeight: 1,
      quotaShare: {
        cpu_quota: 3,
        memory_quota: 1025,
        gpu_quota: 2,
        storage_quota: 5 * GIB,
        environment_quota: 1,
      },
      otherModels: [],
      heldBy: [],
      withoutTurn: null,
      awaits: null,
      beyondMaximum: null,
      imageRefusal: null,
      withoutFunds: null,
    },
  ]);
});

test("a training job is one order of all its ranks, with its priority and its limit", async () => {
  await work.job("job-1", alice, {
    node_count: 4,
    cpu: 8,
    memory: 2 * GIB,
    gpu: 8,
    priority: 50,
    queued_at: QUEUED,
    config: { max_minutes: 90, distinct_hosts: true, gpu_model: "A100", host_labels: { rack: "r2" } },
  });

  expect((await waiting()).get("job-1")).toEqual({
    start: { kind: "training", id: "job-1", firstRank: 0 },
    requested: {
      kind: "training",
      id: "job-1",
      customerId: alice,
      payerId: alice,
      workspaceId: null,
      image: "trainer:1",
      spec: "default",
      instances: 4,
      distinctHosts: true,
      cpuMilli: 8000,
      memoryBytes: 2 * GIB,
      gpus: 8,
      gpuModel: "A100",
      gpuShared: false,
      gpuMemoryBytes: null,
      storageBytes: null,
      tempStorageBytes: null,
      storagePool: null,
      hostLabels: { rack: "r2" },
      maximum: null,
      needs: ["gangs"],
    },
    stand: {
      id: "training job-1 0",
      priority: 50,
      isUrgent: false,
      orderedAtMs: QUEUED.getTime(),
      payer: `${alice}`,
      workspace: `customer-${alice}`,
      demand: { cpuMilli: 32_000, memoryMib: 8192, gpuThousandths: 32_000 },
      limitSeconds: 5400,
    },
    request: {
      id: "training job-1 0",
      instances: 4,
      distinctHosts: true,
      cpuMilli: 8000,
      memoryMib: 2048,
      tempStorageMib: 0,
      gpu: { kind: "whole", count: 8, leastMemoryMib: 0, models: ["A100"] },
      labels: { rack: "r2" },
      features: ["restarts-never", "gangs"],
      image: "trainer:1",
      storagePool: null,
      skips: [],
      apart: [],
    },
    payerId: alice,
    workspaceId: null,
    shareWeight: 1,
    payerWeight: 1,
    quotaShare: {
      cpu_quota: 32,
      memory_quota: 8192,
      gpu_quota: 32,
      storage_quota: 0,
      environment_quota: 0,
    },
    otherModels: [],
    heldBy: [],
    withoutTurn: null,
    awaits: null,
    beyondMaximum: null,
    imageRefusal: null,
    withoutFunds: null,
  });
});

test("a job without a limit may run for as long as it likes, its ranks wherever they fit", async () => {
  await work.job("job-1", alice, { node_count: 2 });

  expect((await waiting()).get("job-1")).toMatchObject({
    stand: { priority: 0, limitSeconds: null },
    request: { instances: 2, distinctHosts: false },
  });
});

test("what does not wait is not there", async () => {
  await work.environment("running", alice, { status: "running" });
  await work.environment("deleted", alice, { deleted_at: NOW });
  await work.job("pending", alice, { status: "pending" });
  await work.job("deleted job", alice, { deleted_at: NOW });

  expect(await waitingOrders(fresh.database, { now: NOW })).toEqual([]);
});

test("an archived workspace is none: its customer shares and pays alone", async () => {
  const archived = await work.workspace(bob, { status: "archived", share_weight: 9 });
  await work.environment("env-1", alice, { workspace_id: archived });

  expect((await waiting()).get("env-1")).toMatchObject({
    workspaceId: null,
    payerId: alice,
    shareWeight: 1,
    payerWeight: 1,
    stand: { workspace: `customer-${alice}` },
  });
});

test("what was queued before anybody wrote down when waits since it was made, and of two kinds with one id both wait", async () => {
  await work.environment("same", alice, { created_at: QUEUED });
  await work.job("same", alice, { created_at: null });

  const orders = await waitingOrders(fresh.database, { now: NOW });

  expect(orders.map(({ start, stand }) => [start.kind, stand.orderedAtMs])).toEqual([
    ["environment", QUEUED.getTime()],
    ["training", 0],
  ]);
});

test("pools are skipped until their time has passed, each by the order that found nothing there", async () => {
  await work.environment("env-1", alice);
  await work.job("job-1", alice);
  const skip = async (kind: string, id: string, pool: string, until: Date) =>
    await fresh.database.query("INSERT INTO placement_skips VALUES ($1, $2, 0, $3, 'no mount', $4)", [
      kind,
      id,
      pool,
      until,
    ]);
  const later = new Date(NOW.getTime() + 1);
  await skip("environment", "env-1", "pool-b", later);
  await skip("environment", "env-1", "pool-a", later);
  await skip("environment", "env-1", "pool-c", NOW);
  await skip("training", "env-1", "pool-d", later);

  const orders = await waiting();

  expect(orders.get("env-1")?.request.skips).toEqual([
    { storagePool: "pool-a", reason: asReported("no mount"), untilMs: later.getTime() },
    { storagePool: "pool-b", reason: asReported("no mount"), untilMs: later.getTime() },
  ]);
  expect(orders.get("job-1")?.request.skips).toEqual([]);
});

test("what a host still holds of the last start names the hosts, until they have confirmed", async () => {
  await work.host("host-a");
  await work.host("host-b");
  await work.environment("env-1", alice);
  await work.job("job-1", alice, { node_count: 2 });
  await work.environment("over", alice);
  await work.environment("runs", alice, { status: "running" });
  const placedAt = QUEUED;
  await work.placed({ workload: "env-1", host: "host-b", customer: alice, placedAt });
  for (const [rank, host] of ["host-b", "host-a"].entries())
    await work.placed({ kind: "training", workload: "job-1", rank, host, customer: alice, placedAt });
  await work.placed({ workload: "over", customer: alice, placedAt, releasedAt: NOW });
  await work.placed({ workload: "runs", customer: alice, placedAt });

  const orders = await waiting();

  expect([...orders].map(([id, { heldBy }]) => [id, heldBy])).toEqual([
    ["env-1", ["host-b"]],
    ["over", []],
    ["job-1", ["host-a", "host-b"]],
  ]);
});

describe("models with a price", () => {
  beforeEach(async () => {
    await work.host("host-a");
    await work.card("host-a", { uuid: "GPU-0", index: 0, model: "L4", memoryMib: 24_576 });
    await work.card("host-a", { uuid: "GPU-1", index: 1, model: "A100", memoryMib: 81_920 });
    await work.price("plain", "cpu", "memory", "gpu:L4");
    await fresh.database.query(
      "INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from) VALUES ('later', 'cpu', 1, 'hour', $1)",
      [new Date(NOW.getTime() + 1)],
    );
  });

  test.each<[string, object, string[] | null]>([
    ["all of the fleet", {}, ["A100", "L4"]],
    ["those of the spec", { config: { spec: "plain" } }, ["L4"]],
    ["those that are large enough", { gpu_memory: 40 * GIB }, ["A100"]],
    ["the one that is named", { config: { gpu_model: "L4" } }, ["L4"]],
    ["none under a spec that has no price yet", { config: { spec: "later" } }, []],
    ["none under a spec that nobody made", { config: { spec: "nobody's" } }, []],
  ])("%s", async (_name, change, models) => {
    await work.environment("env-1", alice, { gpu: 1, ...change });

    expect((await waiting()).get("env-1")?.request.gpu).toMatchObject({ kind: "whole", models });
  });
});

test("an order that names a model is answered with the others that have a price and are large enough", async () => {
  await work.host("host-a");
  const cards = [
    ["L4", 24_576],
    ["A100", 81_920],
    ["H100", 81_920],
  ] as const;
  for (const [index, [model, memoryMib]] of cards.entries())
    await work.card("host-a", { uuid: `GPU-${index}`, index, model, memoryMib });
  const named = { gpu: 1, gpu_memory: 40 * GIB, config: { gpu_model: "A100" } };
  await work.environment("named", alice, named);
  await work.environment("any", alice, { gpu: 1 });

  const orders = await waiting();

  expect(orders.get("named")?.otherModels).toEqual(["H100"]);
  expect(orders.get("any")?.otherModels).toEqual([]);
});

test("10,000 orders are read with as many queries as two", async () => {
  let queries = 0;
  const counted = readingConnection(async (text, values) => {
    queries += 1;
    return await fresh.database.query(text, values);
  });
  const read = async () => {
    queries = 0;
    const orders = await waitingOrders(counted, { now: NOW });
    return { orders: orders.length, queries };
  };
  await work.environment("env-1", alice, { gpu: 1 });
  await work.job("job-1", alice, { gpu: 1 });
  const ofTwo = await read();
  const values = `'x', 'i', 'queued', 1 + n % 7, 1073741824, n % 3 FROM generate_series(1, 4999) n`;
  await fresh.database.query(
    `INSERT INTO environments (id, customer_id, name, image, status, cpu, memory, gpu) SELECT 'e' || n, ${alice}, ${values}`,
  );
  await fresh.database.query(
    `INSERT INTO training_jobs (id, customer_id, command, name, image, status, cpu, memory, gpu) SELECT 'j' || n, ${bob}, 'c', ${values}`,
  );

  expect(await read()).toEqual({ orders: 10_000, queries: ofTwo.queries });
  expect(ofTwo).toEqual({ orders: 2, queries: 12 });
});

test("the scheduler checks no host where nobody waits", async () => {
  await work.host("host-a");
  const scene = async () => {
    const stored = passCache(fresh.database);
    return await passInputs(fresh.database, { now: NOW, seed: 0, cache: stored, work: "ending" });
  };

  expect((await scene()).fleet.hosts).toEqual([]);
  await work.environment("env-1", alice, { gpu: 1 });
  expect((await scene()).fleet.hosts.map(({ id }) => id)).toEqual(["host-a"]);
});

test("the queue goes by what each payer and workspace holds, divided by its weight", async () => {
  await work.host("host-a");
  for (const [index, uuid] of ["GPU-0", "GPU-1"].entries()) await work.card("host-a", { uuid, index });
  const light = await work.workspace(alice);
  const heavy = await work.workspace(bob, { share_weight: 3 });
  await fresh.database.query("UPDATE customers SET share_weight = 3 WHERE id = $1", [bob]);
  const since = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);
  const placed = { cpuMilli: 1_000, memoryBytes: GIB, placedAt: since(20) };
  await work.placed({
    ...placed,
    workload: "a",
    customer: alice,
    workspace: light,
    cards: [{ uuid: "GPU-0", share: 400, memoryMib: 512 }],
  });
  await work.placed({
    ...placed,
    workload: "b",
    customer: bob,
    workspace: heavy,
    cards: [{ uuid: "GPU-1", share: 1000, memoryMib: null }],
  });
  await work.environment("of light", alice, { workspace_id: light, queued_at: QUEUED });
  await work.environment("of heavy", bob, { workspace_id: heavy, queued_at: NOW });

  const orders = await waitingOrders(fresh.database, { now: NOW });
  const lately = { payers: new Map(), workspaces: new Map() };
  const sharers = sharersOf(orders, { held: await heldNow(fresh.database), lately, head: null });

  const sharer = (gpuThousandths: number, weight: number) => ({
    had: { cpuMilli: 1_000, memoryMib: 1_024, gpuThousandths },
    weight,
    lastStartMs: since(20).getTime(),
    lastTurnMs: since(20).getTime(),
  });
  expect(sharers.payers).toEqual(
    new Map([
      [`${alice}`, sharer(400, 1)],
      [`${bob}`, sharer(1_000, 3)],
    ]),
  );
  expect(sharers.workspaces).toEqual(
    new Map([
      [`${light}`, sharer(400, 1)],
      [`${heavy}`, sharer(1_000, 3)],
    ]),
  );
  const capacity = { cpuMilli: 100_000, memoryMib: 100_000, gpuThousandths: 2_000 };
  const state = { ...sharers, capacity, now: NOW.getTime() };
  const line = inQueueOrder(
    orders.map(({ stand }) => stand),
    state,
  );
  expect(line.map(({ id }) => id)).toEqual(["environment of heavy 0", "environment of light 0"]);
});
