/**
 * A card on which somebody is whom nobody placed there: what takes no place on it, what goes on, what `why` and the
 * alarms say, and that all of it ends with the stranger.
 */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gpuStrangersPass } from "@remotegpu/control-plane/server/controllers/hosts/gpu-strangers";
import { fleetSnapshot } from "@remotegpu/control-plane/server/store/fleet/fleet-snapshot";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { GpuStranger } from "@remotegpu/shared/messages/host-report";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../../support/engines/postgres.ts";
import type { ScriptedHost } from "../../../support/worlds/control-scene.ts";
import {
  card,
  type Customer,
  environmentAt,
  openPlacementScene,
  place,
  type PlacementScene,
  whole,
} from "../../../support/placement/placement-scene.ts";

let scene: PlacementScene;
let alice: Customer;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openPlacementScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 2 });
});
afterEach(async () => await scene.close());

const [FIRST, SECOND] = [card("host-a", 0), card("host-a", 1)];
const PYTHON: GpuStranger = { pid: 1234, name: "python", memoryMib: 900 };
const WORDS = "is used by process 1234 (python), which is none of ours";

/** The host's next heartbeat, with these strangers on its cards. */
const reports = async (...strangers: GpuStranger[][]) => {
  host.gpus = host.gpus.map((gpu, index) => ({
    ...gpu,
    reasons: [],
    cordon: null,
    strangers: strangers[index] ?? [],
  }));
  return await host.heartbeat({ gpus: host.gpus });
};
const pass = async () => {
  const { db, now } = scene.api.deps;
  const term = await acquireLeadership(db, { holder: "the test", now: now() });
  await gpuStrangersPass({ db }, { term: term ?? 0, now: now() });
};
const alarms = async () => {
  const { body } = await scene.api.request("GET", "/api/v1/alarms?limit=100", { as: scene.api.admin });
  return body.items
    .toReversed()
    .map(({ kind, subject, cleared_at: over }) => [kind, subject, over === null ? "open" : "over"].join(" "));
};
const closed = async () => {
  const { hosts } = await fleetSnapshot(scene.api.db, { now: scene.api.deps.now() });
  return Object.fromEntries(
    hosts.flatMap(({ gpus }) =>
      gpus.map(({ uuid, closed: why }) => [uuid, why && inEnglish(why).replace(`${uuid} `, "")]),
    ),
  );
};
const why = async (id: string) =>
  (await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice })).body;
const placedOn = async () =>
  (
    await scene.api.db.query<{ gpu_uuid: string }>(
      "SELECT gpu_uuid FROM gpu_allocations WHERE released_at IS NULL ORDER BY gpu_uuid",
    )
  ).rows.map(({ gpu_uuid: uuid }) => uuid);
const freeGpus = async () =>
  (await scene.api.request("GET", "/api/v1/fleet", { as: scene.api.admin })).body.gpus_free;

describe("placement", () => {
  test("takes the neighbour, then waits and reports why, and takes the card when the stranger is gone", async () => {
    await host.heartbeat({ gpus: host.gpus });
    // An agent of before, which tells of nobody.
    expect(await closed()).toEqual({ [FIRST]: null, [SECOND]: null });
    await reports([PYTHON]);
    // An agent that was started anew and has not looked yet.
    await host.heartbeat({ gpus: host.gpus.map(({ strangers: _untold, ...gpu }) => gpu) });
    expect(await closed()).toEqual({ [FIRST]: WORDS, [SECOND]: null });
    expect(await freeGpus()).toBe(1);

    await scene.order(alice, { gpu: 1 });
    const { id } = (await scene.order(alice, { gpu: 1 })).body;
    await scene.schedule();

    expect(await placedOn()).toEqual([SECOND]);
    expect(await scene.get(alice, id)).toMatchObject({ status: "queued" });
    expect((await why(id)).hosts[0]!.reason).toContain(`${FIRST} ${WORDS}`);
    await reports([]);
    await scene.schedule();
    expect(await placedOn()).toEqual([FIRST, SECOND]);
  });

  test("puts no further slice on a shared card, whose slices go on", async () => {
    const slice = { gpu: 1, gpu_memory: 4 * GIB, config: { gpu_sharing: "shared" } } as const;
    const { id } = (await scene.order(alice, slice)).body;
    await scene.schedule();
    await host.round();
    const [shared] = await placedOn();
    await reports(...[FIRST, SECOND].map(() => [PYTHON]));

    const next = (await scene.order(alice, slice)).body;
    await scene.schedule();

    expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
    expect(await scene.get(alice, next.id)).toMatchObject({ status: "queued" });
    expect((await why(next.id)).hosts[0]!.reason).toContain(`${shared} ${WORDS}`);
    await reports([], []);
    await scene.schedule();
    expect(await scene.get(alice, next.id)).toMatchObject({ status: "creating" });
  });

  test("that was decided before the stranger came is not committed", async () => {
    const order = await scene.environment(alice, { gpu: 1 });
    await reports([], [{ ...PYTHON, name: null }]);

    const [outcome] = await scene.commit([environmentAt(order, place("host-a", whole(SECOND)))]);

    expect(outcome).toMatchObject({ committed: false });
    expect(JSON.stringify(outcome)).toContain(`${SECOND} is used by process 1234, which is none of ours`);
  });
});

