/**
 * Every change of state is an event that says who, from what, to what and why: of environments, instances, hosts and
 * GPUs. The chains are whole: each event begins where the one before it ended.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { livenessPass } from "@remotegpu/control-plane/server/controllers/hosts/host-liveness";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { GIB } from "@remotegpu/shared/values/units";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

interface Reported {
  kind: string;
  old: string | null;
  new: string | null;
  actor: string | null;
  reason: string | null;
}

const RUNS = { phase: "ready", detail: "It runs." } as const;

let scene: ControlScene;
let alice: Caller & { workspaceId: number };

beforeAll(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
});
afterAll(async () => await scene?.close());

async function reported(where: string, subject: string, kinds: string[]): Promise<Reported[]> {
  const { rows } = await scene.api.db.query<Reported & Record<string, unknown>>(
    `SELECT kind, old, new, actor, reason, reason_code FROM events WHERE ${where} = $1 AND kind = ANY($2::text[]) ORDER BY id`,
    [subject, kinds],
  );
  return rows;
}

const changes = (events: Reported[]) =>
  events.map(({ old, new: now }) => `${old ?? "nothing"} → ${now ?? "nothing"}`);

/** From one to the next nothing is missing, and each says who and why. */
function expectWhole(events: Reported[]): void {
  expect(events.length).toBeGreaterThan(0);
  const gaps = events.slice(1).filter((event, n) => event.old !== events[n]?.new);
  expect(gaps).toEqual([]);
  expect(events.filter(({ actor }) => actor === null || actor === "")).toEqual([]);
}

async function ordered(change: object = {}): Promise<string> {
  const { id } = (await scene.order(alice, change)).body;
  await scene.schedule();
  return id;
}

async function instanceOf(id: string): Promise<string> {
  const { rows } = await scene.api.db.query<{ id: string }>(
    "SELECT id FROM instances WHERE workload_id = $1",
    [id],
  );
  return rows[0]?.id ?? "";
}

const request = async (method: string, path: string, body?: object) =>
  await scene.api.request(method, `/api/v1${path}`, { as: scene.api.admin, ...(body && { body }) });

test("an environment and its instance, from the order over a restart to the deletion", async () => {
  const host = await scene.host("host-life", { gpus: 1 });
  const id = await ordered({ gpu: 1 });
  const instance = await instanceOf(id);
  await host.round({ phase: "starting", detail: "The container is being started." });
  await host.round(RUNS);
  await scene.api.request("POST", `/api/v1/environments/${id}/restart`, { as: alice });
  await host.round(RUNS);
  await host.round({ phase: "failed", problem: "exited", detail: "It died." });
  await host.round(RUNS);
  await scene.api.request("POST", `/api/v1/environments/${id}/start`, { as: alice });
  await scene.schedule();
  await host.round(RUNS);
  await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
  await host.round(RUNS);
  await host.round(RUNS);

  const ofEnvironment = await reported("workload_id", id, ["status"]);
  const ofInstance = await reported("instance_id", instance, ["instance-state"]);

  expectWhole(ofEnvironment);
  expect(changes(ofEnvironment)).toEqual([
    "nothing → queued",
    "queued → creating",
    "creating → running",
    "running → restarting",
    "restarting → running",
    "running → error",
    "error → queued",
    "queued → creating",
    "creating → running",
    "running → deleting",
    "deleting → deleted",
  ]);
  expect(changes(ofInstance)).toEqual([
    "nothing → placed",
    "placed → starting",
    "starting → ready",
    "ready → placed",
    "placed → ready",
    "ready → failed",
    // The next start is another placement.
    "nothing → placed",
    "placed → ready",
    "ready → stopped",
  ]);
  expect(ofInstance.filter(({ actor, reason }) => actor === null || reason === null)).toEqual([]);
  expect(ofInstance[3]?.actor).toBe(`customer ${alice.customerId}`);
});

