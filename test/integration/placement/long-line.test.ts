/**
 * A line that is so long that the one before is shown while the next is made: it is the one that would be made at once, and
 * what has changed shows in the next.
 */
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { queueStateOf } from "@remotegpu/control-plane/server/core/queue/pass-plan";
import { inQueueOrder, prepareQueue, queueOrder } from "@remotegpu/control-plane/server/core/queue/queue";
import { CachedLine } from "@remotegpu/control-plane/server/store/overview/order-line";
import {
  type PassCache,
  passCache,
  passInputs,
} from "@remotegpu/control-plane/server/store/placement/inputs/pass-inputs";
import { PlacedWork } from "../../support/placement/placed-work.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";

/** From so many on the line before is shown. */
const LONG = 5_100;
const NOW = new Date("2026-06-15T12:00:00Z");

let fresh: FreshDatabase;
let work: PlacedWork;
let stored: PassCache;
let now: Date;
let line: CachedLine;
let owners: { customer: number; workspace: number | null }[];

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  work = new PlacedWork(fresh.database);
  stored = passCache(fresh.database);
  now = NOW;
  line = new CachedLine({ db: fresh.database, now: () => now }, stored);
  owners = [];
  for (const name of ["alice", "bob", "carol"]) {
    const customer = await work.customer(name);
    owners.push({ customer, workspace: name === "carol" ? null : await work.workspace(customer) });
  }
});
afterEach(async () => await fresh.drop());

const passSeconds = (seconds: number) => {
  now = new Date(now.getTime() + seconds * 1_000);
};
const keysOf = (orders: readonly { id: string }[]) => orders.map(({ id }) => id);

/** As it is when it is read and put in order by itself. */
async function plainLine(): Promise<string[]> {
  const scene = await passInputs(fresh.database, { now, seed: 0, cache: stored, work: "all" });
  return keysOf(inQueueOrder(scene.orders, queueStateOf(scene)));
}

interface Draw {
  whose: number;
  priority: number;
  waitedHours: number;
  gpus: number;
}
const anyOrder: fc.Arbitrary<Draw> = fc.record({
  whose: fc.nat({ max: 2 }),
  priority: fc.integer({ min: 0, max: 2 }),
  waitedHours: fc.integer({ min: 0, max: 80 }),
  gpus: fc.integer({ min: 0, max: 8 }),
});

async function makeJobs(draws: readonly Draw[], named = "job"): Promise<void> {
  const ofOwner = (draw: Draw) => owners[draw.whose];
  await fresh.database.query(
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status, priority, cpu, memory, gpu, config,
            created_at, queued_at)
     SELECT $1 || '-' || n, whose, workspace, 'j', 'trainer:1', 'c', 'queued', priority, 1, 1073741824, gpus, '{}', at, at
       FROM unnest($2::int[], $3::bigint[], $4::int[], $5::int[], $6::timestamptz[]) WITH ORDINALITY
         AS x(whose, workspace, priority, gpus, at, n)`,
    [
      named,
      draws.map((draw) => ofOwner(draw)?.customer ?? null),
      draws.map((draw) => ofOwner(draw)?.workspace ?? null),
      draws.map(({ priority }) => priority),
      draws.map(({ gpus }) => gpus),
      draws.map(({ waitedHours }) => new Date(NOW.getTime() - waitedHours * 3_600_000)),
    ],
  );
}

test("of whatever waits it is the line that is made at once, and each stands at its place", async () => {
  const anyOrders = fc.array(anyOrder, { minLength: 1_100, maxLength: 2_200, size: "max" });
  await fc.assert(
    fc.asyncProperty(anyOrders, async (draws) => {
      await fresh.database.query("DELETE FROM training_jobs");
      await makeJobs(draws);
      passSeconds(2);

      const { inOrder, places, scene } = await line.recent();

      expect(keysOf(inOrder)).toEqual(await plainLine());
      expect(inOrder).toHaveLength(draws.length);
      expect([...places]).toEqual(keysOf(inOrder).map((id, index) => [id, index]));
      const { prepared } = scene;
      const state = queueStateOf(scene);
      expect(keysOf([...queueOrder(prepared ?? prepareQueue(scene.orders, state), state)])).toEqual(
        keysOf(inOrder),
      );
    }),
    { numRuns: 5 },
  );
});

test("a request while it is made is answered with the line before, and only one is made for all", async () => {
  await makeJobs(
    Array.from({ length: LONG }, (_, n) => ({ whose: n % 3, priority: n % 2, waitedHours: 1, gpus: 1 })),
  );
  const first = await line.recent();
  passSeconds(10);

  const meanwhile = await Promise.all(Array.from({ length: 5 }, async () => await line.recent()));
  const next = await nextLine(first.at);

  expect(new Set(meanwhile)).toEqual(new Set([first]));
  expect(next.at).toEqual(now);
  expect(await line.recent()).toBe(next);
});

test("what is new, cancelled, more urgent or started shows in the next line", async () => {
  await makeJobs(
    Array.from({ length: LONG }, (_, n) => ({ whose: n % 3, priority: 1, waitedHours: 2, gpus: 1 })),
  );
  const first = await line.recent();
  await makeJobs([{ whose: 1, priority: 1, waitedHours: 1, gpus: 1 }], "new");
  await fresh.database.query("UPDATE training_jobs SET status = 'cancelled' WHERE id = 'job-2'");
  await fresh.database.query("UPDATE training_jobs SET priority = 9 WHERE id = 'job-5000'");
  await fresh.database.query("UPDATE training_jobs SET status = 'running' WHERE id = 'job-3'");
  passSeconds(10);

  const { inOrder, places } = await nextLine(first.at);

  expect(keysOf(inOrder)).toEqual(await plainLine());
  // The first of its own workspace, each of which has a turn.
  expect(places.get("training job-5000 0")).toBeLessThan(3);
  expect(places.has("training new-1 0")).toBe(true);
  expect(first.places.has("training job-2 0") && first.places.has("training job-3 0")).toBe(true);
  expect(places.has("training job-2 0") || places.has("training job-3 0")).toBe(false);
});

test("one that is too old to be served is waited for, and so is one from the future", async () => {
  await makeJobs(
    Array.from({ length: LONG }, (_, n) => ({ whose: n % 3, priority: 1, waitedHours: 2, gpus: 1 })),
  );
  await line.recent();
  passSeconds(91);
  const old = await line.recent();
  expect(old.at).toEqual(now);

  passSeconds(-5);

  expect((await line.recent()).at).toEqual(now);
});

/** Asked for until the one that is made in the background is there. */
async function nextLine(before: Date) {
  for (;;) {
    const visible = await line.recent();
    if (visible.at.getTime() !== before.getTime()) return visible;
    await new Promise((resolve) => void setImmediate(resolve));
  }
}
