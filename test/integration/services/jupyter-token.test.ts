/** The token of JupyterLab: one for each start, told to the host and to who may enter, and to nobody else. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const TOKEN = /^[0-9a-f]{64}$/;

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, ssh: true });
});
afterEach(() => scene.close());

const request = (method: string, path: string, as: Caller = alice) =>
  scene.api.request(method, `/api/v1${path}`, { as });

async function running(change: object = {}): Promise<string> {
  const { id } = (await scene.order(alice, change)).body;
  await scene.schedule();
  await host.round();
  return id;
}

const sentToHost = () => host.desired.map(({ live }) => live.jupyterToken);
const visible = async (id: string, as: Caller = alice): Promise<(string | null)[]> =>
  (await request("GET", `/environments/${id}/access`, as)).body.services
    .filter(({ service }: { service: string }) => service === "jupyter")
    .map(({ token }: { token: string | null }) => token);
const stored = async () =>
  (
    await scene.api.db.query<{ jupyter_token: string | null }>("SELECT jupyter_token FROM environments")
  ).rows.map(({ jupyter_token }) => jupyter_token);

test("a start has one, which is sent to its host and its people", async () => {
  const id = await running();

  const [token = ""] = sentToHost();
  expect(token).toMatch(TOKEN);
  expect(await visible(id)).toEqual([token]);
  // What is stored opens nothing by itself.
  expect(await stored()).toEqual([expect.stringMatching(/^r[0-9a-f]{62}$/)]);
  expect(JSON.stringify(await stored())).not.toContain(token);
  const services = (await request("GET", `/environments/${id}/access`)).body.services;
  expect(services.filter((one: { token: string | null }) => one.token !== null)).toHaveLength(1);
});

test("a restart has another one, and a stop takes it away", async () => {
  const id = await running();
  const [first] = sentToHost();

  await request("POST", `/environments/${id}/restart`);
  await host.round();

  const [second] = sentToHost();
  expect(second).toMatch(TOKEN);
  expect(second).not.toBe(first);
  expect(await visible(id)).toEqual([second]);

  await request("POST", `/environments/${id}/stop`);
  await host.round({ phase: "stopped" });

  expect(sentToHost()).toEqual([undefined]);
  expect(await stored()).toEqual([null]);
  expect(await visible(id)).toEqual([null]);
});

test("there is none where Jupyter is switched off; switched on later, it comes with the restart", async () => {
  const id = await running({ jupyter_enabled: false });
  expect(sentToHost()).toEqual([undefined]);

  const changed = await scene.api.request("PATCH", `/api/v1/environments/${id}`, {
    as: alice,
    body: { jupyter_enabled: true },
  });
  await host.pull();

  expect(changed.body.waits_for_restart).toEqual(["jupyter_enabled"]);
  expect(sentToHost()).toEqual([undefined]);
  await request("POST", `/environments/${id}/restart`);
  await host.round();
  expect(sentToHost()).toEqual([expect.stringMatching(TOKEN)]);
});

test("who only reads, a key that only reads, and an administrator who is none of its people, get none", async () => {
  const id = await running();
  const viewer = await scene.customer("viewer");
  await scene.api.db.query(
    "INSERT INTO workspace_members (workspace_id, customer_id, role) VALUES ($1, $2, 'viewer')",
    [alice.workspaceId, viewer.customerId],
  );

  expect(await visible(id, viewer)).toEqual([null]);
  expect(await visible(id, await scene.api.key(alice, { scopes: ["read"] }))).toEqual([null]);
  expect(await visible(id, scene.api.admin)).toEqual([null]);
});

test("it stands in no other answer, no event and no entry of the audit log", async () => {
  const id = await running();
  const [token = ""] = sentToHost();
  await request("POST", `/environments/${id}/restart`);
  await host.round();
  const [second = ""] = sentToHost();

  const answers = await Promise.all(
    ["", `/${id}`, `/${id}/events`, `/${id}/instances`, `/${id}/why`].map((path) =>
      request("GET", `/environments${path}`),
    ),
  );
  const audit = await request("GET", "/audit-log", scene.api.admin);

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(audit.status).toBe(200);
  for (const each of [token, second]) expect(JSON.stringify([answers, audit])).not.toContain(each);
});

test("one that an earlier version made is the token itself, until the next start", async () => {
  const id = await running();
  await scene.api.db.query("UPDATE environments SET jupyter_token = $1", ["0f".repeat(32)]);
  await host.pull();

  expect(sentToHost()).toEqual(["0f".repeat(32)]);
  expect(await visible(id)).toEqual(["0f".repeat(32)]);
});

test("what an old system left there is sent to nobody", async () => {
  const id = await running();
  await scene.api.db.query("UPDATE environments SET jupyter_token = 'of-before'");
  await host.pull();

  expect(sentToHost()).toEqual([undefined]);
  expect(await visible(id)).toEqual([null]);
});
