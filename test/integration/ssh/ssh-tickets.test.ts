/** Tickets: an administrator's way into what belongs to others, with an end, a reason and traces. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { type Answer, type Caller, problem } from "../../support/http/api.ts";
import { byKey, sessionOn } from "../../support/samples/reports/access-report.ts";
import { aPublicKey, fingerprintOf } from "../../support/samples/ssh-keys.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const CLI = new URL("../../../control-plane/cli/main.ts", import.meta.url).pathname;

let scene: ControlScene;
let alice: Caller;
let admin: Caller;
let host: ScriptedHost;
let id: string;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.adopt(await openControlScene(), (one) => one.close());
  alice = await scene.customer("alice");
  admin = scene.api.admin;
  host = await scene.host("host-a", { leases: true, ssh: true, cpu: 64 });
});
afterAll(() => ending.disposeAsync());
beforeEach(async () => {
  // What other environments of the host have.
  await scene.api.db.query("DELETE FROM ssh_tickets");
  id = await running();
});

const request = async (as: Caller, method: string, path: string, body?: object): Promise<Answer> =>
  await scene.api.request(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
const make = async (change: object = {}, as: Caller = admin, of = id) =>
  await request(as, "POST", `/environments/${of}/ssh-tickets`, {
    public_key: aPublicKey(),
    reason: "The training hangs.",
    ...change,
  });
const events = async () =>
  (await request(alice, "GET", `/environments/${id}/events`)).body.items.filter(
    ({ kind }: { kind: string }) => kind === "ssh-ticket",
  );

async function running(change: object = {}): Promise<string> {
  await host.heartbeat();
  const made = (await scene.order(alice, { web_terminal_enabled: false, ...change })).body.id;
  await scene.schedule();
  await host.round();
  return made;
}

/** What opens the environment, as its host is told by now; and the sets that are no person's. */
async function reported() {
  await host.heartbeat();
  await host.pull();
  const opens = host.desired.find(({ spec }) => spec.workloadId === id)?.live.ssh?.keySets;
  return { opens, tickets: host.desiredKeySets.filter(({ id: set }) => set.startsWith("t-")) };
}

describe("a ticket", () => {
  test("opens one environment to one key until its end, and its people see who and why", async () => {
    const key = aPublicKey();
    const { generation } = host.applied;
    scene.api.nudged.length = 0;

    const { status, body: ticket } = await make({ public_key: `${key} root@office` });

    expect(status).toBe(201);
    expect(Date.parse(ticket.expires_at) - Date.parse(ticket.made_at)).toBe(15 * 60_000);
    expect(ticket).toEqual({
      id: expect.any(Number),
      environment_id: id,
      made_by: `admin ${admin.customerId}`,
      key_fingerprint: fingerprintOf(key),
      reason: "The training hangs.",
      made_at: expect.any(String),
      expires_at: expect.any(String),
      ended_at: null,
      ended_by: null,
    });
    expect(scene.api.nudged).toEqual(["host-a"]);
    expect(await reported()).toEqual({
      opens: [`t-${ticket.id}`],
      tickets: [{ id: `t-${ticket.id}`, keys: [{ id: ticket.id, line: key, expiresAt: ticket.expires_at }] }],
    });
    expect(host.applied.generation).toBe(generation + 1);
    const seen = await request(alice, "GET", `/environments/${id}/ssh-tickets`);
    expect(seen.body).toEqual({ items: [ticket], next_cursor: null });
    const [event] = await events();
    expect(event).toMatchObject({ actor: `admin ${admin.customerId}`, new: "open" });
    expect(event.reason).toContain(fingerprintOf(key));
    expect(event.reason).toMatch(/: The training hangs\.$/);
    const { rows } = await scene.api.db.query(
      "SELECT action, target_id, after->>'reason' AS reason FROM audit_log WHERE target_kind = 'ssh-ticket' ORDER BY id DESC LIMIT 1",
    );
    expect(rows).toEqual([
      { action: "ssh-ticket.create", target_id: String(ticket.id), reason: "The training hangs." },
    ]);
  });

  test("whose time is over leaves what its host is sent, without waiting for another change", async () => {
    const { body: ticket } = await make();
    await reported();
    await scene.lifecycle();
    expect((await reported()).tickets).toHaveLength(1);
    const { generation } = host.applied;
    scene.api.nudged.length = 0;

    scene.api.passMinutes(15);
    await scene.lifecycle();

    expect(scene.api.nudged).toEqual(["host-a"]);
    expect(await reported()).toEqual({ opens: [], tickets: [] });
    expect(host.applied.generation).toBe(generation + 1);
    const [ended] = (await request(alice, "GET", `/environments/${id}/ssh-tickets`)).body.items;
    expect(ended).toMatchObject({ ended_at: ticket.expires_at, ended_by: "control-plane" });
    expect(await events()).toMatchObject([{ old: "open", new: "ended" }, { new: "open" }]);
    await scene.lifecycle();
    await reported();
    expect(host.applied.generation).toBe(generation + 1);
  });

  test.each([["its administrator"], ["the environment's people"]])(
    "is ended before that by %s",
    async (who) => {
      const { body: ticket } = await make();
      const by = who === "its administrator" ? admin : alice;
      const end = async () => await request(by, "DELETE", `/environments/${id}/ssh-tickets/${ticket.id}`);

      expect((await end()).status).toBe(204);
      expect((await end()).status).toBe(204);

      expect((await reported()).tickets).toEqual([]);
      expect(await events()).toMatchObject([{ new: "ended" }, { new: "open" }]);
      const another = await running();
      expect(await request(by, "DELETE", `/environments/${another}/ssh-tickets/${ticket.id}`)).toMatchObject(
        problem(404),
      );
    },
  );

  test("stands beside people's keys, and is named in the sessions that come by it", async () => {
    const key = aPublicKey();
    const own = aPublicKey();
    await request(alice, "POST", "/ssh-keys", { name: "k", public_key: own });
    const { body: ticket } = await make({ public_key: key });
    expect((await reported()).opens).toEqual([`t-${ticket.id}`, `c-${alice.customerId}`]);

    const sessions = [key, own].map((line) => sessionOn(host, id, { login: byKey(fingerprintOf(line)) }));
    host.access = { sessions, attempts: [], isWhole: false };
    await host.round();
    host.access = null;

    const visible = (await request(alice, "GET", `/environments/${id}/sessions`)).body.items;
    expect(visible.map(({ login }: { login: object }) => login)).toMatchObject([
      { customer_id: alice.customerId, ticket_id: null, key_name: "k" },
      { customer_id: admin.customerId, ticket_id: ticket.id, key_name: null },
    ]);
  });
});

