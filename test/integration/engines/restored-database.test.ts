/** Postgres is restored to an earlier moment: what hosts have seen since decides, and nothing runs twice or unpaid. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { markRestored } from "@remotegpu/control-plane/server/store/backup/restored-incarnation";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { JournalId, RunId } from "@remotegpu/shared/values/ids";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { keepMoment } from "../../support/engines/database-moment.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 1 });
});
afterEach(async () => await scene.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const status = async (id: string) => (await scene.get(alice, id)).status;
const request = async (id: string, verb: string) =>
  await scene.api.request("POST", `/api/v1/environments/${id}/${verb}`, { as: alice });

async function running(): Promise<{ id: string; desired: DesiredInstance }> {
  const { id } = (await scene.order(alice, { gpu: 1 })).body;
  await scene.schedule();
  const [desired] = await host.round();
  return { id, desired: desired! };
}

/** What the host reports once it has shown that the database is old. */
async function restored(instances: ObservedInstance[]): Promise<DesiredInstance[]> {
  const reply = await host.heartbeat();
  expect(reply.observedDigest).toBeNull();
  await expect(host.pull()).rejects.toThrow(/has to be reported first/);
  await host.report(instances);
  return await host.pull();
}

async function stoppedAndGone(id: string): Promise<void> {
  await request(id, "stop");
  await host.round({ phase: "stopped" });
  await host.round();
  await host.round();
  expect(await status(id)).toBe("stopped");
}

test("a stop that was lost is not undone: what its host no longer has is not started again", async () => {
  const { id } = await running();
  const moment = await keepMoment(scene.api.db);
  await stoppedAndGone(id);
  await moment.goBack();
  expect(await status(id)).toBe("running");

  const wanted = await restored([]);

  expect(wanted.filter(({ want }) => want === "running")).toEqual([]);
  expect(await scene.get(alice, id)).toMatchObject({
    status: "stopped",
    status_reason: expect.stringContaining("restored"),
  });
  expect(await sql("SELECT FROM runs WHERE closed_at IS NULL")).toEqual([]);
  await host.round();
  expect(await sql("SELECT FROM placements WHERE gone_at IS NULL")).toEqual([]);
});

test("a host whose numbers agree with the backup's reports before it is served, and its work goes on", async () => {
  const { id, desired } = await running();
  await transaction(scene.api.db, (tx) => markRestored(tx, scene.api.deps.now()));

  const wanted = await restored([host.observedOf(desired, {})]);

  expect(wanted).toMatchObject([{ want: "running", runId: desired.runId, placementEpoch: 1 }]);
  expect(await status(id)).toBe("running");
  expect(await sql("SELECT id, closed_at FROM runs")).toEqual([{ id: desired.runId, closed_at: null }]);
  // The host itself showed nothing of it.
  expect(await sql("SELECT FROM events WHERE kind = 'restore-shown'")).toEqual([]);
});

describe("a restart that was lost", () => {
  test("goes on as the run that it is, and is paid like any other", async () => {
    const { id, desired: before } = await running();
    const moment = await keepMoment(scene.api.db);
    await request(id, "restart");
    const [after] = await host.round();
    expect(after?.runId).not.toBe(before.runId);
    await moment.goBack();

    const wanted = await restored([host.observedOf(after!, {})]);

    expect(wanted).toMatchObject([{ want: "running", runId: after?.runId, placementEpoch: 1 }]);
    expect(await status(id)).toBe("running");
    expect(await sql("SELECT id, closed_at IS NULL AS open FROM runs ORDER BY ordered_at, id")).toHaveLength(
      2,
    );
    expect(await sql("SELECT id FROM runs WHERE closed_at IS NULL")).toEqual([{ id: after?.runId }]);
    const lines = await sql("SELECT run_id, line, quantity FROM run_lines ORDER BY line, run_id");
    expect(lines.filter(({ run_id }) => run_id === after?.runId)).toHaveLength(lines.length / 2);
  });

  test("is decided before its rows are, which come again", async () => {
    const { id, desired: before } = await running();
    const moment = await keepMoment(scene.api.db);
    await request(id, "restart");
    const [after] = await host.round();
    await moment.goBack();
    await host.heartbeat();
    const journal = new SceneJournal({
      customerId: 0,
      workspaceId: 0,
      hostId: host.id,
      bootId: host.bootId,
    });
    const { instanceId } = before;
    journal.write({ run: after!.runId, instanceId, fromMs: 1_000_000, toMs: 1_001_000 });
    const ingest = () =>
      ingestBatch(
        { db: scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA },
        host.id,
        { ...journal.batch(), journalId: JournalId.parse(journal.id) },
        scene.api.deps.now(),
      );

    await expect(ingest()).rejects.toThrow(/has not reported since/);
    await host.report([host.observedOf(after!, {})]);
    const report = await ingest();

    expect(report).toMatchObject({ decided: 1, quarantined: 0 });
    expect(await sql("SELECT run_id FROM usage_rows WHERE verdict = 'accepted'")).toEqual([
      { run_id: after?.runId },
    ]);
  });

  test("is not believed under the name of a run that belongs to something else", async () => {
    const { desired } = await running();
    const other = await scene.host("host-b", { gpus: 1 });
    await scene.order(alice, { gpu: 1 });
    await scene.schedule();
    const [foreign] = await other.pull();
    host.applied = { term: 99, generation: 99 };

    const wanted = await restored([{ ...host.observedOf(desired, {}), runId: RunId.parse(foreign!.runId) }]);

    expect(wanted).toMatchObject([{ runId: desired.runId }]);
    expect(await sql("SELECT host_id FROM runs WHERE id = $1", [foreign?.runId])).toEqual([
      { host_id: "host-b" },
    ]);
  });
});

