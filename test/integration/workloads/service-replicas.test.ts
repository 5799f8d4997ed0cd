/** Replicas that come and go: scaled, replaced, on silent, drained and lost hosts, and beyond what funds and quotas cover. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import type { ScriptedHost } from "../../support/worlds/control-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

let fresh: FreshDatabase;
let services: ServiceScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 3 });
});
afterEach(async () => {
  const { db, now } = services.scene.api.deps;
  const unwell = (await examine(db, now())).filter(({ state }) => state !== "well");
  await services.scene.close();
  if (unwell.length > 0) throw new Error(`the doctor finds: ${JSON.stringify(unwell)}`);
});

const asAdmin = async (method: string, path: string, body?: object) =>
  await services.scene.api.request(method, `/api/v1${path}`, {
    as: services.scene.api.admin,
    ...(body && { body }),
  });
const scale = async (id: string, replicas: number) =>
  await services.request("POST", `/${id}/scale`, { replicas });
async function hostOf(id: string, rank: number): Promise<ScriptedHost> {
  const visible = (await services.replicas(id, { all: "true" })).find((replica) => replica.rank === rank);
  const host = services.hosts.find((one) => one.id === visible?.host_id);
  if (host === undefined) throw new Error(`replica ${rank} has no host`);
  return host;
}
const waivedFrom = async (id: string, rank: number) =>
  (await services.replicas(id, { all: "true" })).find((replica) => replica.rank === rank)?.runs[0]
    ?.waive_from ?? null;

const failuresOf = async (id: string) =>
  (
    await services.scene.api.db.query<{ replica_failures: number }>(
      "SELECT replica_failures FROM inference_services WHERE id = $1",
      [id],
    )
  ).rows[0]?.replica_failures;

describe("a service", () => {
  test("has its replicas on different hosts as far as there are some", async () => {
    const id = await services.runs({ min_replicas: 3 });
    await scale(id, 6);
    await services.settle();

    const visible = await services.replicas(id);

    const counts = services.hosts.map(
      ({ id: hostId }) => visible.filter(({ host_id: at }) => at === hostId).length,
    );
    expect(counts).toEqual([2, 2, 2]);
  });

  test("is scaled up and down between its bounds, and what went costs nothing from then on", async () => {
    const id = await services.runs({ max_replicas: 4 });

    expect((await scale(id, 3)).body).toMatchObject({ replicas: 3, status: "running" });
    await services.settle();
    expect(await services.serving(id)).toEqual([0, 1, 2]);
    await scale(id, 1);
    await services.settle();

    expect(await services.serving(id)).toEqual([0]);
    expect(await waivedFrom(id, 0)).toBeNull();
    expect(await waivedFrom(id, 2)).not.toBeNull();
    expect((await services.replicas(id, { all: "true" })).map(({ dismissal }) => dismissal)).toEqual([
      null,
      "Scaled down to 1.",
      "Scaled down to 1.",
    ]);
    expect(await scale(id, 5)).toMatchObject({ status: 422, body: { errors: [{ path: "replicas" }] } });
    expect((await scale(id, 0)).status).toBe(422);
  });

  test("that scales by itself is scaled by people once that is paused", async () => {
    const id = await services.runs({ autoscaling_enabled: true, autoscaling_config: { target_qps: 10 } });

    expect(await scale(id, 2)).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("/pause") },
    });
    const paused = await services.request("POST", `/${id}/pause`);
    expect(paused).toMatchObject({
      status: 202,
      body: { autoscaling_config: { target_qps: 10, paused: true } },
    });
    expect((await scale(id, 2)).status).toBe(202);
    await services.request("POST", `/${id}/resume`);
    expect((await scale(id, 3)).status).toBe(409);
    const plain = await services.ordered();
    expect((await services.request("POST", `/${plain}/pause`)).status).toBe(409);
  });

  test("may be scaled to zero where its bounds allow it, and comes back", async () => {
    const id = await services.runs({ min_replicas: 0 });

    await scale(id, 0);
    await services.settle();
    expect(await services.get(id)).toMatchObject({
      status: "running",
      replicas: 0,
      instances: [],
      status_reason: "Scaled to zero: no replica is wanted.",
    });
    await scale(id, 1);
    await services.settle();

    expect(await services.serving(id)).toEqual([1]);
  });

  test("follows bounds that are changed", async () => {
    const id = await services.runs({ max_replicas: 4 });
    await scale(id, 4);
    await services.settle();

    await services.request("PATCH", `/${id}`, { max_replicas: 2 });
    await services.settle();

    expect(await services.serving(id)).toEqual([0, 1]);
    expect((await services.request("PATCH", `/${id}`, { min_replicas: 3 })).status).toBe(422);
    await services.request("PATCH", `/${id}`, { max_replicas: 5 });
    await services.settle();
    expect(await services.serving(id)).toHaveLength(4);
  });

  test("is changed with the rest of it, within the bounds that it has then", async () => {
    const id = await services.runs({ max_replicas: 2 });
    const change = async (body: object) => await services.request("PATCH", `/${id}`, body);

    const beyond = await change({ name: "other", replicas: 3 });
    expect(beyond.status).toBe(422);
    expect(beyond.body.errors.map(({ path }: { path: string }) => path)).toEqual(["replicas"]);
    expect(await services.get(id)).toMatchObject({ name: "chat", replicas: 1 });
    expect(await change({ replicas: 3, max_replicas: 3 })).toMatchObject({
      status: 200,
      body: { replicas: 3 },
    });
    await services.settle();

    expect(await services.serving(id)).toEqual([0, 1, 2]);
    await change({ max_replicas: 2 });
    await change({ max_replicas: 3, replicas: 1 });
    const { items: events } = (await services.request("GET", `/${id}/events`)).body;
    expect(events.filter(({ kind }: { kind: string }) => kind === "scaled")).toMatchObject([
      { old: "2", new: "1" },
      { old: "1", new: "3" },
    ]);
  });

  test("is not changed with the rest while it scales by itself", async () => {
    const id = await services.runs({ autoscaling_enabled: true });
    const change = async (body: object) => await services.request("PATCH", `/${id}`, body);

    const refused = await change({ name: "other", replicas: 2 });
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("pause")]);
    expect(await services.get(id)).toMatchObject({ name: "chat", replicas: 1 });

    expect(await change({ replicas: 2, autoscaling_enabled: false })).toMatchObject({
      status: 200,
      body: { replicas: 2 },
    });
  });

  test("is listed replica by replica", async () => {
    const id = await services.runs({ min_replicas: 3 });

    const { items } = (await services.request("GET", `/${id}/instances`)).body;

    expect(items.map(({ rank }: { rank: number }) => rank)).toEqual([0, 1, 2]);
  });
});

describe("a scale-up", () => {
  /** The ranks that serve, and the service, once it is to have three. */
  const scaledUp = async (id: string) => {
    await scale(id, 3);
    await services.settle();
    return { serving: await services.serving(id), service: await services.get(id) };
  };
  const WAITS = {
    serving: [0],
    service: { status: "running", replicas: 3, ready_replicas: 1, waiting_replicas: 2 },
  };

  test("that no room covers leaves the replicas, reports why, and goes on when there is room", async () => {
    const id = await services.runs();
    const others = services.hosts.filter((host) => !host.desired.some(({ want }) => want === "running"));
    for (const { id: hostId } of services.hosts)
      await asAdmin("POST", `/hosts/${hostId}/cordon`, { reason: "full" });

    const scaled = await scaledUp(id);
    expect(scaled).toMatchObject(WAITS);
    expect(scaled.service.status_reason).toContain("Waiting for a place");
    const why = (await services.request("GET", `/${id}/why`)).body;
    expect(why.hosts.map(({ fits }: { fits: boolean }) => fits)).toEqual([false, false, false]);
    for (const { id: hostId } of others) await asAdmin("POST", `/hosts/${hostId}/uncordon`);
    await services.settle();

    expect(await services.serving(id)).toHaveLength(3);
    expect(await services.get(id)).toMatchObject({ status_reason: null });
  });

  test("that a quota does not cover leaves the replicas and reports why", async () => {
    const id = await services.runs();
    const { customerId } = services.alice;
    const quota = {
      cpu_quota: 1,
      memory_quota: 100_000,
      gpu_quota: 0,
      storage_quota: GIB,
      environment_quota: 1,
    };
    await asAdmin("PUT", `/customers/${customerId}/quota`, quota);

    const scaled = await scaledUp(id);
    expect(scaled).toMatchObject(WAITS);
    expect(scaled.service.status_reason).toContain("Waiting for quota");
  });

  test("that the funds do not cover leaves the replicas and reports why", async () => {
    const id = await services.runs();
    await fresh.database.query("UPDATE customers SET balance = 1 WHERE id = $1", [services.alice.customerId]);

    const scaled = await scaledUp(id);
    expect(scaled).toMatchObject(WAITS);
    expect(scaled.service.status_reason).toContain("Waiting for funds");
    await fresh.database.query("UPDATE customers SET balance = 100000 WHERE id = $1", [
      services.alice.customerId,
    ]);
  });
});

