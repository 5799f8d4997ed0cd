/** What payers and workspaces hold and lately held: clipped to hours, counted once an hour is over, and the same anew. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  countHeldHours,
  heldLately,
  heldNow,
  CachedHeldHours,
} from "@remotegpu/control-plane/server/store/placement/inputs/held-shares";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { decayTable } from "@remotegpu/control-plane/server/core/queue/share";
import { GIB } from "@remotegpu/shared/values/units";
import { PlacedWork } from "../../support/placement/placed-work.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";

const NOW = new Date("2026-06-15T12:30:00Z");
const MINUTE_MS = 60_000;
/** So many minutes before now. */
const ago = (minutes: number) => new Date(NOW.getTime() - minutes * MINUTE_MS);

let fresh: FreshDatabase;
let work: PlacedWork;
let alice: number;
let team: number;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  work = new PlacedWork(fresh.database);
  alice = await work.customer("alice");
  team = await work.workspace(alice);
  await work.host("host-a");
  for (const [index, uuid] of ["GPU-0", "GPU-1"].entries()) await work.card("host-a", { uuid, index });
});
afterEach(async () => await fresh.drop());

const whole = (uuid: string) => ({ uuid, share: 1000, memoryMib: null });
/** A start so many minutes ago, which was the turn of what had waited longest. */
const lastAt = (minutes: number) => ({
  lastStartMs: ago(minutes).getTime(),
  lastTurnMs: ago(minutes).getTime(),
});
const count = async (now = NOW) =>
  await transaction(fresh.database, async (sql) => await countHeldHours(sql, now));
const hours = async () =>
  (
    await fresh.database.query(
      `SELECT hour, customer_id, workspace_id, cpu_seconds, memory_seconds, gpu_seconds, last_start_at, payers_turn_at,
              workspaces_turn_at FROM held_hours ORDER BY 1, 2, 3`,
      [],
    )
  ).rows;

test("what is held now adds up for each payer and each workspace, slices by their part", async () => {
  const bob = await work.customer("bob");
  const size = { cpuMilli: 2_000, memoryBytes: GIB + 1 };
  await work.placed({
    ...size,
    workload: "a",
    customer: alice,
    workspace: team,
    placedAt: ago(9),
    cards: [whole("GPU-0")],
  });
  await work.placed({
    ...size,
    workload: "b",
    customer: alice,
    placedAt: ago(5),
    cards: [{ uuid: "GPU-1", share: 333, memoryMib: 8192 }],
  });
  await work.placed({
    ...size,
    workload: "c",
    customer: bob,
    placedAt: ago(9),
    releasedAt: ago(1),
    cards: [],
  });

  const { payers, workspaces } = await heldNow(fresh.database);

  const one = { cpuMilli: 2_000, memoryMib: 1_025 };
  expect(Object.fromEntries(payers)).toEqual({
    [alice]: {
      held: { cpuMilli: 4_000, memoryMib: 2_050, gpuThousandths: 1_333 },
      ...lastAt(5),
    },
  });
  expect(Object.fromEntries(workspaces)).toEqual({
    [team]: { held: { ...one, gpuThousandths: 1_000 }, ...lastAt(9) },
    [`customer-${alice}`]: { held: { ...one, gpuThousandths: 333 }, ...lastAt(5) },
  });
});

test("hours that are over are counted by what was held in each, once however often", async () => {
  const at = { customer: alice, workspace: team, cpuMilli: 1_000, memoryBytes: GIB };
  await work.placed({
    ...at,
    workload: "a",
    placedAt: ago(100),
    releasedAt: ago(50),
    cards: [whole("GPU-0")],
  });
  await work.placed({ ...at, workload: "b", placedAt: ago(20), cards: [whole("GPU-1")] });

  while ((await count()).again);
  const counted = await hours();
  await fresh.database.query(
    "UPDATE queue_state SET counted_through = counted_through - interval '9 hours'",
    [],
  );
  while ((await count()).again);

  // From 10:50 to 11:40; the present hour is not over.
  const startsAt = (at: Date | null) => ({ last_start_at: at, payers_turn_at: at, workspaces_turn_at: at });
  const row = (minutes: number) => ({
    customer_id: alice,
    workspace_id: team,
    cpu_seconds: minutes * 60 * 1_000,
    memory_seconds: minutes * 60 * 1_024,
    gpu_seconds: minutes * 60 * 1_000,
  });
  expect(counted).toEqual([
    { ...row(10), hour: new Date("2026-06-15T10:00:00Z"), ...startsAt(ago(100)) },
    { ...row(40), hour: new Date("2026-06-15T11:00:00Z"), ...startsAt(null) },
  ]);
  expect(await hours()).toEqual(counted);
});

