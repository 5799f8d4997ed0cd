/**
 * The product on the rows of the old system, after the upgrade: what says that it runs is ended once and for nothing,
 * everything can be read by those it belongs to, and an environment can be started again.
 */
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { lifecyclePass } from "@remotegpu/control-plane/server/controllers/lifecycle";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { GIB } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type ApiWorld, type Caller, openApi } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import {
  type OldRow,
  type OldRows,
  type OldSystem,
  oldSystem,
} from "../../support/old-system/old-database.ts";
import { AS_FOUND } from "../../support/old-system/old-form.ts";
import { oldRows } from "../../support/old-system/old-rows.ts";

const LONG_SCRIPT = "数据𝄞 ".repeat(128);
const ODD_ID = "Env.Odd/环境 1";

const ADA = 11;
const BOB = 12;
const EVE = 13;
const CAROL = 14;
const NO_HANDLERS = 999;
const TEAM = 70;
const ARCHIVED = 71;

const customer = (id: number, username: string, more: OldRow = {}): OldRow => ({
  id,
  username,
  email: `${username}@example.com`,
  password_hash: "x",
  user_type: "external",
  ...more,
});
const environment = (id: string, more: OldRow = {}): OldRow => ({
  id,
  customer_id: ADA,
  host_id: "old-host",
  name: id,
  image: "busybox:1",
  status: "stopped",
  cpu: 1,
  memory: GIB,
  created_at: "2024-05-06 07:08:09.123456",
  ...more,
});
const job = (id: string, more: OldRow = {}): OldRow => ({
  id,
  customer_id: ADA,
  name: id,
  script_path: "train.py",
  status: "completed",
  created_at: "2024-05-06 07:08:09",
  ...more,
});
const service = (id: string, more: OldRow = {}): OldRow => ({
  id,
  customer_id: ADA,
  name: id,
  status: "stopped",
  replicas: 2,
  ...more,
});
const lease = (env_id: string, external_port: number, more: OldRow = {}): OldRow => ({
  id: external_port,
  env_id,
  external_port,
  internal_port: 22,
  service_type: "ssh",
  status: "active",
  ...more,
});
const record = (id: number, more: OldRow = {}): OldRow => ({
  id,
  customer_id: ADA,
  resource_type: "gpu",
  quantity: 0.1,
  unit_price: "3.3333",
  amount: "0.3333",
  currency: "CNY",
  start_time: "2024-05-06 07:00:00",
  end_time: "2024-05-06 08:00:00",
  ...more,
});

const ROWS: OldRows = {
  customers: [
    customer(ADA, "ada"),
    customer(BOB, "bob", { status: "active" }),
    customer(EVE, "eve", { user_type: "zombie" }),
    customer(CAROL, "carol"),
  ],
  workspaces: [
    { id: TEAM, owner_id: BOB, name: "team", type: "team" },
    { id: ARCHIVED, owner_id: BOB, name: "archived", type: "team", status: "archived" },
  ],
  workspace_members: [
    { id: 1, workspace_id: TEAM, customer_id: ADA },
    // Not one of the roles: it gives nothing.
    { id: 2, workspace_id: TEAM, customer_id: EVE, role: "zombie", status: "active" },
  ],
  hosts: [
    { id: "old-host", name: "old", ip_address: "10.9.9.9", status: "online", agent_port: 0, total_cpu: 64 },
  ],
  gpus: [
    { id: 1, host_id: "old-host", gpu_index: 0, name: "Unpriced X1", memory_total: "9223372036854775807" },
    {
      id: 2,
      host_id: "old-host",
      gpu_index: 1,
      uuid: "GPU-11111111-moved",
      status: "allocated",
      allocated_to: "env-run",
    },
  ],
  environments: [
    environment("env-run", {
      status: "running",
      ssh_port: 30_001,
      container_id: "c1",
      pod_name: "p1",
      gpu: null,
    }),
    environment("env-creating", { status: "creating", workspace_id: TEAM, customer_id: BOB }),
    environment("env-gone", { status: "deleting", ssh_port: 0, cpu: 0 }),
    environment("env-stopped", { ssh_port: 30_002 }),
    environment("env-archived", { workspace_id: ARCHIVED }),
    environment(ODD_ID, {
      status: null,
      workspace_id: 0,
      cpu: 0,
      memory: 0,
      gpu: -1,
      storage: "9223372036854775807",
      created_at: null,
      updated_at: null,
    }),
    environment("env-zombie", { status: "zombie", image: "no image\n", created_at: "infinity" }),
    environment("env-orphan", { status: "running", customer_id: NO_HANDLERS, memory: "9223372036854775807" }),
  ],
  port_mappings: [
    lease("env-run", 30_001),
    lease("env-stopped", 30_002, { status: null }),
    lease("gone", 30_003),
    lease("env-run", 70_000, { service_type: "vnc" }),
    lease("env-stopped", 30_004, { status: "released", released_at: "2024-01-01 00:00:00" }),
  ],
  training_jobs: [
    job("job-run", {
      status: "running",
      env_id: "env-run",
      dataset_id: 5,
      model_id: 6,
      cpu: 0,
      memory: "9223372036854775807",
    }),
    job("job-pending", { status: "pending", script_path: LONG_SCRIPT }),
    job("job-done", { dataset_id: 0, completed_at: "2024-05-06 09:00:00" }),
    job(ODD_ID, { status: null, script_path: null, created_at: null, name: LONG_SCRIPT.slice(0, 200) }),
    job("job-queued", { customer_id: CAROL, status: "queued", cpu: 4, memory: GIB, env_id: "env-creating" }),
    job("job-unwanted", { customer_id: CAROL, status: "pending", memory: GIB, env_id: "env-creating" }),
    job("job-orphan", { customer_id: NO_HANDLERS, workspace_id: NO_HANDLERS }),
  ],
  inference_services: [
    service("service-run", {
      status: "running",
      replicas: 20,
      model_id: 6,
      model_version: "v1",
      cpu: 2,
      memory: GIB,
    }),
    service("service-stopped"),
    service("service-null", { status: null }),
  ],
  billing_records: [
    record(1, { env_id: "env-run", resource_type: "gpu", amount: "12.3456" }),
    record(2, { resource_type: "storage", amount: "999999.9999" }),
    record(3, { resource_type: "network", amount: "0.0001", start_time: "-infinity", end_time: "infinity" }),
    record(4, { env_id: "env-creating", customer_id: BOB }),
    record(5, { customer_id: NO_HANDLERS }),
  ],
};

