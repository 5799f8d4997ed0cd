/** What follows when an attempt of a training job fails: elsewhere, later, or nothing; with hosts that a test speaks for. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import type { Caller } from "../../support/http/api.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let fresh: FreshDatabase;
let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let hosts: ScriptedHost[];

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  scene = await openControlScene(fresh);
  alice = await scene.customer("alice");
  hosts = [await scene.host("host-a", { gpus: 1 }), await scene.host("host-b", { gpus: 1 })];
});
afterEach(async () => await scene.close());

type HostReport = Parameters<ScriptedHost["round"]>[0];

/** Its host has told all of the end. */
const REPORTED = { remains: { outOfMemory: false, signal: null, tail: null } } as const;
const LOST_CARD = {
  phase: "failed",
  problem: "gpu-failed",
  detail: "GPU 0 fell off the bus.",
  ...REPORTED,
} as const;
const UNTOLD_FAULT = { phase: "failed", exitCode: 3, problem: "exited" } as const;
const OWN_FAULT = { ...UNTOLD_FAULT, ...REPORTED } as const;

const request = async (method: string, path: string) =>
  await scene.api.request(method, `/api/v1/training-jobs${path}`, { as: alice });
const job = async (id: string) => (await request("GET", `/${id}`)).body;
const rows = async <Row extends object>(sql: string, values: unknown[] = []) =>
  (await scene.api.db.query<Row>(sql, values)).rows;

async function ordered(config: object = {}): Promise<string> {
  const { status, body } = await scene.api.request("POST", "/api/v1/training-jobs", {
    as: alice,
    body: { name: "train", image: "trainer:1", command: "true", cpu: 1, memory: GIB, gpu: 1, config },
  });
  expect(status).toBe(201);
  return body.id;
}

/** Where it stands; one that is placed nowhere is a fault of the test. */
async function hostOf(id: string): Promise<ScriptedHost> {
  const { host_id: hostId } = await job(id);
  const found = hosts.find((host) => host.id === hostId);
  if (found === undefined) throw new Error(`${id} is nowhere`);
  return found;
}

async function report(id: string, report: HostReport): Promise<void> {
  await (await hostOf(id)).round(report);
  await scene.workloads();
}

/** Placed, and told ready by its host. */
async function runs(id: string): Promise<string> {
  await scene.schedule();
  await report(id, { phase: "ready" });
  expect(await job(id)).toMatchObject({ status: "running" });
  return (await job(id)).host_id;
}

/** Each host says what it still has; what was to go is gone. */
async function settled(): Promise<void> {
  for (const host of hosts) await host.round();
}

const wellFormed = async () =>
  (await examine(scene.api.deps.db, scene.api.deps.now())).filter(({ state }) => state !== "well");

describe("a failure of what an attempt stands on", () => {
  test("is tried again on another host, with a new run and a folder of its own, which record it", async () => {
    const id = await ordered();
    const first = await runs(id);

    await report(id, LOST_CARD);

    expect(await job(id)).toMatchObject({
      status: "queued",
      status_reason: "GPU 0 fell off the bus. Attempt 2 follows on another host (retry 1 of 3).",
      attempt: 2,
      status_deadline_at: null,
      completed_at: null,
    });
    await settled();
    const second = await runs(id);
    expect(second).not.toBe(first);
    const [wanted] = await (await hostOf(id)).pull();
    expect(wanted?.spec).toMatchObject({
      env: { REMOTEGPU_ATTEMPT: "2" },
      folders: [{ source: expect.stringMatching(/attempt-2$/) }],
    });
    await report(id, { phase: "stopped", exitCode: 0 });
    expect(await job(id)).toMatchObject({ status: "completed", attempt: 2 });
    const { items } = (await request("GET", `/${id}/instances`)).body;
    expect(items).toHaveLength(1);
    expect(items[0].runs).toHaveLength(2);
    await settled();
    expect(await wellFormed()).toEqual([]);
  });

  test("waits where every host has failed it, and why states which and why", async () => {
    const id = await ordered();
    await runs(id);
    await report(id, LOST_CARD);
    await settled();
    await runs(id);
    await report(id, { ...LOST_CARD, detail: "GPU 0 is hot." });
    await settled();
    await scene.schedule();

    expect(await job(id)).toMatchObject({ status: "queued", attempt: 3 });
    const { hosts: reported } = (await request("GET", `/${id}/why`)).body;
    expect(reported).toHaveLength(2);
    for (const host of reported)
      expect(JSON.stringify(host)).toContain("is skipped for a while, where the last attempt failed");

    scene.api.passMinutes(31);
    for (const host of hosts) await host.heartbeat();
    await settled();
    await runs(id);
  });

  test("begins only when nothing of the old attempt holds anything", async () => {
    const id = await ordered();
    await runs(id);
    await report(id, LOST_CARD);

    const live = await rows("SELECT FROM placements WHERE resources_released_at IS NULL");
    expect(live).toEqual([]);
    await scene.schedule();
    expect(await rows("SELECT FROM placements WHERE resources_released_at IS NULL")).toHaveLength(1);
  });

  test("is the end after so many, and the job states how many attempts it had", async () => {
    const id = await ordered({ max_infrastructure_retries: 1 });
    await runs(id);
    await report(id, LOST_CARD);
    await settled();
    await runs(id);

    await report(id, LOST_CARD);

    expect(await job(id)).toMatchObject({
      status: "failed",
      status_reason: "GPU 0 fell off the bus. It was attempt 2, and the last.",
      completed_at: expect.any(String),
    });
  });

  test("of a host that is declared lost is tried again on another", async () => {
    const id = await ordered();
    const first = await runs(id);
    const { status } = await scene.api.request("DELETE", `/api/v1/hosts/${first}?lost=true`, {
      as: scene.api.admin,
    });
    expect(status).toBeLessThan(300);
    await scene.workloads();
    expect(await job(id)).toMatchObject({ status: "queued", attempt: 2 });

    hosts = hosts.filter((host) => host.id !== first);
    expect(await runs(id)).not.toBe(first);
  });

  test("is no failure of a job that its people have cancelled", async () => {
    const id = await ordered();
    await runs(id);
    expect((await request("POST", `/${id}/cancel`)).status).toBe(200);

    await report(id, LOST_CARD);

    expect(await job(id)).toMatchObject({ status: "cancelled", attempt: 1 });
    await settled();
    await scene.schedule();
    expect(await job(id)).toMatchObject({ status: "cancelled" });
  });

  test("on a host that is emptied is tried elsewhere", async () => {
    const id = await ordered();
    const first = await runs(id);
    await scene.api.request("POST", `/api/v1/hosts/${first}/drain`, { as: scene.api.admin, body: {} });

    await report(id, { phase: "stopped", exitCode: 143 });

    expect(await job(id)).toMatchObject({ status: "queued", attempt: 2 });
    await settled();
    expect(await runs(id)).not.toBe(first);
  });
});