test("what was lately held is the same whether hours were counted, or none, or are counted anew", async () => {
  const at = { customer: alice, workspace: team, cpuMilli: 64_000, memoryBytes: 512 * GIB };
  await work.placed({
    ...at,
    workload: "a",
    placedAt: ago(2_000),
    releasedAt: ago(700),
    cards: [whole("GPU-0")],
  });
  await work.placed({ ...at, workload: "b", placedAt: ago(95), cards: [whole("GPU-1")] });

  const uncounted = await heldLately(fresh.database, NOW);
  while ((await count(ago(60))).again);
  const partly = await heldLately(fresh.database, NOW);
  while ((await count()).again);
  const counted = await heldLately(fresh.database, NOW);

  expect(partly).toEqual(uncounted);
  expect(counted).toEqual(uncounted);
  const { gpuThousandths } = counted.payers.get(`${alice}`)?.held ?? { gpuThousandths: 0 };
  expect(gpuThousandths).toBeGreaterThan(0);
  expect(gpuThousandths).toBeLessThan(1_000);
});

test("a start that was nobody's turn is the last one, and no turn, of payer and workspace each", async () => {
  const at = { customer: alice, cpuMilli: 1_000, cards: [] };
  const turn = { isPayers: false, isWorkspaces: true };
  await work.placed({ ...at, workspace: team, workload: "large", placedAt: ago(130) });
  await work.placed({
    ...at,
    workspace: team,
    workload: "small",
    placedAt: ago(95),
    releasedAt: ago(94),
    turn,
  });
  await work.placed({
    ...at,
    workspace: team,
    workload: "other",
    placedAt: ago(4),
    turn: { ...turn, isWorkspaces: false },
  });

  const now = await heldNow(fresh.database);
  const uncounted = await heldLately(fresh.database, NOW);
  while ((await count()).again);
  const counted = await heldLately(fresh.database, NOW);

  expect(now.payers.get(`${alice}`)).toMatchObject({
    lastStartMs: ago(4).getTime(),
    lastTurnMs: ago(130).getTime(),
  });
  expect(counted).toEqual(uncounted);
  expect(counted.payers.get(`${alice}`)).toMatchObject({
    lastStartMs: ago(4).getTime(),
    lastTurnMs: ago(130).getTime(),
  });
  expect(counted.workspaces.get(`${team}`)).toMatchObject({
    lastStartMs: ago(4).getTime(),
    lastTurnMs: ago(95).getTime(),
  });
});

test("of an hour that a server of before counted, the last start was a turn; of one without a turn it is not", async () => {
  const turn = { isPayers: false, isWorkspaces: false };
  const at = { customer: alice, workspace: team, cpuMilli: 1_000, cards: [], turn };
  await work.placed({ ...at, workload: "small", placedAt: ago(95), releasedAt: ago(94) });
  while ((await count()).again);
  const lastTurns = async () => {
    const { payers, workspaces } = await heldLately(fresh.database, NOW);
    return [payers.get(`${alice}`)?.lastTurnMs, workspaces.get(`${team}`)?.lastTurnMs];
  };

  const ours = await lastTurns();
  await fresh.database.query("UPDATE held_hours SET payers_turn_at = NULL, workspaces_turn_at = NULL", []);

  expect(ours).toEqual([null, null]);
  expect(await lastTurns()).toEqual([ago(95).getTime(), ago(95).getTime()]);
});

test("whoever held something in the last hour alone lately held the part of the table that the hour is", async () => {
  const placedAt = new Date("2026-06-15T11:00:00Z");
  const releasedAt = new Date("2026-06-15T12:00:00Z");
  await work.placed({
    customer: alice,
    workspace: team,
    cpuMilli: 1_000_000,
    placedAt,
    releasedAt,
    cards: [],
  });

  const { workspaces } = await heldLately(fresh.database, NOW);

  const decay = decayTable(24);
  const all = decay.reduce((sum, factor) => sum + factor, 0);
  expect(workspaces.get(`${team}`)?.held.cpuMilli).toBe(Math.floor((1_000_000 * (decay[1] ?? 0)) / all));
});

test.each([
  ["a moment later, is the same", 4_999, false],
  ["five seconds later, is read anew", 5_000, true],
  ["at an earlier moment, is read anew", -1, true],
])("what was lately held, %s", async (_name, laterMs, isAnew) => {
  const stored = new CachedHeldHours(fresh.database);
  const first = await stored.at(NOW);
  await work.placed({ customer: alice, workspace: team, cpuMilli: 1_000_000, placedAt: ago(600), cards: [] });

  const then = await stored.at(new Date(NOW.getTime() + laterMs));

  expect(first.payers.size).toBe(0);
  expect(then.payers.size).toBe(isAnew ? 1 : 0);
});
