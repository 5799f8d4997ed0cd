/** Environments that stop once nobody uses them: warned of, stopped, and held by whatever is use or is not known. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noteFigures } from "@remotegpu/control-plane/server/store/workloads/instances/instance-figures";
import { GpuVitals } from "@remotegpu/shared/messages/protocol";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

/** Looks lie closer together than that in which they count. */
const STEP = 2;
const LIMIT = 30;

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;
let cpuMs: number;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, ssh: true, gpus: 1 });
  cpuMs = 0;
});
afterEach(async () => await scene.close());

const request = async (method: string, path: string, body?: unknown) =>
  await scene.api.request(method, `/api/v1${path}`, { as: alice, ...(body !== undefined && { body }) });
const sql = async (text: string) => (await scene.api.db.query(text)).rows;

async function running(config: object = { idle_stop_minutes: LIMIT }): Promise<string> {
  const { id } = (await scene.order(alice, { gpu: 1, config })).body;
  await scene.schedule();
  await host.round();
  await step(0);
  return id;
}

type Use = { gpuPercent?: number; busyMs?: number; isHeard?: boolean; hasFigures?: boolean };

/** So many minutes pass, in which its host tells this of it; then the leader looks. */
async function step(
  minutes: number,
  { gpuPercent = 0, busyMs = 100, isHeard = true, hasFigures = true }: Use = {},
): Promise<void> {
  scene.api.passMinutes(minutes);
  const gpus = host.gpus.map((gpu) => GpuVitals.parse({ ...gpu, utilizationPercent: gpuPercent }));
  if (isHeard) await host.heartbeat({ gpus });
  cpuMs += busyMs;
  const figures = host.desired.map(({ instanceId, placementEpoch, runId }) => ({
    instanceId,
    placementEpoch,
    runId,
    cpuMs,
    networkInBytes: 0,
    networkOutBytes: 0,
    lastOutputAgeMs: null,
  }));
  if (isHeard && hasFigures)
    await noteFigures(scene.api.deps.db, [{ hostId: host.id, figures }], scene.api.deps.now());
  await scene.idleStops();
}

async function rest(minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed += STEP) await step(STEP);
}

async function warnings(): Promise<number> {
  return (await sql("SELECT FROM events WHERE kind = 'idle-stop-due'")).length;
}

async function statusOf(id: string): Promise<string> {
  return (await scene.get(alice, id)).status;
}

test("it is warned of ten minutes before, inside and by an event with the figures, and stopped as if by its owner", async () => {
  const id = await running();
  await rest(18);
  expect([await warnings(), await statusOf(id)]).toEqual([0, "running"]);

  await rest(2);

  const [event] = await sql(
    "SELECT actor, new, reason, customer_id FROM events WHERE kind = 'idle-stop-due'",
  );
  expect(event).toMatchObject({ actor: "control-plane", customer_id: alice.customerId });
  expect(event?.["reason"]).toMatch(
    /^It is stopped at \S+ unless it is used\. Since \S+ nobody was in it, its cards were used to 0 % at most, and its processors were used to 0\.\d % of one core at most\.$/,
  );
  expect(scene.execs).toMatchObject([{ instanceId: host.desired[0]?.instanceId, argv: expect.any(Array) }]);
  expect(scene.execs[0]?.argv.at(-1)).toContain(`it is stopped at ${String(event?.["new"])}`);

  await rest(8);
  expect([await warnings(), await statusOf(id)]).toEqual([1, "running"]);
  scene.api.nudged.length = 0;
  await rest(2);
  expect(await scene.get(alice, id)).toMatchObject({
    status: "stopping",
    status_reason: expect.stringMatching(
      /^Stopped since nobody used it for 30 minutes\. Since .* at most\.$/,
    ),
  });
  expect(scene.api.nudged).toEqual([host.id]);
  await host.round({ phase: "stopped" });
  expect(await scene.get(alice, id)).toMatchObject({
    status: "stopped",
    status_reason: expect.stringContaining("nobody used it for 30 minutes"),
  });
  expect(await sql("SELECT ordered_by FROM placements")).toEqual([{ ordered_by: "limit" }]);
  expect(await sql("SELECT waive_from IS NOT NULL AS ends FROM runs")).toEqual([{ ends: true }]);
  expect((await request("POST", `/environments/${id}/start`)).status).toBe(202);
});

test("its answer states since when it is idle and when it stops, until it is used; and since when it runs, whatever its name", async () => {
  const id = await running();
  const answer = await scene.get(alice, id);
  expect(answer).toMatchObject({ status: "running", idle_since: null, idle_stop_at: null });
  const begun = scene.api.deps.now();
  await rest(22);

  const { idle_since: since, idle_stop_at: stopsAt } = await scene.get(alice, id);
  expect(Math.abs(Date.parse(String(since)) - begun.getTime())).toBeLessThan(60_000);
  // The whole warning is waited for, which began with the look that found it due.
  const lasts = Date.parse(String(stopsAt)) - Date.parse(String(since)) - LIMIT * 60_000;
  expect([lasts >= 0, lasts < 60_000]).toEqual([true, true]);
  const [{ items }, [event]] = await Promise.all([
    request("GET", "/environments").then(({ body }) => body),
    sql("SELECT new FROM events WHERE kind = 'idle-stop-due'"),
  ]);
  expect(items).toMatchObject([{ id, idle_since: since, idle_stop_at: stopsAt }]);
  expect(stopsAt).toBe(event?.["new"]);

  await step(STEP, { busyMs: 30_000 });
  const renamed = await request("PATCH", `/environments/${id}`, { name: "another" });
  expect(renamed.body).toMatchObject({
    name: "another",
    idle_since: null,
    idle_stop_at: null,
    status_since: answer["status_since"],
  });
  const moved = await sql("SELECT at FROM events WHERE kind = 'status' AND new = 'running'");
  expect(moved).toEqual([{ at: new Date(String(answer["status_since"])) }]);
});