describe("no ticket", () => {
  test.each<[string, object, number]>([
    ["without a reason", { reason: "" }, 422],
    ["for a private key", { public_key: "-----BEGIN OPENSSH PRIVATE KEY-----" }, 422],
    ["with options before the key", { public_key: `command="sh" ${aPublicKey()}` }, 422],
  ])("is made %s", async (_what, change, status) => {
    expect(await make(change)).toMatchObject(problem(status));
    expect((await reported()).tickets).toEqual([]);
  });

  test("is made where no server of ours would take it", async () => {
    const stopped = await running();
    await request(alice, "POST", `/environments/${stopped}/stop`, {});
    const off = await running({ ssh_enabled: false });
    const image = await running({ config: { ssh: "image" } });

    for (const one of [stopped, off, image]) expect(await make({}, admin, one)).toMatchObject(problem(409));
  });

  test("is made twice for a key, or beyond eight at a time", async () => {
    const key = aPublicKey();
    expect((await make({ public_key: key })).status).toBe(201);
    expect(await make({ public_key: key })).toMatchObject(problem(409));
    for (let n = 1; n < 8; n += 1) expect((await make()).status).toBe(201);

    expect(await make()).toMatchObject(problem(409));
    expect((await reported()).tickets).toHaveLength(8);
  });

  test("is needed for an administrator's own, which opens with their own key as anybody's", async () => {
    const key = aPublicKey();
    await request(admin, "POST", "/ssh-keys", { name: "office", public_key: key });

    expect((await reported()).opens).not.toContain(`c-${admin.customerId}`);
  });
});

test("the commands make, list and end it", async () => {
  const server = ending.adopt(
    await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null }),
    (one) => one.close(),
  );
  const folder = ending.adopt(mkdtempSync(join(tmpdir(), "remotegpu-ticket-")), (path) =>
    rmSync(path, { recursive: true }),
  );
  const file = join(folder, "office.pub");
  writeFileSync(file, `${aPublicKey()} root@office\n`);
  const cli = async (...args: string[]) =>
    await execa(process.execPath, [CLI, "env", ...args], {
      env: { REMOTEGPU_SERVER: `http://127.0.0.1:${server.port}`, REMOTEGPU_KEY: admin.key },
      extendEnv: false,
      reject: false,
    });

  const made = await cli("ssh-ticket", id, "--public-key", file, "--reason", "The training hangs.");
  const ticket = /^Ticket (\d+) opens it to SHA256:\S+ until \S+\.$/.exec(made.stdout)?.[1] ?? made.stderr;
  const listed = await cli("ssh-tickets", id, "-o", "wide");
  const ended = await cli("end-ssh-ticket", id, ticket);

  expect(listed.stderr).toBe("");
  expect(listed.stdout).toContain("The training hangs.");
  expect(ended).toMatchObject({ exitCode: 0, stdout: `Ticket ${ticket} opens nothing any more.` });
  expect((await reported()).tickets).toEqual([]);
});