let scene: ControlScene;
let api: ApiWorld;
let old: OldSystem;
const people = {} as Record<"ada" | "bob" | "eve" | "carol", Caller>;

beforeAll(async () => {
  old = await oldSystem();
  const fresh = await old.database(AS_FOUND, ROWS);
  await migrate(fresh.database);
  scene = await openControlScene(fresh);
  api = scene.api;
  for (const [name, customerId] of Object.entries({ ada: ADA, bob: BOB, eve: EVE, carol: CAROL }))
    people[name as keyof typeof people] = { customerId, key: await keyFor(api, customerId) };
});
afterAll(async () => {
  await scene?.close();
  await old?.drop();
});

async function keyFor(world: ApiWorld, customerId: number): Promise<string> {
  const made = await world.request("POST", `/api/v1/customers/${customerId}/api-keys`, {
    as: world.admin,
    body: {},
  });
  return made.body.key;
}

const get = async (path: string, as: Caller = people.ada): Promise<Answer> =>
  await api.request("GET", `/api/v1${path}`, { as });
const at = (route: string, id: string) => `${route}/${encodeURIComponent(id)}`;
const idsOf = (answer: Answer) => answer.body.items.map(({ id }: { id: string | number }) => id);
async function rows(query: string, values: unknown[] = []) {
  return (await api.db.query(query, values)).rows;
}

