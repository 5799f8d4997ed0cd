import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { livenessPass } from "@remotegpu/control-plane/server/controllers/hosts/host-liveness";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { MAX_BOOTS_A_DAY, MAX_JOURNALS_A_DAY } from "@remotegpu/control-plane/server/store/hosts/newcomers";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { type ControlScene, gpuReport, openControlScene } from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
});
afterEach(async () => await scene.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;

async function running(change: object = {}): Promise<string> {
  const { id } = (await scene.order(alice, change)).body;
  await scene.schedule();
  return id;
}

const journalOf = (id: string) => ({ id, headSeq: 0, headHash: "0".repeat(64), watermarkSeen: 0 });

describe("heartbeats", () => {
  test("a host that nobody knows, or that was revoked, is refused", async () => {
    const host = await scene.host("host-a");
    await sql("UPDATE hosts SET revoked_at = now() WHERE id = 'host-a'");

    expect(await host.tryHeartbeat()).toMatchObject({ kind: "refused" });
    await expect(host.pull()).rejects.toThrow(/revoked/);
    await expect(host.report([])).rejects.toThrow(/revoked/);
  });

  test("what a heartbeat reports is on the host's row, and the answer names term, generation and watermark", async () => {
    const host = await scene.host("host-a", { gpus: 1 });
    await running({ gpu: 1 });
    await sql("UPDATE host_journals SET watermark = 7");
    const vitals = {
      health: "degraded",
      memoryUsedMib: 5,
      utilizationPercent: 9,
      temperatureC: 60,
      powerW: 33.5,
    };

    const reply = await host.heartbeat({
      degraded: ["disk-full"],
      version: "2.0.0",
      gpus: [{ uuid: "GPU-host-a-000000", ...vitals }],
    });

    expect(reply).toMatchObject({ term: 1, targetGeneration: 1, watermark: 7, dbIncarnation: 1 });
    expect(await host.row()).toMatchObject({
      connection: "connected",
      status: "online",
      health_status: "degraded",
      degraded: ["disk-full"],
      agent_version: "2.0.0",
      boot_id: host.bootId,
    });
    expect(await sql("SELECT health_status, memory_used_mib, temperature_c, power_w FROM gpus")).toEqual([
      { health_status: "degraded", memory_used_mib: 5, temperature_c: 60, power_w: "33.5" },
    ]);
    expect(await sql("SELECT round_trip_ms FROM host_boots")).toEqual([{ round_trip_ms: 4 }]);
  });

  test("a heartbeat of an earlier start of the agent is refused, one under a new journal is not", async () => {
    const host = await scene.host("host-a");
    await host.heartbeat({ agentEpoch: 5 });

    expect(await host.tryHeartbeat({ agentEpoch: 4 })).toMatchObject({ kind: "refused" });
    const journal = { id: randomUUID(), headSeq: 0, headHash: "0".repeat(64), watermarkSeen: 0 };
    expect(await host.tryHeartbeat({ agentEpoch: 1, journal })).toMatchObject({ kind: "heartbeat-reply" });
  });

  test.each([
    { kind: "journals", max: MAX_JOURNALS_A_DAY, reported: () => ({ journal: journalOf(randomUUID()) }) },
    { kind: "boots", max: MAX_BOOTS_A_DAY, reported: () => ({ bootId: randomUUID() }) },
  ])(
    "a host begins at most $max $kind a day; beyond that it is not listened to, which the operators see once",
    async ({ kind, max, reported }) => {
      const host = await scene.host("host-a");
      // Its joining was the first of each.
      for (let count = 2; count <= max; count += 1) await host.heartbeat(reported());

      expect(await host.tryHeartbeat(reported())).toMatchObject({
        kind: "refused",
        reason: expect.stringContaining(kind),
      });
      expect(await host.tryHeartbeat(reported())).toMatchObject({ kind: "refused" });
      await host.heartbeat();

      expect(await sql("SELECT kind, subject FROM alarms")).toEqual([
        { kind: "too-many-beginnings", subject: `host-a ${kind.slice(0, -1)}` },
      ]);
      expect(await sql("SELECT count(*)::int AS count FROM host_journals")).toEqual([
        { count: kind === "journals" ? max : 1 },
      ]);
      expect(await sql("SELECT count(*)::int AS count FROM host_boots")).toEqual([
        { count: kind === "boots" ? max : 1 },
      ]);
      await sql("UPDATE events SET at = at - interval '1 day'");
      await host.heartbeat(reported());
    },
  );

  test("the digest of the report that was merged comes back, so that it is not sent again", async () => {
    const host = await scene.host("host-a");
    const { observed_digest: digest } = (await host.row()) as { observed_digest: string };

    expect((await host.heartbeat()).observedDigest).toBe(digest);
  });
});

describe("a run that its host called over", () => {
  const waivedFrom = async () =>
    await sql("SELECT id, waive_from FROM runs WHERE waive_from IS NOT NULL ORDER BY id");

  test("costs nothing more and burns no more, whether or not its final row comes", async () => {
    const host = await scene.host("host-a");
    const id = await running();
    const [wanted] = await host.round();
    await host.round({ phase: "failed", problem: "exited", detail: "It ended." });
    const waived = await waivedFrom();

    expect(waived).toEqual([{ id: wanted!.runId, waive_from: expect.any(Date) }]);
    const balance = await scene.api.request("GET", "/api/v1/billing/balance", { as: alice });
    expect(balance.body).toMatchObject({ burn_per_hour: "0.0000" });
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
    await host.round();
    expect(await waivedFrom()).toEqual(waived);
  });

  test("while the run before it goes on frees nothing yet", async () => {
    const host = await scene.host("host-a", { gpus: 1 });
    const id = await running({ gpu: 1 });
    const [first] = await host.round();
    await scene.api.request("POST", `/api/v1/environments/${id}/restart`, { as: alice, body: {} });
    await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice, body: {} });
    const [second] = await host.pull();
    await host.heartbeat();

    await host.report([
      host.observedOf(first!, { phase: "stopping" }),
      host.observedOf(second!, { phase: "stopped" }),
    ]);
    expect(await scene.get(alice, id)).toMatchObject({ status: "stopping" });
    expect(await sql("SELECT status FROM gpus")).toEqual([{ status: "allocated" }]);
    await host.report([host.observedOf(second!, { phase: "stopped" })]);

    expect(await scene.get(alice, id)).toMatchObject({ status: "stopped" });
    expect(await sql("SELECT status FROM gpus")).toEqual([{ status: "available" }]);
  });

  test("and was replaced by a restart costs nothing more either, and the run after it does", async () => {
    const host = await scene.host("host-a");
    const id = await running();
    const [first] = await host.round();
    await scene.api.request("POST", `/api/v1/environments/${id}/restart`, { as: alice, body: {} });
    const [second] = await host.pull();
    await host.heartbeat();
    await host.report([
      host.observedOf(first!, { phase: "stopped" }),
      host.observedOf(second!, { phase: "ready" }),
    ]);

    expect(await waivedFrom()).toEqual([{ id: first!.runId, waive_from: expect.any(Date) }]);
  });
});