describe("a start that was lost", () => {
  test("runs on untouched, is listed, and yields to the customer's next start, beyond it", async () => {
    const { id } = await running();
    const moment = await keepMoment(scene.api.db);
    await stoppedAndGone(id);
    await request(id, "start");
    await scene.schedule();
    const [second] = await host.round();
    expect(second?.placementEpoch).toBe(2);
    await moment.goBack();

    const wanted = await restored([host.observedOf(second!, {})]);

    expect(wanted.filter(({ want }) => want === "running")).toEqual([]);
    expect(await scene.get(alice, id)).toMatchObject({
      status: "error",
      status_reason: expect.stringContaining("restored"),
    });
    expect(await sql("SELECT kind FROM alarms")).toEqual([{ kind: "unknown-instance" }]);
    await request(id, "start");
    await host.heartbeat();
    await scene.schedule();
    expect((await host.pull()).filter(({ want }) => want === "running")).toMatchObject([
      { instanceId: second?.instanceId, placementEpoch: 3 },
    ]);
  });

  test("that is over is known to its host: a refused placement is made anew beyond it, and costs nothing", async () => {
    const { id } = await running();
    await stoppedAndGone(id);
    const moment = await keepMoment(scene.api.db);
    for (let round = 1; round <= 3; round += 1) {
      await request(id, "start");
      await scene.schedule();
      await host.round();
      await stoppedAndGone(id);
    }
    await moment.goBack();
    await restored([]);
    await request(id, "start");
    await scene.schedule();
    const refused = (await host.pull()).find(({ want }) => want === "running")!;
    expect(refused.placementEpoch).toBe(2);

    await host.report([
      {
        ...host.observedOf(refused, { phase: "failed", problem: "start-refused", detail: "older than 4" }),
        knownEpoch: 4,
      },
    ]);
    await scene.schedule();

    expect((await host.round()).filter(({ want }) => want === "running")).toMatchObject([
      { placementEpoch: 5 },
    ]);
    expect(await status(id)).toBe("running");
    expect(
      await sql("SELECT id, posted_amount FROM runs WHERE closed_at IS NOT NULL AND id = $1", [
        refused.runId,
      ]),
    ).toEqual([{ id: refused.runId, posted_amount: "0.0000" }]);
  });
});

test("rows that a host forgot since are passed over and listed, and those that it still has come in", async () => {
  const journal = new SceneJournal({ customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId });
  for (let row = 1; row <= 5; row += 1) journal.writeLost("a row");
  const reported = { id: journal.id, headSeq: 5, headHash: "0".repeat(64), watermarkSeen: 4, baseSeq: 3 };

  const reply = await host.heartbeat({ journal: reported });
  await host.report([]);
  const deps = { db: scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA };
  const report = await ingestBatch(deps, host.id, journal.batch(4, 5), scene.api.deps.now());

  expect(reply.watermark).toBe(3);
  expect(report).toMatchObject({ decided: 2, watermark: 5 });
  expect(await sql("SELECT reason, entry FROM quarantine")).toEqual([
    { reason: "lost with a restored database", entry: { firstSeq: 1, lastSeq: 3 } },
  ]);
});

