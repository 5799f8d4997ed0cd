/** Opening and closing ports over HTTP, and being told the ways in; the host that binds is the test's. */
import { execa } from "execa";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
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
const closing: (() => Promise<void>)[] = [];

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true });
});
afterEach(async () => await scene.close());
afterAll(async () => {
  for (const close of closing) await close();
});

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const request = async (method: string, path: string, body?: unknown, as: Caller = alice) =>
  await scene.api.request(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
const open = async (env_id: string, internal_port: unknown, as: Caller = alice) =>
  await request("POST", "/port-mappings", { env_id, service_type: "custom", internal_port }, as);
const access = async (id: string) => (await request("GET", `/environments/${id}/access`)).body.services;
/** As soon as the API waits, the host pulls, binds and reports. */
const hostAnswers = () => scene.api.meanwhile(async () => void (await host.round()));

async function running(change: object = {}, as: Caller = alice): Promise<string> {
  const { id } = (await scene.order(as, change)).body;
  await scene.schedule();
  await host.round();
  return id;
}

describe("POST /port-mappings", () => {
  test("waits for the host and answers with the number that it picked", async () => {
    const id = await running();
    hostAnswers();
    scene.api.nudged.length = 0;

    const answer = await open(id, 7860);

    expect(answer).toMatchObject({
      status: 201,
      body: {
        env_id: id,
        host_id: "host-a",
        host: "10.0.0.1",
        service_type: "custom",
        internal_port: 7860,
        external_port: 20_001,
        status: "active",
        want: "held",
        state: "held",
        auto_release_hours: 48,
      },
    });
    expect(answer.body.lease_id).toBeUndefined();
    expect(scene.api.nudged).toEqual(["host-a"]);
    // A port alone is no way in: its host sees first whether somebody answers.
    expect((await access(id)).at(-1)).toMatchObject({ service: "custom", reachable: false });
    for (const leaseId of host.leases.keys())
      host.reportOfLease(leaseId, { answers: { isSeen: true, detail: "" } });
    await host.round();
    expect((await access(id)).at(-1)).toMatchObject({ service: "custom", port: 20_001, reachable: true });
  });

  test("is a 503 when the host is silent; the order is withdrawn, and a late bind is no port of anybody", async () => {
    const id = await running();
    let pauses = 0;
    scene.api.meanwhile(() => void (pauses += 1));

    const answer = await open(id, 7860);

    expect(answer).toMatchObject(problem(503));
    expect(answer.headers.get("Retry-After")).toBe("10");
    // What was ordered and what was taken back are two changes, and the second opened nothing.
    expect(
      await sql(
        `SELECT action, outcome, before->>'want' AS before, after->>'want' AS after FROM audit_log
          WHERE request_id = '${answer.headers.get("X-Request-Id")}' ORDER BY id`,
      ),
    ).toEqual([
      { action: "port.open", outcome: "done", before: null, after: "held" },
      { action: "port.withdraw", outcome: "done", before: "held", after: "released" },
      { action: "port.open", outcome: "failed", before: null, after: null },
    ]);
    // Ten seconds in looks of 200 ms.
    expect(pauses).toBe(50);
    await host.pull();
    expect(host.desiredLeases.at(-1)).toMatchObject({ internalPort: 7860, want: "released" });
    // The host had bound it from an earlier pull, and says so before it has seen the withdrawal.
    const late = { ...host.desiredLeases.at(-1)!, want: "held" } as const;
    host.desiredLeases = [late];
    host.bindLeases();
    await host.report([]);
    expect(await sql("SELECT FROM port_mappings WHERE internal_port = 7860")).toEqual([]);

    await host.round();
    await host.pull();
    expect(host.desiredLeases.map(({ internalPort }) => internalPort)).toEqual([22]);
    hostAnswers();
    expect((await open(id, 7860)).status).toBe(201);
  });

  test("fills no silent host: orders that were withdrawn count until the host has confirmed it", async () => {
    const id = await running();
    for (let n = 0; n < 16; n += 1) expect((await open(id, 7000 + n)).status).toBe(503);

    const refused = await open(id, 7999);
    await host.round();
    hostAnswers();

    expect(refused).toMatchObject(problem(409));
    expect(refused.body.detail).toContain("16 ports of this environment are still being closed");
    expect((await open(id, 7999)).status).toBe(201);
  });

  test("ends its wait by the clock where polls take long", async () => {
    const id = await running();
    let pauses = 0;
    scene.api.meanwhile(() => {
      pauses += 1;
      scene.api.passMinutes(0.1);
    });

    expect((await open(id, 7860)).status).toBe(503);
    expect(pauses).toBe(2);
  });

  test("is a 503 at once when the host has no free number", async () => {
    const id = await running();
    scene.api.meanwhile(async () => {
      await host.pull();
      host.bindLeases();
      const { leaseId } = host.desiredLeases.at(-1)!;
      host.reportOfLease(leaseId, { state: "exhausted", externalPort: null, detail: "All 10000 are held." });
      await host.report([]);
    });

    const answer = await open(id, 7860);

    expect(answer).toMatchObject(problem(503));
    expect(answer.body.detail).toBe("The host has no free port. All 10000 are held.");
  });

  test("of the same port twice at once gives it once", async () => {
    const id = await running();
    hostAnswers();

    const answers = await Promise.all(Array.from({ length: 6 }, () => open(id, 7860)));

    expect(
      answers
        .map(({ status }) => String(status))
        .toSorted()
        .join(" "),
    ).toBe("201 409 409 409 409 409");
    expect(await sql("SELECT count(*) FROM lease_orders WHERE internal_port = 7860")).toEqual([{ count: 1 }]);
  });

  test("of different ports at once gives each a number of its own", async () => {
    const id = await running();
    hostAnswers();

    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => open(id, 7000 + n)));

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 201));
    expect(new Set(answers.map(({ body }) => body.external_port)).size).toBe(8);
  });

  test("needs an environment that runs somewhere", async () => {
    const id = await running();
    const queued = (await scene.order(alice)).body.id;
    await request("POST", `/environments/${id}/stop`);
    const stopping = await open(id, 7860);
    await host.round({ phase: "stopped" });
    await host.round();

    for (const answer of [stopping, await open(id, 7860), await open(queued, 7860)])
      expect(answer).toMatchObject(problem(409));
  });

  test("refuses the port of an enabled service, by name", async () => {
    const answer = await open(await running(), 22);

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors.map(({ path }: { path: string }) => path)).toEqual(["internal_port"]);
    expect(await sql("SELECT count(*) FROM lease_orders")).toEqual([{ count: 1 }]);
  });

  test("opens the port of a service that is switched off, and 16 in all", async () => {
    const id = await running({ ssh_enabled: false });
    hostAnswers();

    const first = await open(id, 22);
    const more = await Promise.all(Array.from({ length: 15 }, (_, n) => open(id, 7000 + n)));
    const last = await open(id, 7999);

    expect([first, ...more].map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 201));
    expect(last).toMatchObject(problem(409));
    expect(last.body.detail).toContain("at most 16");
  });
});