test("an order that waits on its host for the stranger retains its place, reports so, and starts when the host does", async () => {
  const { id } = (await scene.order(alice, { gpu: 2 })).body;
  await scene.schedule();
  const detail = `It waits for GPU ${FIRST}, which process 1234 (python) uses; it is none of this host's runs.`;
  await host.round({ phase: "starting", detail });
  await reports([PYTHON]);
  await scene.schedule();

  expect(await scene.get(alice, id)).toMatchObject({ status: "creating", status_reason: detail });
  expect(await placedOn()).toEqual([FIRST, SECOND]);
  await pass();
  expect(await alarms()).toEqual([`gpu-stranger ${FIRST} open`]);
  await reports([]);
  await host.round();
  expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
});

describe("the alarm", () => {
  test("is raised once for a card that nothing of ours runs on, names all, and ends with the stranger", async () => {
    await reports([PYTHON, { ...PYTHON, pid: 1300 }]);
    await pass();
    await reports([{ ...PYTHON, pid: 1300 }]);
    await pass();

    expect(await alarms()).toEqual([`gpu-stranger ${FIRST} open`]);
    const { body } = await scene.api.request("GET", "/api/v1/alarms?limit=100", { as: scene.api.admin });
    expect(body.items[0]!.detail).toBe(
      `GPU ${FIRST} of host host-a ${WORDS}: nothing is placed on it until that has ended.`,
    );
    await reports([]);
    await pass();
    expect(await alarms()).toEqual([`gpu-stranger ${FIRST} over`]);
  });

  test("comes beside a run that is there, too, and goes on when that has ended", async () => {
    const { id } = (await scene.order(alice, { gpu: 2 })).body;
    await scene.schedule();
    await host.round();
    await reports([PYTHON]);
    await pass();
    expect(await alarms()).toEqual([`gpu-stranger ${FIRST} open`]);
    const { body } = await scene.api.request("GET", "/api/v1/alarms?limit=100", { as: scene.api.admin });
    expect(body.items[0]!.detail).toContain("it runs beside what was placed there");

    await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });
    await host.round({ phase: "stopped" });
    await pass();

    expect(await placedOn()).toEqual([]);
    expect(await alarms()).toEqual([`gpu-stranger ${FIRST} open`]);
  });

  test.each([
    ["is no longer listed", async () => ((host.gpus = [host.gpus[1]!]), await host.report([]))],
    [
      "belongs to a host that has left",
      async () => await scene.api.request("DELETE", "/api/v1/hosts/host-a", { as: scene.api.admin }),
    ],
  ])("ends with a card that %s", async (_how, leave) => {
    await reports([PYTHON]);
    await pass();

    await leave();
    await pass();

    expect(await alarms()).toContain(`gpu-stranger ${FIRST} over`);
  });

  test("of a host that makes strangers up fills no more than its share of the list", async () => {
    const many = await scene.host("host-b", { gpus: 30 });
    many.gpus = many.gpus.map((gpu) => ({ ...gpu, reasons: [], cordon: null, strangers: [PYTHON] }));
    await many.heartbeat({ gpus: many.gpus });
    await reports([PYTHON]);
    await pass();
    await pass();

    const open = await alarms();
    expect(open.filter((alarm: string) => alarm.includes("host-b"))).toHaveLength(20);
    expect(open).toContain(`gpu-stranger ${FIRST} open`);
  });
});