describe("before the loop has checked them", () => {
  test("an owner sees every workload, whatever its row holds", async () => {
    expect(idsOf(await get("/environments"))).toEqual([
      "env-zombie",
      "env-stopped",
      "env-run",
      "env-gone",
      "env-creating",
      "env-archived",
      ODD_ID,
    ]);
    expect(idsOf(await get("/training-jobs"))).toEqual(["job-run", "job-pending", "job-done", ODD_ID]);
    expect(idsOf(await get("/inference-services"))).toEqual(
      ["service-stopped", "service-run", "service-null"].sort().reverse(),
    );
  });

  test.each(["/environments", "/training-jobs"])("%s go through pages of one, each once", async (route) => {
    const all = idsOf(await get(route));
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Answer = await get(`${route}?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...idsOf(page));
      cursor = page.body.next_cursor;
    }

    expect(seen).toEqual(all);
  });

  test("a training job shows its command byte for byte and its mounts", async () => {
    expect((await get("/training-jobs/job-run")).body).toMatchObject({
      command: "train.py",
      image: "busybox:1",
      env_id: "env-run",
      mounted_datasets: [5],
      mounted_models: [6],
      output_path: "/gemini/output/",
      node_count: 1,
      memory: Number.MAX_SAFE_INTEGER,
      status: "running",
      status_reason: null,
      host_id: null,
      simulated: false,
      instances: [],
    });
    expect((await get("/training-jobs/job-pending")).body).toMatchObject({
      command: LONG_SCRIPT,
      image: "unknown:migrated",
      mounted_datasets: null,
      mounted_models: null,
    });
    expect((await get("/training-jobs/job-done")).body).toMatchObject({
      mounted_datasets: [0],
      completed_at: "2024-05-06T09:00:00.000Z",
      created_at: "2024-05-06T07:08:09.000Z",
    });
    expect((await get(at("/training-jobs", ODD_ID))).body).toMatchObject({
      id: ODD_ID,
      command: "",
      status: "cancelled",
      created_at: null,
    });
  });

  test("an inference service shows its replicas and its model", async () => {
    expect((await get("/inference-services/service-run")).body).toMatchObject({
      image: "unknown:migrated",
      model_id: 6,
      model_version: "v1",
      replicas: 20,
      max_replicas: 20,
      min_replicas: 1,
      autoscaling_enabled: false,
      health_check_interval: 30,
      status: "running",
      instances: [],
    });
  });

  test("filters find what the answers show", async () => {
    expect(idsOf(await get("/training-jobs?status=failed"))).toEqual([]);
    expect(idsOf(await get("/training-jobs?status=cancelled"))).toEqual([ODD_ID]);
    expect(idsOf(await get("/training-jobs?name=job-run"))).toEqual(["job-run"]);
    expect(idsOf(await get("/inference-services?status=stopped"))).toEqual([
      "service-stopped",
      "service-null",
    ]);
    expect(idsOf(await get(`/environments?workspace_id=${TEAM}`, people.bob))).toEqual(["env-creating"]);
    expect(idsOf(await get(`/training-jobs?customer_id=${NO_HANDLERS}`, api.admin))).toEqual(["job-orphan"]);
  });

  test("strangers see nothing of it, nor does a member whose role is none; orphans are the administrators' to see", async () => {
    for (const route of ["/environments", "/training-jobs", "/inference-services", "/billing/records"])
      expect(idsOf(await get(route, people.eve))).toEqual([]);
    for (const path of [
      "/training-jobs/job-run",
      "/inference-services/service-run",
      "/environments/env-creating",
    ])
      expect((await get(path, people.eve)).status).toBe(404);
    expect((await get(`/workspaces/${TEAM}`, people.eve)).status).toBe(404);
    expect((await get("/training-jobs/job-orphan", people.bob)).status).toBe(404);
    expect((await get("/training-jobs/job-orphan", api.admin)).body).toMatchObject({
      customer_id: NO_HANDLERS,
    });
    expect((await get("/environments/env-orphan", api.admin)).body).toMatchObject({
      customer_id: NO_HANDLERS,
    });
  });

  test("old accounts have a key, an account and a balance", async () => {
    expect((await get("/me")).body).toMatchObject({
      username: "ada",
      personal_workspace_id: null,
      balance: "0.0000",
      overdue_status: "normal",
      created_at: null,
    });
    expect((await get("/billing/balance")).body).toMatchObject({
      balance: "0.0000",
      accrued: "0.0000",
      burn_per_hour: "0.0000",
    });
    expect(idsOf(await get("/customers", api.admin))).toEqual(expect.arrayContaining([ADA, BOB, EVE]));
    expect((await get("/workspaces")).body.items).toMatchObject([{ id: TEAM, role: "member" }]);
  });

  test("old charges are in the records with their amounts and the old system's words", async () => {
    const { items } = (await get("/billing/records")).body;

    expect(items.map((item: object) => item)).toMatchObject([
      {
        id: 3,
        resource_type: "legacy",
        legacy_resource_type: "network",
        amount: "0.0001",
        start_time: "0001-01-01T00:00:00.000Z",
        end_time: "9999-12-31T23:59:59.999Z",
        billing_minutes: null,
      },
      { id: 2, resource_type: "storage", amount: "999999.9999", quantity: "0.1" },
      {
        id: 1,
        resource_type: "environment",
        legacy_resource_type: "gpu",
        resource_id: "env-run",
        resource_name: "env-run",
        amount: "12.3456",
        unit_price: "3.333300",
        billing_minutes: 60,
        billing_unit: null,
        run_id: null,
        line: null,
        created_at: null,
      },
    ]);
    expect(idsOf(await get("/billing/records?resource_type=legacy"))).toEqual([3]);
    expect(idsOf(await get("/billing/records?resource_id=env-run"))).toEqual([1]);
    expect(
      idsOf(await get("/billing/records?start_time=2024-05-06T07:30:00Z&end_time=2024-05-06T07:31:00Z")),
    ).toEqual([3, 2, 1]);
    expect(idsOf(await get(`/billing/records?workspace_id=${TEAM}`, people.bob))).toEqual([4]);
    expect(idsOf(await get("/billing/records", api.admin))).toEqual([5, 4, 3, 2, 1]);
    const first = await get("/billing/records?limit=2");
    expect(idsOf(await get(`/billing/records?limit=2&cursor=${first.body.next_cursor}`))).toEqual([1]);
  });

  test("what claims that it runs and does not takes nothing of a quota", async () => {
    await rows("UPDATE environments SET cpu = 4096 WHERE id = 'env-run'");

    // Quotas are looked at before funds.
    expect(
      await api.request("POST", "/api/v1/environments/env-stopped/start", { as: people.ada, body: {} }),
    ).toMatchObject({
      status: 402,
    });

    await rows("UPDATE environments SET cpu = 1 WHERE id = 'env-run'");
  });
});

describe("the lifecycle loop", () => {
  beforeAll(async () => await scene.lifecycle());

  const reason = "from the old system";

  test("stops environments, fails jobs that ran and stops services, each with its reason and an event", async () => {
    for (const id of ["env-run", "env-zombie", ODD_ID])
      expect((await get(at("/environments", id))).body).toMatchObject({
        status: "stopped",
        status_reason: reason,
      });
    expect((await get("/environments/env-creating", people.bob)).body).toMatchObject({
      status: "stopped",
      status_reason: reason,
    });
    expect((await get("/environments/env-orphan", api.admin)).body).toMatchObject({
      status: "stopped",
      status_reason: reason,
    });
    expect((await get("/training-jobs/job-run")).body).toMatchObject({
      status: "failed",
      status_reason: reason,
      completed_at: expect.any(String),
      awaits_confirmation: false,
    });
    for (const id of ["service-run", "service-null"])
      expect((await get(`/inference-services/${id}`)).body).toMatchObject({
        status: "stopped",
        status_reason: reason,
        replicas: 0,
      });
    expect(
      await rows(
        "SELECT workload_id, actor, kind, old, new, reason FROM events WHERE actor = 'system' AND workload_kind <> 'environment' ORDER BY 1",
      ),
    ).toEqual([
      { workload_id: "job-pending", actor: "system", kind: "status", old: "pending", new: "pending", reason },
      { workload_id: "job-queued", actor: "system", kind: "status", old: "queued", new: "queued", reason },
      { workload_id: "job-run", actor: "system", kind: "status", old: "running", new: "failed", reason },
      {
        workload_id: "job-unwanted",
        actor: "system",
        kind: "status",
        old: "pending",
        new: "pending",
        reason,
      },
      { workload_id: "service-null", actor: "system", kind: "status", old: null, new: "stopped", reason },
      { workload_id: "service-run", actor: "system", kind: "status", old: "running", new: "stopped", reason },
    ]);
    expect((await get("/environments/env-run/events")).body.items).toMatchObject([
      { actor: "system", old: "running", new: "stopped", reason },
    ]);
  });

  test("leaves jobs that waited waiting, as what they were, and states what is to be done with each", async () => {
    for (const [id, status, as, todo] of [
      ["job-pending", "pending", people.ada, /kept no image of it, so it can never start: order it again/],
      ["job-queued", "queued", people.carol, /confirm it, and it waits for a place here, or cancel it/],
    ] as const) {
      expect((await get(`/training-jobs/${id}`, as)).body).toMatchObject({
        status,
        status_reason: expect.stringMatching(todo),
        completed_at: null,
        awaits_confirmation: true,
      });
      expect((await get(`/training-jobs/${id}/why`, as)).body.reason).toMatch(todo);
    }
  });

  test("reports of a job without a size that it can never start, and confirms none that lacks what it needs", async () => {
    const confirm = async (id: string, as: Caller) =>
      await api.request("POST", `/api/v1/training-jobs/${id}/confirm`, { as, body: {} });
    const memory = async (bytes: number | null) =>
      await rows("UPDATE training_jobs SET memory = $1 WHERE id = 'job-unwanted'", [bytes]);
    await memory(null);

    const sizeless = await get("/training-jobs/job-unwanted", people.carol);
    const refused = [await confirm("job-unwanted", people.carol), await confirm("job-pending", people.ada)];
    await memory(1_000_000 * GIB);
    refused.push(await confirm("job-unwanted", people.carol));
    await memory(GIB);

    expect(sizeless.body.status_reason).toMatch(
      /kept no memory of it, so it can never start: order it again/,
    );
    expect(refused.map(({ status }) => status)).toEqual([409, 409, 409]);
    expect(refused.map(({ body }) => body.detail)).toEqual([
      sizeless.body.status_reason,
      expect.stringContaining("kept no image of it"),
      expect.stringContaining("memory"),
    ]);
  });

  test("takes hosts for offline whose agents were never heard here", async () => {
    expect((await get("/hosts/old-host", api.admin)).body).toMatchObject({
      status: "offline",
      connection: "never",
    });
  });

  test("leaves what had ended as it was", async () => {
    expect((await get("/training-jobs/job-done")).body).toMatchObject({
      status: "completed",
      status_reason: null,
    });
    expect((await get("/inference-services/service-stopped")).body).toMatchObject({
      status: "stopped",
      status_reason: null,
      replicas: 2,
    });
    expect((await get("/environments/env-archived")).body).toMatchObject({
      status: "stopped",
      status_reason: null,
    });
    expect(await rows("SELECT released_at FROM port_mappings WHERE external_port = 30004")).toEqual([
      { released_at: new Date("2024-01-01T00:00:00Z") },
    ]);
  });

  test("ends a deletion that nobody would confirm any more", async () => {
    expect((await get("/environments/env-gone")).status).toBe(404);
    expect(
      await rows("SELECT status, deleted_at IS NOT NULL AS deleted FROM environments WHERE id = 'env-gone'"),
    ).toEqual([{ status: "deleting", deleted: true }]);
  });

  test("releases the ports, also those of environments that are not there", async () => {
    expect(
      await rows(
        "SELECT external_port, status, released_at IS NOT NULL AS released FROM port_mappings WHERE external_port < 40000 ORDER BY 1",
      ),
    ).toEqual(
      [30_001, 30_002, 30_003, 30_004].map((external_port) => ({
        external_port,
        status: "released",
        released: true,
      })),
    );
    for (const id of ["env-run", "env-stopped"])
      expect((await get(`/environments/${id}`)).body).toMatchObject({ ssh_port: null });
  });

  test("charges nothing, and does all of it once", async () => {
    const before = await rows(
      "SELECT id, updated_at FROM environments UNION ALL SELECT id, updated_at FROM training_jobs ORDER BY 1",
    );

    await scene.lifecycle();

    expect(await rows("SELECT id FROM runs UNION ALL SELECT id::text FROM ledger_transactions")).toEqual([]);
    expect(
      await rows(
        "SELECT id, updated_at FROM environments UNION ALL SELECT id, updated_at FROM training_jobs ORDER BY 1",
      ),
    ).toEqual(before);
    expect(
      await rows("SELECT workload_id FROM events WHERE actor = 'system' GROUP BY 1 HAVING count(*) > 1"),
    ).toEqual([]);
  });

  test("takes thousands of rows a part at a time", async () => {
    await rows(
      `INSERT INTO training_jobs (id, customer_id, name, image, command, status)
       SELECT 'many-' || n, $1, 'many', 'busybox', '', 'running' FROM generate_series(1, 1100) n`,
      [BOB],
    );
    const left = async () =>
      Number((await rows("SELECT count(*) AS left FROM training_jobs WHERE status = 'running'"))[0]?.left);

    const after: number[] = [];
    for (let pass = 1; pass <= 3; pass += 1) {
      await scene.lifecycle();
      after.push(await left());
    }

    expect(after).toEqual([600, 100, 0]);
    await rows("DELETE FROM training_jobs WHERE name = 'many'");
  });
});

describe("an old environment", () => {
  let host: ScriptedHost;

  beforeAll(async () => {
    host = await scene.host("host-a", { gpuUuids: ["GPU-11111111-moved"], cpu: 64 });
    await api.request("POST", `/api/v1/customers/${ADA}/top-ups`, { as: api.admin, body: { amount: "100" } });
    await rows("UPDATE environments SET storage = NULL WHERE id = $1", [ODD_ID]);
  });

  const order = async (id: string, verb: string, as = people.ada) =>
    await api.request("POST", `/api/v1${at("/environments", id)}/${verb}`, { as, body: {} });
  const specs = async () =>
    await rows(
      "SELECT spec->>'workloadId' AS id, spec->>'network' AS network, host_id FROM placements ORDER BY created_at",
    );

  test("starts again, on a host of ours, paid by its customer, and stops", async () => {
    expect((await order("env-run", "start")).status).toBe(202);
    await scene.schedule();
    await host.round();

    expect((await get("/environments/env-run")).body).toMatchObject({
      status: "running",
      host_id: "host-a",
      instances: [{ host_id: "host-a", runs: [{}] }],
    });
    // Without a workspace it shares its network with nobody else's.
    expect(await specs()).toEqual([{ id: "env-run", network: `ws-0${ADA}`, host_id: "host-a" }]);
    expect(await rows("SELECT customer_id, ordered_by, workspace_id FROM runs")).toEqual([
      { customer_id: ADA, ordered_by: ADA, workspace_id: null },
    ]);

    expect((await order("env-run", "stop")).status).toBe(202);
    await host.round({ phase: "stopped" });
    expect((await get("/environments/env-run")).body).toMatchObject({ status: "stopped" });
    await scene.lifecycle();
    expect((await get("/environments/env-run")).body).toMatchObject({
      status: "stopped",
      status_reason: null,
    });
  });

  test("whose id no container could have starts under another name there", async () => {
    await rows("UPDATE environments SET memory = $2 WHERE id = $1", [ODD_ID, GIB]);

    expect((await order(ODD_ID, "start")).body).toMatchObject({
      id: ODD_ID,
      status: "queued",
      cpu: 1,
      gpu: 0,
    });
    await scene.schedule();
    await host.round();

    expect((await get(at("/environments", ODD_ID))).body).toMatchObject({ status: "running" });
    expect((await specs()).at(-1)).toMatchObject({ id: expect.stringMatching(/^old-[0-9a-f]{40}$/) });
    expect((await order(ODD_ID, "restart")).status).toBe(202);
    await host.round();
    expect((await order(ODD_ID, "stop")).status).toBe(202);
    await host.round({ phase: "stopped" });
  });

  test("whose image no host can fetch is refused with that reason", async () => {
    expect(await order("env-zombie", "start")).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('"no image\\n"') },
    });
  });

  test("in a workspace that is gone belongs to its customer, who pays", async () => {
    expect((await order("env-archived", "start")).status).toBe(202);
    await scene.schedule();
    await host.round();

    expect((await get("/environments/env-archived")).body).toMatchObject({ status: "running" });
    expect(
      await rows("SELECT customer_id, workspace_id FROM runs WHERE resource_id = 'env-archived'"),
    ).toEqual([{ customer_id: ADA, workspace_id: null }]);
    expect((await order("env-archived", "stop")).status).toBe(202);
    await host.round({ phase: "stopped" });
  });

  test.each(["env-run", "env-stopped", "env-zombie", ODD_ID])(
    "%s is deleted softly, whatever its row holds",
    async (id) => {
      expect(
        (await api.request("DELETE", `/api/v1${at("/environments", id)}`, { as: people.ada })).status,
      ).toBe(202);
      await host.round();

      expect((await get(at("/environments", id))).status).toBe(404);
      expect(idsOf(await get("/environments"))).not.toContain(id);
      expect(
        await rows("SELECT deleted_at IS NOT NULL AS deleted FROM environments WHERE id = $1", [id]),
      ).toEqual([{ deleted: true }]);
    },
  );

  test("an order without a workspace makes the personal one that an old account lacks", async () => {
    const ordered = await Promise.all([scene.order(people.ada), scene.order(people.ada)]);

    expect(ordered.map(({ status }) => status)).toEqual([201, 201]);
    const { personal_workspace_id: personal } = (await get("/me")).body;
    expect(ordered.map(({ body }) => body.workspace_id)).toEqual([personal, personal]);
  });
});

describe("a training job that the old system had waiting", () => {
  const order = async (id: string, verb: string, as = people.carol) =>
    await api.request("POST", `/api/v1/training-jobs/${id}/${verb}`, { as, body: {} });
  const quota = async (cpu_quota: number) =>
    await api.request("PUT", `/api/v1/customers/${CAROL}/quota`, {
      as: api.admin,
      body: { cpu_quota, memory_quota: 65_536, gpu_quota: 1, storage_quota: GIB, environment_quota: 5 },
    });
  let environmentId: string;

  beforeAll(async () => {
    await api.request("POST", `/api/v1/customers/${CAROL}/top-ups`, {
      as: api.admin,
      body: { amount: "100" },
    });
    await quota(4);
  });

  test("is placed nowhere and counts for nothing before it is confirmed", async () => {
    const { queued } = (await get("/fleet", api.admin)).body;
    const environments = await rows(
      "SELECT FROM environments WHERE status = 'queued' AND deleted_at IS NULL",
    );
    environmentId = (await scene.order(people.carol, { cpu: 1 })).body.id;

    await scene.schedule();

    // Its four cores and this one would be more than the quota.
    expect((await get(`/environments/${environmentId}`, people.carol)).body.status).toBe("creating");
    expect(queued).toBe(environments.length);
    expect((await get("/training-jobs/job-queued", people.carol)).body).toMatchObject({
      status: "queued",
      instances: [],
    });
  });

  test("is confirmed and cancelled by those who may, and hidden from others", async () => {
    for (const verb of ["confirm", "cancel"]) {
      expect((await order("job-queued", verb, people.eve)).status).toBe(404);
      expect((await order("job-run", verb, people.ada)).status).toBe(409);
    }
  });

  test("is checked like an order: its payer's quota and balance", async () => {
    await quota(3);
    expect(await order("job-queued", "confirm")).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("cpu_quota") },
    });
    await rows("UPDATE customers SET balance = 0 WHERE id = $1", [CAROL]);
    expect((await order("job-unwanted", "confirm")).status).toBe(402);
    await rows("UPDATE customers SET balance = 100 WHERE id = $1", [CAROL]);
  });

  test("that mounts a number no dataset can have is refused, as one that mounts a missing dataset", async () => {
    for (const id of ["9223372036854775807", "4711"]) {
      await rows("UPDATE training_jobs SET mounted_datasets = $1 WHERE id = 'job-unwanted'", [`[${id}]`]);
      expect(await order("job-unwanted", "confirm")).toMatchObject({
        status: 404,
        body: { detail: expect.stringContaining("dataset") },
      });
    }
    await rows("UPDATE training_jobs SET mounted_datasets = NULL WHERE id = 'job-unwanted'");
  });

  test("waits for a place once it is confirmed, gets one like any order, and is confirmed once", async () => {
    await quota(16);

    const confirmed = await order("job-queued", "confirm");
    await scene.schedule();
    await scene.lifecycle();

    const waits = { status: "queued", awaits_confirmation: false };
    expect(confirmed).toMatchObject({ status: 200, body: { ...waits, instances: [] } });
    expect((await get("/training-jobs/job-queued", people.carol)).body).toMatchObject({
      ...waits,
      status_reason: "Placed on host host-a, free of charge until it runs.",
      instances: [{ host_id: "host-a" }],
    });
    expect((await get("/training-jobs/job-queued/events", people.carol)).body.items).toContainEqual(
      expect.objectContaining({
        actor: `customer ${CAROL}`,
        old: "queued",
        new: "queued",
        reason: "Confirmed. Waiting for a place.",
      }),
    );
    expect((await order("job-queued", "confirm")).status).toBe(409);
    expect(await rows("SELECT first_proven_at FROM runs WHERE resource_type = 'training'")).toEqual([
      { first_proven_at: null },
    ]);
  });

  test("is over when it is cancelled, at once where no host has anything of it", async () => {
    const over = { status: "cancelled", completed_at: expect.any(String) };
    const ending = { status: "stopping", completed_at: null };
    for (const [id, state] of [
      ["job-unwanted", over],
      ["job-queued", ending],
    ] as const) {
      expect(await order(id, "cancel")).toMatchObject({
        status: 200,
        body: { ...state, awaits_confirmation: false },
      });
      expect((await order(id, "confirm")).status).toBe(409);
      expect((await order(id, "cancel")).status).toBe(409);
    }
    await api.request("DELETE", `/api/v1/environments/${environmentId}`, { as: people.carol });
    await scene.lifecycle();
  });
});

describe("an old host", () => {
  test("is listed with its cards, gets no work, and its models need no price", async () => {
    const listed = (await get("/hosts", api.admin)).body.items.find(
      ({ id }: { id: string }) => id === "old-host",
    );

    expect(listed).toMatchObject({
      connection: "never",
      created_at: null,
      registered_at: null,
      total_memory: 0,
    });
    expect((await get("/hosts/old-host/gpus", api.admin)).body.items).toMatchObject([
      { uuid: null, gpu_index: 0, memory_total: Number.MAX_SAFE_INTEGER, status: "available" },
    ]);
    expect((await get("/fleet", api.admin)).body).toMatchObject({
      hosts_total: 2,
      hosts_connected: 1,
      gpus_total: 1,
      cpu_total: 64,
    });
    expect(
      (
        await api.request("POST", "/api/v1/billing/estimate", {
          as: people.ada,
          body: { cpu: 1, memory: GIB, gpu: 1 },
        })
      ).status,
    ).toBe(200);
  });

  test("gives its card up to the host that reports it now", async () => {
    expect((await get("/hosts/host-a/gpus", api.admin)).body.items).toMatchObject([
      { uuid: "GPU-11111111-moved", host_id: "host-a", status: "available", allocated_to: null },
    ]);
  });

  test("is cordoned, renamed and removed", async () => {
    for (const [method, path, body] of [
      ["POST", "/cordon", {}],
      ["POST", "/uncordon", {}],
      ["PATCH", "", { name: "older" }],
      ["POST", "/drain", {}],
    ] as const)
      expect(
        (await api.request(method, `/api/v1/hosts/old-host${path}`, { as: api.admin, body })).status,
      ).toBe(200);

    expect((await api.request("DELETE", "/api/v1/hosts/old-host", { as: api.admin })).status).toBe(204);
    expect((await get("/hosts/old-host", api.admin)).status).toBe(404);
  });
});

test("a change that an odd value blocks names which, and setting it right unblocks it", async () => {
  const topUp = async () =>
    await api.request("POST", `/api/v1/customers/${EVE}/top-ups`, { as: api.admin, body: { amount: "1" } });

  expect(await topUp()).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("customers_user_type_check") },
  });

  const right = { as: api.admin, body: { user_type: "external" } };
  expect((await api.request("PATCH", `/api/v1/customers/${EVE}`, right)).status).toBe(200);
  expect((await topUp()).status).toBe(201);
});

test("an account that was never charged is not suspended by the hours that follow", async () => {
  const hours: number[] = [];
  for (let hour = 0; hour <= 3; hour += 1) {
    const now = new Date(Date.now() + hour * 3_600_000);
    const term = await acquireLeadership(api.db, { holder: "the test", now });
    const calendar = api.deps.config.billingCalendar;
    hours.push(
      ...(await chargeDueHours({ db: api.db, calendar }, { term: term ?? 0, now })).map(
        ({ suspended }) => suspended.length,
      ),
    );
  }

  expect(hours).toEqual([0, 0, 0]);
  expect((await get("/billing/balance", people.bob)).body).toMatchObject({
    balance: "0.0000",
    overdue_status: "normal",
  });
});

/** Ids of a bigserial never come further. */
const NUMBERED = [
  "customers",
  "workspaces",
  "datasets",
  "models",
  "images",
  "billing_records",
  "gpus",
  "resource_quotas",
] as const;

function withCountedIds(given: OldRows): OldRows {
  const counted = NUMBERED.map((table) => [
    table,
    (given[table] ?? []).filter(({ id }) => Number(id) > 0 && Number(id) < Number.MAX_SAFE_INTEGER),
  ]);
  return { ...given, ...Object.fromEntries(counted) };
}

const RUNS = Number(process.env.FUZZ_RUNS ?? 4);
const LISTS = {
  environments: "environments",
  "training-jobs": "training_jobs",
  "inference-services": "inference_services",
} as const;
/** What an administrator can read without knowing an id. */
const READS = [
  ...Object.keys(LISTS),
  "me",
  "workspaces",
  "datasets",
  "models",
  "images",
  "prices",
  "specs",
  "ssh-keys",
  "customers",
  "hosts",
  "fleet",
  "billing/balance",
  "billing/records",
  "audit-log",
  "quarantine",
  "alarms",
];

/** Accounts that may ask, whatever else their rows hold. */
function withActiveCustomers(given: OldRows): OldRows {
  const active = { status: null, deleted_at: null, user_type: "external" };
  return { ...given, customers: (given.customers ?? []).map((row) => ({ ...row, ...active })) };
}

/** An empty id, and what a URL takes for a way up, have no address of their own. */
const hasAddress = (id: string) => id !== "" && id !== "." && id !== "..";

async function readsAll(world: ApiWorld, given: OldRows): Promise<void> {
  const request = async (path: string) => await world.request("GET", path, { as: world.admin });
  const read = async (path: string) => {
    const { status } = await request(`/api/v1/${path}`);
    expect(`${path}: ${status}`).toBe(`${path}: 200`);
  };
  for (const path of READS) await read(path);
  for (const { id } of given.hosts ?? []) await read(at("hosts", String(id)) + "/gpus");
  for (const { id } of given.workspaces ?? [])
    expect([200, 404]).toContain((await request(`/api/v1/workspaces/${String(id)}/quota`)).status);
  for (const { id } of given.customers ?? []) await read(`customers/${String(id)}/quota`);
  expect((await request("/metrics")).status).toBe(200);
}

async function showsAllToOwners(world: ApiWorld, given: OldRows): Promise<void> {
  const workspaces = new Set((given.workspaces ?? []).map(({ id }) => String(id)));
  for (const { id: customerId } of given.customers ?? []) {
    const owner = { customerId: Number(customerId), key: await keyFor(world, Number(customerId)) };
    const read = async (path: string) => await world.request("GET", `/api/v1/${path}`, { as: owner });
    for (const path of ["me", "billing/balance", "billing/records"])
      expect((await read(path)).status).toBe(200);
    for (const [route, table] of Object.entries(LISTS)) {
      const own = (given[table] ?? [])
        .filter(
          (row) =>
            String(row.customer_id) === String(customerId) && !workspaces.has(String(row.workspace_id)),
        )
        .map(({ id }) => String(id));
      const visible = new Set(idsOf(await read(`${route}?limit=200`)));
      expect(own.filter((id) => !visible.has(id))).toEqual([]);
      for (const id of own.filter(hasAddress)) expect((await read(at(route, id))).status).toBe(200);
    }
  }
}

async function settlesAll(world: ApiWorld): Promise<void> {
  const term = await acquireLeadership(world.db, { holder: "the test", now: world.deps.now() });
  await lifecyclePass({ db: world.db, nudge: () => undefined }, { term: term ?? 0, now: world.deps.now() });
  const { rows: left } = await world.db.query(
    `SELECT id, status FROM environments WHERE deleted_at IS NULL AND (status IS NULL OR status NOT IN ('stopped', 'error'))
     UNION ALL SELECT id, status FROM training_jobs j WHERE (status IS NULL OR status NOT IN ('completed', 'failed', 'cancelled'))
       AND NOT (status IN ('pending', 'queued') AND command <> '' AND confirmed_at IS NULL
                AND status_reason = 'from the old system'
                AND 1 = (SELECT count(*) FROM events v WHERE v.workload_id = j.id AND v.workload_kind = 'training'))
     UNION ALL SELECT id, status FROM inference_services WHERE status IS NULL OR status NOT IN ('stopped', 'error')`,
  );
  expect(left).toEqual([]);
}

test(
  "whatever the rows hold: every answer comes, owners see what is theirs, the loop settles all, all can be deleted",
  { timeout: RUNS * 30_000 },
  async () => {
    const anyRows = oldRows(old.columns, AS_FOUND).map(withCountedIds).map(withActiveCustomers);
    await fc.assert(
      fc.asyncProperty(anyRows, async (given) => {
        const fresh = await old.database(AS_FOUND, given);
        await migrate(fresh.database);
        const world = await openApi({}, fresh);
        try {
          await readsAll(world, given);
          await showsAllToOwners(world, given);
          await settlesAll(world);
          await readsAll(world, given);
          const { rows: environments } = await world.db.query<{ id: string }>(
            "SELECT id FROM environments WHERE deleted_at IS NULL",
          );
          for (const { id } of environments.filter((row) => hasAddress(row.id)))
            expect(
              (await world.request("DELETE", `/api/v1${at("/environments", id)}`, { as: world.admin }))
                .status,
            ).toBe(202);
          const { rows: waiting } = await world.db.query<{ id: string }>(
            "SELECT id FROM training_jobs WHERE status IN ('pending', 'queued')",
          );
          for (const { id } of waiting.filter((row) => hasAddress(row.id))) {
            const order = async (verb: string) =>
              await world.request("POST", `/api/v1${at("/training-jobs", id)}/${verb}`, { as: world.admin });
            expect([200, 402, 404, 409, 422]).toContain((await order("confirm")).status);
            expect((await order("cancel")).status).toBe(200);
          }
          for (const { id } of given.customers ?? []) {
            const change = { as: world.admin, body: { display_name: "n" } };
            expect([200, 409]).toContain(
              (await world.request("PATCH", `/api/v1/customers/${String(id)}`, change)).status,
            );
          }
          for (const { id } of given.hosts ?? [])
            expect(
              (await world.request("DELETE", `/api/v1${at("/hosts", String(id))}`, { as: world.admin }))
                .status,
            ).toBe(204);
        } finally {
          await world.close();
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  },
);