test("one that is not to stop never does, and one that uses nothing at all does", async () => {
  const stored = await running({});
  for (let passed = 0; passed < 60; passed += STEP) await step(STEP, { busyMs: 0 });
  expect([await warnings(), await statusOf(stored)]).toEqual([0, "running"]);
  expect(
    (await request("PATCH", `/environments/${stored}`, { config: { idle_stop_minutes: LIMIT } })).status,
  ).toBe(200);

  await step(0, { busyMs: 0 });
  for (let passed = 0; passed < LIMIT; passed += STEP) await step(STEP, { busyMs: 0 });

  expect([await warnings(), await statusOf(stored)]).toEqual([1, "stopping"]);
});

describe("amid the last ten minutes it is held, and idle anew from then on, by", () => {
  const USES: [string, () => Promise<void>][] = [
    ["work of its card", () => step(STEP, { gpuPercent: 40 })],
    ["work of its processors", () => step(STEP, { busyMs: 30_000 })],
    ["missing figures", withoutFigures],
    ["a host that is not heard", () => step(STEP, { isHeard: false })],
    ["a host that a restored database has not heard yet", unsure],
    ["a control plane that was away for long", () => step(5)],
    ["somebody who is in it", session],
    ["an access through one of its ports", accessed],
  ];

  test.each(USES)("%s", async (_what, use) => {
    const id = await running();
    await rest(24);
    expect(await warnings()).toBe(1);

    await use();

    await rest(18);
    expect([await warnings(), await statusOf(id)]).toEqual([1, "running"]);
    await rest(6);
    expect(await warnings()).toBe(2);
  });

  async function withoutFigures(): Promise<void> {
    for (let time = 0; time < 3; time += 1) await step(STEP, { hasFigures: false });
  }

  async function unsure(): Promise<void> {
    await sql("UPDATE hosts SET observed_digest = NULL");
    await step(STEP);
    await host.report(host.desired.map((wanted) => host.observedOf(wanted, { phase: "ready" })));
  }

  async function session(): Promise<void> {
    const [wanted] = host.desired;
    await scene.api.db.query(
      `INSERT INTO access_sessions (host_id, session_id, env_id, instance_id, run_id, lease_id, service_type, client_address,
              opened_at, bytes_in, bytes_out, login_method, login_at, first_reported_at, reported_at)
       SELECT $1, 'session-0123456789', workload_id, id, $2, 'lease', 'ssh', '192.0.2.1', now(), 0, 0, 'publickey', now(), now(), now()
         FROM instances`,
      [host.id, wanted?.runId],
    );
    // Longer than the limit: whoever is in it holds it for as long.
    await rest(LIMIT + STEP);
    await sql("UPDATE access_sessions SET ended_at = opened_at, ended_by = 'client'");
  }

  async function accessed(): Promise<void> {
    for (const leaseId of host.leases.keys())
      host.reportOfLease(leaseId, { lastAccessedAt: scene.api.deps.now().toISOString() });
    await host.round();
    await step(STEP);
  }
});

test("a login that never came is nobody in it", async () => {
  const id = await running();
  await sql(
    `INSERT INTO access_sessions (host_id, session_id, env_id, instance_id, run_id, lease_id, service_type, client_address,
            opened_at, bytes_in, bytes_out, first_reported_at, reported_at)
     SELECT '${host.id}', 'session-0123456789', workload_id, id, 'run', 'lease', 'ssh', '192.0.2.1', now(), 0, 0, now(), now()
       FROM instances`,
  );

  await rest(LIMIT);

  expect(await statusOf(id)).toBe("stopping");
});

test("a restart of the control plane neither forgets its idle time nor adds to it", async () => {
  const id = await running();
  await rest(18);
  // Another leader, which knows what the database does.
  await sql("UPDATE leader SET term = term + 1");
  await step(2.5);
  expect(await warnings()).toBe(1);
  await rest(8);
  expect(await statusOf(id)).toBe("running");
  await rest(STEP);
  expect(await statusOf(id)).toBe("stopping");
});

test("fewer minutes count at once, with the whole warning; none at all end it; other settings stay", async () => {
  const id = await running({ idle_stop_minutes: 600, spec: "default" });
  const patch = async (minutes: number | null) =>
    (await request("PATCH", `/environments/${id}`, { config: { idle_stop_minutes: minutes } })).body.config;
  await rest(40);

  expect(await patch(15)).toEqual({ idle_stop_minutes: 15, spec: "default" });
  await step(STEP);
  expect([await warnings(), await statusOf(id)]).toEqual([1, "running"]);
  expect(await patch(null)).toEqual({ spec: "default" });
  await rest(12);
  expect(await statusOf(id)).toBe("running");
  await patch(15);
  await rest(16);
  expect(await statusOf(id)).toBe("running");
  await rest(STEP);
  expect(await statusOf(id)).toBe("stopping");
  expect(await sql("SELECT old, new FROM events WHERE kind = 'changed' ORDER BY id")).toEqual([
    { old: "600", new: "15" },
    { old: "15", new: null },
    { old: null, new: "15" },
  ]);
});