describe("DELETE /port-mappings/{id}", () => {
  test("orders the release, which is over when the host reports so; twice is as good as once", async () => {
    const id = await running();
    hostAnswers();
    const mapping = (await open(id, 7860)).body;
    scene.api.nudged.length = 0;

    const closed = await request("DELETE", `/port-mappings/${mapping.id}`);
    const again = await request("DELETE", `/port-mappings/${mapping.id}`);

    expect(closed).toMatchObject({
      status: 202,
      body: { id: mapping.id, status: "active", want: "released" },
    });
    expect(again.status).toBe(202);
    expect(scene.api.nudged).toEqual(["host-a"]);
    await host.round();
    const after = await request("DELETE", `/port-mappings/${mapping.id}`);
    expect(after.body).toMatchObject({
      status: "released",
      state: "released",
      released_at: expect.any(String),
      release_reason: `Closed by customer ${alice.customerId}.`,
      release_reason_code: "lease-closed-by",
      release_reason_params: { actor: `customer ${alice.customerId}` },
    });
    expect((await access(id)).map(({ service }: { service: string }) => service)).not.toContain("custom");
  });

  test("of an administrator is an administrator's in the events", async () => {
    const id = await running();
    const [{ id: mapping }] = (await request("GET", "/port-mappings")).body.items;

    await request("DELETE", `/port-mappings/${mapping}`, undefined, scene.api.admin);
    await host.round();

    const events = (await request("GET", `/environments/${id}/events`)).body.items;
    expect(events[0]).toMatchObject({
      kind: "lease",
      old: "held",
      new: "released",
      actor: expect.stringMatching(/^admin \d+$/),
    });
    expect(await scene.get(alice, id)).toMatchObject({ ssh_port: null });
  });

  test("of one that the old system leased ends it at once, since no host knows it", async () => {
    const id = await running();
    const [{ id: old }] = (await sql(
      `INSERT INTO port_mappings (env_id, service_type, external_port, internal_port) VALUES ($1, 'ssh', 30001, 22) RETURNING id`,
      [id],
    )) as [{ id: number }];

    const answer = await request("DELETE", `/port-mappings/${old}`);

    expect(answer).toMatchObject({ status: 202, body: { status: "released", want: null, host: null } });
  });
});