describe("a run that its host reports in words of a later agent", () => {
  const states = async () => await sql("SELECT state, want, gone_at FROM placements");

  test("stays as it is, and its absence is not believed", async () => {
    const host = await scene.host("host-a", { gpus: 1 });
    const id = await running({ gpu: 1 });
    const [wanted] = await host.round();
    const { instanceId, placementEpoch, runId } = wanted!;
    const before = await states();
    host.notUnderstood = [{ instanceId, placementEpoch, runId }];

    await host.report([]);
    expect(await states()).toEqual(before);
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
    await host.pull();
    await host.heartbeat();
    await host.report([]);
    expect(await states()).toMatchObject([{ want: "removed", gone_at: null }]);
    expect(await sql("SELECT count(*)::int AS count FROM alarms")).toEqual([{ count: 0 }]);

    host.notUnderstood = [];
    await host.report([]);
    expect(await states()).toMatchObject([{ want: "removed", gone_at: expect.any(Date) }]);
  });

  test("is nobody's end in a database that was restored", async () => {
    const host = await scene.host("host-a", { gpus: 1 });
    await running({ gpu: 1 });
    const [wanted] = await host.round();
    const { instanceId, placementEpoch, runId } = wanted!;
    const before = await states();
    await sql("UPDATE hosts SET restore_detected_at = now()");
    host.notUnderstood = [{ instanceId, placementEpoch, runId }];

    await host.report([]);

    expect(before).toMatchObject([{ state: "ready", want: "running" }]);
    expect(await states()).toEqual(before);
  });
});