describe("a failure of its own program", () => {
  test("is tried again after a pause, free of charge, where that was ordered", async () => {
    const id = await ordered({ max_retries: 1 });
    await runs(id);

    await report(id, OWN_FAULT);

    expect(await job(id)).toMatchObject({
      status: "pending",
      status_reason: "The command ended with exit code 3. Attempt 2 follows in 10 seconds (retry 1 of 1).",
      status_deadline_at: expect.any(String),
      awaits_confirmation: false,
    });
    await settled();
    await scene.lifecycle();
    await scene.schedule();
    expect(await job(id)).toMatchObject({ status: "pending" });

    scene.api.passMinutes(1);
    for (const host of hosts) await host.heartbeat();
    await scene.lifecycle();
    expect(await job(id)).toMatchObject({ status: "queued", status_deadline_at: null });
    await runs(id);
    await report(id, OWN_FAULT);
    expect(await job(id)).toMatchObject({ status: "failed", attempt: 2 });
  });

  test("can be cancelled while it pauses", async () => {
    const id = await ordered({ max_retries: 5 });
    await runs(id);
    await report(id, OWN_FAULT);

    expect((await request("POST", `/${id}/cancel`)).body).toMatchObject({ status: "cancelled" });
    scene.api.passMinutes(1);
    await scene.lifecycle();
    expect(await job(id)).toMatchObject({ status: "cancelled" });
  });
});

describe("log rules", () => {
  const log_rules = [
    { name: "bad link", text: "NVLink error", action: "avoid_host" },
    { name: "typo", text: "SyntaxError", action: "do_not_retry" },
  ];
  const output = (tail: string) => ({ ...OWN_FAULT, remains: { outOfMemory: false, signal: null, tail } });

  test("send what blames its host elsewhere, although the command ended by itself", async () => {
    const id = await ordered({ log_rules });
    const first = await runs(id);

    await report(id, output("epoch 1\nNVLink error on link 3\n"));

    expect(await job(id)).toMatchObject({
      status: "queued",
      attempt: 2,
      status_reason: expect.stringContaining(
        'By its log rule "bad link" the host is avoided. Attempt 2 follows',
      ),
    });
    await settled();
    expect(await runs(id)).not.toBe(first);
  });

  test("end what no other attempt mends", async () => {
    const id = await ordered({ log_rules, max_retries: 5 });
    await runs(id);

    await report(id, output("SyntaxError: invalid syntax"));

    expect(await job(id)).toMatchObject({
      status: "failed",
      attempt: 1,
      status_reason: expect.stringMatching(/By its log rule "typo" it is not tried again\.$/),
    });
  });

  test("wait for what the host reports of the end a moment after it", async () => {
    const id = await ordered({ log_rules, max_retries: 5 });
    await runs(id);
    const host = await hostOf(id);
    const [wanted] = await host.pull();
    if (wanted === undefined) throw new Error("the job is on this host");

    await report(id, UNTOLD_FAULT);

    expect(await job(id)).toMatchObject({ status: "running", attempt: 1 });
    await host.report([host.observedOf(wanted, output("SyntaxError"))]);
    await scene.workloads();
    expect(await job(id)).toMatchObject({ status: "failed", attempt: 1 });
  });

  test("do not wait for ever", async () => {
    const id = await ordered({ log_rules, max_retries: 5 });
    await runs(id);
    await report(id, UNTOLD_FAULT);
    expect(await job(id)).toMatchObject({ status: "running", attempt: 1 });

    scene.api.passMinutes(2);
    await scene.workloads();

    expect(await job(id)).toMatchObject({ status: "pending", attempt: 2 });
  });

  test("two of one name are refused", async () => {
    const body = { name: "train", image: "trainer:1", command: "true", cpu: 1, memory: GIB, gpu: 1 };
    const answer = await scene.api.request("POST", "/api/v1/training-jobs", {
      as: alice,
      body: { ...body, config: { log_rules: [log_rules[0], log_rules[0]] } },
    });

    expect(answer.status).toBe(422);
    expect(answer.body.errors[0].path).toMatch(/^config\.log_rules/);
  });
});