test("what a host reported before a restore and repeats word for word after it opens, moves and charges nothing", async () => {
  const { id, desired } = await running();
  const journal = new SceneJournal({ customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId });
  const { instanceId } = desired;
  journal.write({ run: desired.runId, instanceId, fromMs: 1_000_000, toMs: 1_001_000 });
  const ingest = () =>
    ingestBatch(
      { db: scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA },
      host.id,
      { ...journal.batch(), journalId: JournalId.parse(journal.id) },
      scene.api.deps.now(),
    );
  expect(await ingest()).toMatchObject({ decided: 1 });
  const early = { report: [host.observedOf(desired, {})], applied: { ...host.applied } };
  await stoppedAndGone(id);
  const moment = await keepMoment(scene.api.db);
  await request(id, "start");
  await scene.schedule();
  await host.round();
  await stoppedAndGone(id);
  await moment.goBack();
  await restored([]);
  const held = async () => ({
    runs: await sql("SELECT id, closed_at, billed_minutes, posted_amount FROM runs ORDER BY id"),
    usage: await sql(
      "SELECT run_id, verdict, count(*)::int AS rows FROM usage_rows GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    placements: await sql("SELECT instance_id, epoch, want, gone_at FROM placements ORDER BY 1, 2"),
    status: await status(id),
  });
  const before = await held();

  await host.tryHeartbeat({ applied: early.applied, dbIncarnationSeen: 0 });
  await host.report(early.report);
  expect(await ingest()).toMatchObject({ decided: 0, quarantined: 0 });
  await scene.workloads();

  expect(await held()).toEqual(before);
  expect(before).toMatchObject({ status: "stopped", usage: [{ verdict: "accepted", rows: 1 }] });
  expect(await sql("SELECT kind FROM alarms WHERE cleared_at IS NULL")).toEqual([
    { kind: "unknown-instance" },
  ]);
  expect((await host.pull()).filter(({ want }) => want === "running")).toEqual([]);
});

test("a host cannot use up the epochs of what others run", async () => {
  const { desired } = await running();
  const other = await scene.host("host-b");

  await other.report([{ ...other.observedOf(desired, {}), placementEpoch: 2_147_483_647 }]);

  expect(await sql("SELECT known_epoch FROM instances")).toEqual([{ known_epoch: 0 }]);
});

test("nothing is placed on the word of a database that was restored, before its hosts are heard", async () => {
  await sql("UPDATE hosts SET last_heartbeat = last_heartbeat - interval '1 hour'");
  const { id } = (await scene.order(alice)).body;

  await scene.schedule();

  expect((await scene.get(alice, id)).status_reason).toContain("it has not been heard just now");
  await expect(host.pull()).rejects.toThrow(/heartbeat of this host has to be accepted first/);
});

describe("a host that shows what cannot be", () => {
  test.each([
    ["a term that no leader can have had", { applied: { term: Number.MAX_SAFE_INTEGER, generation: 0 } }],
    ["a generation beyond all", { applied: { term: 0, generation: Number.MAX_SAFE_INTEGER } }],
  ])("%s is refused and raises an alarm; nobody else notices", async (_what, claim) => {
    const other = await scene.host("host-b");
    const before = await other.heartbeat();

    for (let round = 1; round <= 3; round += 1)
      expect(await host.tryHeartbeat(claim)).toMatchObject({
        kind: "refused",
        reason: expect.stringContaining("not believed"),
      });

    expect(await other.heartbeat()).toMatchObject({ term: before.term, dbIncarnation: before.dbIncarnation });
    expect(await sql("SELECT kind, subject FROM alarms")).toEqual([
      { kind: "impossible-numbers", subject: "host-a" },
    ]);
  });

  test("a restore once more and once more is believed five times in a day", async () => {
    const replies: string[] = [];
    for (let round = 1; round <= 7; round += 1) {
      const term = 100 * round;
      replies.push((await host.tryHeartbeat({ applied: { term, generation: 0 } })).kind);
    }

    expect(replies).toEqual([...Array.from({ length: 5 }, () => "heartbeat-reply"), "refused", "refused"]);
  });
});