test("an agent of protocol 1 is never sent what would exclude it from its whole set", async () => {
  const host = await scene.host("host-a", { gpus: 1 });
  await running({ gpu: 1 });
  await sql(`UPDATE placements SET live = live || '{"stopGraceSeconds": 600}'`);
  await host.heartbeat({ protocol: { min: 1, max: 1 } });
  expect(await host.pull()).toMatchObject([{ live: { stopGraceSeconds: 300 } }]);

  await sql(`UPDATE placements SET spec = spec || '{"gate": "released"}'`);
  expect(await host.pull()).toEqual([]);
  await host.heartbeat({ protocol: { min: 1, max: 2 } });
  expect(await host.pull()).toMatchObject([{ spec: { gate: "released" }, live: { stopGraceSeconds: 600 } }]);
});

describe("a restored Postgres", () => {
  test.each([
    ["a term", { applied: { term: 9, generation: 0 } }],
    ["a generation", { applied: { term: 0, generation: 9 } }],
    ["an incarnation", { dbIncarnationSeen: 9 }],
    ["a watermark", { watermarkSeen: 9 }],
  ])(
    "shows itself by %s that only the host knows: every number is raised, the host is held until it reports",
    async (_what, seen) => {
      const host = await scene.host("host-a");
      const journal = {
        id: host.journalId,
        headSeq: 9,
        headHash: "0".repeat(64),
        watermarkSeen: 0,
        ...("applied" in seen ? {} : seen),
      };
      const reported = "applied" in seen ? seen.applied : host.applied;

      const reply = await host.heartbeat({ journal, applied: reported });

      expect(reply.dbIncarnation).toBeGreaterThan("dbIncarnationSeen" in seen ? 9 : 1);
      expect(reply.term).toBeGreaterThan(reported.term - 1);
      expect(reply.targetGeneration).toBeGreaterThan(reported.generation);
      expect(reply.observedDigest).toBeNull();
      expect(reply.watermark).toBe(0);
      await expect(host.pull()).rejects.toThrow(/has to be reported first/);
      await running();
      expect((await scene.schedule()).placed).toEqual([]);

      await host.report([]);
      await host.pull();
      expect((await scene.schedule()).placed).toHaveLength(1);
    },
  );

  test("the old leader's term is over", async () => {
    const host = await scene.host("host-a");
    const term = await acquireLeadership(scene.api.db, { holder: "the test", now: scene.api.deps.now() });

    await host.heartbeat({ applied: { term: 50, generation: 0 } });

    const { rows } = await scene.api.db.query("SELECT term FROM leader");
    expect(rows[0]).toEqual({ term: 51 });
    expect(term).toBe(1);
  });

  test("what runs on a host and is unknown to the database is left alone and reported once", async () => {
    const host = await scene.host("host-a");
    const id = await running();
    const [desired] = await host.round();
    await sql("DELETE FROM run_lines");
    await sql("UPDATE placements SET run_id = NULL");
    await sql("DELETE FROM runs");
    await sql("DELETE FROM placements");

    await host.report([host.observedOf(desired!, { phase: "ready" })]);
    await host.report([host.observedOf(desired!, { phase: "ready" })]);

    expect(await host.pull()).toEqual([]);
    expect(await sql("SELECT kind, subject FROM alarms")).toEqual([
      { kind: "unknown-instance", subject: `host-a ${desired?.instanceId} 1` },
    ]);
    expect(id).toMatch(/^env-/);
  });
});