describe("an attempt that left a file which none before it had", () => {
  const gain = { ...LOST_CARD, remains: { ...REPORTED.remains, newOutput: true } };

  /** Elsewhere, or there again once it is not avoided any more. */
  async function runsAgain(id: string): Promise<void> {
    await settled();
    scene.api.passMinutes(31);
    for (const host of hosts) await host.heartbeat();
    await settled();
    await runs(id);
  }

  test("has the tries counted anew from there", async () => {
    const id = await ordered({ max_infrastructure_retries: 1 });
    await runs(id);
    await report(id, LOST_CARD);
    await runsAgain(id);

    await report(id, gain);

    expect(await job(id)).toMatchObject({
      status: "queued",
      attempt: 3,
      status_reason: expect.stringContaining("(retry 1 of 1)"),
    });
    await runsAgain(id);
    await report(id, LOST_CARD);
    expect(await job(id)).toMatchObject({
      status: "failed",
      attempt: 3,
      status_reason: expect.stringContaining("It was attempt 3, and the last."),
    });
  });

  test("is waited for where it decides, a minute at most", async () => {
    const id = await ordered({ max_infrastructure_retries: 1 });
    await runs(id);
    await report(id, LOST_CARD);
    await runsAgain(id);
    const { remains: _remains, ...untold } = LOST_CARD;

    await report(id, untold);

    expect(await job(id)).toMatchObject({ status: "running", attempt: 2 });
    scene.api.passMinutes(2);
    await scene.workloads();
    expect(await job(id)).toMatchObject({ status: "failed", attempt: 2 });
  });
});

describe("by hand", () => {
  test("one that has ended runs once more, with all its tries", async () => {
    const id = await ordered({ max_infrastructure_retries: 1 });
    await runs(id);
    await report(id, OWN_FAULT);
    await settled();

    const { status, body } = await request("POST", `/${id}/retry`);

    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "queued",
      attempt: 2,
      started_at: null,
      completed_at: null,
      status_reason: "Attempt 2 was ordered. Waiting for a place.",
    });
    await runs(id);
    await report(id, LOST_CARD);
    expect(await job(id)).toMatchObject({ status: "queued", attempt: 3 });
  });

  test("one that has not ended is refused, and one without funds too", async () => {
    const id = await ordered();
    expect(await request("POST", `/${id}/retry`)).toMatchObject({ status: 409 });
    await runs(id);
    await report(id, OWN_FAULT);
    await rows("UPDATE customers SET balance = 0 WHERE id = $1", [alice.customerId]);
    expect(await request("POST", `/${id}/retry`)).toMatchObject({ status: 402 });
    expect(await job(id)).toMatchObject({ status: "failed", attempt: 1 });
  });

  test("one with all its attempts behind it is refused", async () => {
    const id = await ordered();
    await runs(id);
    await report(id, OWN_FAULT);
    await rows("UPDATE training_jobs SET attempt = 20 WHERE id = $1", [id]);

    expect(await request("POST", `/${id}/retry`)).toMatchObject({
      status: 409,
      body: { detail: "It has had its 20 attempts; order it again." },
    });
  });
});

describe("the grace of a stop", () => {
  test("is what the order sets, reaches the host, bounds the stop and moves the free time behind it", async () => {
    const id = await ordered({ stop_grace_seconds: 240 });
    await runs(id);
    const [wanted] = await (await hostOf(id)).pull();
    expect(wanted?.live).toMatchObject({ stopGraceSeconds: 240 });

    await request("POST", `/${id}/cancel`);

    const [times] = await rows<{ free_after: number; told_after: number }>(
      `SELECT extract(epoch FROM r.waive_from - j.cancel_ordered_at)::int AS free_after,
              extract(epoch FROM j.status_deadline_at - j.cancel_ordered_at)::int AS told_after
         FROM training_jobs j, runs r WHERE j.id = $1`,
      [id],
    );
    expect(times).toEqual({ free_after: 240 + 60, told_after: 240 + 120 });
  });
});
