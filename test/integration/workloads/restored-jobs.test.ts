/**
 * Postgres is restored to an earlier moment while a training job is on its way: nothing of it is started a second time,
 * what is not proven is not billed, and what is known of its history stays.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { keepMoment } from "../../support/engines/database-moment.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import type { Answer, Caller } from "../../support/http/api.ts";

let scene: ControlScene;
let alice: Caller & { customerId: number; workspaceId: number };
let host: ScriptedHost;
let journal: SceneJournal;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 1 });
  journal = new SceneJournal({ ...alice, hostId: host.id, bootId: host.bootId }, undefined, host.journalId);
});
afterEach(async () => await scene.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const request = async (path: string): Promise<Answer> =>
  await scene.api.request("GET", `/api/v1/training-jobs/${path}`, { as: alice });
const job = async (id: string) => (await request(id)).body;

async function running(): Promise<{ id: string; desired: DesiredInstance }> {
  const { status, body } = await scene.api.request("POST", "/api/v1/training-jobs", {
    as: alice,
    body: { name: "train", image: "trainer:1", command: "python train.py", cpu: 1, memory: GIB, gpu: 1 },
  });
  expect(status).toBe(201);
  await scene.schedule();
  const [desired] = await host.round();
  await scene.workloads();
  expect((await job(body.id)).status).toBe("running");
  return { id: body.id, desired: desired! };
}

const END = { phase: "stopped", problem: "exited", exitCode: 0 } as const;

/** Its host tells that it ended well; removes it, and tells that nothing is left. */
async function endedAndGone(id: string): Promise<void> {
  await host.heartbeat();
  await host.round(END);
  await scene.workloads();
  await host.round(END);
  await host.round(END);
  expect((await job(id)).status).toBe("completed");
  expect(await sql("SELECT FROM placements WHERE gone_at IS NULL")).toEqual([]);
}

/** What the host reports once it has shown that the database is old, and what is wanted of it then. */
async function restored(instances: ObservedInstance[]): Promise<DesiredInstance[]> {
  const { observedDigest, watermark } = await host.heartbeat();
  expect(observedDigest).toBeNull();
  host.watermarkSeen = watermark;
  await expect(host.pull()).rejects.toThrow(/has to be reported first/);
  await host.report(instances);
  await scene.workloads();
  return await host.pull();
}

/** So much of the run's time, on the clock of a boot that was a thousand seconds old when the scene began. */
function writeTime(desired: DesiredInstance, fromS: number, toS: number, final = false): void {
  const { runId: run, instanceId } = desired;
  journal.write({ run, instanceId, fromMs: 1_000_000 + fromS * 1_000, toMs: 1_000_000 + toS * 1_000, final });
}

/** Rows come in, and their host learns how far they did. */
async function ingest(firstSeq?: number, lastSeq?: number) {
  const report = await ingestBatch(
    { db: scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA },
    host.id,
    { ...journal.batch(firstSeq, lastSeq), journalId: host.journalId },
    scene.api.deps.now(),
  );
  host.watermarkSeen = report.watermark ?? host.watermarkSeen;
  return report;
}

/** Of all of the customer's runs. A minute costs 0.11. */
const posted = async () => await sql("SELECT sum(posted_amount) AS points FROM runs");
const balance = async () =>
  (await sql("SELECT balance FROM customers WHERE id = $1", [alice.customerId]))[0]?.["balance"];
const statusesOf = async (id: string) => {
  const { items } = (await request(`${id}/events`)).body;
  const statuses = items.filter(({ kind }: { kind: string }) => kind === "status");
  return statuses.map((event: { new: string }) => event.new).toReversed() as string[];
};