describe("a replica", () => {
  test("that fails is replaced after a pause, elsewhere, and the others serve on", async () => {
    const id = await services.runs({ min_replicas: 2 });
    const failed = await hostOf(id, 1);
    services.text.set(1, {
      phase: "failed",
      detail: "It exited with code 1.",
      problem: "exited",
      exitCode: 1,
    });

    await services.settle();

    expect(await services.get(id)).toMatchObject({
      status: "running",
      ready_replicas: 1,
      status_reason: expect.stringContaining("Replica 1 failed: It exited with code 1."),
    });
    expect(await services.serving(id)).toEqual([0]);
    await services.pass(10);
    await services.settle();
    expect(await services.serving(id)).toEqual([0, 2]);
    expect((await hostOf(id, 2)).id).not.toBe(failed.id);
    const reported = (await services.request("GET", `/${id}/events?limit=200`)).body.items;
    expect(
      reported
        .filter(({ kind }: { kind: string }) => kind === "replica")
        .map((event: { new: string }) => event.new),
    ).toEqual(["made", "gone", "made", "made"]);
  });

  test("that never serves ends a service that is being made, once its time is over", async () => {
    const id = await services.ordered();
    services.starts(0);
    await services.settle();
    await services.pass(12 * 60);

    await services.settle();

    expect(await services.get(id)).toMatchObject({
      status: "error",
      replicas: 0,
      instances: [],
      status_reason: expect.stringContaining("was not ready within 600 seconds"),
    });
    services.text.clear();
    await services.request("POST", `/${id}/start`);
    await services.settle();
    expect(await services.get(id)).toMatchObject({ status: "creating", instances: [] });
    // As long as another replica would have waited.
    await services.pass(10);
    await services.settle();
    expect(await services.get(id)).toMatchObject({ status: "running", ready_replicas: 1 });
  });

  test("whose host is silent for five minutes is made anew; the old one is free from then on and goes when its host is back", async () => {
    const id = await services.runs();
    const silent = await hostOf(id, 0);
    services.silent.add(silent);
    await services.pass(4 * 60);
    await services.settle();
    expect((await services.replicas(id)).map(({ rank }) => rank)).toEqual([0]);

    await services.pass(61);
    await services.settle();

    expect(await services.serving(id)).toEqual([1]);
    expect(await waivedFrom(id, 1)).toBeNull();
    const [placed] = await services.replicas(id).then((all) => all.filter(({ rank }) => rank === 1));
    const [from, to] = [
      Date.parse((await waivedFrom(id, 0)) ?? ""),
      Date.parse(placed?.runs[0]?.ordered_at ?? ""),
    ];
    expect(Math.abs(from - to)).toBeLessThan(1_000);
    expect((await services.replicas(id)).map(({ rank }) => rank)).toEqual([0, 1]);
    services.silent.delete(silent);
    await services.settle();
    expect((await services.replicas(id)).map(({ rank }) => rank)).toEqual([1]);
    expect(silent.desired).toEqual([]);
  });

  test("whose host was silent for less goes on as it was", async () => {
    const id = await services.runs();
    const silent = await hostOf(id, 0);
    services.silent.add(silent);
    await services.pass(4 * 60);
    services.silent.delete(silent);
    await services.settle();

    expect(await services.serving(id)).toEqual([0]);
    expect(await waivedFrom(id, 0)).toBeNull();
  });

  test("whose host is lost is made anew at once", async () => {
    const id = await services.runs({ min_replicas: 2 });
    const lost = await hostOf(id, 0);
    services.silent.add(lost);
    await asAdmin("DELETE", `/hosts/${lost.id}?lost=true`);

    await services.settle();

    expect(await services.serving(id)).toEqual([1, 2]);
  });

  test.each([
    ["fails", { problem: "gpu-failed", detail: "GPU failed." }, { kind: "fatal", sinceMs: 5 }, false],
    [
      "shows a sign of failure as it ends",
      { problem: "exited", exitCode: 1 },
      { kind: "drain", sinceMs: 5 },
      true,
    ],
  ] as const)(
    "whose GPU %s is made anew at once, and is no failure of the service",
    async (_what, end, cordon, hasSign) => {
      const id = await services.runs({ min_replicas: 1, gpu: 1 });
      const sick = await hostOf(id, 0);
      const fault: Partial<GpuReport> = {
        health: "unhealthy",
        reasons: ["It needs a reset."],
        reasonCode: "requires-reset",
      };
      sick.gpus = sick.gpus.map((gpu) => ({ ...gpu, ...fault, cordon, hasSign }));
      services.text.set(0, { phase: "failed", detail: "It exited with code 1.", ...end });

      await services.settle();

      expect(await services.serving(id)).toEqual([1]);
      expect((await hostOf(id, 1)).id).not.toBe(sick.id);
      expect(await failuresOf(id)).toBe(0);
    },
  );

  test("whose GPUs fail on three hosts within a day fails by its own program, and waits", async () => {
    const id = await services.runs({ min_replicas: 1, gpu: 1 });
    for (const rank of [0, 1, 2]) {
      const sick = await hostOf(id, rank);
      const fault: Partial<GpuReport> = { health: "unhealthy", reasons: ["Xid 109."], reasonCode: "xid-109" };
      sick.gpus = sick.gpus.map((gpu) => ({ ...gpu, ...fault, cordon: { kind: "fatal", sinceMs: 5 } }));
      services.text.set(rank, { phase: "failed", detail: "GPU failed.", problem: "gpu-failed" });
      await services.settle();
    }

    expect(await failuresOf(id)).toBe(1);
  });

  test("on a host that is drained at once is stopped and made anew; the service runs on", async () => {
    const id = await services.runs({ min_replicas: 2 });
    const drained = await hostOf(id, 0);
    await asAdmin("POST", `/hosts/${drained.id}/drain`, {});

    expect((await services.get(id)).status).toBe("running");
    await services.settle();

    expect(await services.serving(id)).toEqual([1, 2]);
    expect((await hostOf(id, 2)).id).not.toBe(drained.id);
  });

  test("on a host that is drained by a deadline goes once another serves", async () => {
    const id = await services.runs();
    const drained = await hostOf(id, 0);
    services.starts(1);
    await asAdmin("POST", `/hosts/${drained.id}/drain`, { deadline_seconds: 3_600 });
    await services.settle();
    expect(await services.serving(id)).toEqual([0]);
    services.text.delete(1);
    await services.settle();

    expect(await services.serving(id)).toEqual([1]);
  });

  test("stays where its host is cordoned", async () => {
    const id = await services.runs();
    await asAdmin("POST", `/hosts/${(await hostOf(id, 0)).id}/cordon`, { reason: "look" });
    await services.settle();

    expect(await services.serving(id)).toEqual([0]);
  });
});

test("a service of the old system stays as it is", async () => {
  await fresh.database.query(
    `INSERT INTO inference_services (id, customer_id, name, image, status, replicas) VALUES ('old', $1, 'old', 'i', 'running', 2)`,
    [services.alice.customerId],
  );

  await services.settle();
  expect(await services.get("old")).toMatchObject({
    status: "running",
    replicas: 2,
    instances: [],
    revision: null,
  });
  await services.scene.lifecycle();

  expect(await services.get("old")).toMatchObject({
    status: "stopped",
    status_reason: "from the old system",
  });
  expect(await services.request("POST", "/old/start")).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("order it again") },
  });
});