test("the list has the filters of the others, and nobody else's ports", async () => {
  const bob = await scene.customer("bob");
  const mine = await running({ rdp_enabled: true });
  const other = await running();
  const bobs = await running({}, bob);
  hostAnswers();
  const { id: custom } = (await open(mine, 7860)).body;
  await request("DELETE", `/port-mappings/${custom}`);
  await host.round();
  const items = async (query: string, as: Caller = alice) =>
    (await request("GET", `/port-mappings${query}`, undefined, as)).body.items.map(
      (row: { env_id: string; service_type: string }) => `${row.env_id} ${row.service_type}`,
    );

  expect(await items(`?env_id=${mine}&status=active`)).toEqual(
    expect.arrayContaining([`${mine} ssh`, `${mine} rdp`]),
  );
  expect(await items(`?env_id=${mine}&status=active`)).toHaveLength(2);
  expect(await items("?status=released")).toEqual([`${mine} custom`]);
  expect((await items("?service_type=ssh")).toSorted()).toEqual([`${mine} ssh`, `${other} ssh`].toSorted());
  expect(await items(`?env_id=${bobs}`)).toEqual([]);
  expect(await items("", bob)).toEqual([`${bobs} ssh`]);
  expect(await items("", scene.api.admin)).toHaveLength(5);
});

