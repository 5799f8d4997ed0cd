import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LeadershipLostError } from "@remotegpu/control-plane/server/store/database/leader";
import { GIB } from "@remotegpu/shared/values/units";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number; uuid: string };
let host: ScriptedHost;

beforeAll(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 4, cpu: 64 });
});
afterAll(async () => await scene.close());

const act = async (id: string, verb: string, as: Caller = alice) =>
  await scene.api.request("POST", `/api/v1/environments/${id}/${verb}`, { as });
const remove = async (id: string) =>
  await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
const get = async (id: string) => await scene.get(alice, id);

/** An environment that runs on the host, or as far on its way as `until` says. */
async function environmentIn(
  until: "queued" | "creating" | "running" | "stopping" | "stopped" | "restarting" | "error",
  change: object = {},
): Promise<string> {
  const { id } = (await scene.order(alice, change)).body;
  if (until === "queued") return id;
  await scene.schedule();
  if (until === "creating") return id;
  if (until === "error") await host.round({ phase: "failed", problem: "image-missing", detail: "no image" });
  else await host.round();
  if (until === "stopping" || until === "stopped") await act(id, "stop");
  if (until === "stopped") await host.round({ phase: "stopped" });
  if (until === "restarting") await act(id, "restart");
  return id;
}

async function heldBy(id: string) {
  const { rows } = await scene.api.db.query(
    `SELECT p.epoch, p.want, p.resources_released_at IS NOT NULL AS released, p.gone_at IS NOT NULL AS gone,
            (SELECT count(*) FROM gpu_allocations a WHERE a.instance_id = i.id AND a.released_at IS NULL) AS cards
       FROM instances i JOIN placements p ON p.instance_id = i.id WHERE i.workload_id = $1 ORDER BY p.epoch`,
    [id],
  );
  return rows;
}

/** Whatever a test leaves behind is taken away, so that the next one finds an empty host. */
async function clear(): Promise<void> {
  const { rows } = await scene.api.db.query("SELECT id FROM environments WHERE deleted_at IS NULL");
  for (const { id } of rows) await remove(id);
  await host.round();
  await host.round();
}

