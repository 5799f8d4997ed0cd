/** A card that its host takes out of service: what the API shows, where nothing is placed, and the ways back. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import { GpuVitals } from "@remotegpu/shared/messages/protocol";
import { InstanceId } from "@remotegpu/shared/values/ids";
import { noteQuietHeartbeats } from "@remotegpu/control-plane/server/store/reports/quiet-heartbeats";
import { fleetSnapshot } from "@remotegpu/control-plane/server/store/fleet/fleet-snapshot";
import { databaseOfFile } from "../../../support/engines/postgres.ts";
import type { Caller } from "../../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 2 });
});
afterEach(async () => await scene.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const uuidOf = (index: number) => `GPU-host-a-00000${index}`;
const FAULT = "Xid 79: the GPU fell off the bus.";
const WELL: Partial<GpuReport> = {
  health: "healthy",
  reasons: [],
  cordon: null,
  hasSign: false,
  reasonCode: null,
};
const FAILED = (sinceMs: number): Partial<GpuReport> => ({
  health: "unhealthy",
  reasons: [FAULT],
  cordon: { kind: "fatal", sinceMs },
});

/** As an agent tells the first sample that shows it. */
const SIGN = (sinceMs: number): Partial<GpuReport> => ({
  health: "unhealthy",
  reasons: ["It needs a reset."],
  cordon: { kind: "drain", sinceMs },
  hasSign: true,
  reasonCode: "requires-reset",
});

/** The first card as the host tells it now, by a heartbeat. */
const report = async (change: Partial<GpuReport>) => {
  host.gpus = host.gpus.map((gpu, index) => (index === 0 ? { ...gpu, ...change } : { ...gpu, ...WELL }));
  return await host.heartbeat({ gpus: host.gpus });
};
const card = async (index = 0) => {
  const answer = await scene.api.request("GET", "/api/v1/hosts/host-a/gpus", { as: scene.api.admin });
  return answer.body.items[index];
};
const asAdmin = async (verb: "cordon" | "uncordon", reason?: string) =>
  await scene.api.request("POST", `/api/v1/gpus/${uuidOf(0)}/${verb}`, {
    as: scene.api.admin,
    body: { reason },
  });
const events = async () =>
  (await sql("SELECT kind, old, new, actor FROM events WHERE gpu_uuid = $1 ORDER BY id", [uuidOf(0)])).map(
    ({ kind, old, new: now, actor }) => [kind, old, now, actor].filter((part) => part !== null).join(" "),
  );
/** What the workload's people are told of faults of its cards: code and sentence. */
const faults = async (id: string): Promise<[string, string][]> => {
  const { body } = await scene.api.request("GET", `/api/v1/environments/${id}/events`, { as: alice });
  return body.items
    .filter(({ kind }) => kind === "gpu-unhealthy")
    .map((event): [string, string] => [event.new!, event.reason!])
    .toReversed();
};
const alarms = async () =>
  (await sql("SELECT kind, subject, cleared_at IS NULL AS is_open FROM alarms ORDER BY id")).map(
    ({ kind, subject, is_open: isOpen }) => `${kind} ${subject} ${isOpen ? "open" : "over"}`,
  );