describe("the inventory", () => {
  test("a real card that another live host holds is refused and listed on both", async () => {
    const first = await scene.host("host-a", { gpuUuids: ["GPU-1234567890"] });
    const second = await scene.host("host-b", { gpuUuids: ["GPU-1234567890", "GPU-0987654321"] });

    expect(await sql("SELECT uuid, host_id, conflict_host_id FROM gpus ORDER BY uuid")).toEqual([
      { uuid: "GPU-0987654321", host_id: "host-b", conflict_host_id: null },
      { uuid: "GPU-1234567890", host_id: "host-a", conflict_host_id: "host-b" },
    ]);
    for (const id of ["host-a", "host-b"]) {
      const { body } = await scene.api.request("GET", `/api/v1/hosts/${id}/gpus`, { as: scene.api.admin });
      expect(body.items.map(({ uuid }) => uuid)).toContain("GPU-1234567890");
    }
    expect(await sql("SELECT kind, subject FROM alarms")).toEqual([
      { kind: "gpu-conflict", subject: "GPU-1234567890" },
    ]);

    await second.report([]);
    expect(await sql("SELECT count(*) FROM alarms")).toEqual([{ count: 1 }]);
    second.gpus = second.gpus.slice(1);
    await second.report([]);
    expect(await sql("SELECT conflict_host_id FROM gpus WHERE host_id = 'host-a'")).toEqual([
      { conflict_host_id: null },
    ]);
    await first.report([]);
  });

  test("nothing is placed on a card that two hosts claim", async () => {
    await scene.host("host-a", { gpuUuids: ["GPU-1234567890"] });
    await scene.host("host-b", { gpuUuids: ["GPU-1234567890"] });

    const id = await running({ gpu: 1 });

    expect((await scene.get(alice, id)).status_reason).toContain("is claimed by host host-b too");
  });

  test("a card that moved to another host is that one's, once the old host is silent and holds nothing", async () => {
    await scene.host("host-a", { gpuUuids: ["GPU-1234567890"] });
    await sql("UPDATE hosts SET connection = 'unreachable'");

    await scene.host("host-b", { gpuUuids: ["GPU-1234567890"] });

    expect(await sql("SELECT host_id, conflict_host_id FROM gpus")).toEqual([
      { host_id: "host-b", conflict_host_id: null },
    ]);
  });

  test("a card that vanished gets nothing new, gives its index away, and comes back under its row", async () => {
    const host = await scene.host("host-a", { gpus: 2 });
    const [first, second] = host.gpus;

    host.gpus = [{ ...second!, index: 0 }, gpuReport("GPU-new-card-1", 1, 1000)];
    await host.report([]);
    expect(
      await sql(
        "SELECT uuid, gpu_index >= 0 AS there, vanished_at IS NOT NULL AS vanished FROM gpus ORDER BY uuid",
      ),
    ).toEqual([
      { uuid: "GPU-host-a-000000", there: false, vanished: true },
      { uuid: "GPU-host-a-000001", there: true, vanished: false },
      { uuid: "GPU-new-card-1", there: true, vanished: false },
    ]);
    expect(await host.row()).toMatchObject({ total_gpu: 2 });

    host.gpus = [first!, second!];
    await host.report([]);
    expect(await sql("SELECT uuid FROM gpus WHERE vanished_at IS NULL ORDER BY gpu_index")).toEqual([
      { uuid: "GPU-host-a-000000" },
      { uuid: "GPU-host-a-000001" },
    ]);
  });

  test("a host whose cards cannot be seen just now keeps the ones it has", async () => {
    const host = await scene.host("host-a", { gpus: 1 });

    const refused = await scene.handlers.observed(host.id, {
      digest: "1".repeat(64),
      machine: null,
      gpus: null,
      instances: [],
      leases: null,
      pulls: null,
      access: null,
      notUnderstood: [],
    });

    expect(refused).toBeUndefined();
    expect(await sql("SELECT vanished_at FROM gpus")).toEqual([{ vanished_at: null }]);
  });

  test("simulated cards are labelled wherever they show", async () => {
    const host = await scene.host("host-a", { gpus: 1 });
    host.gpus = host.gpus.map((gpu) => ({ ...gpu, simulated: true }));
    await host.report([]);
    const id = await running({ gpu: 1 });

    const row = await scene.get(alice, id);

    expect(row.simulated).toBe(true);
    expect(row.instances[0]?.gpus[0]?.simulated).toBe(true);
    expect(await host.row()).toMatchObject({ simulated: true });
  });
});

