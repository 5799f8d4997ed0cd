/** The GPU time that workspaces had within a window: clipped to it, by share, and by who shares. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { KeptGpuTime, recentGpuTime } from "@remotegpu/control-plane/store/placement/scene/gpu-time";
import { PlacedWork } from "../../support/placement/placed-work.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";

const NOW = new Date("2026-06-15T12:00:00Z");
const WINDOW_SECONDS = 1000;
/** So many seconds before now. */
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);

let fresh: FreshDatabase;
let work: PlacedWork;
let alice: number;
let team: number;

beforeEach(async () => {
  fresh = await freshDatabase();
  work = new PlacedWork(fresh.database);
  alice = await work.customer("alice");
  team = await work.workspace(alice);
  await work.host("host-a");
  for (const [index, uuid] of ["GPU-0", "GPU-1"].entries()) await work.card("host-a", { uuid, index });
});
afterEach(async () => await fresh.drop());

const used = async () =>
  Object.fromEntries(await recentGpuTime(fresh.database, { now: NOW, windowSeconds: WINDOW_SECONDS }));

test.each<[string, Date, Date | null, number | undefined]>([
  ["held since within the window", ago(600), null, 600_000],
  ["held since before the window", ago(5000), null, 1_000_000],
  ["given back within the window", ago(900), ago(300), 600_000],
  ["over the edge of the window", ago(5000), ago(300), 700_000],
  ["given back exactly at its edge", ago(5000), ago(1000), undefined],
  ["given back a second after its edge", ago(5000), ago(999), 1000],
  ["given back before it", ago(5000), ago(2000), undefined],
  ["taken and given back at its edges", ago(1000), NOW, 1_000_000],
  ["given back later than now, by another clock", ago(600), ago(-60), 600_000],
  ["taken now", NOW, null, undefined],
  ["a part of a second", new Date(NOW.getTime() - 1500), null, 1500],
])("a whole card, %s", async (_name, placedAt, releasedAt, expected) => {
  const cards = [{ uuid: "GPU-0", share: 1000, memoryMib: null }];
  await work.placed({ customer: alice, workspace: team, placedAt, releasedAt, cards });

  expect(await used()).toEqual(expected === undefined ? {} : { [team]: expected });
});

test("cards and slices of all placements add up, each workspace and each customer without one by themselves", async () => {
  const bob = await work.customer("bob");
  const other = await work.workspace(bob);
  const at = { placedAt: ago(500), releasedAt: ago(400) };
  const whole = (uuid: string) => ({ uuid, share: 1000, memoryMib: null });
  await work.placed({
    ...at,
    workload: "a",
    customer: alice,
    workspace: team,
    cards: [whole("GPU-0"), whole("GPU-1")],
  });
  await work.placed({
    ...at,
    workload: "b",
    customer: alice,
    workspace: team,
    cards: [{ uuid: "GPU-0", share: 333, memoryMib: 8192 }],
  });
  await work.placed({ ...at, workload: "c", customer: alice, cards: [whole("GPU-0")] });
  await work.placed({ ...at, workload: "d", customer: bob, workspace: other, cards: [whole("GPU-1")] });
  await work.placed({ ...at, workload: "e", customer: bob, workspace: other, cards: [] });

  expect(await used()).toEqual({ [team]: 233_300, [`customer-${alice}`]: 100_000, [other]: 100_000 });
});

test("a second run in the same placement counts its time once", async () => {
  const cards = [{ uuid: "GPU-0", share: 1000, memoryMib: null }];
  const instanceId = await work.placed({ customer: alice, workspace: team, placedAt: ago(100), cards });
  await fresh.database.query(
    `INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, workspace_id, resource_type, resource_id, spec, ordered_at)
     SELECT 'restarted', instance_id, epoch, host_id, customer_id, workspace_id, resource_type, resource_id, spec, $2
       FROM runs WHERE instance_id = $1`,
    [instanceId, ago(50)],
  );

  expect(await used()).toEqual({ [team]: 100_000 });
});

test.each([
  ["a moment later, is the same", 4_999, 600_000],
  ["five seconds later, is read anew", 5_000, 1_000_000 + 605_000],
  ["at an earlier moment, is read anew", -1, 1_000_000 + 599_999],
])("what counts for the fair share, %s", async (_name, laterMs, expected) => {
  const whole = (uuid: string) => [{ uuid, share: 1000, memoryMib: null }];
  const at = { customer: alice, workspace: team };
  await work.placed({ ...at, workload: "a", placedAt: ago(600), cards: whole("GPU-0") });
  const kept = new KeptGpuTime(fresh.database);
  const first = await kept.at(NOW);
  const held = { placedAt: ago(2_000), releasedAt: ago(1_000) };
  await work.placed({ ...at, ...held, workload: "b", cards: whole("GPU-1") });

  const then = await kept.at(new Date(NOW.getTime() + laterMs));

  expect(Object.fromEntries(first)).toEqual({ [team]: 600_000 });
  expect(Object.fromEntries(then)).toEqual({ [team]: expected });
});
