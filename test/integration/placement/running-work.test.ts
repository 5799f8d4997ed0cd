/** What holds something of the hosts now, and when it promised to end. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { endingWork, runningWork } from "@remotegpu/control-plane/server/store/placement/inputs/running-work";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { PlacedWork } from "../../support/placement/placed-work.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";

const PLACED = new Date("2026-06-15T12:00:00Z");
const PROVEN = new Date("2026-06-15T12:05:00.500Z");

let fresh: FreshDatabase;
let work: PlacedWork;
let alice: number;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  work = new PlacedWork(fresh.database);
  alice = await work.customer("alice");
  await work.host("host-a");
  await work.host("host-b");
  for (const [index, uuid] of ["GPU-0", "GPU-1", "GPU-2"].entries())
    await work.card("host-a", { uuid, index });
});
afterEach(async () => await fresh.drop());

const running = async () => await runningWork(fresh.database);

test("an environment holds what it was placed with, for as long as it likes", async () => {
  await work.environment("env-1", alice, { status: "running", config: { max_minutes: 5 } });
  const instanceId = await work.placed({
    customer: alice,
    cpuMilli: 2000,
    memoryBytes: GIB + 1,
    tempStorageBytes: 10 * MIB,
    placedAt: PLACED,
    cards: [
      { uuid: "GPU-0", share: 1000, memoryMib: null },
      { uuid: "GPU-1", share: 333, memoryMib: 8192 },
    ],
  });

  expect(await running()).toEqual([
    {
      instanceId,
      start: { kind: "environment", id: "env-1", firstRank: 0 },
      hostId: "host-a",
      cpuMilli: 2000,
      memoryMib: 1025,
      tempStorageMib: 10,
      payerId: alice,
      gpus: [
        { uuid: "GPU-0", memoryMib: null, shareThousandths: 1000 },
        { uuid: "GPU-1", memoryMib: 8192, shareThousandths: 333 },
      ],
      endsAtMs: null,
    },
  ]);
});

test("what its host has confirmed as over holds nothing", async () => {
  const cards = [{ uuid: "GPU-0", share: 1000, memoryMib: null }];
  await work.placed({ customer: alice, placedAt: PLACED, releasedAt: PROVEN, cards });

  expect(await running()).toEqual([]);
});

test.each<[string, object | null, Date | null, number | null]>([
  ["without a limit", null, PROVEN, null],
  ["with a limit, from its first proven moment", { max_minutes: 10 }, PROVEN, PROVEN.getTime() + 600_000],
  [
    "with a limit, from the order until something is proven",
    { max_minutes: 10 },
    null,
    PLACED.getTime() + 600_000,
  ],
  ["with a part of a minute", { max_minutes: 0.5 }, PROVEN, PROVEN.getTime() + 30_000],
  ["with a limit of nothing, which is none", { max_minutes: 0 }, PROVEN, null],
  ["with a limit below nothing, which is none", { max_minutes: -1 }, PROVEN, null],
  ["with a limit that is no number, which is none", { max_minutes: "10" }, PROVEN, null],
  [
    "with an absurd limit, which is ten years",
    { max_minutes: 1e300 },
    PROVEN,
    PROVEN.getTime() + 315_360_000_000,
  ],
])("a job %s", async (_name, config, firstProvenAt, endsAtMs) => {
  await work.job("job-1", alice, { status: "running", config });
  await work.placed({
    kind: "training",
    workload: "job-1",
    customer: alice,
    placedAt: PLACED,
    firstProvenAt,
  });

  expect((await running()).map((one) => one.endsAtMs)).toEqual([endsAtMs]);
});

test("a gang ends when the last of its ranks does, and other jobs do not matter to it", async () => {
  const limit = { config: { max_minutes: 1 }, status: "running" };
  for (const id of ["job-1", "job-2"]) await work.job(id, alice, limit);
  const rank = { kind: "training", customer: alice, placedAt: PLACED } as const;
  await work.placed({ ...rank, workload: "job-1", rank: 0, firstProvenAt: PLACED });
  await work.placed({ ...rank, workload: "job-1", rank: 1, host: "host-b", firstProvenAt: PROVEN });
  await work.placed({ ...rank, workload: "job-2", firstProvenAt: PLACED });

  expect((await running()).map(({ start, hostId, endsAtMs }) => [start.id, hostId, endsAtMs])).toEqual([
    ["job-1", "host-a", PROVEN.getTime() + 60_000],
    ["job-1", "host-b", PROVEN.getTime() + 60_000],
    ["job-2", "host-a", PLACED.getTime() + 60_000],
  ]);
});

test("what a head can be promised a place by is what has promised an end, as it is among all that runs", async () => {
  const cards = [{ uuid: "GPU-0", share: 1000, memoryMib: null }];
  await work.environment("env-1", alice, { status: "running", config: { max_minutes: 5 } });
  await work.placed({ customer: alice, placedAt: PLACED });
  await work.job("job-1", alice, { status: "running", config: { max_minutes: 1 } });
  await work.job("job-2", alice, { status: "running", config: null });
  const job = { kind: "training", customer: alice, placedAt: PLACED } as const;
  await work.placed({ ...job, workload: "job-1", cards });
  await work.placed({ ...job, workload: "job-2" });

  const ending = await endingWork(fresh.database);

  expect(ending.map(({ start, gpus }) => [start.id, gpus.length])).toEqual([["job-1", 1]]);
  expect(ending).toEqual((await running()).filter(({ endsAtMs }) => endsAtMs !== null));
});
