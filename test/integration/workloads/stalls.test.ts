/** Jobs that do nothing any more, and ranks that somebody holds still, with hosts that a test speaks for. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { openControlScene, type ScriptedHost } from "../../support/worlds/control-scene.ts";
import { GangScene } from "../../support/worlds/fleet/gang-scene.ts";

let gangs: GangScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  gangs = await GangScene.begin(await openControlScene(await emptyDatabase()), 2);
});
afterEach(async () => await gangs.scene.close());

type HostReport = Parameters<GangScene["print"]>[0];
const IDLE: HostReport = {
  phase: "ready",
  idleness: {
    isIdle: true,
    processes: [{ name: "python3", state: "S", waitsIn: "futex_wait_queue", count: 2 }],
  },
};
const BUSY: HostReport = { phase: "ready", idleness: { isIdle: false, processes: [] } };
const RUNS = { phase: "ready" } as const;
const FROZEN = { phase: "ready", isFrozen: true } as const;
const STALL = /^All 2 ranks do nothing any more: no output, no traffic between them/;

/** What each of these hosts says of its rank, and what becomes of it. */
async function reported(report: HostReport, ...hosts: ScriptedHost[]): Promise<void> {
  await gangs.print(report, ...hosts);
  await gangs.scene.workloads();
}
const events = async (id: string, ...kinds: string[]) => {
  const { items } = (await gangs.request("GET", `/${id}/events`)).body;
  return items.filter(({ kind }: { kind: string }) => kinds.includes(kind)).toReversed();
};
const wellFormed = async () =>
  (await examine(gangs.scene.api.deps.db, gangs.scene.api.deps.now())).filter(
    ({ state }) => state !== "well",
  );

describe("a gang that does nothing any more", () => {
  test("is reported once, with what each rank waits for, and once more when it goes on", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);

    await reported(IDLE, one!);
    expect(await gangs.job(id)).toMatchObject({ status: "running", status_reason: null });
    await reported(IDLE, other!);
    await reported(IDLE, one!, other!);

    const job = await gangs.job(id);
    expect(job).toMatchObject({ status: "running", status_reason: expect.stringMatching(STALL) });
    expect(job.instances[1]?.idle).toEqual({
      since: expect.any(String),
      processes: [{ name: "python3", state: "S", waits_in: "futex_wait_queue", count: 2 }],
    });
    expect(await events(id, "stalled", "going-on")).toEqual([
      expect.objectContaining({
        kind: "stalled",
        reason: expect.stringMatching(/Rank 0: 2 python3 \(S in futex_wait_queue\); rank 1: 2 python3 /),
      }),
    ]);

    await reported(BUSY, other!);
    expect(await gangs.job(id)).toMatchObject({ status: "running", status_reason: null });
    expect((await gangs.job(id)).instances[1]?.idle).toBeNull();
    expect((await events(id, "stalled", "going-on")).map(({ kind }: { kind: string }) => kind)).toEqual([
      "stalled",
      "going-on",
    ]);

    await reported(IDLE, other!);
    expect(await events(id, "stalled")).toHaveLength(2);
    expect(await wellFormed()).toEqual([]);
  });

  test("is reported to the webhooks that request it, when it stalls and when it goes on", async () => {
    const { status } = await gangs.scene.api.request("POST", "/api/v1/webhooks", {
      as: gangs.alice,
      body: { url: "https://hooks.example.com/jobs", kinds: ["job-stalled"] },
    });
    expect(status).toBe(201);
    const id = await gangs.runs();
    const hosts = await gangs.hostsOf(id);

    await reported(IDLE, ...hosts);
    await reported(BUSY, ...hosts);

    const { rows } = await gangs.scene.api.db.query<{ body: string }>(
      "SELECT body FROM webhook_deliveries ORDER BY id",
    );
    expect(rows.map(({ body }) => JSON.parse(body))).toEqual([
      expect.objectContaining({
        state: "fired",
        workload_id: id,
        reason: expect.stringContaining("python3"),
      }),
      expect.objectContaining({ state: "recovered", sentence: "Training job gang does something again." }),
    ]);
  });

  test("stays so while a new life of an agent has not found out yet", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);
    await reported(IDLE, one!, other!);

    await reported(RUNS, one!);

    expect(await gangs.job(id)).toMatchObject({ status_reason: expect.stringMatching(STALL) });
    expect(await events(id, "going-on")).toEqual([]);
  });

  test("is ended where its owner ordered that, and tried again as after its own failure", async () => {
    const id = await gangs.runs({ config: { stall_retry: true, max_retries: 1 } });
    const [one, other] = await gangs.hostsOf(id);

    await reported(IDLE, one!, other!);

    expect(await gangs.job(id)).toMatchObject({
      status: "stopping",
      status_reason: expect.stringMatching(STALL),
    });
    const stopped = {
      phase: "stopped",
      exitCode: 143,
      remains: { outOfMemory: false, signal: null, tail: null },
    };
    await reported(stopped as HostReport, one!, other!);
    expect(await gangs.job(id)).toMatchObject({
      status: "pending",
      attempt: 2,
      status_reason: expect.stringMatching(
        /^All 2 ranks do nothing.* Attempt 2 follows in 10 seconds \(retry 1 of 1\)\.$/,
      ),
    });
    expect(await events(id, "stalled")).toHaveLength(1);
    await gangs.round();
    expect(await wellFormed()).toEqual([]);
  });

  test("that is cancelled while it is ended for it is cancelled", async () => {
    const id = await gangs.runs({ config: { stall_retry: true, max_retries: 1 } });
    const hosts = await gangs.hostsOf(id);
    await reported(IDLE, ...hosts);

    await gangs.request("POST", `/${id}/cancel`);
    await reported({ phase: "stopped", exitCode: 143 }, ...hosts);

    expect(await gangs.job(id)).toMatchObject({ status: "cancelled", attempt: 1 });
  });
});

