/** Generated passwords over HTTP: shown once, kept as a hash, told to the host; and the command of it. */
import { execa } from "execa";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { cryptHash } from "@remotegpu/control-plane/server/http/environments/generated-password";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { problem, type Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const CLI = new URL("../../../control-plane/cli/main.ts", import.meta.url).pathname;

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;
let id: string;
const closing: (() => Promise<void>)[] = [];

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, ssh: true });
  id = await running();
  scene.api.nudged.length = 0;
});
afterEach(async () => await scene.close());
afterAll(async () => {
  for (const close of closing) await close();
});

const request = async (
  method: string,
  path: string,
  { as = alice, headers = {} }: { as?: Caller; headers?: Record<string, string> } = {},
) => await scene.api.request(method, `/api/v1${path}`, { as, headers });
const post = async (as: Caller = alice, headers: Record<string, string> = {}) =>
  await request("POST", `/environments/${id}/ssh-password`, { as, headers });
const remove = async (as: Caller = alice) =>
  await request("DELETE", `/environments/${id}/ssh-password`, { as });
const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;

async function running(change: object = {}): Promise<string> {
  const made = (await scene.order(alice, change)).body.id;
  await scene.schedule();
  await host.round();
  return made;
}

/** What the host is told of the environment's password by now. */
async function reported(of = id): Promise<string | null | undefined> {
  await host.pull();
  return host.desired.find(({ spec }) => spec.workloadId === of)?.live.ssh?.passwordHash;
}

const isHashOf = (hash: string | null | undefined, password: string) =>
  typeof hash === "string" && cryptHash(password, hash.split("$").slice(2, 4).join("$")) === hash;

describe("POST …/ssh-password", () => {
  test("shows a password once, and the host gets its hash at once", async () => {
    expect(await reported()).toBeNull();
    const { generation } = host.applied;

    const answer = await post();

    const { password } = answer.body;
    expect(answer).toMatchObject({
      status: 201,
      body: { environment_id: id, user: "root", password: expect.stringMatching(/^[a-z2-9-]{35}$/) },
    });
    expect(scene.api.nudged).toEqual(["host-a"]);
    expect((await host.heartbeat()).targetGeneration).toBe(generation + 1);
    expect(isHashOf(await reported(), password)).toBe(true);
    const [ssh] = (await request("GET", `/environments/${id}/access`)).body.services;
    expect(ssh.password_set_at).toBe(answer.body.set_at);
    expect(JSON.stringify([ssh, await request("GET", `/environments/${id}`)])).not.toContain(password);
  });

  test("replaces an earlier one", async () => {
    const first = (await post()).body.password;
    const second = (await post()).body.password;

    const hash = await reported();

    expect(second).not.toBe(first);
    expect([isHashOf(hash, first), isHashOf(hash, second)]).toEqual([false, true]);
    expect(await sql("SELECT env_id, set_by FROM ssh_passwords")).toEqual([
      { env_id: id, set_by: `customer ${alice.customerId}` },
    ]);
  });

  test("with an Idempotency-Key answers the same again, and the database has it nowhere readable", async () => {
    const headers = { "Idempotency-Key": "once-1" };

    const first = await post(alice, headers);
    const again = await post(alice, headers);

    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(isHashOf(await reported(), first.body.password)).toBe(true);
    const tables = await sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()");
    const holding: string[] = [];
    for (const { tablename } of tables) {
      const rows = JSON.stringify(await sql(`SELECT to_jsonb(t)::text AS row FROM "${tablename}" t`));
      if (rows.includes(first.body.password)) holding.push(tablename);
    }
    expect(tables.length).toBeGreaterThan(50);
    expect(holding).toEqual([]);
  });

  test("is in the audit log and the environment's events, without password or hash", async () => {
    const { password } = (await post()).body;
    const hash = await reported();
    await remove();

    const audit = await sql(
      "SELECT action, outcome, target_kind, target_id, before, after FROM audit_log WHERE action LIKE 'ssh-password%' ORDER BY id",
    );
    const events = (await request("GET", `/environments/${id}/events`)).body.items;

    expect(audit).toMatchObject([
      {
        action: "ssh-password.set",
        outcome: "done",
        target_kind: "ssh-password",
        target_id: id,
        before: null,
      },
      { action: "ssh-password.remove", outcome: "done", target_id: id, after: null },
    ]);
    expect(events.map(({ reason }: { reason: string }) => reason)).toEqual(
      expect.arrayContaining(["A password for SSH was generated.", "The password for SSH was taken away."]),
    );
    const visible = JSON.stringify([audit, events]);
    expect(visible).not.toContain(password);
    expect(visible).not.toContain(hash?.split("$").at(-1));
  });

  test("is refused where the image's own server answers", async () => {
    id = await running({ config: { ssh: "image" } });

    expect(await post()).toMatchObject(problem(409));
    expect(await reported()).toBeNull();
  });

  test("is refused to an administrator of the product, who gets no access by that", async () => {
    const refused = await post(scene.api.admin);

    expect(refused).toMatchObject(problem(403));
    expect(refused.body.detail).toBe("Administrators get no way into what belongs to others.");
    expect(await reported()).toBeNull();
  });
});

describe("DELETE …/ssh-password", () => {
  test("takes it away at once, and may be repeated", async () => {
    await post();
    scene.api.nudged.length = 0;

    expect((await remove()).status).toBe(204);

    expect(scene.api.nudged).toEqual(["host-a"]);
    expect(await reported()).toBeNull();
    expect((await request("GET", `/environments/${id}/access`)).body.services[0].password_set_at).toBeNull();
    expect((await remove()).status).toBe(204);
  });
});

test("a password outlives a stop and goes with its environment", async () => {
  const { password } = (await post()).body;
  await request("POST", `/environments/${id}/stop`);
  await host.round({ phase: "stopped" });
  await request("POST", `/environments/${id}/start`);
  await scene.schedule();
  await host.round();
  expect(isHashOf(await reported(), password)).toBe(true);

  expect((await request("DELETE", `/environments/${id}`)).status).toBe(202);

  expect(await sql("SELECT FROM ssh_passwords")).toEqual([]);
  expect(await post()).toMatchObject(problem(409));
  expect(await sql("SELECT FROM ssh_passwords")).toEqual([]);
});

test("no password opens it while SSH is switched off", async () => {
  const { password } = (await post()).body;
  const change = async (ssh_enabled: boolean) =>
    await scene.api.request("PATCH", `/api/v1/environments/${id}`, { as: alice, body: { ssh_enabled } });

  await change(false);
  const off = await reported();
  await change(true);

  expect(off).toBeNull();
  expect(isHashOf(await reported(), password)).toBe(true);
});

test("the command prints it, and takes it away", async () => {
  const server = await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null });
  closing.push(() => server.close());
  const cli = async (...args: string[]) =>
    await execa(process.execPath, [CLI, "env", "ssh-password", ...args], {
      env: { REMOTEGPU_SERVER: `http://127.0.0.1:${server.port}`, REMOTEGPU_KEY: alice.key },
      extendEnv: false,
      reject: false,
    });

  const made = await cli(id);
  const password = /^Password for root \(shown this once\): ([a-z2-9-]{35})$/.exec(made.stdout)?.[1] ?? "";
  const isReported = isHashOf(await reported(), password);
  const removed = await cli(id, "--remove");

  expect(isReported).toBe(true);
  expect(removed).toMatchObject({ exitCode: 0, stdout: `No password opens environment ${id} any more.` });
  expect(await reported()).toBeNull();
});
