/** A card that its host takes out of service: what the API shows, where nothing is placed, and the ways back. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GpuReport } from "@remotegpu/shared/host-report";
import type { Caller } from "../../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;

beforeEach(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 2 });
});
afterEach(async () => await scene.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const uuidOf = (index: number) => `GPU-host-a-00000${index}`;
const FAULT = "Xid 79: the GPU fell off the bus.";
const WELL: Partial<GpuReport> = { health: "healthy", reasons: [], cordon: null };
const FAILED = (sinceMs: number): Partial<GpuReport> => ({
  health: "unhealthy",
  reasons: [FAULT],
  cordon: { kind: "fatal", sinceMs },
});

/** The first card as the host tells it now, by a heartbeat. */
const says = async (change: Partial<GpuReport>) => {
  host.gpus = host.gpus.map((gpu, index) => (index === 0 ? { ...gpu, ...change } : { ...gpu, ...WELL }));
  return await host.heartbeat({ gpus: host.gpus });
};
const card = async (index = 0) => {
  const answer = await scene.api.ask("GET", "/api/v1/hosts/host-a/gpus", { as: scene.api.admin });
  return answer.body.items[index];
};
const asAdmin = async (verb: "cordon" | "uncordon", reason?: string) =>
  await scene.api.ask("POST", `/api/v1/gpus/${uuidOf(0)}/${verb}`, { as: scene.api.admin, body: { reason } });
const events = async () =>
  (await sql("SELECT kind, old, new, actor FROM events WHERE gpu_uuid = $1 ORDER BY id", [uuidOf(0)])).map(
    ({ kind, old, new: now, actor }) => [kind, old, now, actor].filter((part) => part !== null).join(" "),
  );
const alarms = async () =>
  (await sql("SELECT kind, subject, cleared_at IS NULL AS is_open FROM alarms ORDER BY id")).map(
    ({ kind, subject, is_open: isOpen }) => `${kind} ${subject} ${isOpen ? "open" : "over"}`,
  );

test("is shown with its reasons, and gets nothing new; its neighbour does", async () => {
  await says(FAILED(5));

  expect(await card()).toMatchObject({
    health_status: "unhealthy",
    status: "maintenance",
    cordoned: true,
    cordoned_by: "host",
    cordon_reason: FAULT,
    health_reasons: [FAULT],
  });
  expect(await card(1)).toMatchObject({ cordoned: false, cordoned_by: null, health_reasons: [] });
  await scene.order(alice, { gpu: 1 });
  await scene.order(alice, { gpu: 1 });
  expect((await scene.schedule()).placed).toHaveLength(1);
  expect(await sql("SELECT gpu_uuid FROM gpu_allocations")).toEqual([{ gpu_uuid: uuidOf(1) }]);
});

test("the fault is an event and an alarm, once, and so is the way back", async () => {
  for (const change of [FAILED(5), FAILED(5), WELL, WELL]) await says(change);

  expect(await events()).toEqual([
    "gpu-status available host host-a",
    "gpu-health healthy unhealthy host host-a",
    "gpu-cordoned available maintenance host host-a",
    "gpu-health unhealthy healthy host host-a",
    "gpu-uncordoned maintenance available host host-a",
  ]);
  expect(await alarms()).toEqual([`gpu-out-of-service ${uuidOf(0)} over`]);
  expect(await card()).toMatchObject({ cordoned: false, status: "available", health_status: "healthy" });
});

test("what the report says counts like the heartbeat, whichever comes first", async () => {
  host.gpus = host.gpus.map((gpu, index) => ({ ...gpu, ...(index === 0 ? FAILED(5) : WELL) }));
  await host.report([]);
  await says(FAILED(5));

  expect(await card()).toMatchObject({ cordoned: true, cordoned_by: "host" });
  expect(await events()).toEqual([
    "gpu-status available host host-a",
    "gpu-health healthy unhealthy host host-a",
    "gpu-cordoned available maintenance host host-a",
  ]);
});