describe("the order", () => {
  test.each([
    [undefined, 900],
    [{ stall_minutes: 30 }, 1_800],
    [{ stall_minutes: 0.1 }, 6],
    [{ stall_minutes: 0 }, undefined],
  ])("with config %j orders hosts to watch it for %s seconds", async (config, seconds) => {
    const id = await gangs.placed({ ...(config && { config }) });
    const [one] = await gangs.hostsOf(id);

    const [wanted] = await one!.pull();

    expect(wanted?.live.stallAfterSeconds).toBe(seconds);
  });

  const REFUSED: [config: object, path: string][] = [
    [{ stall_minutes: -1 }, "config.stall_minutes"],
    [{ stall_minutes: 0.05 }, "config.stall_minutes"],
    [{ stall_retry: true }, "config.stall_retry"],
    [{ stall_retry: true, max_retries: 1, stall_minutes: 0 }, "config.stall_retry"],
  ];

  test("is refused by the field where a stall could not be found or tried again", async () => {
    for (const [config, path] of REFUSED)
      expect(await gangs.order({ config })).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });
});

describe("a rank that is frozen", () => {
  test("is named at once, and ends the gang as a failure of its host before two minutes are over", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);

    await reported(FROZEN, other!);
    expect(await gangs.job(id)).toMatchObject({
      status: "running",
      status_reason: `Rank 1 on host ${other!.id} is frozen: it was paused from outside, and nothing in it goes on.`,
      instances: [{ frozen_since: null }, { frozen_since: expect.any(String) }],
    });
    const since = (await gangs.job(id)).instances[1]?.frozen_since;
    await gangs.pass(90);
    await gangs.scene.workloads();

    const reason = `Rank 1: its container on host ${other!.id} has been frozen from outside for 90 seconds.`;
    expect(await gangs.job(id)).toMatchObject({ status: "stopping", status_reason: reason });
    await reported({ phase: "stopped", exitCode: 137 }, one!, other!);
    expect(await gangs.job(id)).toMatchObject({
      status: "queued",
      attempt: 2,
      status_reason: `${reason} Attempt 2 follows on another host (retry 1 of 3).`,
    });
    const { rows } = await gangs.scene.api.db.query<{ since: Date }>(
      "SELECT DISTINCT since FROM gang_breaks",
    );
    expect(rows.map((row) => row.since.toISOString())).toEqual([since]);
    await gangs.round();
    expect(await wellFormed()).toEqual([]);
  });

  test("and goes on in time is as if nothing had been", async () => {
    const id = await gangs.runs();
    const [, other] = await gangs.hostsOf(id);
    await reported(FROZEN, other!);
    await gangs.pass(80);

    await reported(RUNS, other!);
    await gangs.pass(20);
    await reported(FROZEN, other!);

    expect(await gangs.job(id)).toMatchObject({ status: "running" });
    await reported(RUNS, other!);
    expect(await gangs.job(id)).toMatchObject({ status: "running", status_reason: null });
  });
});

test("what a later agent reports of a stall in other words leaves the run as it is", () => {
  const reported = {
    instanceId: "job-1-0",
    placementEpoch: 1,
    runId: "run-1",
    phase: "ready",
    detail: "",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: null,
    bootId: "6f4c1e3a-8f0b-4b7e-9a31-d2f6c5a4e9b0",
    idleness: { isIdle: "perhaps" },
    isFrozen: "so so",
  };

  expect(ObservedInstance.parse(reported)).toMatchObject({
    phase: "ready",
    idleness: undefined,
    isFrozen: undefined,
  });
});
