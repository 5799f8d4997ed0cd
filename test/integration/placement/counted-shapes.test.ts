/** Which shapes of orders there are: of what was placed within a week and of what waits, counted by instances. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { countedShapes } from "@remotegpu/control-plane/server/store/placement/inputs/counted-shapes";
import { GIB } from "@remotegpu/shared/values/units";
import { PlacedWork } from "../../support/placement/placed-work.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";

const NOW = new Date("2026-06-15T12:00:00Z");
const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(NOW.getTime() - days * DAY_MS);

let fresh: FreshDatabase;
let work: PlacedWork;
let alice: number;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  work = new PlacedWork(fresh.database);
  alice = await work.customer("alice");
  await work.price("default", "cpu", "memory", "gpu", "gpu_memory");
  await work.host("host-a");
  await work.card("host-a", { uuid: "GPU-0", index: 0, model: "L4", memoryMib: 24_000 });
  await work.card("host-a", { uuid: "GPU-1", index: 1, model: "A100", memoryMib: 80_000 });
});
afterEach(async () => await fresh.drop());

const shapes = async () => await countedShapes(fresh.database, { now: NOW });
const noGpu = { gpuCount: 0, shareThousandths: 0, models: null, leastMemoryMib: 0 };
const wholeCards = { shareThousandths: 1000, models: null, leastMemoryMib: 0 };
/** Each asks for a GiB of memory where a test says nothing else. */
const times = (count: number) => ({ count, totalMemoryMib: 1024 * count });

test("orders of one shape are counted together, the most frequent first, and a job's ranks each", async () => {
  for (const id of ["a", "b"]) await work.environment(id, alice, { cpu: 2 });
  await work.environment("c", alice, { cpu: 4, gpu: 1 });
  await work.job("d", alice, { cpu: 8, gpu: 2, node_count: 3 });

  expect(await shapes()).toEqual([
    { cpuMilli: 8000, gpuCount: 2, ...wholeCards, ...times(3) },
    { cpuMilli: 2000, ...noGpu, ...times(2) },
    { cpuMilli: 4000, gpuCount: 1, ...wholeCards, ...times(1) },
  ]);
});

test.each<[string, Date, number]>([
  ["a second less than a week ago counts", new Date(daysAgo(7).getTime() + 1000), 1],
  ["exactly a week ago does not", daysAgo(7), 0],
  ["now does", NOW, 1],
])("what was placed %s", async (_name, placedAt, count) => {
  await work.environment("env-1", alice, { status: "stopped", cpu: 3, deleted_at: NOW });
  await work.placed({ workload: "env-1", customer: alice, placedAt, releasedAt: NOW });

  expect(await shapes()).toEqual(count === 0 ? [] : [{ cpuMilli: 3000, ...noGpu, ...times(count) }]);
});

test("memory is what all of them request together, begun MiB counted whole; orders that differ in it are counted apart", async () => {
  for (const id of ["a", "b"]) await work.environment(id, alice, { cpu: 2, memory: 2 * GIB + 1 });
  await work.environment("c", alice, { cpu: 2 });

  expect(await shapes()).toEqual([
    { cpuMilli: 2000, ...noGpu, count: 2, totalMemoryMib: 4098 },
    { cpuMilli: 2000, ...noGpu, ...times(1) },
  ]);
});

test("each placement of a gang and of a service counts, and what neither waits nor was placed does not", async () => {
  await work.job("job-1", alice, { status: "running", node_count: 2, cpu: 5 });
  for (const rank of [0, 1])
    await work.placed({ kind: "training", workload: "job-1", rank, customer: alice, placedAt: daysAgo(1) });
  await fresh.database.query(
    `INSERT INTO inference_services (id, customer_id, name, image, status, cpu, memory, gpu)
     VALUES ('service-1', $1, 's', 'i', 'running', 6, 1, 0)`,
    [alice],
  );
  await work.placed({ kind: "inference", workload: "service-1", customer: alice, placedAt: daysAgo(1) });
  await work.environment("stopped", alice, { status: "stopped", cpu: 7 });
  await work.environment("deleted", alice, { cpu: 7, deleted_at: NOW });

  expect((await shapes()).map(({ cpuMilli, count }) => [cpuMilli, count])).toEqual([
    [5000, 2],
    [6000, 1],
  ]);
});

test("a named model, a filter by memory and a price for some models only narrow where it may land", async () => {
  await work.price("plain", "cpu", "memory", "gpu:L4");
  await work.environment("named", alice, { cpu: 1, gpu: 1, config: { gpu_model: "A100" } });
  await work.environment("large", alice, { cpu: 2, gpu: 1, gpu_memory: 40 * GIB });
  await work.environment("priced", alice, { cpu: 3, gpu: 1, config: { spec: "plain" } });
  await work.environment("without a price", alice, { cpu: 4, gpu: 1, config: { spec: "nobody's" } });

  expect(await shapes()).toEqual([
    { cpuMilli: 1000, gpuCount: 1, ...wholeCards, models: ["A100"], ...times(1) },
    { cpuMilli: 2000, gpuCount: 1, ...wholeCards, models: ["A100"], leastMemoryMib: 40_960, ...times(1) },
    { cpuMilli: 3000, gpuCount: 1, ...wholeCards, models: ["L4"], ...times(1) },
  ]);
});

test("a slice is a shape for each size of card that holds it", async () => {
  const shared = { gpu: 1, config: { gpu_sharing: "shared" } };
  await work.card("host-a", { uuid: "GPU-2", index: 2, model: "L40", memoryMib: 24_000 });
  await work.environment("small", alice, { ...shared, cpu: 1, gpu_memory: 12_000 * 2 ** 20 });
  await work.environment("large", alice, { ...shared, cpu: 2, gpu_memory: 24_001 * 2 ** 20 });

  expect(await shapes()).toEqual([
    {
      cpuMilli: 1000,
      gpuCount: 1,
      shareThousandths: 150,
      models: ["A100"],
      leastMemoryMib: 12_000,
      ...times(1),
    },
    {
      cpuMilli: 1000,
      gpuCount: 1,
      shareThousandths: 500,
      models: ["L4", "L40"],
      leastMemoryMib: 12_000,
      ...times(1),
    },
    {
      cpuMilli: 2000,
      gpuCount: 1,
      shareThousandths: 300,
      models: ["A100"],
      leastMemoryMib: 24_001,
      ...times(1),
    },
  ]);
});