describe("silence", () => {
  const pass = async (listeningSince: Date) => {
    const now = scene.api.deps.now();
    const term = (await acquireLeadership(scene.api.db, { holder: "the test", now })) ?? 0;
    return await livenessPass({ db: scene.api.db }, { term, now, listeningSince });
  };
  const silentFor = async (seconds: number) =>
    await sql("UPDATE hosts SET last_heartbeat = $1", [
      new Date(scene.api.deps.now().getTime() - seconds * 1000),
    ]);

  test("makes a host suspect, then unreachable; nothing new is placed there and what runs stays", async () => {
    const host = await scene.host("host-a");
    const id = await running();
    await host.round();

    await silentFor(31);
    expect(await pass(new Date(0))).toEqual(["host-a"]);
    expect(await host.row()).toMatchObject({ connection: "suspect", status: "online" });
    const second = await running();
    expect((await scene.get(alice, second)).status_reason).toContain("it is suspect");

    await silentFor(91);
    expect(await pass(new Date(0))).toEqual(["host-a"]);
    expect(await host.row()).toMatchObject({ connection: "unreachable", status: "offline" });
    expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
    expect(await pass(new Date(0))).toEqual([]);

    await host.heartbeat();
    expect(await host.row()).toMatchObject({ connection: "connected", status: "online" });
    expect((await scene.schedule()).placed).toEqual([second]);
  });

  test("no host is unreachable just after the control plane came back", async () => {
    const host = await scene.host("host-a");
    await silentFor(3600);

    await pass(scene.api.deps.now());

    expect(await host.row()).toMatchObject({ connection: "suspect" });
  });
});

test.each([
  { age: "old", protocol: { min: 0, max: 0 } },
  { age: "new", protocol: { min: 1_000, max: 1_001 } },
])(
  "an agent too $age is only tolerated: its work runs, reports and stops, nothing new is placed, and the owner sees why",
  async ({ age, protocol }) => {
    const host = await scene.host("host-a");
    const before = await running();
    await host.round();

    await host.heartbeat({ protocol });
    const waiting = await running();
    await host.report(host.desired.map((wanted) => host.observedOf(wanted, { phase: "ready" })));

    expect((await scene.get(alice, waiting)).status_reason).toContain(`its agent is too ${age} for new work`);
    const listed = (await scene.api.request("GET", "/api/v1/hosts", { as: scene.api.admin })).body.items;
    expect(listed[0]).toMatchObject({
      status: "online",
      status_reason: expect.stringContaining(`its agent is too ${age} for new work: it speaks protocol`),
    });
    expect(await scene.get(alice, before)).toMatchObject({ status: "running" });
    await scene.api.request("POST", `/api/v1/environments/${before}/stop`, { as: alice });
    expect((await host.pull())[0]).toMatchObject({ want: "stopped" });
    await host.heartbeat({ protocol });
    await host.report(host.desired.map((wanted) => host.observedOf(wanted, { phase: "stopped" })));
    expect(await scene.get(alice, before)).toMatchObject({ status: "stopped" });

    await host.heartbeat();
    expect((await scene.schedule()).placed).toEqual([waiting]);
  },
);

test("a cordoned host, and a cordoned card, get nothing new", async () => {
  await scene.host("host-a", { gpus: 1 });
  await scene.api.request("POST", "/api/v1/gpus/GPU-host-a-000000/cordon", { as: scene.api.admin, body: {} });
  const onCard = await running({ gpu: 1 });
  expect((await scene.get(alice, onCard)).status_reason).toContain("is cordoned");

  await scene.api.request("POST", "/api/v1/gpus/GPU-host-a-000000/uncordon", {
    as: scene.api.admin,
    body: {},
  });
  await scene.api.request("POST", "/api/v1/hosts/host-a/cordon", {
    as: scene.api.admin,
    body: { reason: "new fans" },
  });
  await scene.schedule();
  expect((await scene.get(alice, onCard)).status_reason).toContain("it is cordoned: new fans");

  await scene.api.request("POST", "/api/v1/hosts/host-a/uncordon", { as: scene.api.admin, body: {} });
  expect((await scene.schedule()).placed).toEqual([onCard]);
});

test("a confirmed number of stops is sent with the desired set", async () => {
  const host = await scene.host("host-a");
  await running();

  expect(await scene.handlers.desiredSet(host.id)).toMatchObject({ confirmedStops: null, generation: 1 });
  await scene.api.request("POST", "/api/v1/hosts/host-a/confirm-stops", {
    as: scene.api.admin,
    body: { generation: 1 },
  });
  expect(await scene.handlers.desiredSet(host.id)).toMatchObject({ confirmedStops: 1 });
});