test("what a host reports has its agent's code, and is as reported without one or with that of another text", async () => {
  const detail = "The container ended by itself with exit code 3.";
  const coded = (exitCode: number) =>
    ({ code: "container-exited", params: { exit_code: exitCode } }) as const;
  const remains = { outOfMemory: false, signal: null, tail: "" };
  const host = await scene.host("host-coded", { gpus: 1 });
  const id = await ordered({ gpu: 1 });
  const [order] = (await host.round(RUNS)) as [DesiredInstance];
  const path = `/api/v1/environments/${id}/instances`;
  const instance = async () => (await scene.api.request("GET", path, { as: alice })).body.items[0];
  const asReported = { detail, detail_code: "as-reported", detail_params: { text: detail } };
  const asCoded = { detail, detail_code: "container-exited", detail_params: { exit_code: 3 } };

  await host.report([host.observedOf(order, { ...RUNS, detail })]);
  expect(await instance()).toMatchObject(asReported);
  await host.report([{ ...host.observedOf(order, { ...RUNS, detail }), reason: coded(4) }]);
  expect(await instance()).toMatchObject(asReported);
  await host.report([{ ...host.observedOf(order, { ...RUNS, detail }), reason: coded(3) }]);
  expect(await instance()).toMatchObject(asCoded);
  const end = host.observedOf(order, { phase: "failed", problem: "exited", detail, exitCode: 3 });
  await host.report([{ ...end, remains, reason: coded(3) }]);

  expect((await instance()).runs[0].end).toMatchObject(asCoded);
});

describe("a container that ended and was started again", () => {
  const KILLED = { exitCode: 137, outOfMemory: false, signal: "SIGKILL" };
  let host: ScriptedHost;
  let id: string;
  let wanted: DesiredInstance;

  beforeAll(async () => {
    host = await scene.host("host-restarts", { gpus: 1, gpuMemoryMib: 81_920 });
    id = await ordered({ gpu: 1, gpu_memory: 60 * GIB });
    [wanted] = (await host.round(RUNS)) as [DesiredInstance];
  });

  const report = (count: number, how: object = {}) =>
    host.observedOf(wanted, { ...RUNS, restarts: { count, ...KILLED, ...how } });
  const events = async () => {
    const { items } = (await scene.api.request("GET", `/api/v1/environments/${id}/events`, { as: alice }))
      .body;
    return (items as Reported[]).filter(({ kind }) => kind === "container-restarted").toReversed();
  };

  test("is an event of its workload, once for each time, that states how it ended", async () => {
    await host.report([report(1)]);
    await host.report([report(1)]);
    await host.report([report(3, { outOfMemory: true })]);
    await host.report([report(2)]);
    await host.report([report(4, { exitCode: null, signal: null })]);

    expect(changes(await events())).toEqual(["0 → 1", "1 → 3", "3 → 4"]);
    expect((await events()).map(({ reason }) => reason)).toEqual([
      `Run ${wanted.runId}: its container ended (exit code 137, SIGKILL); it is started again within the run.`,
      `Run ${wanted.runId}: 2 times since this was last told, in the end its container ended (exit code 137, SIGKILL, out of memory); it is started again within the run.`,
      `Run ${wanted.runId}: its container was gone; it is started again within the run.`,
    ]);
    expect(new Set((await events()).map(({ actor }) => actor))).toEqual(new Set([`host ${host.id}`]));
  });

  test("is believed of its own host alone, and once of a report that contains it twice", async () => {
    const liar = await scene.host("host-liar");
    const before = await events();

    await liar.report([report(9)]);
    const afterLie = await events();
    await host.report([report(6), report(5)]);

    expect(afterLie).toEqual(before);
    expect(changes((await events()).slice(before.length))).toEqual(["4 → 6"]);
  });
});