describe("PATCH /environments/{id}", () => {
  const patch = async (id: string, change: object) => await request("PATCH", `/environments/${id}`, change);
  const changes = async (id: string) =>
    (await request("GET", `/environments/${id}/events`)).body.items
      .filter(({ kind }: { kind: string }) => kind === "changed")
      .map(({ actor, old, new: now, reason }: Record<string, unknown>) => [actor, old, now, reason]);

  test("of a service's switch gives its port back or takes one, while it runs, and leaves the others", async () => {
    const id = await running({ rdp_enabled: true, jupyter_enabled: false, web_terminal_enabled: false });
    const [ssh, rdp] = await access(id);
    scene.api.nudged.length = 0;

    const off = await patch(id, { ssh_enabled: false });
    expect(scene.api.nudged).toEqual(["host-a"]);
    await host.round();

    expect(off).toMatchObject({ status: 200, body: { ssh_enabled: false, waits_for_restart: [] } });
    expect(await access(id)).toEqual([rdp]);
    expect(host.desiredLeases.map(({ service, want }) => `${service} ${want}`).sort()).toEqual([
      "rdp held",
      "ssh released",
    ]);
    expect(await scene.get(alice, id)).toMatchObject({ ssh_port: null, rdp_port: rdp.port });

    await patch(id, { ssh_enabled: true });
    await host.round();
    const again = (await access(id))[0];
    expect(again).toMatchObject({ service: "ssh", state: "held" });
    expect(again.port).not.toBe(ssh.port);
    expect(await changes(id)).toEqual([
      [`customer ${alice.customerId}`, "false", "true", "ssh_enabled was changed."],
      [`customer ${alice.customerId}`, "true", "false", "ssh_enabled was changed."],
    ]);
  });

  test("of a switch of one that is stopped gives its port back at once, and takes none before the start", async () => {
    const id = await running({ jupyter_enabled: false, web_terminal_enabled: false });
    await request("POST", `/environments/${id}/stop`);
    await host.round({ phase: "stopped" });

    await patch(id, { ssh_enabled: false, rdp_enabled: true });
    await host.round({ phase: "stopped" });

    expect(await access(id)).toMatchObject([{ service: "rdp", state: "none" }]);
    expect(host.desiredLeases).toMatchObject([{ service: "ssh", want: "released" }]);
  });

  test("of what a container was made with is answered as waiting for a restart, and listed so until then", async () => {
    const id = await running();
    const [before] = host.desired;
    const waits = { jupyter_enabled: false, tensorboard_enabled: true };

    const answer = await patch(id, waits);
    await host.pull();

    const waiting = ["jupyter_enabled", "tensorboard_enabled"];
    expect(answer).toMatchObject({ status: 200, body: { ...waits, waits_for_restart: waiting } });
    expect(await scene.get(alice, id)).toMatchObject({ waits_for_restart: waiting });
    // A run that is under way stays what it is.
    expect(host.desired[0]).toMatchObject({ specHash: before?.specHash });
    expect((await changes(id))[0]?.[3]).toContain("its container follows with the next start or restart.");

    expect((await patch(id, { jupyter_enabled: true })).body.waits_for_restart).toEqual([
      "tensorboard_enabled",
    ]);
    await request("POST", `/environments/${id}/restart`);
    await host.round();

    expect(await scene.get(alice, id)).toMatchObject({ status: "running", waits_for_restart: [] });
    expect(host.desired[0]?.spec).toMatchObject({ jupyter: true, tensorboard: true });
    expect(host.desired[0]?.specHash).not.toBe(before?.specHash);
  });

  test("of one that is stopped waits for nothing: its next start knows it", async () => {
    const id = await running();
    await request("POST", `/environments/${id}/stop`);
    await host.round({ phase: "stopped" });

    expect((await patch(id, { jupyter_enabled: false })).body.waits_for_restart).toEqual([]);
    await request("POST", `/environments/${id}/start`);
    await scene.schedule();
    await host.round();

    expect(host.desired.at(-1)?.spec).toMatchObject({ jupyter: false });
  });

  test("of the hours without access is sent to its host at once, and holds for its later ports", async () => {
    const id = await running();
    scene.api.nudged.length = 0;

    const answer = await patch(id, { auto_release_hours: 5, name: "short" });
    await host.round();

    expect(answer.body).toMatchObject({ name: "short", auto_release_hours: 5 });
    expect(scene.api.nudged).toEqual(["host-a"]);
    expect(host.desiredLeases).toMatchObject([{ service: "ssh", autoReleaseHours: 5 }]);
    hostAnswers();
    expect((await open(id, 7860)).body).toMatchObject({ auto_release_hours: 5 });
    expect(await sql("SELECT DISTINCT auto_release_hours FROM port_mappings")).toEqual([
      { auto_release_hours: 5 },
    ]);
    await patch(id, { rdp_enabled: true });
    await host.round();
    expect(host.desiredLeases.map(({ autoReleaseHours }) => autoReleaseHours)).toEqual([5, 5, 5]);
    expect(await changes(id)).toContainEqual([
      `customer ${alice.customerId}`,
      "48",
      "5",
      "auto_release_hours was changed.",
    ]);
  });

  test("of a description that was empty, or is to be, states so, and not that it is called null", async () => {
    const id = await running();

    await patch(id, { description: "for the paper" });
    await patch(id, { description: null });

    expect((await changes(id)).map(([, old, now]: unknown[]) => [old, now]).toReversed()).toEqual([
      [null, "for the paper"],
      ["for the paper", null],
    ]);
  });

  test("that changes nothing is no event and notifies no host", async () => {
    const id = await running();
    scene.api.nudged.length = 0;

    expect((await patch(id, { ssh_enabled: true, auto_release_hours: 48 })).status).toBe(200);
    expect(await changes(id)).toEqual([]);
    expect(scene.api.nudged).toEqual([]);
  });

  const REFUSALS: [object, string, string][] = [
    [{ image: "busybox:2" }, "image", "is fixed at the order; order another environment with it"],
    [{ cpu: 2 }, "cpu", "is fixed at the order; order another environment with it"],
    [{ config: { spec: "standard" } }, "config.spec", "is fixed at the order; order another environment"],
    [{ config: { constructor: 1 } }, "config.constructor", "is not a known field"],
    [{ workspace_id: 1 }, "workspace_id", "an environment stays in its workspace"],
    [{ status: "stopped" }, "status", "starting, stopping and restarting"],
    [{ constructor: 1 }, "constructor", "is not a known field"],
  ];

  test("of what is fixed or unknown is refused with the reason", async () => {
    const { id } = (await scene.order(alice)).body;

    for (const [change, path, message] of REFUSALS) {
      const answer = await patch(id, { ...change, name: "other" });

      expect(answer.status).toBe(422);
      expect(answer.body.errors).toMatchObject([{ path, message: expect.stringContaining(message) }]);
    }
    expect((await scene.get(alice, id)).name).not.toBe("other");
  });
});

