/** How people are told to get into an environment by SSH, and what its host is told of its server. */
import { createHash, createPublicKey } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";
import { SSH_FEATURE } from "@remotegpu/shared/instance/ssh-access";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { aPublicKey } from "../../support/samples/ssh-keys.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, ssh: true, pool: "shared" });
});
afterEach(async () => await scene.close());

const request = async (method: string, path: string, body?: unknown, as: Caller = alice) =>
  await scene.api.request(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
/** The way in by SSH. */
const routeIn = async (id: string) => (await request("GET", `/environments/${id}/access`)).body.services[0];

async function running(change: object = {}, on = host): Promise<string> {
  const { id } = (await scene.order(alice, change)).body;
  await scene.schedule();
  await on.round();
  return id;
}

const addKey = async (as: Caller) =>
  await request("POST", "/ssh-keys", { name: "k", public_key: aPublicKey() }, as);
const sshOf = (id: string, on = host) => on.desired.find(({ spec }) => spec.workloadId === id)?.live.ssh;

/** Of its first placement. */
const terminalSetOf = (id: string) =>
  scene.api.terminalKeys.keySetOf({ environmentId: id, placementEpoch: 1 }).id;

/** Of an Ed25519 key, as ssh-keygen shows it. */
function fingerprintOf(privatePem: string): string {
  const { x = "" } = createPublicKey(privatePem).export({ format: "jwk" });
  const head = Buffer.from("0000000b7373682d6564323535313900000020", "hex");
  const digest = createHash("sha256").update(Buffer.concat([head, Buffer.from(x, "base64url")]));
  return `SHA256:${digest.digest("base64").replace(/=+$/, "")}`;
}

test("the host key that its host gets is the one that people are given, also on another host", async () => {
  const id = await running();
  const { hostKey = "" } = sshOf(id) ?? {};
  const before = await routeIn(id);
  const other = await scene.host("host-b", { leases: true, ssh: true, pool: "shared" });
  await request("POST", `/environments/${id}/stop`);
  await host.round({ phase: "stopped" });
  await request("POST", "/hosts/host-a/cordon", { reason: "full" }, scene.api.admin);
  await request("POST", `/environments/${id}/start`);
  await scene.schedule();
  await other.round();

  const after = await routeIn(id);

  expect(before.host_key_fingerprint).toBe(fingerprintOf(hostKey));
  expect(before.known_hosts).toMatch(
    new RegExp(`^\\[10\\.0\\.0\\.1\\]:${before.port} ssh-ed25519 [A-Za-z0-9+/]{68}$`),
  );
  expect(sshOf(id, other)?.hostKey).toBe(hostKey);
  expect(after).toMatchObject({ host_key_fingerprint: before.host_key_fingerprint });
  expect(after.known_hosts.split(" ").slice(1)).toEqual(before.known_hosts.split(" ").slice(1));
});

test("no two environments have the same host key, and it stands nowhere in the database", async () => {
  const [one, two] = [await running(), await running()];

  const keys = [one, two].map((id) => sshOf(id)?.hostKey ?? "");

  expect(new Set(keys).size).toBe(2);
  const { rows } = await scene.api.db.query("SELECT live, spec FROM placements");
  for (const key of keys) expect(JSON.stringify(rows)).not.toContain(key.split("\n")[1]);
});

describe("an environment on a host that serves SSH", () => {
  test("is reached through a lease that leads to our server", async () => {
    const id = await running();

    const route = await routeIn(id);

    expect(host.desiredLeases).toMatchObject([{ service: "ssh", internalPort: 2022, want: "held" }]);
    expect(route).toMatchObject({
      service: "ssh",
      internal_port: 2022,
      state: "held",
      reachable: true,
      host: "10.0.0.1",
      command: `ssh -p ${route.port} root@10.0.0.1`,
      reason: null,
    });
  });

  test("is reached only where its host saw somebody answer, and what nobody answers for is reported", async () => {
    const id = await running({ rdp_enabled: true, jupyter_enabled: false, web_terminal_enabled: false });
    const image = { imageId: `sha256:${"a".repeat(64)}`, brings: ["bash", "shell"] };
    const reported = async (answers: ObservedLease["answers"]) => {
      for (const leaseId of host.leases.keys()) host.reportOfLease(leaseId, { answers });
      await host.round({ phase: "ready", ...image });
      const { services } = (await request("GET", `/environments/${id}/access`)).body;
      return services.map(({ reachable, reason }: { reachable: boolean; reason: string }) =>
        reachable ? "reachable" : reason,
      );
    };

    const detail = "The container has used up the 512 processes that it may have.";
    expect(await reported({ isSeen: false, detail })).toEqual([
      `Nothing answers yet. ${detail}`,
      "Not in the image: it has no xrdp.",
    ]);
    expect(await reported(undefined)).toEqual([
      "Still starting: its host has not seen yet whether something answers on port 2022.",
      "Not in the image: it has no xrdp.",
    ]);
    // Whoever installed it by hand is reached, too.
    expect(await reported({ isSeen: true, detail: "" })).toEqual(["reachable", "reachable"]);
  });

  test("may have the image's own port opened by hand, and not ours", async () => {
    const id = await running();
    scene.api.meanwhile(async () => void (await host.round()));
    const open = async (internal_port: number) =>
      await request("POST", "/port-mappings", { env_id: id, service_type: "custom", internal_port });

    expect((await open(22)).status).toBe(201);
    expect(await open(2022)).toMatchObject({ status: 422 });
  });

  test("with the image's own server has a lease to its port 22, and opens to no key", async () => {
    await addKey(alice);
    const id = await running({ config: { ssh: "image" }, web_terminal_enabled: false });
    const withTerminal = await running({ config: { ssh: "image" } });

    const route = await routeIn(id);

    expect(host.desiredLeases.map(({ internalPort }) => internalPort)).toEqual([22, 22]);
    expect(sshOf(id)).toBeUndefined();
    // Our server is there for the terminal in the browser.
    expect(sshOf(withTerminal)).toEqual({
      keySets: [terminalSetOf(withTerminal)],
      passwordHash: null,
      hostKey: expect.any(String),
    });
    expect(route).toMatchObject({
      internal_port: 22,
      reachable: true,
      host_key_fingerprint: null,
      known_hosts: null,
    });
    expect((await request("GET", `/environments/${id}`)).body.config).toEqual({ ssh: "image" });
  });

  test("opens to nobody once SSH is switched off, and to its people when it is switched on again", async () => {
    await addKey(alice);
    const id = await running();
    const change = async (body: object) => {
      scene.api.nudged.length = 0;
      expect((await request("PATCH", `/environments/${id}`, body)).status).toBe(200);
      await host.pull();
      return { ssh: sshOf(id), nudged: scene.api.nudged.includes(host.id) };
    };

    expect(await change({ ssh_enabled: false })).toMatchObject({
      ssh: { keySets: [terminalSetOf(id)] },
      nudged: true,
    });
    expect(await change({ web_terminal_enabled: false })).toEqual({ ssh: undefined, nudged: true });
    expect(await change({ ssh_enabled: true })).toMatchObject({
      ssh: { keySets: [`c-${alice.customerId}`] },
      nudged: true,
    });
  });
});

describe("the key of the terminal in the browser", () => {
  test("is sent from the start, with SSH switched on or off, beside people's keys", async () => {
    await addKey(alice);
    const [open, closed] = [await running(), await running({ ssh_enabled: false })];
    await host.pull();

    expect(sshOf(open)?.keySets).toEqual([terminalSetOf(open), `c-${alice.customerId}`]);
    expect(sshOf(closed)?.keySets).toEqual([terminalSetOf(closed)]);
    const reported = [open, closed].map((id) =>
      scene.api.terminalKeys.keySetOf({ environmentId: id, placementEpoch: 1 }),
    );
    expect(host.desiredKeySets).toHaveLength(1 + reported.length);
    expect(host.desiredKeySets).toEqual(expect.arrayContaining(reported));
  });

  test("opens nothing once the terminal is switched off, of which its host is notified at once", async () => {
    await addKey(alice);
    const id = await running();
    const switched = async (isOn: boolean) => {
      scene.api.nudged.length = 0;
      await request("PATCH", `/environments/${id}`, { web_terminal_enabled: isOn });
      expect(scene.api.nudged).toEqual([host.id]);
      await host.pull();
      return sshOf(id)?.keySets;
    };

    const people = `c-${alice.customerId}`;
    expect(await switched(false)).toEqual([people]);
    expect(host.desiredKeySets.map(({ id: set }) => set)).toEqual([people]);
    expect(await switched(true)).toEqual([terminalSetOf(id), people]);
  });

  test("is another one with each placement", async () => {
    const id = await running();
    const before = sshOf(id)?.keySets;
    const other = await scene.host("host-b", { leases: true, ssh: true, pool: "shared" });
    await request("POST", `/environments/${id}/stop`);
    await host.round({ phase: "stopped" });
    await request("POST", "/hosts/host-a/cordon", { reason: "full" }, scene.api.admin);
    await request("POST", `/environments/${id}/start`);
    await scene.schedule();
    await other.round();

    const [order] = other.desired;
    const epoch = order?.placementEpoch ?? 0;
    const place = { environmentId: id, placementEpoch: epoch };
    expect(epoch).toBeGreaterThan(1);
    expect(sshOf(id, other)?.keySets).toEqual([scene.api.terminalKeys.keySetOf(place).id]);
    expect(sshOf(id, other)?.keySets).not.toEqual(before);
  });
});

test("an order that names a server that there is not is refused", async () => {
  expect(await scene.order(alice, { config: { ssh: "theirs" } } as object)).toMatchObject({
    status: 422,
    body: { errors: [{ path: "config.ssh" }] },
  });
});

describe("a host whose agent is too old", () => {
  test("is reported as such, and is served after an upgrade and a restart, by another port", async () => {
    const old = await scene.host("host-old", { leases: true, cpu: 64 });
    await request("POST", "/hosts/host-a/cordon", { reason: "full" }, scene.api.admin);
    const id = await running({}, old);
    expect(await routeIn(id)).toMatchObject({
      internal_port: 22,
      reachable: false,
      reason: "The host's agent is too old: it cannot serve SSH with keys and passwords of its own.",
    });

    const features = [...((await old.row())["features"] as string[]), SSH_FEATURE];
    await old.heartbeat({ features });
    expect(await routeIn(id)).toMatchObject({
      internal_port: 22,
      reachable: false,
      reason: "It was started before its host's agent served SSH; restart it to be served.",
    });

    expect((await request("POST", `/environments/${id}/restart`)).status).toBe(202);
    await old.pull();
    expect(old.desiredLeases).toMatchObject([
      { internalPort: 22, want: "released" },
      { internalPort: 2022, want: "held" },
    ]);
    old.bindLeases();
    for (const { leaseId } of old.desiredLeases)
      old.reportOfLease(leaseId, { answers: { isSeen: true, detail: "" } });
    await old.heartbeat({ features });
    await old.report(old.desired.map((wanted) => old.observedOf(wanted, { phase: "ready" })));

    const route = await routeIn(id);
    expect(route).toMatchObject({ internal_port: 2022, reachable: true, state: "held" });
    const visible = (await request("GET", `/environments/${id}`)).body;
    expect(visible.ssh_port).toBe(route.port);
  });
});