describe("the whole course of one order", () => {
  test("ordered, placed, pulled, running, stopped, removed, gone", async () => {
    const ordered = await scene.order(alice, { gpu: 1, env_vars: { TEXT: "one\ntwo" } });
    expect(ordered.status).toBe(201);
    const { id } = ordered.body;
    expect(ordered.body).toMatchObject({
      status: "queued",
      status_reason: "Waiting for a place.",
      host_id: null,
      instances: [],
      workspace_id: alice.workspaceId,
    });

    expect((await scene.schedule()).placed).toEqual([id]);
    expect(await get(id)).toMatchObject({ status: "creating", host_id: "host-a" });
    expect((await get(id)).status_reason).toMatch(/^Host host-a is fetching/);
    expect(scene.api.nudged).toContain("host-a");

    const [desired] = await host.pull();
    expect(desired).toMatchObject({ want: "running", orderedBy: null, placementEpoch: 1 });
    expect(desired?.spec).toMatchObject({
      image: "busybox:1",
      network: `ws-${alice.workspaceId}`,
      cpuMilli: 1000,
      memoryBytes: GIB,
      env: { TEXT: "one\ntwo", GEMINI_CODE: "/gemini/code" },
    });
    expect(desired?.spec.gpus).toHaveLength(1);

    await host.round({ phase: "starting", detail: "Pulling the image." });
    expect(await get(id)).toMatchObject({ status: "creating", status_reason: "Pulling the image." });

    await host.round();
    const running = await get(id);
    expect(running).toMatchObject({
      status: "running",
      status_reason: null,
      status_deadline_at: null,
      storage_pool: "pool-host-a",
    });
    expect(running.instances).toHaveLength(1);
    expect(running.instances[0]).toMatchObject({
      state: "ready",
      host_id: "host-a",
      gpus: [
        {
          model: "NVIDIA L4",
          simulated: false,
          memory_mib: null,
          reading: {
            utilization_percent: 0,
            memory_used_mib: 0,
            temperature_c: 35,
            power_w: "20.5",
            sampled_at: expect.stringMatching(/Z$/),
          },
        },
      ],
      runs: [{ id: desired?.runId, charged: "0.0000", billed_minutes: 0 }],
    });

    expect((await act(id, "stop")).body).toMatchObject({ status: "stopping" });
    expect((await host.pull())[0]).toMatchObject({ want: "stopped", orderedBy: "customer" });
    await host.round({ phase: "stopping" });
    expect((await heldBy(id))[0]).toMatchObject({ released: false, cards: 1 });

    await host.round({ phase: "stopped" });
    expect(await get(id)).toMatchObject({ status: "stopped" });
    expect((await heldBy(id))[0]).toMatchObject({ want: "removed", released: true, gone: false, cards: 0 });
    // What the card does from now on is others'.
    expect((await get(id)).instances[0]?.gpus).toMatchObject([{ model: "NVIDIA L4", reading: null }]);

    await host.round();
    expect((await heldBy(id))[0]).toMatchObject({ gone: true });
    expect(await host.pull()).toEqual([]);
    await clear();
  });

  test("what was placed is on the host's row and leaves it again", async () => {
    const id = await environmentIn("running", { gpu: 2, cpu: 3 });
    expect(await host.row()).toMatchObject({ used_cpu: 3, used_memory: GIB, used_gpu: 2, total_gpu: 4 });

    await remove(id);
    await host.round();

    expect(await host.row()).toMatchObject({ used_cpu: 0, used_memory: 0, used_gpu: 0 });
    const gpus = await scene.api.db.query(
      "SELECT status, sharing_mode, allocated_to FROM gpus WHERE host_id = 'host-a'",
    );
    for (const gpu of gpus.rows)
      expect(gpu).toEqual({ status: "available", sharing_mode: null, allocated_to: null });
    await clear();
  });

  test("a start after a stop is a new placement with a new run, in the pool of the first", async () => {
    const id = await environmentIn("stopped");
    const other = await scene.host("host-b");

    expect((await act(id, "start")).body).toMatchObject({ status: "queued", host_id: null });
    await scene.schedule();
    await host.round();

    expect(await get(id)).toMatchObject({ status: "running", host_id: "host-a" });
    expect((await heldBy(id)).map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect((await get(id)).instances[0]?.runs).toHaveLength(2);
    expect(await other.pull()).toEqual([]);
    await scene.api.db.query("UPDATE hosts SET deleted_at = now() WHERE id = 'host-b'");
    await clear();
  });

  test("a restart is a new run of the same placement; the old run's end changes nothing about the environment", async () => {
    const id = await environmentIn("running", { gpu: 1 });
    const [before] = host.desired;

    expect((await act(id, "restart")).body).toMatchObject({ status: "restarting" });
    const [after] = await host.pull();
    expect(after).toMatchObject({ instanceId: before?.instanceId, placementEpoch: before?.placementEpoch });
    expect(after?.runId).not.toBe(before?.runId);

    await host.heartbeat();
    await host.report([
      host.observedOf(before!, { phase: "stopped" }),
      host.observedOf(after!, { phase: "starting", detail: "Waiting for the old run." }),
    ]);
    expect(await get(id)).toMatchObject({ status: "restarting", status_reason: "Waiting for the old run." });
    await host.round();
    expect(await get(id)).toMatchObject({ status: "running" });

    const { rows } = await scene.api.db.query(
      "SELECT id, waive_from IS NOT NULL AS waived FROM runs WHERE resource_id = $1 ORDER BY ordered_at",
      [id],
    );
    expect(rows).toEqual([
      { id: before?.runId, waived: true },
      { id: after?.runId, waived: false },
    ]);
    await clear();
  });

  test("a run that a person stops is not charged for more than a minute of the host's slowness", async () => {
    const id = await environmentIn("stopping");

    const { rows } = await scene.api.db.query(
      `SELECT extract(epoch FROM r.waive_from - v.at)::int AS seconds FROM runs r JOIN events v ON v.workload_id = r.resource_id
        WHERE r.resource_id = $1 AND v.new = 'stopping'`,
      [id],
    );
    expect(rows).toEqual([{ seconds: 60 }]);
    await clear();
  });

  test("events list the story, newest first, with who did it", async () => {
    const id = await environmentIn("stopped");

    const { body } = await scene.api.request("GET", `/api/v1/environments/${id}/events`, { as: alice });

    const storyOf = (kind: string) =>
      body.items.filter((event) => event.kind === kind).map((event) => [event.old, event.new, event.actor]);
    expect(storyOf("status")).toEqual([
      ["stopping", "stopped", "host host-a"],
      ["running", "stopping", `customer ${alice.customerId}`],
      ["creating", "running", "host host-a"],
      ["queued", "creating", "control-plane"],
      [null, "queued", `customer ${alice.customerId}`],
    ]);
    expect(storyOf("instance-state")).toEqual([
      ["ready", "stopped", "host host-a"],
      ["placed", "ready", "host host-a"],
      [null, "placed", "control-plane"],
    ]);
    await clear();
  });
});

describe("delete is legal in every state", () => {
  test.each(["queued", "creating", "running", "stopping", "restarting", "stopped", "error"] as const)(
    "%s",
    async (status) => {
      const id = await environmentIn(status, { gpu: 1 });
      expect(await get(id)).toMatchObject({ status });

      expect((await remove(id)).status).toBe(202);
      await host.round({ phase: "stopping" });
      await host.round();

      expect((await scene.api.request("GET", `/api/v1/environments/${id}`, { as: alice })).status).toBe(404);
      for (const placement of await heldBy(id)) expect(placement).toMatchObject({ gone: true, cards: 0 });
      await clear();
    },
  );

  test("a leader whose term is over writes not even why something waits", async () => {
    await environmentIn("running", { gpu: 1 });
    const { id } = (await scene.order(alice, { gpu: 4 })).body;

    await expect(scene.schedule({ term: 0 })).rejects.toThrow(LeadershipLostError);

    expect(await get(id)).toMatchObject({ status: "queued", status_reason: "Waiting for a place." });
    await scene.schedule();
    expect((await get(id)).status_reason).toContain("host-a");
    await clear();
  });

  test("deleting twice is fine, and a deletion is not forgotten before the host has applied it", async () => {
    const id = await environmentIn("running");
    await remove(id);
    expect((await remove(id)).status).toBe(202);

    // An old report that lacks the container says nothing: the host has not heard of the order yet.
    await host.report([]);
    expect(await get(id)).toMatchObject({ status: "deleting" });
    expect((await heldBy(id))[0]).toMatchObject({ gone: false, released: false });

    await host.round();
    expect((await scene.api.request("GET", `/api/v1/environments/${id}`, { as: alice })).status).toBe(404);
    await clear();
  });

  test("the host's state is requested again while a removal waits to be seen", async () => {
    const id = await environmentIn("running");
    await remove(id);
    await host.report([]);
    await host.pull();

    expect((await host.heartbeat()).observedDigest).toBeNull();
    await host.report([]);
    expect((await host.heartbeat()).observedDigest).not.toBeNull();
    expect((await heldBy(id))[0]).toMatchObject({ gone: true });
    await clear();
  });
});

describe("what does not go as ordered", () => {
  test.each([
    ["running", "start"],
    ["stopped", "stop"],
    ["stopped", "restart"],
    ["queued", "restart"],
    ["stopping", "start"],
  ] as const)("while %s, %s is a conflict with a sentence", async (status, verb) => {
    const id = await environmentIn(status);

    const answer = await act(id, verb);

    expect(answer.status).toBe(409);
    expect(answer.body.detail).toMatch(/environment/);
    expect(await get(id)).toMatchObject({ status });
    await clear();
  });

  test("a host in trouble gets nothing new; one that only warns of its runtime's settings does", async () => {
    const id = await environmentIn("queued");

    await host.heartbeat({ degraded: ["no-live-restore", "disk-full"] });
    await scene.schedule();
    expect((await get(id)).status_reason).toBe("Waiting for a place. host-a: it is degraded: disk-full.");

    await host.heartbeat({ degraded: ["no-live-restore"] });
    expect((await scene.schedule()).placed).toEqual([id]);
    await host.heartbeat();
    await clear();
  });

  test("an image that is nowhere ends in error with the host's words, and holds nothing", async () => {
    const id = await environmentIn("error", { gpu: 1 });

    expect(await get(id)).toMatchObject({ status: "error", status_reason: "no image" });
    expect((await heldBy(id))[0]).toMatchObject({ released: true, cards: 0, want: "removed" });
    await clear();
  });

  test("a missing mount sends the order back to the queue and skips that pool for a while", async () => {
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    await host.round({ phase: "failed", problem: "mount-missing", detail: "d/1 is not in the pool" });
    expect(await get(id)).toMatchObject({ status: "queued", host_id: null });
    expect((await get(id)).status_reason).toContain("d/1 is not in the pool");

    await scene.schedule();
    expect(await get(id)).toMatchObject({ status: "queued" });
    const why = await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice });
    expect(why.body.position).toBe(1);
    expect(why.body.hosts[0]!.reason).toContain("storage pool pool-host-a is skipped");

    scene.api.passMinutes(10);
    await host.heartbeat();
    await scene.schedule();
    expect(await get(id)).toMatchObject({ status: "creating" });
    await clear();
  });

  test("a start that takes too long is an error, the host is ordered to stop, and a late start changes nothing", async () => {
    const id = await environmentIn("creating", { gpu: 1 });
    await host.round({ phase: "starting", detail: "Pulling." });

    scene.api.passMinutes(31);
    await host.heartbeat();
    await scene.lifecycle();

    expect(await get(id)).toMatchObject({
      status: "error",
      status_reason: "Host host-a did not get the container running within 30 minutes.",
    });
    expect((await host.pull())[0]).toMatchObject({ want: "stopped", orderedBy: "control-plane" });
    await host.round({ phase: "ready" });
    expect(await get(id)).toMatchObject({ status: "error" });
    expect((await heldBy(id))[0]).toMatchObject({ released: false });

    await act(id, "start");
    expect((await scene.schedule()).placed).toEqual([]);
    expect((await get(id)).status_reason).toContain("Waiting for host host-a to confirm");
    await host.round({ phase: "stopped" });
    expect((await scene.schedule()).placed).toEqual([id]);
    await clear();
  });

  test("a stop that is not confirmed in time is an error, and stopped once the host answers after all", async () => {
    const id = await environmentIn("stopping", { gpu: 1 });

    scene.api.passMinutes(11);
    await host.heartbeat();
    await scene.lifecycle();
    expect(await get(id)).toMatchObject({ status: "error" });
    expect((await get(id)).status_reason).toContain("has not confirmed the stop within 10 minutes");
    expect((await heldBy(id))[0]).toMatchObject({ released: false, cards: 1 });

    await host.round({ phase: "stopped" });
    expect(await get(id)).toMatchObject({ status: "stopped" });
    await clear();
  });

  test("a deletion that is not confirmed goes on with a sentence and a new deadline", async () => {
    const id = await environmentIn("running");
    await remove(id);
    const before = (await get(id)).status_deadline_at;

    scene.api.passMinutes(11);
    await host.heartbeat();
    await scene.lifecycle();

    const after = await get(id);
    expect(after).toMatchObject({ status: "deleting" });
    expect(after.status_reason).toContain("it is done when the host answers");
    expect(Date.parse(after.status_deadline_at!)).toBeGreaterThan(Date.parse(before!));
    await clear();
  });

  test("a container that ends by itself is an error with its reason; a crash that is being repaired is not", async () => {
    const id = await environmentIn("running");
    await host.round({ phase: "starting", detail: "Exited with 1; starting again." });
    expect(await get(id)).toMatchObject({
      status: "running",
      status_reason: "Exited with 1; starting again.",
    });

    await host.round({
      phase: "failed",
      problem: "exited",
      detail: "Exited with 1 five times.",
      exitCode: 1,
    });

    expect(await get(id)).toMatchObject({ status: "error", status_reason: "Exited with 1 five times." });
    await clear();
  });

  test("a right to a dataset that was taken away since the order ends it before it is placed", async () => {
    const bob = await scene.customer("bob");
    const dataset = await scene.api.request("POST", "/api/v1/datasets", {
      as: bob,
      body: { name: "pictures", visibility: "public" },
    });
    await scene.api.request("PATCH", `/api/v1/datasets/${dataset.body.id}`, {
      as: scene.api.admin,
      body: { status: "ready" },
    });
    const ordered = await scene.order(alice, { mounted_datasets: [{ id: dataset.body.id }] });
    expect(ordered.body.mounted_datasets).toEqual([
      { id: dataset.body.id, path: "/gemini/data-1", readonly: true },
    ]);
    await scene.api.db.query("UPDATE datasets SET visibility = 'private' WHERE id = $1", [dataset.body.id]);

    await scene.schedule();

    expect(await get(ordered.body.id)).toMatchObject({ status: "error" });
    expect((await get(ordered.body.id)).status_reason).toContain(`no dataset ${dataset.body.id}`);
    await clear();
  });

  test("rows of the old system that claim they run are stopped, and nothing is charged", async () => {
    await scene.api.db.query(
      `INSERT INTO environments (id, customer_id, workspace_id, host_id, name, image, status, cpu, memory)
       VALUES ('env-old', $1, $2, 'host-a', 'old', 'busybox:1', 'running', 1, 1073741824)`,
      [alice.customerId, alice.workspaceId],
    );

    await scene.lifecycle();

    expect(await get("env-old")).toMatchObject({ status: "stopped", status_reason: "from the old system" });
    await clear();
  });
});