describe("a host", () => {
  const KINDS = ["host-connection"];
  let host: ScriptedHost;

  test("that falls silent and is heard again, unwell for a while", async () => {
    host = await scene.host("host-silent");
    for (const minutes of [1, 2]) {
      scene.api.passMinutes(minutes);
      const now = scene.api.deps.now();
      const term = await acquireLeadership(scene.api.db, { holder: "the test", now });
      await livenessPass({ db: scene.api.db }, { term: term ?? 0, now, listeningSince: new Date(0) });
    }
    await host.heartbeat({ degraded: ["nvidia-smi-hung"] });
    await host.heartbeat();

    const connection = await reported("host_id", host.id, KINDS);
    expectWhole(connection);
    expect(changes(connection)).toEqual([
      "never → connected",
      "connected → suspect",
      "suspect → unreachable",
      "unreachable → connected",
    ]);
    const health = await reported("host_id", host.id, ["host-health"]);
    expectWhole(health);
    expect(health.slice(-2)).toMatchObject([
      {
        old: "healthy",
        new: "degraded",
        reason: "nvidia-smi-hung",
        reason_code: "host-faults",
        actor: `host ${host.id}`,
      },
      { old: "degraded", new: "healthy" },
    ]);
  });

  test("that is cordoned, comes back, is drained and declared lost with what ran there", async () => {
    host = await scene.host("host-admin", { gpus: 1, pool: "pool-admin" });
    await scene.api.db.query("UPDATE hosts SET cordoned = true WHERE id <> $1", [host.id]);
    await request("POST", `/hosts/${host.id}/cordon`, { reason: "a fan" });
    await request("POST", `/hosts/${host.id}/uncordon`, { reason: "mended" });
    const id = await ordered({ gpu: 1 });
    const instance = await instanceOf(id);
    await host.round();
    await request("POST", `/hosts/${host.id}/drain`, {});
    expect((await request("DELETE", `/hosts/${host.id}?lost=true`)).status).toBe(204);

    const status = await reported("host_id", host.id, [
      "host-cordoned",
      "host-uncordoned",
      "host-drained",
      "host-revoked",
      "host-lost",
    ]);

    expect(status.map(({ kind, old, new: now }) => `${kind}: ${old} → ${now}`)).toEqual([
      "host-cordoned: online → maintenance",
      "host-uncordoned: maintenance → online",
      "host-drained: online → maintenance",
      "host-revoked: maintenance → maintenance",
      "host-lost: maintenance → offline",
    ]);
    expect(new Set(status.map(({ actor }) => actor))).toEqual(
      new Set([`admin ${scene.api.admin.customerId}`]),
    );
    expect(changes(await reported("instance_id", instance, ["instance-state"])).at(-1)).toBe("ready → lost");
  });
});

test("a GPU: found, held, free again, gone and back", async () => {
  await scene.api.db.query("UPDATE hosts SET cordoned = true");
  const host = await scene.host("host-card", { gpus: 1 });
  const cards = host.gpus;
  const uuid = cards[0]?.uuid ?? "";
  const id = await ordered({ gpu: 1 });
  await host.round();
  await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });
  await host.round({ phase: "stopped" });
  await host.round();
  host.gpus = [];
  await host.report([]);
  host.gpus = cards;
  await host.report([]);

  const events = await reported("gpu_uuid", uuid, ["gpu-status", "gpu-vanished"]);

  expect(events.map(({ kind, old, new: now }) => `${kind}: ${old} → ${now}`)).toEqual([
    "gpu-status: null → available",
    "gpu-status: available → allocated",
    "gpu-status: allocated → available",
    "gpu-vanished: available → error",
    "gpu-status: vanished → available",
  ]);
  expect(events.filter(({ actor, reason }) => actor === null || reason === null)).toEqual([]);
  const visible = (await request("GET", `/hosts/${host.id}/events?limit=200`)).body.items;
  expect(visible.filter((event: { gpu_uuid: string | null }) => event.gpu_uuid === uuid)).toHaveLength(5);
});