test("is listed with its reasons, and gets nothing new; its neighbour does", async () => {
  await report(FAILED(5));

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

test("the fault is an event and an alarm, once, and so is the recovery", async () => {
  for (const change of [FAILED(5), FAILED(5), WELL, WELL]) await report(change);

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

test("what the report contains counts like the heartbeat, whichever comes first", async () => {
  host.gpus = host.gpus.map((gpu, index) => ({ ...gpu, ...(index === 0 ? FAILED(5) : WELL) }));
  await host.report([]);
  await report(FAILED(5));

  expect(await card()).toMatchObject({ cordoned: true, cordoned_by: "host" });
  expect(await events()).toEqual([
    "gpu-status available host host-a",
    "gpu-health healthy unhealthy host host-a",
    "gpu-cordoned available maintenance host host-a",
  ]);
});

describe("a sign of failure", () => {
  test("closes the card with the heartbeat that reports it, by its code, and what read well last stays what it was", async () => {
    await report(WELL);
    const before = await card();
    await sql("UPDATE gpus SET last_seen_at = last_seen_at - interval '5 seconds'");

    await report(SIGN(5));

    expect(await card()).toMatchObject({
      cordoned: true,
      cordoned_by: "host",
      reason_code: "requires-reset",
      has_sign: true,
      health_reasons: ["It needs a reset."],
      last_seen_at: new Date(Date.parse(before!.last_seen_at!) - 5_000).toISOString(),
    });
    await host.report([]);
    expect((await card())!.last_seen_at).toBe(
      new Date(Date.parse(before!.last_seen_at!) - 5_000).toISOString(),
    );
    await scene.order(alice, { gpu: 1 });
    const waiting = (await scene.order(alice, { gpu: 1 })).body;
    expect((await scene.schedule()).placed).toHaveLength(1);
    const why = await scene.api.request("GET", `/api/v1/environments/${waiting.id}/why`, { as: alice });
    expect(why.body.hosts[0]!.reason).toContain("It needs a reset (requires-reset)");
  });

  test("that is reported as a fault at once, as by a line of the kernel log, leaves what read well last, too", async () => {
    await report(WELL);
    const before = (await card())!.last_seen_at;

    await report(FAILED(5));
    await report(FAILED(5));

    expect((await card())!.last_seen_at).toBe(before);
    await host.report([]);
    expect((await card())!.last_seen_at).toBe(before);
    await report(WELL);
    expect(Date.parse((await card())!.last_seen_at!)).toBeGreaterThan(Date.parse(before!));
  });

  test("is not healed by an administrator's word: the card stays closed until its host reports that it is gone", async () => {
    await report(SIGN(5));
    await asAdmin("uncordon");
    await report({ ...SIGN(5), cordon: null });

    expect(await card()).toMatchObject({ cordoned: false, has_sign: true });
    const fleet = await scene.api.request("GET", "/api/v1/fleet", { as: scene.api.admin });
    expect(fleet.body).toMatchObject({ gpus_total: 2, gpus_free: 1 });
    await scene.order(alice, { gpu: 1 });
    await scene.order(alice, { gpu: 1 });
    expect((await scene.schedule()).placed).toHaveLength(1);

    await report(WELL);
    expect((await scene.schedule()).placed).toHaveLength(1);
    expect(await card()).toMatchObject({ has_sign: false, reason_code: null });
  });

  test("is reported in quiet heartbeats by nobody: each with one is ingested as a whole", async () => {
    await report(WELL);
    const quiet = await noteQuietHeartbeats(
      scene.api.db,
      [
        {
          hostId: host.id,
          heartbeat: host.heartbeatOf({
            gpus: host.gpus.map((gpu) => ({ ...gpu, ...WELL, hasSign: true, reasonCode: "err" })),
          }),
        },
      ],
      new Date(),
    );

    expect([...quiet.keys()]).toEqual([]);
  });

  test("and what else befalls its card is reported to the workload that has it: events, why, its instance; once each", async () => {
    const { id } = (await scene.order(alice, { gpu: 2 })).body;
    await scene.schedule();
    await host.round();
    await report(SIGN(5));
    await report(SIGN(5));
    const [sign] = await faults(id);

    expect(sign).toEqual([
      "requires-reset",
      `${uuidOf(0)} shows a sign of failure: It needs a reset (requires-reset). If the next reading confirms it, nothing after its last good reading is charged.`,
    ]);
    const visible = await scene.get(alice, id);
    expect(visible.instances[0]?.gpus.map(({ fault }) => fault)).toEqual([
      {
        code: "requires-reset",
        sentence: sign?.[1],
        sentence_code: "gpu-shows-sign",
        sentence_params: { gpu_uuid: uuidOf(0), why: expect.objectContaining({ code: expect.any(String) }) },
      },
      null,
    ]);
    const why = await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice });
    expect(why.body.reason).toBe(`It runs on host host-a. ${sign?.[1]}`);

    await report({ ...SIGN(5), cordon: { kind: "fatal", sinceMs: 9 } });
    await report(WELL);
    await report({ ...SIGN(20), hasSign: false, reasonCode: "mig-enabled", reasons: ["MIG mode is on."] });
    expect((await faults(id)).map(([code, sentence]) => [code, sentence.split(":")[0]])).toEqual([
      ["requires-reset", `${uuidOf(0)} shows a sign of failure`],
      ["requires-reset", `${uuidOf(0)} failed`],
      ["mig-enabled", `${uuidOf(0)} takes nothing new`],
    ]);
  });

  test("of a reading that flaps is reported to its workload once in ten minutes, and a graver fault at once", async () => {
    const { id } = (await scene.order(alice, { gpu: 2 })).body;
    await scene.schedule();
    await host.round();
    const flap = async () => {
      for (const reasonCode of ["err", "requires-reset", "err"]) {
        await report({ ...SIGN(5), reasonCode });
        await report(WELL);
      }
    };
    const codes = async () => (await faults(id)).map(([code]) => code);

    await flap();
    expect(await codes()).toEqual(["err"]);
    await report(FAILED(9));
    expect(await codes()).toEqual(["err", "fatal"]);

    scene.api.passMinutes(9);
    await flap();
    expect(await codes()).toHaveLength(2);
    scene.api.passMinutes(1);
    await flap();
    expect(await codes()).toEqual(["err", "fatal", "err"]);
  });

  test("is listed on the map of the fleet with its reason", async () => {
    await report(SIGN(5));

    const { body } = await scene.api.request("GET", "/api/v1/fleet/map", { as: scene.api.admin });

    expect(body.hosts[0]!.gpus).toMatchObject([
      { cordoned: true, free: false, reason: "It needs a reset (requires-reset)" },
      { cordoned: false, free: true, reason: null },
    ]);
  });

  test("of a program that failed on that card is part of the reason for its end", async () => {
    const { id } = (await scene.order(alice, { gpu: 2 })).body;
    await scene.schedule();
    const [wanted] = await host.round();
    host.gpus = host.gpus.map((gpu, index) => ({ ...gpu, ...(index === 0 ? SIGN(5) : WELL) }));

    await host.report([
      host.observedOf(wanted!, {
        phase: "failed",
        problem: "exited",
        exitCode: 1,
        detail: "The command ended with exit code 1.",
      }),
    ]);

    expect(await scene.get(alice, id)).toMatchObject({
      status: "error",
      status_reason: `The command ended with exit code 1. Its ${uuidOf(0)} showed a sign of failure as it ended: It needs a reset (requires-reset). Nothing after the card's last good reading is charged.`,
    });
  });
});

describe("GPUs that are closed under one payer's runs", () => {
  const HUNG = {
    ...FAILED(9),
    reasons: ["Xid 109: switching between programs timed out."],
    reasonCode: "xid-109",
  };

  /** An environment on the first card, under which its host closes it; then all is as before. */
  const closedUnder = async (owner: Caller, fault: Partial<GpuReport>): Promise<string> => {
    await report(WELL);
    const { id } = (await scene.order(owner, { gpu: 1 })).body;
    await scene.schedule();
    await host.round();
    await report(fault);
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: owner });
    await scene.workloads();
    await host.round();
    await scene.workloads();
    return id;
  };
  const payersAlarms = async () =>
    (
      await scene.api.request("GET", "/api/v1/alarms?open=true&kind=gpus-closed-under-payer", {
        as: scene.api.admin,
      })
    ).body.items;
  beforeEach(async () => {
    // The other card is nobody's here.
    await scene.api.request("POST", `/api/v1/gpus/${uuidOf(1)}/cordon`, {
      as: scene.api.admin,
      body: { reason: "spare" },
    });
  });

  test("thrice within a day are an alarm that names runs and reasons; cleared, the next one raises it again", async () => {
    for (const _ of [1, 2]) await closedUnder(alice, HUNG);
    expect(await payersAlarms()).toEqual([]);
    await closedUnder(alice, HUNG);

    const [alarm] = await payersAlarms();
    expect(alarm).toMatchObject({
      subject: `customer ${alice.customerId}`,
      about: { kind: "customer", id: String(alice.customerId) },
      detail: expect.stringContaining(
        `closed under 3 runs that customer ${alice.customerId} pays for, on 1 host`,
      ),
    });
    expect(alarm!.detail!.match(/xid-109, run /g)).toHaveLength(3);
    await scene.api.request("POST", `/api/v1/alarms/${alarm!.id}/clear`, { as: scene.api.admin });
    expect(await payersAlarms()).toEqual([]);
    await closedUnder(alice, HUNG);
    expect(await payersAlarms()).toHaveLength(1);
  });

  test.each([
    ["of several payers", async (bob: Caller) => await closedUnder(bob, HUNG)],
    [
      "by what is no fault of the card",
      async () => await closedUnder(alice, { ...HUNG, reasonCode: "container-refused" }),
    ],
    [
      "of which one is more than a day ago",
      async () => {
        scene.api.passMinutes(24 * 60);
        return await closedUnder(alice, HUNG);
      },
    ],
  ])("are none %s", async (_what, third) => {
    const bob = await scene.customer("bob");
    for (const _ of [1, 2]) await closedUnder(alice, HUNG);

    await third(bob);

    expect(await payersAlarms()).toEqual([]);
  });

  test("count once a run, however many of its cards are closed, those that are gone among them", async () => {
    await scene.api.request("POST", `/api/v1/gpus/${uuidOf(1)}/uncordon`, { as: scene.api.admin });
    for (const _ of [1, 2]) await closedUnder(alice, HUNG);
    await report(WELL);
    await scene.order(alice, { gpu: 2 });
    await scene.schedule();
    await host.round();

    host.gpus = host.gpus.slice(0, 1);
    await report(HUNG);
    await host.report([]);

    const [alarm] = await payersAlarms();
    expect(alarm!.detail).toContain("under 3 runs");
    expect(
      await sql(
        `SELECT gpu_uuid, code FROM gpu_closures
          WHERE run_id = (SELECT run_id FROM gpu_closures WHERE code = 'not-listed') ORDER BY gpu_uuid`,
      ),
    ).toEqual([
      { gpu_uuid: uuidOf(0), code: "xid-109" },
      { gpu_uuid: uuidOf(1), code: "not-listed" },
    ]);
  });
});