const NO_WEB = "There is no web side here, since no WEB_DOMAIN is set. From your machine: remotegpu";

describe("the access methods", () => {
  test("list host, port and command of what runs, and why not of what does not", async () => {
    const id = await running({ rdp_enabled: true, jupyter_enabled: true });
    await request("PATCH", "/hosts/host-a", { public_ip: "2001:db8::7" }, scene.api.admin);

    const services = await access(id);

    const ssh = services[0].port as number;
    expect(services).toMatchObject([
      {
        service: "ssh",
        internal_port: 22,
        state: "held",
        reachable: false,
        host: "2001:db8::7",
        command: `ssh -p ${ssh} root@2001:db8::7`,
        url: null,
        token: null,
        host_key_fingerprint: expect.stringMatching(/^SHA256:/),
        reason: "The host's agent is too old: it cannot serve SSH with keys and passwords of its own.",
      },
      {
        service: "rdp",
        reachable: false,
        reason:
          "The host's agent is too old: it cannot keep an image's xrdp up with a password of each start.",
        command: expect.stringMatching(/^xfreerdp \/v:\[2001:db8::7\]:\d+ \/u:root$/),
      },
      {
        service: "jupyter",
        state: "none",
        reachable: false,
        host: null,
        port: null,
        url: null,
        reason: `jupyter gets no port of its own: plain HTTP is not allowed here. ${NO_WEB} port-forward work 8888`,
      },
      { service: "terminal", reachable: false, url: null, reason: `${NO_WEB} ssh work` },
    ]);
  });

  test("with plain HTTP allowed lead to JupyterLab, from the next renewal on", async () => {
    const id = await running({ jupyter_enabled: true });
    await setSetting(scene.api.db, "ALLOW_PLAIN_HTTP_PORTS", "on");
    expect((await access(id))[1]).toMatchObject({ state: "none", reason: expect.stringContaining("Renew") });
    hostAnswers();

    const renewed = await request("POST", `/environments/${id}/access`, {});

    expect(renewed.status).toBe(200);
    const { port } = renewed.body.services[1];
    expect(renewed.body.services[1]).toMatchObject({ state: "held", url: `http://10.0.0.1:${port}/` });
    expect(await scene.get(alice, id)).toMatchObject({ jupyter_port: port });
  });

  test("state that a released port can be taken anew, and a renewal takes it and nothing else", async () => {
    const id = await running({ rdp_enabled: true });
    const before = await access(id);
    const { leaseId } = host.desiredLeases.find(({ service }) => service === "ssh")!;
    host.reportOfLease(leaseId, { state: "released", releasedBecause: "idle" });
    await host.round();
    expect((await access(id))[0]).toMatchObject({
      state: "released",
      reachable: false,
      port: null,
      command: null,
      reason: "Nobody connected to ssh for 48 hours. Renew the access to take another.",
    });
    hostAnswers();

    const renewed = (await request("POST", `/environments/${id}/access`, {})).body.services;
    const generation = (await host.row()).generation;
    const again = (await request("POST", `/environments/${id}/access`, {})).body.services;

    expect(renewed[0]).toMatchObject({ state: "held", reason: expect.stringContaining("agent is too old") });
    expect(renewed[0].port).not.toBe(before[0].port);
    expect(renewed[1]).toEqual(before[1]);
    expect(again).toEqual(renewed);
    // Nothing changed for the host.
    expect((await host.row()).generation).toBe(generation);
  });

  test("of a renewal that its host does not answer report that it is pending", async () => {
    const id = await running();
    const { leaseId } = host.desiredLeases[0]!;
    host.reportOfLease(leaseId, { state: "released", releasedBecause: "idle" });
    await host.round();

    const renewed = await request("POST", `/environments/${id}/access`, {});

    expect(renewed.status).toBe(200);
    expect(renewed.body.services[0]).toMatchObject({
      state: "waiting",
      reachable: false,
      reason: "Host host-a is binding a port for ssh.",
    });
  });

  test("of one that does not run stay, lead nowhere, and are not renewed", async () => {
    const { id: queued } = (await scene.order(alice)).body;
    expect((await access(queued))[0]).toMatchObject({
      state: "none",
      reason: "It gets a port when the environment is started.",
    });
    await scene.schedule();
    await host.round();
    await request("POST", `/environments/${queued}/stop`);
    await host.round({ phase: "stopped" });

    expect((await access(queued))[0]).toMatchObject({
      state: "held",
      port: 20_000,
      reachable: false,
      reason: "The environment is stopped; the port is kept and leads in while it runs.",
    });
    expect(await request("POST", `/environments/${queued}/access`, {})).toMatchObject(problem(409));
  });

  test("through a host that is not heard are not promised", async () => {
    const id = await running();
    await sql("UPDATE hosts SET connection = 'unreachable'");

    expect((await access(id))[0]).toMatchObject({
      reachable: false,
      reason: "Host host-a is not heard; the port leads in again when it is reached.",
    });
  });
});