test("to before its order: it is unknown and runs on untouched, is reported to operators, and costs nothing", async () => {
  const before = await balance();
  const moment = await keepMoment(scene.api.db);
  const { id, desired } = await running();
  scene.api.passMinutes(2);
  writeTime(desired, 0, 60);
  await ingest();
  await moment.goBack();

  const wanted = await restored([host.observedOf(desired, { phase: "ready" })]);

  expect(wanted).toEqual([]);
  expect((await request(id)).status).toBe(404);
  expect(await sql("SELECT kind, subject FROM alarms")).toEqual([
    { kind: "unknown-instance", subject: `host-a ${desired.instanceId} 1` },
  ]);
  expect((await scene.schedule()).placed).toEqual([]);
  writeTime(desired, 60, 70, true);
  expect(await ingest()).toMatchObject({ decided: 2, quarantined: 2 });
  expect(await sql("SELECT DISTINCT reason FROM quarantine")).toEqual([{ reason: "unknown-run" }]);
  expect(await sql("SELECT FROM runs")).toEqual([]);
  expect(await balance()).toBe(before);
});

test("while it runs: it goes on as the run that it is, and what was billed since is billed once", async () => {
  const { id, desired } = await running();
  const moment = await keepMoment(scene.api.db);
  scene.api.passMinutes(2);
  writeTime(desired, 0, 60);
  await ingest();
  await moment.goBack();

  const wanted = await restored([host.observedOf(desired, { phase: "ready" })]);

  expect(wanted).toMatchObject([{ want: "running", runId: desired.runId, placementEpoch: 1 }]);
  expect((await job(id)).status).toBe("running");
  writeTime(desired, 60, 90, true);
  expect(await ingest()).toMatchObject({ decided: 2, quarantined: 0 });
  await endedAndGone(id);
  expect(await posted()).toEqual([{ points: "0.2200" }]);
  expect(await statusesOf(id)).toEqual(["queued", "queued", "running", "completed"]);
});

test("to before its end, of which its host has nothing any more: it is not started again, and only its rows are billed", async () => {
  const { id, desired } = await running();
  scene.api.passMinutes(2);
  writeTime(desired, 0, 60);
  await ingest();
  const moment = await keepMoment(scene.api.db);
  writeTime(desired, 60, 90, true);
  await ingest();
  await endedAndGone(id);
  expect(await posted()).toEqual([{ points: "0.2200" }]);
  await moment.goBack();
  expect((await job(id)).status).toBe("running");

  const wanted = await restored([]);

  expect(wanted.filter(({ want }) => want === "running")).toEqual([]);
  expect(await job(id)).toMatchObject({
    status: "failed",
    status_reason: "It ended after the moment to which the database was restored.",
    completed_at: expect.any(String),
  });
  expect(await sql("SELECT FROM runs WHERE closed_at IS NULL")).toEqual([]);
  scene.api.passMinutes(60);
  await host.heartbeat();
  expect((await scene.schedule()).placed).toEqual([]);
  await host.round();
  expect(await sql("SELECT FROM placements WHERE gone_at IS NULL")).toEqual([]);
  // Its rows come again, the last of them after the run was closed.
  expect(await ingest(2, 2)).toMatchObject({ decided: 1, quarantined: 0 });
  expect(await posted()).toEqual([{ points: "0.2200" }]);
  expect(await statusesOf(id)).toEqual(["queued", "queued", "running", "failed"]);
});

test("to before its end, which its host still reports: it is completed by that, with what its command left", async () => {
  const { id, desired } = await running();
  const moment = await keepMoment(scene.api.db);
  const remains = { outOfMemory: false, signal: null, tail: "epoch 3 done\n" };
  await host.round({ ...END, remains });
  await scene.workloads();
  await host.pull();
  await moment.goBack();

  const wanted = await restored([host.observedOf(desired, { ...END, remains })]);

  expect(wanted).toMatchObject([{ want: "removed", runId: desired.runId }]);
  expect(await job(id)).toMatchObject({ status: "completed", status_reason: null });
  expect((await request(`${id}/instances`)).body.items[0].runs).toMatchObject([
    { id: desired.runId, end: { exit_code: 0, tail: "epoch 3 done\n" } },
  ]);
  expect(await posted()).toEqual([{ points: "0.0000" }]);
  expect(await statusesOf(id)).toEqual(["queued", "queued", "running", "completed"]);
});