test("a card that its host cannot give to containers, or with MIG mode on, takes no order: it waits and reports why", async () => {
  await report({
    health: "unhealthy",
    reasons: ["It cannot be given to a container: no CDI spec of this host names it."],
    cordon: null,
    reasonCode: "not-attachable",
  });
  const { id } = (await scene.order(alice, { gpu: 2 })).body;
  expect((await scene.schedule()).placed).toEqual([]);

  const waiting = await scene.get(alice, id);

  expect(waiting).toMatchObject({ status: "queued" });
  const why = await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice });
  expect(JSON.stringify(why.body.hosts)).toContain("no CDI spec of this host names it (not-attachable)");
});

describe("an administrator", () => {
  test("puts it back in service: the host is notified until it reports it no more, and a later fault counts again", async () => {
    await report(FAILED(5));
    expect((await asAdmin("uncordon")).body).toMatchObject({ cordoned: false });

    expect((await report(FAILED(5))).liftCordons).toEqual([{ uuid: uuidOf(0), sinceMs: 5 }]);
    expect((await report(FAILED(5))).liftCordons).toEqual([{ uuid: uuidOf(0), sinceMs: 5 }]);
    expect(await card()).toMatchObject({ cordoned: false, health_status: "unhealthy" });
    expect((await report(WELL)).liftCordons).toBeUndefined();
    expect(await alarms()).toEqual([`gpu-out-of-service ${uuidOf(0)} over`]);

    await report(FAILED(77));
    expect(await card()).toMatchObject({ cordoned: true, cordoned_by: "host" });
  });

  test.each([
    ["before the fault", async () => (await asAdmin("cordon", "loud fan"), await report(FAILED(5)))],
    ["after the fault", async () => (await report(FAILED(5)), await asAdmin("cordon", "loud fan"))],
  ])("who cordons it %s keeps it so, however well it is", async (_when, both) => {
    await both();
    await report(WELL);

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
  await report(WELL);
  const [first, second] = host.gpus;
  host.gpus = [second!];
  await host.report([]);

  expect(await alarms()).toEqual([`gpu-vanished ${uuidOf(0)} open`]);
  const [gone] = await sql("SELECT reasons FROM gpu_health WHERE gpu_uuid = $1", [uuidOf(0)]);
  expect(gone?.reasons).toEqual(["It is gone: its host no longer lists it."]);
  expect(await card()).toMatchObject({
    health_reason_codes: [{ code: "gpu-not-listed-by-host", params: {} }],
  });

  host.gpus = [{ ...first!, ...FAILED(9) }, second!];
  await host.report([]);
  expect(await alarms()).toEqual([`gpu-vanished ${uuidOf(0)} over`, `gpu-out-of-service ${uuidOf(0)} open`]);
  expect(await card()).toMatchObject({ cordoned: true, vanished_at: null });
});

describe("the reason of a host's cordon", () => {
  const meaning = { code: "xid-gpu-off-bus", params: {} } as const;
  const offBus = { code: "xid", params: { xid: 79, meaning } } as const;
  const coded: Partial<GpuReport> = { ...FAILED(5), why: [offBus], reasonCode: "xid-79" };
  const codeOf = { reason_code: offBus.code, reason_params: offBus.params };
  const cordonOf = { cordon_reason_code: offBus.code, cordon_reason_params: offBus.params };
  const firstOnMap = async () =>
    (await scene.api.request("GET", "/api/v1/fleet/map", { as: scene.api.admin })).body.hosts[0]!.gpus[0];

  test("is a code of the card, of its events and of its alarm", async () => {
    await report(coded);

    expect(await card()).toMatchObject({ cordon_reason: FAULT, ...cordonOf });
    const ofHost = await scene.api.request("GET", "/api/v1/hosts/host-a/events", { as: scene.api.admin });
    const reported = ofHost.body.items.filter(({ kind }) => ["gpu-cordoned", "gpu-health"].includes(kind));
    expect(reported).toMatchObject([
      { reason: FAULT, ...codeOf },
      { reason: FAULT, ...codeOf },
    ]);
    const { body } = await scene.api.request("GET", "/api/v1/alarms", { as: scene.api.admin });
    expect(body.items).toMatchObject([
      {
        detail: `GPU ${uuidOf(0)} of host host-a is out of service. ${FAULT}`,
        reason_code: "gpu-out-of-service-because",
        reason_params: { gpu_uuid: uuidOf(0), host_id: "host-a", why: offBus },
      },
    ]);
  });

  test("is why nothing is placed on the card", async () => {
    await report(coded);

    const { hosts } = await fleetSnapshot(scene.api.db, { now: scene.api.deps.now() });

    const own = hosts.find(({ id }) => id === "host-a");
    expect(own?.gpus.find(({ uuid }) => uuid === uuidOf(0))?.closed).toEqual({
      code: "gpu-cordoned-because",
      params: {
        gpu_uuid: uuidOf(0),
        why: { code: "gpu-fault", params: { why: offBus, fault_code: "xid-79" } },
      },
    });
  });

  test("is a code as soon as the agent sends one, and none any more once it sends none", async () => {
    await report(FAILED(5));
    expect(await card()).toMatchObject({ cordon_reason: FAULT, cordon_reason_code: "as-reported" });
    await report(coded);
    expect(await card()).toMatchObject({ cordon_reason: FAULT, ...cordonOf });
    await report({ ...FAILED(5), why: undefined });
    expect(await card()).toMatchObject({ cordon_reason: FAULT, cordon_reason_code: "as-reported" });
  });

  test("stays a code on the map of the fleet after the card has vanished", async () => {
    await report(coded);
    const [, second] = host.gpus;
    host.gpus = [second!];
    await host.report([]);

    expect(await firstOnMap()).toMatchObject({ reason: FAULT, ...codeOf });
  });

  test("goes with an administrator's, whose words are no code, and with the cordon", async () => {
    await report(coded);
    await asAdmin("cordon", "loud fan");
    expect(await card()).toMatchObject({
      cordon_reason: "loud fan",
      cordon_reason_code: "as-reported",
      cordon_reason_params: { text: "loud fan" },
    });
    await report(WELL);
    await asAdmin("uncordon");
    expect(await card()).toMatchObject({
      cordon_reason: null,
      cordon_reason_code: null,
      cordon_reason_params: null,
    });
  });

  test("counts for nothing beside words that a control plane of before wrote alone", async () => {
    await report(coded);
    await sql("UPDATE gpus SET cordon_reason = 'loud fan' WHERE uuid = $1", [uuidOf(0)]);

    expect(await card()).toMatchObject({ cordon_reason: "loud fan", cordon_reason_code: "as-reported" });
  });
});

test("errors, repairs, clocks and strangers are listed", async () => {
  await report({
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

describe("who uses a card's memory", () => {
  const splitOf = (memoryMib: number): Partial<GpuReport> => ({
    ...WELL,
    memorySplit: {
      users: [{ instanceId: InstanceId.parse("env-a"), processes: 2, memoryMib }],
      unexplainedMib: 48,
    },
  });
  const listed = (memoryMib: number) => ({
    memory_users: [{ instance_id: "env-a", processes: 2, memory_mib: memoryMib }],
    unexplained_memory_mib: 48,
  });

  test("is listed by instance, and not known of a card of which nothing is reported", async () => {
    await report(splitOf(900));

    expect(await card()).toMatchObject(listed(900));
    expect(await card(1)).toMatchObject({ memory_users: [], unexplained_memory_mib: null });
    await report({ ...WELL, memorySplit: undefined });
    expect(await card()).toMatchObject({ memory_users: [], unexplained_memory_mib: null });
  });

  test("follows quiet heartbeats as readings do", async () => {
    await report(splitOf(900));
    const gpus = host.gpus.map((gpu, index) => ({ ...gpu, ...(index === 0 ? splitOf(1_000) : WELL) }));

    const beat = { hostId: host.id, heartbeat: host.heartbeatOf({ gpus }) };
    const { size } = await noteQuietHeartbeats(scene.api.db, [beat], new Date());

    expect(size).toBe(1);
    expect(await card()).toMatchObject(listed(1_000));
  });

  test("that is no such list spoils no heartbeat", () => {
    const reported = GpuVitals.parse({ ...host.gpus[0], ...WELL, memorySplit: { users: "many" } });

    expect(reported.memorySplit).toBeUndefined();
  });
});

describe("the reasons of a card's health", () => {
  const hot = { code: "gpu-at-temperature-limit", params: { temperature_c: 90 } } as const;
  const lost = { code: "gpu-lost", params: {} } as const;
  const WARNED: Partial<GpuReport> = {
    ...WELL,
    health: "degraded",
    reasons: ["It is at 90 °C, its limit.", "It hums."],
    why: [hot, undefined],
  };
  const hum = { code: "as-reported", params: { text: "It hums." } };

  /** Whether a heartbeat in which the first card reports this is noted without ingesting it as a whole. */
  async function isQuiet(change: Partial<GpuReport>): Promise<boolean> {
    const gpus = host.gpus.map((gpu, index) => ({ ...gpu, ...(index === 0 ? change : WELL) }));
    const beat = { hostId: host.id, heartbeat: host.heartbeatOf({ gpus }) };
    return (await noteQuietHeartbeats(scene.api.db, [beat], new Date())).size === 1;
  }

  test("are listed as codes in the order of their texts", async () => {
    await report(WARNED);

    expect(await card()).toMatchObject({
      health_reasons: WARNED.reasons,
      health_reason_codes: [hot, hum],
    });
    expect(await card(1)).toMatchObject({ health_reasons: [], health_reason_codes: [] });
  });

  test("stand in the event of the change", async () => {
    await report(WARNED);

    const [event] = await sql(
      "SELECT reason, reason_code, reason_params FROM events WHERE gpu_uuid = $1 AND kind = 'gpu-health'",
      [uuidOf(0)],
    );
    expect(event).toEqual({
      reason: WARNED.reasons?.join(" "),
      reason_code: "in-sequence",
      reason_params: { reasons: [hot, hum] },
    });
  });

  test("are as reported where an agent of before sends texts alone, or as many codes as belong to other texts", async () => {
    const asTexts = WARNED.reasons?.map((text) => ({ code: "as-reported", params: { text } }));

    for (const why of [undefined, [hot]]) {
      await report({ ...WARNED, why });
      expect(await card()).toMatchObject({ health_reason_codes: asTexts });
    }
  });

  test("keep a heartbeat quiet while they are the same, and not once a code is another one", async () => {
    await report({ ...WARNED, why: undefined });

    expect(await isQuiet({ ...WARNED, why: undefined })).toBe(true);
    expect(await isQuiet(WARNED)).toBe(false);
    await report(WARNED);
    expect(await isQuiet(WARNED)).toBe(true);
    expect(await isQuiet({ ...WARNED, reasons: ["It is at 91 °C, its limit.", "It hums."] })).toBe(false);
    expect(await isQuiet({ ...WARNED, why: undefined })).toBe(false);
  });

  test("stand in what the map of the fleet says of a card that failed", async () => {
    const reasons = ["nvidia-smi says that the GPU is lost."];
    await report({ ...FAILED(5), reasons, why: [lost], reasonCode: "gpu-lost" });

    const { body } = await scene.api.request("GET", "/api/v1/fleet/map", { as: scene.api.admin });

    expect(body.hosts[0]?.gpus[0]).toMatchObject({
      reason: "nvidia-smi says that the GPU is lost (gpu-lost)",
      reason_code: "gpu-fault",
      reason_params: { why: lost, fault_code: "gpu-lost" },
    });
  });
});

test("an agent of before, which reports none of it, is heard as ever", async () => {
  await host.heartbeat({ gpus: host.gpus.map((gpu) => ({ ...gpu, health: "unhealthy" })) });

  expect(await card()).toMatchObject({
    health_status: "unhealthy",
    cordoned: false,
    strangers: [],
    health_reasons: [],
  });
  expect(await sql("SELECT FROM gpu_health")).toEqual([]);
});

test("a host reports nothing about another host's card", async () => {
  const other = await scene.host("host-b", { gpus: 1 });
  await other.heartbeat({ gpus: [{ ...host.gpus[0], ...FAILED(5) }] });

  expect(await card()).toMatchObject({ cordoned: false, health_status: "healthy" });
});