test("the command opens, lists and closes ports, and lists the access methods", async () => {
  const id = await running({ jupyter_enabled: true });
  hostAnswers();
  const server = await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null });
  closing.push(() => server.close());
  const cli = async (...args: string[]) =>
    await execa(process.execPath, [CLI, ...args], {
      env: { REMOTEGPU_SERVER: `http://127.0.0.1:${server.port}`, REMOTEGPU_KEY: alice.key },
      extendEnv: false,
      reject: false,
    });

  const opened = await cli("port", "open", id, "7860");
  const listed = await cli("port", "list", "--env", id, "--json");
  const routes = await cli("env", "access", id, "--renew");
  const mapping = JSON.parse(listed.stdout).items.find(
    (row: { service_type: string }) => row.service_type === "custom",
  );
  scene.api.meanwhile(() => undefined);
  const closed = await cli("port", "close", String(mapping.id));
  const relisted = await cli("port", "list");
  const refused = await cli("port", "open", id, "22");

  expect(opened).toMatchObject({
    exitCode: 0,
    stdout: `Port 7860 of environment ${id} is reached at 10.0.0.1:${mapping.external_port}.`,
  });
  expect(JSON.parse(listed.stdout).items).toHaveLength(2);
  expect(routes.stdout).toMatch(
    /^ssh +no +10\.0\.0\.1 +20000 +ssh -p 20000 root@10\.0\.0\.1 +The host's agent is too old/m,
  );
  expect(routes.stdout).toMatch(/^jupyter +no +- +- +- +jupyter gets no port/m);
  expect(closed.stdout).toBe(`Port mapping ${mapping.id} is being released.`);
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("22 is the port of ssh") });
  expect(relisted.stdout).toMatch(/^id +environment +service +address +leads to +status/m);
  expect(relisted.stdout).toMatch(/custom +10\.0\.0\.1:\d+ +7860 +being released/);
});
