/** Passwords for RDP over HTTP: of one run, shown once, kept as a hash, told to the host; and the command that opens it. */
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { cryptHash } from "@remotegpu/control-plane/server/http/environments/generated-password";
import { SSH_FEATURE } from "@remotegpu/shared/instance/ssh-access";
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
let ending: AsyncDisposableStack;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  ending = new AsyncDisposableStack();
  scene = ending.adopt(await openControlScene(await emptyDatabase()), (one) => one.close());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, ssh: true, features: [SSH_FEATURE, "rdp"] });
  id = await running();
  scene.api.nudged.length = 0;
});
afterEach(() => ending.disposeAsync());

const request = async (method: string, path: string, as: Caller = alice, body?: object) =>
  await scene.api.request(method, `/api/v1/environments/${id}${path}`, { as, ...(body && { body }) });
const post = async (as: Caller = alice) => await request("POST", "/rdp-password", as);
const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;

async function running(change: object = {}): Promise<string> {
  const made = (await scene.order(alice, { rdp_enabled: true, ...change })).body.id;
  await scene.schedule();
  await host.round();
  return made;
}

/** What the host is told of RDP in it by now. */
async function reported(): Promise<{ passwordHash: string | null } | undefined> {
  await host.pull();
  return host.desired.find(({ spec, want }) => spec.workloadId === id && want === "running")?.live.rdp;
}

const isHashOf = (hash: string | null | undefined, password: string) =>
  typeof hash === "string" && cryptHash(password, hash.split("$").slice(2, 4).join("$")) === hash;
const routeOf = async () =>
  (await request("GET", "/access")).body.services.find(
    ({ service }: { service: string }) => service === "rdp",
  );

async function restart(): Promise<void> {
  await request("POST", "/stop");
  await host.round({ phase: "stopped" });
  await request("POST", "/start");
  await scene.schedule();
  await host.round();
}

describe("POST …/rdp-password", () => {
  test("shows a password once, of which the host gets the hash at once", async () => {
    expect(await reported()).toEqual({ passwordHash: null });
    expect(await routeOf()).toMatchObject({ reachable: true, password_set_at: null });

    const answer = await post();

    const { password } = answer.body;
    expect(answer).toMatchObject({
      status: 201,
      body: { environment_id: id, user: "root", password: expect.stringMatching(/^[a-z2-9-]{35}$/) },
    });
    expect(scene.api.nudged).toEqual(["host-a"]);
    expect(isHashOf((await reported())?.passwordHash, password)).toBe(true);
    const route = await routeOf();
    expect(route.password_set_at).toBe(answer.body.set_at);
    expect(JSON.stringify([route, await request("GET", ""), await request("GET", "/events")])).not.toContain(
      password,
    );
    const rows = await sql(
      "SELECT to_jsonb(t)::text AS row FROM rdp_passwords t UNION ALL SELECT to_jsonb(t)::text FROM audit_log t",
    );
    expect(JSON.stringify(rows)).not.toContain(password);
  });

  test("replaces the one before, and writes down who requested it without password or hash", async () => {
    const first = (await post()).body.password;
    const second = (await post()).body.password;

    const hash = (await reported())?.passwordHash;

    expect([isHashOf(hash, first), isHashOf(hash, second)]).toEqual([false, true]);
    const audit = await sql(
      "SELECT action, outcome, target_kind, target_id, after FROM audit_log WHERE action LIKE 'rdp%'",
    );
    expect(audit).toMatchObject([
      { action: "rdp-password.set", outcome: "done", target_kind: "rdp-password", target_id: id },
      { action: "rdp-password.set", outcome: "done" },
    ]);
    expect(JSON.stringify(audit)).not.toContain(hash?.split("$").at(-1));
  });

  test("is of one run: the next start knows none, and gets one of its own", async () => {
    const { password } = (await post()).body;

    await restart();

    expect(await reported()).toEqual({ passwordHash: null });
    expect(await routeOf()).toMatchObject({ password_set_at: null });
    const next = (await post()).body.password;
    const hash = (await reported())?.passwordHash;
    expect([isHashOf(hash, password), isHashOf(hash, next)]).toEqual([false, true]);
  });

  test("is refused where nothing runs, RDP is off, or the agent is too old", async () => {
    await sql("UPDATE hosts SET features = '{ssh}'");
    expect((await post()).body.detail).toContain("is too old: it cannot keep an image's xrdp up");
    await sql("UPDATE hosts SET features = '{ssh,rdp}'");
    await request("PATCH", "", alice, { rdp_enabled: false });
    expect((await post()).body.detail).toContain("RDP is switched off");
    expect(await reported()).toBeUndefined();
    await request("PATCH", "", alice, { rdp_enabled: true });
    expect(await reported()).toEqual({ passwordHash: null });
    await request("POST", "/stop");
    await host.round({ phase: "stopped" });

    const stopped = await post();

    expect(stopped).toMatchObject(problem(409));
    expect(stopped.body.detail).toContain("each start has a password of its own");
    expect(await sql("SELECT FROM rdp_passwords")).toEqual([]);
  });
});

describe("remotegpu open ENVIRONMENT rdp", () => {
  const FILE = join(tmpdir(), `rdp-${process.pid}.rdp`);

  async function open(...args: string[]) {
    const server = await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null });
    ending.defer(() => server.close());
    return await execa(process.execPath, [CLI, "open", id, "rdp", ...args], {
      env: { REMOTEGPU_SERVER: `http://127.0.0.1:${server.port}`, REMOTEGPU_KEY: alice.key },
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
    });
  }
  const PASSWORD = /^Password for root \(shown this once\): ([a-z2-9-]{35})\n$/;

  test("prints a client's file, and the password apart from it", async () => {
    const { port, host: address } = await routeOf();

    const done = await open();

    expect(done).toMatchObject({ exitCode: 0 });
    expect(done.stdout).toContain(`full address:s:${address}:${port}\r\nusername:s:root\r\n`);
    const password = PASSWORD.exec(done.stderr)?.[1] ?? "";
    expect(done.stdout).not.toContain(password);
    expect(isHashOf((await reported())?.passwordHash, password)).toBe(true);
  });

  test("writes the file to the path given, also for a port that was forwarded here", async () => {
    ending.defer(() => rm(FILE, { force: true }));

    const done = await open("--file", FILE, "--through", "13389");

    expect(done).toMatchObject({ exitCode: 0, stdout: `${FILE} leads to 127.0.0.1:13389.\n` });
    expect(done.stderr).toMatch(PASSWORD);
    expect(await readFile(FILE, "utf8")).toContain("full address:s:127.0.0.1:13389\r\n");
  });

  test("states why where nobody answers, and makes no password", async () => {
    const [lease] = await sql("SELECT id FROM lease_orders WHERE service_type = 'rdp'");
    host.reportOfLease(lease?.id, { answers: { isSeen: false, detail: "Nobody listens on port 3389." } });
    await host.round({ phase: "ready", imageId: `sha256:${"a".repeat(64)}`, brings: ["shell"] });

    const done = await open();

    expect(done.exitCode).toBe(1);
    expect(done.stderr).toContain("RDP is not reached. Not in the image: it has no xrdp.");
    expect(await sql("SELECT FROM rdp_passwords")).toEqual([]);
  });
});
