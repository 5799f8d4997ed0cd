/**
 * Runs that are there against somebody's word: the host cannot end them, or its runtime says that they ended. An alarm
 * names each, they hold what they hold, and neither a deadline nor a deletion gives their card away.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;
let id: string;
let run: DesiredInstance;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 1 });
  id = (await scene.order(alice, { gpu: 1 })).body.id;
  await scene.schedule();
  run = (await host.round())[0]!;
});
afterEach(async () => await scene.close());

const NOT_ENDING = {
  phase: "stopping",
  problem: "not-ending",
  detail: "Process 4711 cannot be ended: it waits in the kernel.",
} as const;
const DISAGREES = {
  phase: "ready",
  problem: "runtime-disagrees",
  detail: "The runtime says that it ended; process 4711 of it is there.",
} as const;

const request = async (method: "POST" | "DELETE", path = "") =>
  await scene.api.request(method, `/api/v1/environments/${id}${path}`, { as: alice, body: {} });
const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const isHeld = async () => (await sql("SELECT FROM gpu_allocations WHERE released_at IS NULL")).length === 1;
const alarms = async () => {
  const { body } = await scene.api.request("GET", "/api/v1/alarms?limit=100", { as: scene.api.admin });
  return body.items
    .toReversed()
    .map(({ kind, subject, cleared_at: over }) => [kind, subject, over === null ? "open" : "over"].join(" "));
};
const lastDetail = async () =>
  (await scene.api.request("GET", "/api/v1/alarms?limit=100", { as: scene.api.admin })).body.items[0]!.detail;
const burn = async () =>
  (await scene.api.request("GET", "/api/v1/billing/balance", { as: alice })).body.burn_per_hour;

describe("a run that cannot be ended", () => {
  beforeEach(async () => {
    await request("POST", "/stop");
    await host.round(NOT_ENDING);
  });

  test("is an alarm, once, that names host, workload, run and what the host reports, until it is over", async () => {
    await host.round({ ...NOT_ENDING, detail: "Process 4712 cannot be ended." });

    expect(await alarms()).toEqual([`run-not-ending host-a ${run.runId} open`]);
    expect(await lastDetail()).toBe(
      `Host host-a cannot end run ${run.runId} of environment ${id}. ${NOT_ENDING.detail}`,
    );
    await host.round({ phase: "stopped" });
    expect(await alarms()).toEqual([`run-not-ending host-a ${run.runId} over`]);
    expect(await isHeld()).toBe(false);
    expect(await scene.get(alice, id)).toMatchObject({ status: "stopped" });
  });

  test("keeps its card through every deadline, a deletion and any other order, until its host calls it over", async () => {
    for (let quarters = 0; quarters < 4; quarters += 1) {
      scene.api.passMinutes(15);
      await host.heartbeat();
      await scene.lifecycle();
      await host.round(NOT_ENDING);
    }
    expect(await scene.get(alice, id)).toMatchObject({ status: "error" });
    const other = (await scene.order(alice, { gpu: 1 })).body;
    await scene.schedule();
    expect(await scene.get(alice, other.id)).toMatchObject({ status: "queued" });

    await request("DELETE");
    await host.pull();
    await host.heartbeat();
    await host.report([host.observedOf(run, NOT_ENDING)]);
    scene.api.passMinutes(60);
    await host.heartbeat();
    await scene.lifecycle();
    await scene.schedule();
    expect(await isHeld()).toBe(true);
    expect(await scene.get(alice, other.id)).toMatchObject({ status: "queued" });
    expect(await alarms()).toContain(`run-not-ending host-a ${run.runId} open`);

    await host.report([]);
    await host.heartbeat();
    expect(await isHeld()).toBe(false);
    await scene.schedule();
    expect(await scene.get(alice, other.id)).toMatchObject({ status: "creating" });
    expect(await alarms()).toEqual([`run-not-ending host-a ${run.runId} over`]);
  });
});

test("the run before a restart that cannot be ended is named, not the one that waits for it", async () => {
  await request("POST", "/restart");
  const [next] = await host.pull();
  await host.heartbeat();
  await host.report([
    host.observedOf(run, NOT_ENDING),
    host.observedOf(next!, { phase: "starting", detail: "It waits." }),
  ]);

  expect(await alarms()).toEqual([`run-not-ending host-a ${run.runId} open`]);
  expect(await isHeld()).toBe(true);
});

describe("a run that the runtime calls ended and whose processes are there", () => {
  test.each([
    ["runs", DISAGREES],
    ["is being stopped", { ...DISAGREES, phase: "stopping" }],
  ] as const)("and that %s is an alarm, once, until it is reported without that", async (_how, report) => {
    await host.round(report);
    await host.round(report);

    expect(await alarms()).toEqual([`runtime-disagrees host-a ${run.runId} open`]);
    expect(await lastDetail()).toBe(
      `Host host-a sees processes, of which its container runtime knows nothing, of run ${run.runId} of environment ${id}. ${DISAGREES.detail}`,
    );
    expect(await scene.get(alice, id)).toMatchObject({ status: "running", status_reason: DISAGREES.detail });
    await host.round();
    expect(await alarms()).toEqual([`runtime-disagrees host-a ${run.runId} over`]);
    expect(await scene.get(alice, id)).toMatchObject({ status: "running", status_reason: null });
  });

  test("goes on costing and holding its card", async () => {
    const before = await burn();
    await host.round(DISAGREES);
    scene.api.passMinutes(60);
    await host.heartbeat();
    await scene.lifecycle();
    await host.round(DISAGREES);

    expect(await burn()).toBe(before);
    expect(Number(before)).toBeGreaterThan(0);
    expect(await isHeld()).toBe(true);
    expect(await sql("SELECT FROM runs WHERE waive_from IS NOT NULL OR closed_at IS NOT NULL")).toEqual([]);
  });

  test("counts as ready, so that what it used is not given back as a start that never was", async () => {
    const other = await scene.host("host-b", { gpus: 1 });
    await scene.order(alice, { gpu: 1 });
    await scene.schedule();
    const [wanted] = await other.round(DISAGREES);

    expect(await sql("SELECT run_id FROM run_readiness WHERE run_id = $1", [wanted!.runId])).toHaveLength(1);
  });
});

describe("the list of alarms", () => {
  test("holds few of a host that makes such runs up", async () => {
    const made = (["not-ending", "runtime-disagrees"] as const).flatMap((problem) =>
      Array.from({ length: 30 }, (_, n) =>
        host.observedOf({ ...run, runId: RunId.parse(`${problem}-${n}`) }, { phase: "stopping", problem }),
      ),
    );
    for (let reports = 0; reports < 2; reports += 1) await host.report([host.observedOf(run, {}), ...made]);

    const open = Map.groupBy<string, string>(await alarms(), (alarm) => alarm.split(" ")[0] ?? "");
    expect([...open].map(([kind, visible]) => [kind, visible.length])).toEqual([
      ["run-not-ending", 20],
      ["runtime-disagrees", 20],
    ]);
  });

  test("forgets the runs of a host that is declared lost", async () => {
    await host.round(DISAGREES);

    await scene.api.request("DELETE", "/api/v1/hosts/host-a?lost=true", { as: scene.api.admin });

    expect(await alarms()).toEqual([`runtime-disagrees host-a ${run.runId} over`]);
  });

  test("names neither other problems nor runs that are over", async () => {
    await host.report([
      host.observedOf(run, { phase: "starting", problem: "start-refused", detail: "Full." }),
      host.observedOf({ ...run, runId: RunId.parse("run-x") }, { phase: "failed", problem: "not-ending" }),
    ]);

    expect(await alarms()).toEqual([]);
  });
});