describe("an administrator", () => {
  test("puts it back in service: the host is told until it says so no more, and a later fault counts again", async () => {
    await says(FAILED(5));
    expect((await asAdmin("uncordon")).body).toMatchObject({ cordoned: false });

    expect((await says(FAILED(5))).liftCordons).toEqual([{ uuid: uuidOf(0), sinceMs: 5 }]);
    expect((await says(FAILED(5))).liftCordons).toEqual([{ uuid: uuidOf(0), sinceMs: 5 }]);
    expect(await card()).toMatchObject({ cordoned: false, health_status: "unhealthy" });
    expect((await says(WELL)).liftCordons).toBeUndefined();
    expect(await alarms()).toEqual([`gpu-out-of-service ${uuidOf(0)} over`]);

    await says(FAILED(77));
    expect(await card()).toMatchObject({ cordoned: true, cordoned_by: "host" });
  });

  test.each([
    ["before the fault", async () => (await asAdmin("cordon", "loud fan"), await says(FAILED(5)))],
    ["after the fault", async () => (await says(FAILED(5)), await asAdmin("cordon", "loud fan"))],
  ])("who cordons it %s keeps it so, however well it is", async (_when, both) => {
    await both();
    await says(WELL);

    expect(await card()).toMatchObject({
      cordoned: true,
      cordoned_by: "admin",
      cordon_reason: "loud fan",
      health_status: "healthy",
    });
    await asAdmin("uncordon");
    expect(await card()).toMatchObject({ cordoned: false, cordoned_by: null });
  });
});

test("a card that vanished is an alarm until it is back, and comes back out of service", async () => {
  await says(WELL);
  const [first, second] = host.gpus;
  host.gpus = [second!];
  await host.report([]);

  expect(await alarms()).toEqual([`gpu-vanished ${uuidOf(0)} open`]);
  const [gone] = await sql("SELECT reasons FROM gpu_health WHERE gpu_uuid = $1", [uuidOf(0)]);
  expect(gone?.reasons).toEqual(["It is gone: its host no longer lists it."]);

  host.gpus = [{ ...first!, ...FAILED(9) }, second!];
  await host.report([]);
  expect(await alarms()).toEqual([`gpu-vanished ${uuidOf(0)} over`, `gpu-out-of-service ${uuidOf(0)} open`]);
  expect(await card()).toMatchObject({ cordoned: true, vanished_at: null });
});

test("errors, repairs, clocks and strangers are shown", async () => {
  await says({
    ...WELL,
    eccUncorrected: 2,
    eccUncorrectedTotal: 9,
    repairPending: true,
    repairFailed: false,
    throttleReasons: ["hw_slowdown"],
    strangers: [{ pid: 812, name: "Xorg", memoryMib: 60 }],
    foreignMemoryMib: 75,
  });

  expect(await card()).toMatchObject({
    ecc_uncorrected: 2,
    ecc_uncorrected_total: 9,
    repair_pending: true,
    repair_failed: false,
    throttle_reasons: ["hw_slowdown"],
    strangers: [{ pid: 812, name: "Xorg", memory_mib: 60 }],
    foreign_memory_mib: 75,
  });
});

test("an agent of before, which tells none of it, is heard as ever", async () => {
  await host.heartbeat({ gpus: host.gpus.map((gpu) => ({ ...gpu, health: "unhealthy" })) });

  expect(await card()).toMatchObject({
    health_status: "unhealthy",
    cordoned: false,
    strangers: [],
    health_reasons: [],
  });
  expect(await sql("SELECT FROM gpu_health")).toEqual([]);
});

test("a host says nothing about another host's card", async () => {
  const other = await scene.host("host-b", { gpus: 1 });
  await other.heartbeat({ gpus: [{ ...host.gpus[0], ...FAILED(5) }] });

  expect(await card()).toMatchObject({ cordoned: false, health_status: "healthy" });
});
