import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from "vitest";
import { remotegpu } from "@remotegpu/control-plane/cli/program";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { ListenError } from "@remotegpu/control-plane/server/http/server/listen-error";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { SETTING_KEYS } from "@remotegpu/control-plane/server/core/settings";
import { raiseAlarmOnce } from "@remotegpu/control-plane/server/store/events/alarms";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { GIB } from "@remotegpu/shared/values/units";
import { openApi, problem, type RequestOptions, type Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { eventually } from "../../support/eventually.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number; uuid: string };
let bob: Caller & { workspaceId: number; uuid: string };
let admin: Caller;
let drains = 0;

beforeAll(async () => {
  scene = await openControlScene();
  admin = scene.api.admin;
  alice = await scene.customer("alice");
  bob = await scene.customer("bob");
});
afterAll(async () => await scene.close());

const request = async (method: string, path: string, as: Caller, body?: unknown) => {
  const options: RequestOptions = { as, ...(body !== undefined && { body }) };
  return await scene.api.request(method, `/api/v1${path}`, options);
};

const manyLabels = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`label/${at}.`, "x"]));

describe("hosts", () => {
  test("are named, labelled and moved to another pool", async () => {
    await scene.host("host-named");
    const change = {
      name: "Rack 3",
      public_ip: "192.0.2.7",
      labels: { zone: "b" },
      tags: ["quiet"],
      storage_pool: "shared-1",
    };

    const answer = await request("PATCH", "/hosts/host-named", admin, change);

    expect(answer).toMatchObject({ status: 200, body: { id: "host-named", ...change } });
    expect((await request("GET", "/hosts/host-named", admin)).body).toMatchObject(change);
    await request("DELETE", "/hosts/host-named", admin);
  });

  describe("with labels or tags that are absurd", () => {
    const known = { labels: { zone: "a" }, tags: ["quiet"] };
    beforeAll(async () => {
      await scene.host("host-absurd");
      await request("PATCH", "/hosts/host-absurd", admin, known);
    });
    afterAll(async () => void (await request("DELETE", "/hosts/host-absurd", admin)));

    test.each<[string, object]>([
      ["labels", { labels: manyLabels(65) }],
      ["labels.a b", { labels: { zone: "b", "a b": "x" } }],
      ["labels.__x", { labels: { __x: "x" } }],
      ["labels.zone", { labels: { zone: " b" } }],
      ["labels.zone", { labels: { zone: "\ud800" } }],
    ])("are refused by the field %s: %j", async (path, change) => {
      const answer = await request("PATCH", "/hosts/host-absurd", admin, change);

      expect([400, 422]).toContain(answer.status);
      expect(answer.body.errors.map((error: { path: string }) => error.path)).toEqual([path]);
      expect((await request("GET", "/hosts/host-absurd", admin)).body).toMatchObject(known);
    });
  });

  test("a host carries up to 64 labels of 63 characters", async () => {
    await scene.host("host-labelled");
    const longest = (key: string) => [key.padEnd(63, "k"), "v".repeat(63)];
    const labels = Object.fromEntries(Object.keys(manyLabels(64)).map(longest));

    expect(await request("PATCH", "/hosts/host-labelled", admin, { labels })).toMatchObject({
      status: 200,
      body: { labels },
    });
    await request("DELETE", "/hosts/host-labelled", admin);
  });

  test("a drained host takes nothing new and is ordered to stop what it has", async () => {
    const host = await scene.host("host-drained", { gpus: 1 });
    const { id } = (await scene.order(alice, { gpu: 1 })).body;
    await scene.schedule();
    await host.round();

    const drained = await request("POST", "/hosts/host-drained/drain", admin, { reason: "new power supply" });

    expect(drained.body).toMatchObject({ cordoned: true, cordon_reason: "new power supply" });
    expect(await scene.get(alice, id)).toMatchObject({ status: "stopping" });
    expect(scene.api.nudged.at(-1)).toBe("host-drained");
    expect(await host.pull()).toMatchObject([{ want: "stopped", orderedBy: "admin" }]);
    const { id: next } = (await scene.order(alice, { gpu: 1 })).body;
    await scene.schedule();
    expect(await scene.get(alice, next)).toMatchObject({ status: "queued" });
    for (const environment of [id, next]) await request("DELETE", `/environments/${environment}`, alice);
    await host.round({ phase: "stopped" });
    await host.round();
    expect(await request("DELETE", "/hosts/host-drained", admin)).toMatchObject({ status: 204 });
  });

  describe("drained by a deadline", () => {
    let host: ScriptedHost;
    let id: string;
    beforeEach(async () => {
      const name = `host-by-${drains++}`;
      host = await scene.host(name, { gpus: 1 });
      id = (await scene.order(alice, { gpu: 1 })).body.id;
      await scene.schedule();
      await host.round();
    });
    afterEach(async () => {
      await request("DELETE", `/environments/${id}`, alice);
      await host.round({ phase: "stopped" });
      await host.round();
      await request("DELETE", `/hosts/${host.id}`, admin);
    });
    const drain = async (options: object) => await request("POST", `/hosts/${host.id}/drain`, admin, options);

    test("it lets what runs go on until then, notifies its people, and then stops what is left", async () => {
      const drained = await drain({ reason: "new power supply", deadline_seconds: 3_600 });
      const until = drained.body.drain_deadline_at;
      await host.round();
      await scene.lifecycle();
      const warned = await scene.get(alice, id);
      const { items } = (await request("GET", `/environments/${id}/events`, alice)).body;
      scene.api.passMinutes(60);
      await scene.lifecycle();
      await host.heartbeat();
      const ordered = await host.pull();
      const stopping = await scene.get(alice, id);
      await host.round({ phase: "stopped" });

      expect(drained.body).toMatchObject({ cordoned: true, instance_count: 1 });
      const why = "Host host-by-0 is taken out of service (new power supply).";
      expect(warned).toMatchObject({
        status: "running",
        status_reason: `It is stopped at ${until}: ${why}`,
      });
      expect(items[0]).toMatchObject({ kind: "drained", new: until, reason: warned.status_reason });
      expect(ordered).toMatchObject([{ want: "stopped", orderedBy: "admin" }]);
      expect(stopping).toMatchObject({ status: "stopping", status_reason: why });
      expect(await scene.get(alice, id)).toMatchObject({ status: "stopped", status_reason: why });
      expect((await request("GET", `/hosts/${host.id}`, admin)).body).toMatchObject({
        drain_deadline_at: null,
        instance_count: 0,
      });
    });

    test.each(["cordon", "uncordon"])("%s before the deadline takes it back", async (verb) => {
      await drain({ deadline: new Date(scene.api.deps.now().getTime() + 60_000).toISOString() });

      const answer = await request("POST", `/hosts/${host.id}/${verb}`, admin, {});
      scene.api.passMinutes(2);
      await scene.lifecycle();
      await host.heartbeat();
      await host.round();

      expect(answer.body).toMatchObject({ cordoned: verb === "cordon", drain_deadline_at: null });
      expect(await scene.get(alice, id)).toMatchObject({ status: "running", status_reason: null });
      const { items } = (await request("GET", `/environments/${id}/events`, alice)).body;
      expect(items[0]).toMatchObject({ kind: "drained", new: "taken back" });
    });

    test.each([
      ["deadline", { deadline: "2020-01-01T00:00:00Z" }],
      ["deadline", { deadline: "2020-01-01T00:00:00Z", deadline_seconds: 60 }],
    ])("it is refused by its field %s where that cannot be: %j", async (path, options) => {
      const answer = await drain(options);

      expect([400, 422]).toContain(answer.status);
      expect(answer.body.errors).toMatchObject([{ path }]);
      expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
    });

    test("the command waits until nothing runs there, and reports what is left", async () => {
      const server = await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null });
      onTestFinished(async () => await server.close());
      const out = vi.spyOn(process.stdout, "write").mockReturnValue(true);
      const reported = vi.spyOn(process.stderr, "write").mockReturnValue(true);
      onTestFinished(() => {
        out.mockRestore();
        reported.mockRestore();
      });
      const texts = (spy: typeof out) => spy.mock.calls.map(([text]) => String(text)).join("");
      const where = ["--server", `http://127.0.0.1:${server.port}`, "--key", admin.key];
      const words = ["host", "drain", host.id, "--reason", "a fan", "--deadline", "2h", "--wait"];

      const ended = remotegpu().parseAsync([...words, ...where], { from: "user" });
      const left = `1 instance is left on host ${host.id}.`;
      await eventually(() => Promise.resolve(texts(reported).includes(left)), { what: "what is left" });
      scene.api.passMinutes(120);
      await scene.lifecycle();
      await host.heartbeat();
      await host.round({ phase: "stopped" });
      await ended;

      expect(texts(reported)).toMatch(
        new RegExp(`^Host ${host.id} is drained: what runs there is stopped at \\S+Z\\.\n`),
      );
      expect(texts(out)).toBe(`Nothing runs on host ${host.id} any more.\n`);
    });
  });

  test("one that still runs something goes only when it is declared lost, and takes that with it", async () => {
    const host = await scene.host("host-lost", { gpus: 1 });
    const { id } = (await scene.order(alice, { gpu: 1 })).body;
    await scene.schedule();
    await host.round();
    expect(await scene.get(alice, id)).toMatchObject({ status: "running" });

    expect(await request("DELETE", "/hosts/host-lost", admin)).toMatchObject(problem(409));
    expect(await request("DELETE", "/hosts/host-lost?lost=true", admin)).toMatchObject({ status: 204 });

    const left = await scene.get(alice, id);
    expect(left).toMatchObject({ status: "error" });
    expect(left.status_reason).toContain("declared lost");
    const { rows } = await scene.api.db.query(
      `SELECT r.closed_at IS NOT NULL AS closed, p.gone_at IS NOT NULL AS gone, p.state,
              (SELECT count(*) FROM gpu_allocations a WHERE a.instance_id = p.instance_id AND a.released_at IS NULL) AS cards
         FROM runs r JOIN placements p ON p.run_id = r.id WHERE r.resource_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ closed: true, gone: true, state: "lost", cards: 0 }]);
    expect(await request("GET", "/hosts/host-lost", admin)).toMatchObject(problem(404));
    expect(await request("DELETE", `/environments/${id}`, alice)).toMatchObject({
      status: expect.any(Number),
    });
    expect((await request("GET", `/environments/${id}`, alice)).status).toBe(404);
  });

  test("stops are confirmed for a generation that the host's orders have reached, not for the future", async () => {
    await scene.host("host-confirm");
    const { generation } = (await request("GET", "/hosts/host-confirm", admin)).body;

    const path = "/hosts/host-confirm/confirm-stops";
    expect(await request("POST", path, admin, { generation: generation + 1 })).toMatchObject(problem(409));
    expect((await request("POST", path, admin, { generation })).body).toMatchObject({
      confirmed_stops: generation,
    });
    await request("DELETE", "/hosts/host-confirm", admin);
  });

  test("an address is confirmed by an administrator as the host reports it, and never one that is no host's", async () => {
    const { db } = scene.api;
    await db.query(
      "INSERT INTO hosts (id, name, ip_address) VALUES ('host-moves', 'm', '10.0.0.7'), ('host-lies', 'l', '169.254.169.254')",
    );
    const confirm = (host: string, address: string | null, as = admin) =>
      request("POST", `/hosts/${host}/confirm-address`, as, { address });

    expect(await confirm("host-moves", "10.0.0.8")).toMatchObject(problem(409));
    expect((await confirm("host-moves", "::ffff:10.0.0.7")).body).toMatchObject({
      address_confirmed_by: "administrator",
      address_detail: "It reports 10.0.0.7, which an administrator has confirmed.",
    });
    await db.query("UPDATE hosts SET ip_address = '10.0.0.8' WHERE id = 'host-moves'");
    expect((await request("GET", "/hosts/host-moves", admin)).body).toMatchObject({
      address_confirmed_by: null,
    });
    expect((await confirm("host-moves", null)).status).toBe(200);
    expect(await confirm("host-lies", "169.254.169.254")).toMatchObject(problem(409));
    const { rows } = await db.query(
      "SELECT confirmed_address FROM hosts WHERE id IN ('host-moves', 'host-lies')",
    );
    expect(rows).toEqual([{ confirmed_address: null }, { confirmed_address: null }]);
    const events = await db.query(
      "SELECT host_id, old, new FROM events WHERE kind = 'host-address-confirmed' ORDER BY id",
    );
    expect(events.rows).toEqual([
      { host_id: "host-moves", old: null, new: "10.0.0.7" },
      { host_id: "host-moves", old: "10.0.0.7", new: null },
    ]);
    const audited = await db.query(
      "SELECT outcome FROM audit_log WHERE action = 'host.confirm-address' AND target_id = 'host-moves' AND outcome = 'done'",
    );
    expect(audited.rowCount).toBe(2);
    await db.query("UPDATE hosts SET deleted_at = now() WHERE id IN ('host-moves', 'host-lies')");
  });

  test("a cordoned GPU is passed over and comes back", async () => {
    const host = await scene.host("host-gpu", { gpus: 1 });
    const uuid = host.gpus[0]?.uuid ?? "";
    await request("POST", `/gpus/${uuid}/cordon`, admin, { reason: "hot" });
    const { id } = (await scene.order(alice, { gpu: 1 })).body;

    await scene.schedule();
    expect(await scene.get(alice, id)).toMatchObject({ status: "queued" });
    await request("POST", `/gpus/${uuid}/uncordon`, admin);
    await scene.schedule();
    expect(await scene.get(alice, id)).toMatchObject({ status: "creating" });

    expect((await request("GET", "/fleet", admin)).body).toMatchObject({ gpus_total: 1, gpus_free: 0 });
    await request("DELETE", `/environments/${id}`, alice);
    await host.round();
    await request("DELETE", "/hosts/host-gpu?lost=true", admin);
  });
});

describe("datasets and models", () => {
  test.each(["datasets", "models"])("%s of a customer lie in a folder of their own", async (kind) => {
    const { body } = await request("POST", `/${kind}`, alice, { name: "faces" });

    expect(body).toMatchObject({ storage_path: `${alice.uuid}/${kind}/${body.id}`, status: "uploading" });
  });

  test("a dataset and a model with the same number have two folders; a path of before stays", async () => {
    const { db } = scene.api;
    await db.query("SELECT setval(pg_get_serial_sequence(kind, 'id'), 7000) FROM unnest($1::text[]) kind", [
      ["datasets", "models"],
    ]);
    const placed = async (kind: string) => (await request("POST", `/${kind}`, alice, { name: "one" })).body;
    const [dataset, model] = [await placed("datasets"), await placed("models")];
    await db.query("UPDATE models SET storage_path = $1 WHERE id = $2", [
      `${alice.uuid}/${model.id}`,
      model.id,
    ]);

    expect([dataset.id, model.id]).toEqual([7001, 7001]);
    expect(dataset.storage_path).toBe(`${alice.uuid}/datasets/7001`);
    const ownOf = (entry: object) =>
      Object.keys(entry).filter((name) => ["framework", "storage_type", "file_count"].includes(name));
    expect([ownOf(dataset), ownOf(model)]).toEqual([["storage_type", "file_count"], ["framework"]]);
    const renamed = await request("PATCH", `/models/${model.id}`, alice, { name: "two" });
    expect(renamed.body).toMatchObject({ name: "two", storage_path: `${alice.uuid}/7001` });
  });

  test("an administrator sets where the files are, below the pool", async () => {
    const placed = await request("POST", "/datasets", admin, { name: "big", storage_path: "public/big" });
    expect(placed.body).toMatchObject({ storage_path: "public/big", status: "ready" });
    const own = (await request("POST", "/datasets", alice, { name: "mine" })).body;
    const elsewhere = await request("PATCH", `/datasets/${own.id}`, admin, { storage_path: "public/mine" });
    expect(elsewhere.body).toMatchObject({ storage_path: "public/mine", status: "ready" });

    for (const storage_path of ["/etc", "../x", "a/../b", "a//b", "", "a/./b", "a\u0000b"])
      expect(await request("POST", "/datasets", admin, { name: "x", storage_path })).toMatchObject(
        problem(422),
      );
  });

  test("sharing with a workspace needs one, and the right to work there", async () => {
    const shared = { name: "x", visibility: "workspace" };

    expect(await request("POST", "/datasets", alice, shared)).toMatchObject(problem(422));
    const foreign = { ...shared, workspace_id: bob.workspaceId };
    expect(await request("POST", "/datasets", alice, foreign)).toMatchObject(problem(404));
    const own = await request("POST", "/datasets", alice, { ...shared, workspace_id: alice.workspaceId });
    expect(own.status).toBe(201);
    expect(await request("PATCH", `/datasets/${own.body.id}`, alice, { workspace_id: null })).toMatchObject(
      problem(422),
    );
  });

  test.each([
    ["datasets", "mounted_datasets"],
    ["models", "mounted_models"],
  ])("%s that are mounted cannot be deleted until the workload is", async (kind, field) => {
    const { id } = (await request("POST", `/${kind}`, alice, { name: "held" })).body;
    await request("PATCH", `/${kind}/${id}`, admin, { status: "ready" });
    const order = await scene.order(alice, { [field]: [{ id }] });
    expect(order.status).toBe(201);

    const refused = await request("DELETE", `/${kind}/${id}`, alice);
    expect(refused).toMatchObject(problem(409));
    expect(refused.body.detail).toContain(order.body.id);
    await request("DELETE", `/environments/${order.body.id}`, alice);
    expect(await request("DELETE", `/${kind}/${id}`, alice)).toMatchObject({ status: 204 });
    expect(await request("GET", `/${kind}/${id}`, alice)).toMatchObject(problem(404));
  });
});

describe("who mounts data", () => {
  const HELD = [
    ["datasets", "mounted_datasets"],
    ["models", "mounted_models"],
  ] as const;
  const mountedBy = async (path: string, as: Caller) => (await request("GET", path, as)).body.mounted_by;

  test.each(HELD)("of %s is reported to its owner: how many, and the first by name", async (kind, field) => {
    const { body } = await request("POST", `/${kind}`, alice, { name: "told", visibility: "public" });
    expect(body.mounted_by).toEqual({ count: 0, workloads: [] });
    await request("PATCH", `/${kind}/${body.id}`, admin, { status: "ready" });
    const names = ["a", "b", "c", "d", "e", "f"];
    for (const name of names) await scene.order(alice, { name, [field]: [{ id: body.id }] });
    const { id: other } = (await scene.order(bob, { name: "bob's", [field]: [{ id: body.id }] })).body;

    const reported = await mountedBy(`/${kind}/${body.id}`, alice);
    expect(reported.count).toBe(7);
    expect(reported.workloads).toEqual(
      names.slice(0, 5).map((name) => ({ kind: "environment", id: expect.any(String), name })),
    );
    const seen = { count: 1, workloads: [{ kind: "environment", id: other, name: "bob's" }] };
    expect(await mountedBy(`/${kind}/${body.id}`, bob)).toEqual(seen);
    const { items } = (await request("GET", `/${kind}?name=told`, bob)).body;
    expect(items).toMatchObject([{ id: body.id, mounted_by: seen }]);
    expect((await mountedBy(`/${kind}/${body.id}`, admin)).count).toBe(7);
    await request("DELETE", `/environments/${other}`, bob);
    expect(await mountedBy(`/${kind}/${body.id}`, bob)).toEqual({ count: 0, workloads: [] });
  });
});

describe("workspaces", () => {
  test("a personal one stays, one with workloads stays until they are deleted, a deleted one is not there", async () => {
    expect(await request("DELETE", `/workspaces/${alice.workspaceId}`, alice)).toMatchObject(problem(409));
    const { id } = (await request("POST", "/workspaces", alice, { name: "team" })).body;
    const order = await scene.order(alice, { workspace_id: id });

    expect(await request("DELETE", `/workspaces/${id}`, alice)).toMatchObject(problem(409));
    await request("DELETE", `/environments/${order.body.id}`, alice);
    expect(await request("DELETE", `/workspaces/${id}`, alice)).toMatchObject({ status: 204 });
    expect(await request("GET", `/workspaces/${id}`, alice)).toMatchObject(problem(404));
  });

  test("a suspended member is a stranger, the owner stays the owner, and nobody is added twice", async () => {
    const { id } = (await request("POST", "/workspaces", alice, { name: "team" })).body;
    const members = `/workspaces/${id}/members`;
    await scene.api.join(id, alice, bob, "admin");

    await request("POST", members, alice, { username: "bob", role: "viewer" });
    expect((await request("GET", "/invitations", bob)).body.items).toEqual([]);
    expect(await request("PATCH", `${members}/${alice.customerId}`, bob, { role: "viewer" })).toMatchObject(
      problem(409),
    );
    expect(await request("DELETE", `${members}/${alice.customerId}`, bob)).toMatchObject(problem(409));
    expect((await request("GET", `/workspaces/${id}`, bob)).body).toMatchObject({
      role: "admin",
      member_count: 2,
    });
    await request("PATCH", `${members}/${bob.customerId}`, alice, { status: "suspended" });
    expect(await request("GET", `/workspaces/${id}`, bob)).toMatchObject(problem(404));
  });
});

describe("share weights", () => {
  test("are 1 until an administrator sets another, which members see", async () => {
    const { id } = (await request("POST", "/workspaces", alice, { name: "weighed" })).body;
    const before = await request("GET", `/workspaces/${id}`, alice);

    const answer = await request("PUT", `/workspaces/${id}/share-weight`, admin, { share_weight: 1000 });

    expect(before.body.share_weight).toBe(1);
    expect(answer).toMatchObject({ status: 200, body: { share_weight: 1000 } });
    expect((await request("GET", `/workspaces/${id}`, alice)).body.share_weight).toBe(1000);
  });

  test("of a payer are an administrator's to set as well", async () => {
    const path = `/customers/${alice.customerId}/share-weight`;

    expect(await request("PUT", path, admin, { share_weight: 3 })).toMatchObject({
      status: 200,
      body: { share_weight: 3 },
    });
    expect((await request("GET", `/customers/${alice.customerId}`, admin)).body.share_weight).toBe(3);
    expect(await request("PUT", path, admin, { share_weight: 1 })).toMatchObject({ status: 200 });
    expect(await request("PUT", "/customers/999999/share-weight", admin, { share_weight: 2 })).toMatchObject(
      problem(404),
    );
  });

  test("of an archived workspace and of none at all are 404", async () => {
    const { id } = (await request("POST", "/workspaces", alice, { name: "gone" })).body;
    await request("DELETE", `/workspaces/${id}`, alice);

    for (const each of [id, 999_999])
      expect(
        await request("PUT", `/workspaces/${each}/share-weight`, admin, { share_weight: 2 }),
      ).toMatchObject(problem(404));
  });
});

describe("quotas", () => {
  const options = { cpu_quota: 2, memory_quota: 0, gpu_quota: 0, storage_quota: 1, environment_quota: 3 };

  test("without a row the defaults of the setting hold", async () => {
    await setSetting(scene.api.db, "DEFAULT_QUOTA_LEVEL", "free");
    const free = await request("GET", `/customers/${bob.customerId}/quota`, admin);
    await setSetting(scene.api.db, "DEFAULT_QUOTA_LEVEL", "professional");
    const professional = await request("GET", `/customers/${bob.customerId}/quota`, admin);

    expect(free.body).toEqual({
      quota_level: "free",
      cpu_quota: 4,
      memory_quota: 8192,
      gpu_quota: 0,
      storage_quota: 10_737_418_240,
      environment_quota: 1,
    });
    expect(professional.body).toMatchObject({ quota_level: "professional", gpu_quota: 8 });
  });

  test("a set quota is read back, also its zeros, and a workspace's is its own", async () => {
    const customer = `/customers/${bob.customerId}/quota`;
    const workspace = `/workspaces/${bob.workspaceId}/quota`;
    await request("PUT", customer, admin, options);
    await request("PUT", customer, admin, { ...options, cpu_quota: 3 });

    expect((await request("GET", customer, admin)).body).toEqual({
      ...options,
      cpu_quota: 3,
      quota_level: "custom",
    });
    expect((await request("GET", workspace, admin)).body).toMatchObject({ cpu_quota: 3 });
    await request("PUT", workspace, admin, { ...options, cpu_quota: 1 });
    expect((await request("GET", workspace, admin)).body).toMatchObject({ cpu_quota: 1 });
    expect((await request("GET", customer, admin)).body).toMatchObject({ cpu_quota: 3 });
    const { rows } = await scene.api.db.query("SELECT FROM resource_quotas WHERE customer_id = $1", [
      bob.customerId,
    ]);
    expect(rows).toHaveLength(2);
  });
});

describe("settings", () => {
  test("are listed with the value that holds, changed, and hold at once", async () => {
    const selma = await scene.customer("selma");
    const before = (await request("GET", "/settings?limit=200", admin)).body.items;

    const changed = await request("PUT", "/settings/DEFAULT_QUOTA_LEVEL", admin, { value: "basic" });

    expect(before.map(({ key }: { key: string }) => key)).toEqual([...SETTING_KEYS]);
    for (const visible of [
      { key: "ALLOW_PLAIN_HTTP_PORTS", value: "off", default: "off", updated_at: null },
      { key: "DEFAULT_QUOTA_LEVEL", value: "professional", default: "free" },
      { key: "FREE_STORAGE_GB", value: "50", default: "50", updated_at: null },
      { key: "MIN_START_MINUTES", value: "60", default: "60", updated_at: null },
    ])
      expect(before).toContainEqual(expect.objectContaining(visible));
    expect(changed).toMatchObject({ status: 200, body: { value: "basic", updated_at: expect.any(String) } });
    expect((await request("GET", "/settings/DEFAULT_QUOTA_LEVEL", admin)).body).toEqual(changed.body);
    expect((await request("GET", `/customers/${selma.customerId}/quota`, admin)).body).toMatchObject({
      quota_level: "basic",
    });
    const [entry] = (await request("GET", "/audit-log?limit=1", admin)).body.items;
    expect(entry).toMatchObject({ method: "PUT", subject: "settings/DEFAULT_QUOTA_LEVEL", status: 200 });
    await setSetting(scene.api.db, "DEFAULT_QUOTA_LEVEL", "professional");
  });

  test.each([
    ["DEFAULT_QUOTA_LEVEL", "infinite"],
    ["MIN_START_MINUTES", "-1"],
    ["MIN_START_MINUTES", "1e9"],
  ])("%s does not take %j", async (key, value) => {
    const answer = await request("PUT", `/settings/${key}`, admin, { value });

    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: "value" }] } });
  });

  test("that are not known are refused by name", async () => {
    const refusal = { status: 422, body: { errors: [{ path: "key" }] } };

    expect(await request("GET", "/settings/PASSWORD", admin)).toMatchObject(refusal);
    expect(await request("PUT", "/settings/PASSWORD", admin, { value: "1" })).toMatchObject(refusal);
  });
});

describe("money", () => {
  test("a top-up is in the balance, and so is an adjustment", async () => {
    const carol = await scene.customer("carol", "12.5");
    const path = `/customers/${carol.customerId}`;

    expect((await request("GET", "/billing/balance", carol)).body).toMatchObject({
      balance: "12.5000",
      accrued: "0.0000",
      burn_per_hour: "0.0000",
      hours_left: null,
      hours_left_after_accrued: null,
    });
    const adjusted = await request("POST", `${path}/adjustments`, admin, { amount: "-2.25", reason: "typo" });
    expect(adjusted.body).toMatchObject({ balance: "10.2500", overdue_status: "normal" });
    expect((await request("GET", path, admin)).body.balance).toBe("10.2500");
  });

  test("a refund is for a run of this customer, and for no more than it was charged", async () => {
    const host = await scene.host("host-refund");
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    await host.round();
    const { rows } = await scene.api.db.query<{ id: string }>("SELECT id FROM runs WHERE resource_id = $1", [
      id,
    ]);
    const refund = { run_id: rows[0]?.id, amount: "1" };

    const others = await request("POST", `/customers/${bob.customerId}/refunds`, admin, refund);
    const tooMuch = await request("POST", `/customers/${alice.customerId}/refunds`, admin, refund);

    expect(others).toMatchObject(problem(422));
    expect(others.body.errors).toMatchObject([{ path: "run_id" }]);
    expect(tooMuch.body.errors).toMatchObject([{ path: "amount" }]);
    await request("DELETE", "/hosts/host-refund?lost=true", admin);
    await request("DELETE", `/environments/${id}`, alice);
  });

  test("a raised credit limit makes an overdue account normal again", async () => {
    const dora = await scene.customer("dora", "1");
    const path = `/customers/${dora.customerId}`;
    const fallen = await request("POST", `${path}/adjustments`, admin, {
      amount: "-5",
      reason: "late usage",
    });
    expect(fallen.body).toMatchObject({ balance: "-4.0000", overdue_status: "overdue" });

    const raised = await request("PATCH", path, admin, { credit_limit: "10" });

    expect(raised.body).toMatchObject({ credit_limit: "10.0000", overdue_status: "normal" });
  });
});

describe("prices and estimates", () => {
  const price = async (spec: string, line: string, unit_price: string, more: object = {}) =>
    await request("POST", "/prices", admin, {
      spec,
      line,
      unit_price,
      billing_unit: "hour",
      new_spec: true,
      ...more,
    });

  test("an order costs what its lines state, by the dearest model it may land on", async () => {
    await scene.host("host-models", { gpus: 1 });
    await price("models", "cpu", "0.1");
    await price("models", "memory", "0.01");
    await price("models", "gpu", "1");
    await price("models", "gpu:NVIDIA L4", "2.5");
    const order = { spec: "models", cpu: 2, memory: 4 * GIB, gpu: 1, minutes: 90, instances: 2 };

    const answer = await request("POST", "/billing/estimate", bob, order);

    // (0.2 + 0.04 + 2.5) an hour, for an hour and a half, twice.
    expect(answer.body).toMatchObject({ per_hour: "2.7400", amount: "8.2200", minutes: 90, instances: 2 });
    expect(answer.body.lines.map(({ line }: { line: string }) => line)).toEqual([
      "cpu",
      "memory",
      "gpu:NVIDIA L4",
    ]);
    await request("DELETE", "/hosts/host-models", admin);
  });

  test("a resource without a price is named", async () => {
    await price("bare", "cpu", "0");

    const noMemory = await request("POST", "/billing/estimate", bob, { spec: "bare", cpu: 1, memory: GIB });
    const noSpec = await request("POST", "/billing/estimate", bob, {
      spec: "unheard-of",
      cpu: 1,
      memory: GIB,
    });

    expect(noMemory).toMatchObject(problem(422));
    expect(noMemory.body.detail).toContain("no price for memory");
    expect(noMemory.body.errors).toMatchObject([{ path: "memory" }]);
    expect(noSpec.body.errors).toMatchObject([{ path: "spec" }]);
    expect(noSpec.body.detail).toMatch(/there is no spec unheard-of; sold are bare, default/);
  });

  test.each([
    ["cpu", { cpu: 2 }],
    ["memory", { memory: GIB + 1 }],
    ["gpu", { gpu: 2 }],
    ["gpu_memory", { gpu: 1, gpu_memory: GIB + 1 }],
    ["temp_storage", { temp_storage: 1 }],
  ])("what a spec does not include is named: %s", async (path, more) => {
    const shape = { cpu: 1, memory: GIB, gpu: 1, gpu_memory: GIB };
    await request("PUT", "/specs/boxed", admin, { shape, description: null });
    await price("boxed", "spec", "1");

    const answer = await request("POST", "/billing/estimate", bob, {
      spec: "boxed",
      cpu: 1,
      memory: GIB,
      ...more,
    });

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors).toMatchObject([{ path }]);
  });

  test("a price is never given twice for one moment, and storage keeps to its spec", async () => {
    const at = { effective_from: "2031-01-01T00:00:00+08:00" };

    expect((await price("twice", "cpu", "1", at)).body).toMatchObject({
      unit_price: "1.000000",
      effective_from: "2030-12-31T16:00:00.000Z",
    });
    expect(await price("twice", "cpu", "2", at)).toMatchObject(problem(409));
    expect(await price("storage", "cpu", "1")).toMatchObject(problem(422));
    expect(await price("twice", "storage", "1")).toMatchObject(problem(422));
  });

  test("a spec's shape is stored as it was given", async () => {
    const shape = { cpu: 8, memory: 64 * GIB, gpu: 1, gpu_model: "NVIDIA L4" };

    await request("PUT", "/specs/l4-small", admin, { shape, description: "One L4" });

    expect((await request("GET", "/specs/l4-small", bob)).body).toMatchObject({
      shape,
      description: "One L4",
    });
  });
});

describe("SSH keys", () => {
  const ed25519 = (fill: Buffer) =>
    `ssh-ed25519 ${Buffer.concat([field("ssh-ed25519"), field(fill)]).toString("base64")}`;
  const rsa = (bits: number) => {
    const { n = "", e = "" } = generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({
      format: "jwk",
    });
    const numbers = [e, n].map((number) =>
      Buffer.concat([Buffer.from([0]), Buffer.from(number, "base64url")]),
    );
    return `ssh-rsa ${Buffer.concat([field("ssh-rsa"), ...numbers.map(field)]).toString("base64")}`;
  };
  /** Only its length matters. */
  function longRsa(bits: number): string {
    const numbers = [Buffer.from([1, 0, 1]), Buffer.concat([Buffer.from([0]), Buffer.alloc(bits / 8, 255)])];
    return `ssh-rsa ${Buffer.concat([field("ssh-rsa"), ...numbers.map(field)]).toString("base64")}`;
  }
  function longEcdsa(): string {
    const type = "ecdsa-sha2-nistp256";
    return `${type} ${Buffer.concat([field(type), field("nistp256"), field(Buffer.alloc(4096))]).toString("base64")}`;
  }
  function field(content: string | Buffer): Buffer {
    const bytes = Buffer.from(content);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  }

  test("a key is stored as one line with the fingerprint that ssh-keygen shows", async () => {
    const key = ed25519(randomBytes(32));
    const digest = createHash("sha256")
      .update(Buffer.from(key.split(" ")[1] ?? "", "base64"))
      .digest("base64");

    const answer = await request("POST", "/ssh-keys", alice, {
      name: "laptop",
      public_key: `${key}   me@laptop \n`,
    });

    expect(answer.body).toMatchObject({
      public_key: `${key} me@laptop`,
      fingerprint: `SHA256:${digest.replace(/=+$/, "")}`,
    });
    expect(await request("POST", "/ssh-keys", alice, { name: "again", public_key: key })).toMatchObject(
      problem(409),
    );
    expect((await request("POST", "/ssh-keys", bob, { name: "shared", public_key: key })).status).toBe(201);
  });

  test.each([
    ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"],
    ["options before the type", `command="sh" ${ed25519(Buffer.alloc(32))}`],
    ["two lines", `${ed25519(Buffer.alloc(32))}\n${ed25519(Buffer.alloc(32, 1))}`],
    ["a body of another type", ed25519(Buffer.alloc(32)).replace("ssh-ed25519 ", "ssh-rsa ")],
    ["a cut body", ed25519(Buffer.alloc(32)).slice(0, -8)],
    ["a short RSA key", rsa(1024)],
    ["a longer RSA key than OpenSSH takes", longRsa(16_392)],
    ["a key with more in it than any has", longEcdsa()],
    ["a DSA key", "ssh-dss AAAAB3NzaC1kc3MAAACBAAAAAAAA"],
    ["nothing", ""],
  ])("%s is refused", async (_what, public_key) => {
    const answer = await request("POST", "/ssh-keys", alice, { name: "k", public_key });

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors).toMatchObject([{ path: "public_key" }]);
  });

  test("an RSA key of 2048 bits is taken, and the longest that OpenSSH takes", async () => {
    for (const public_key of [rsa(2048), longRsa(16_384)])
      expect((await request("POST", "/ssh-keys", alice, { name: "k", public_key })).status).toBe(201);
  });

  test("a customer has 64 at most, and the refusal states so", async () => {
    const many = await scene.customer("many-keys");
    const add = async () =>
      await request("POST", "/ssh-keys", many, { name: "k", public_key: ed25519(randomBytes(32)) });
    for (let n = 0; n < 63; n += 1) expect((await add()).status).toBe(201);

    const [first, second] = await Promise.all([add(), add()]);

    expect([first.status, second.status].toSorted((a, b) => a - b)).toEqual([201, 409]);
    const refused = first.status === 409 ? first : second;
    expect(refused.body.detail).toBe("There are 64 keys already, which is the most; remove one first.");
    const { items } = (await request("GET", "/ssh-keys?limit=1", many)).body;
    expect((await request("DELETE", `/ssh-keys/${items[0].id}`, many)).status).toBe(204);
    expect((await add()).status).toBe(201);
  });
});

const LOUD = { code: "host-requests-too-many", params: { host_id: "host-loud" } } as const;

describe("alarms", () => {
  const open = async () =>
    (await request("GET", "/alarms", admin)).body.items.filter(
      ({ cleared_at: clearedAt, subject }: { cleared_at: string | null; subject: string }) =>
        clearedAt === null && subject === "host-loud",
    );
  const happens = async () =>
    await transaction(scene.api.db, (sql) =>
      raiseAlarmOnce(sql, { kind: "host-floods", subject: "host-loud", reason: LOUD, now: new Date() }),
    );
  const clear = async (id: number) => await request("POST", `/alarms/${id}/clear`, admin);

  test("are cleared by whoever has checked them, once, and come again with what they report", async () => {
    await happens();
    const [first] = await open();

    const cleared = await clear(first.id);
    const none = await open();
    const again = await clear(first.id);
    await happens();

    expect(cleared).toMatchObject({ status: 200, body: { id: first.id, cleared_at: expect.any(String) } });
    expect(none).toEqual([]);
    expect(again.body).toEqual(cleared.body);
    expect(await open()).toEqual([{ ...first, id: expect.any(Number), raised_at: expect.any(String) }]);
    expect((await open())[0].id).not.toBe(first.id);
    // Of what is refused in one minute, only the first has rows of its own.
    scene.api.passMinutes(1);
    expect(await clear(987_654)).toMatchObject(problem(404));
    const [entry] = (await request("GET", "/audit-log?limit=1", admin)).body.items;
    expect(entry).toMatchObject({ method: "POST", route: "/api/v1/alarms/987654/clear", status: 404 });
  });
});

describe("the reason of an alarm", () => {
  const alarmOf = async (subject: string) =>
    (await request("GET", `/alarms?subject=${subject}`, admin)).body.items[0];

  test("is a code with parameters beside its text", async () => {
    const reason = { code: "gpu-not-listed", params: { gpu_uuid: "GPU-1", host_id: "h-1" } } as const;
    await transaction(scene.api.db, (sql) =>
      raiseAlarmOnce(sql, { kind: "gpu-vanished", subject: "reason-coded", reason, now: new Date() }),
    );

    expect(await alarmOf("reason-coded")).toMatchObject({
      detail: "GPU GPU-1 is gone: host h-1 no longer lists it",
      reason_code: reason.code,
      reason_params: reason.params,
    });
  });

  test("that an older version wrote as a text alone has the code of that", async () => {
    await scene.api.db.query(
      "INSERT INTO alarms (kind, subject, detail) VALUES ('gpu-vanished', 'reason-text', 'It is gone.')",
    );

    expect(await alarmOf("reason-text")).toMatchObject({
      detail: "It is gone.",
      reason_code: "as-reported",
      reason_params: { text: "It is gone." },
    });
  });
});

describe("the server", () => {
  test("opens a port, hands out the bundle and the script, and reports what is wrong with a taken port", async () => {
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-bundle-"));
    writeFileSync(join(folder, "agent.tar.gz"), "the bundle");
    const api = await openApi({ bundle: () => ({ folder, installScript: "#!/bin/sh\n" }) });
    const server = await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null });
    const get = async (path: string) => await fetch(`http://127.0.0.1:${server.port}${path}`);
    try {
      expect(await (await get("/bundles/agent.tar.gz")).text()).toBe("the bundle");
      expect(await (await get("/install.sh")).text()).toBe("#!/bin/sh\n");
      expect((await get("/bundles/..%2f..%2fetc%2fpasswd")).status).toBe(422);
      expect((await get("/bundles/missing")).status).toBe(404);
      expect((await get("/metrics")).status).toBe(200);

      const taken = openServer(api.app, { host: "127.0.0.1", port: server.port, tls: null });
      await expect(taken).rejects.toThrow(ListenError);
      await expect(taken).rejects.toThrow("the port is taken");
    } finally {
      await server.close();
      await api.close();
      rmSync(folder, { recursive: true });
    }
  });
});
