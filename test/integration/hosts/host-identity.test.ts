/** A host's way in and what keeps it in: joining, renewal, expiry, and revocation that works at once. */
import { join } from "node:path";
import { readFileSync, statSync } from "node:fs";
import { expect, test, type TestContext } from "vitest";
import {
  hostIdentity,
  mintHostCredential,
} from "@remotegpu/control-plane/server/link/identity/host-credential";
import { AccountKeeper } from "@remotegpu/control-plane/server/link/identity/account-keeper";
import type { Revocation } from "@remotegpu/control-plane/server/link/servers/account-claims";
import { pushAccounts } from "@remotegpu/control-plane/server/link/identity/revocation";
import { HostConnection } from "@remotegpu/agent/link/connection";
import { loadCredential, saveCredential } from "@remotegpu/agent/link/credential";
import { CredentialKeeper } from "@remotegpu/agent/link/credential-keeper";
import { joinControlPlane, type JoinOrder } from "@remotegpu/agent/link/join";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { eventually } from "../../support/eventually.ts";
import { startHostSide, type HostSide } from "../../support/agent/host-side.ts";
import { startIdentityApi, type IdentityApi } from "../../support/http/identity-api.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { startTestNats, type HostCredential, type TestNats } from "../../support/engines/nats.ts";

const TOKEN = "a-join-token";

/** NATS of a test's own, with the API and the hosts that it starts; all of it ends with the test. */
class Link {
  readonly nats: TestNats;
  readonly #ending = new AsyncDisposableStack();

  private constructor(nats: TestNats) {
    this.nats = this.#ending.adopt(nats, (one) => one.close());
  }

  static async open({ onTestFinished }: Pick<TestContext, "onTestFinished">): Promise<Link> {
    const link = new Link(await startTestNats());
    onTestFinished(() => link.#ending.disposeAsync());
    return link;
  }

  async host(credential: HostCredential, options?: { isAwaited: boolean }): Promise<HostSide> {
    return this.#ending.adopt(await startHostSide(credential, {}, options), ({ connection }) =>
      connection.close(),
    );
  }

  /** An API whose credentials live for `lifetimeMs`. */
  async api(lifetimeMs?: number): Promise<IdentityApi> {
    const { operator, address, certificate } = this.nats;
    const reach = { natsUrls: address.urls, ca: address.ca };
    const identity = hostIdentity(operator, reach);
    const mint: typeof identity.mint = (claim) =>
      mintHostCredential(operator, {
        ...claim,
        ...reach,
        ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
      });
    const api = await startIdentityApi({ ...identity, mint }, { token: TOKEN, certificate });
    return this.#ending.adopt(api, (one) => one.close());
  }

  keeper(host: HostSide, api: IdentityApi, onRemoved: () => void = () => undefined): CredentialKeeper {
    const keeper = new CredentialKeeper({
      file: join(this.nats.folder, "credential.json"),
      credential: { apiUrl: api.url, grant: host.grant, receivedAtMs: Date.now() },
      key: host.key,
      onRenewed: (grant) => void host.connection.renew(grant),
      onRemoved,
      log: memoryLog(),
    });
    keeper.start();
    return this.#ending.adopt(keeper, (one) => one.stop());
  }

  revoke(host: HostSide): Promise<void> {
    return pushAccounts(this.nats.operator, this.nats.address, {
      revoked: [{ nkey: host.key.publicKey, revokedAt: new Date() }],
      now: new Date(),
    });
  }

  defer(end: () => Promise<void> | void): void {
    this.#ending.defer(end);
  }
}

const secondOf = (at: Date) => Math.floor(at.getTime() / 1_000);

const order = ({ nats }: Link, api: IdentityApi, over: Partial<JoinOrder> = {}): JoinOrder => ({
  apiUrl: api.url,
  token: TOKEN,
  name: "a host",
  caSha256: nats.certificate?.caSha256 ?? null,
  machine: {
    hostname: "h",
    ipAddress: "127.0.0.1",
    osType: "linux",
    osVersion: "13",
    arch: "x64",
    cpuCount: 2,
    memoryBytes: 1,
    diskBytes: 1,
    cgroupVersion: 2,
    agentVersion: "0.1.0",
    runtime: null,
    attachMode: null,
    storagePool: "h",
  },
  ...over,
});

test.concurrent("a host joins with a token and is let into NATS", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const api = await link.api();
  const key = openHostKey(join(nats.folder, "nkey"));

  const result = await joinControlPlane(order(link, api), key);

  expect(result).toMatchObject({ joined: true, grant: { host_id: "host-1" } });
  if (!result.joined) return;
  const host = await link.host({ hostId: result.grant.host_id, key, grant: result.grant });
  expect(host.connection.isConnected).toBe(true);
});

test.concurrent("a token that is not good is an answer, not a failure", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const api = await link.api();
  const key = openHostKey(join(nats.folder, "nkey"));

  expect(await joinControlPlane(order(link, api, { token: "other" }), key)).toEqual({
    joined: false,
    reason: "no such token",
  });
});

test.concurrent("the key's file is private and the key stays the same", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const file = join(nats.folder, "nkey");

  const first = openHostKey(file);

  expect(openHostKey(file).publicKey).toBe(first.publicKey);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(nats.folder, "operator.json")).mode & 0o777).toBe(0o600);
});

test.concurrent("revocation closes the host's connection at once, refuses its return, and touches no other", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const revoked = await link.host(await nats.hostCredential("revoked"));
  const other = await link.host(await nats.hostCredential("other"));

  await link.revoke(revoked);

  await eventually(() => !revoked.connection.isConnected, {
    withinMs: 2_000,
    what: "the end of the connection",
  });
  await eventually(() => revoked.refusals() > 0, { what: "the refused return" });
  expect(revoked.connection.isConnected).toBe(false);
  expect(other.connection.isConnected).toBe(true);
  expect(other.log.lines.filter(({ level }) => level === "warn")).toEqual([]);
});

test.concurrent("two revocations within one second both hold", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const hosts = [
    await link.host(await nats.hostCredential("one")),
    await link.host(await nats.hostCredential("two")),
  ];
  const revoked = hosts.map(({ key }) => ({ nkey: key.publicKey, revokedAt: new Date() }));

  await pushAccounts(nats.operator, nats.address, { revoked: revoked.slice(0, 1), now: new Date() });
  await pushAccounts(nats.operator, nats.address, { revoked, now: new Date() });

  await eventually(() => hosts.every(({ refusals }) => refusals() > 0), { what: "both refusals" });
  expect(hosts.map(({ connection }) => connection.isConnected)).toEqual([false, false]);
});

test.concurrent("a revocation outlives a restart of NATS, and a wiped one gets it back by the next push", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const host = await link.host(await nats.hostCredential("revoked"));
  // A restarted server keeps the newer of the account it was sent and the one it is configured with, by the second.
  const made = secondOf(new Date());
  await eventually(() => secondOf(new Date()) > made);
  await link.revoke(host);
  await eventually(() => !host.connection.isConnected);

  await nats.stop();
  await nats.start();
  const afterRestart = await link.host(await nats.hostCredential("after"), { isAwaited: false });
  await eventually(() => afterRestart.connection.isConnected, { what: "a host that is not revoked" });
  const again = await link.host({ ...host }, { isAwaited: false });
  await eventually(() => again.refusals() > 0, { what: "the refusal after the restart" });

  await nats.stop();
  await nats.start({ wipe: true });
  await link.revoke(host);
  const refusalsBefore = again.refusals();
  await eventually(() => again.refusals() > refusalsBefore, {
    withinMs: 60_000,
    what: "the refusal after the wipe",
  });
  expect(again.connection.isConnected).toBe(false);
});

test.concurrent("the keeper revokes at once, and again by itself after NATS was wiped", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const revoked: Revocation[] = [];
  const keeper = new AccountKeeper({
    operator: nats.operator,
    address: nats.address,
    connection: await nats.connectControlPlane(),
    readRevoked: () => Promise.resolve([...revoked]),
    log: memoryLog(),
  });
  keeper.start();
  link.defer(() => keeper.stop());
  const host = await link.host(await nats.hostCredential("revoked"));

  revoked.push({ nkey: host.key.publicKey, revokedAt: new Date() });
  await keeper.push();
  await eventually(() => host.refusals() > 0, { what: "the refusal" });
  await nats.stop();
  await nats.start({ wipe: true });

  // The wiped server lets the host in until the keeper has told it.
  const refusalsBefore = host.refusals();
  await eventually(() => host.refusals() > refusalsBefore, {
    withinMs: 60_000,
    what: "the refusal after the wipe",
  });
  expect(host.connection.isConnected).toBe(false);
});

test.concurrent("a credential is renewed at half its life, and the host stays in beyond the first one's end", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const api = await link.api();
  const credential = await nats.hostCredential("host-1", { lifetimeMs: 10_000 });
  const host = await link.host(credential);
  const keeper = link.keeper(host, api);

  await eventually(() => keeper.grant.jwt !== credential.grant.jwt, { what: "the renewal" });
  expect(Date.now()).toBeLessThan(Date.parse(credential.grant.expires_at));
  await eventually(() => Date.now() > Date.parse(credential.grant.expires_at) + 1_500, {
    what: "the first one's end",
  });
  await eventually(() => host.connection.isConnected);

  expect(host.refusals()).toBe(0);
  expect(loadCredential(join(nats.folder, "credential.json"))?.grant).toEqual(keeper.grant);
  expect(statSync(join(nats.folder, "credential.json")).mode & 0o777).toBe(0o600);
});

test.concurrent("a host that was cut off until its credential expired comes back by itself", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const api = await link.api();
  const credential = await nats.hostCredential("host-1", { lifetimeMs: 1_000 });
  await eventually(() => Date.now() > Date.parse(credential.grant.expires_at) + 1_000, {
    what: "the expiry",
  });
  const host = await link.host(credential, { isAwaited: false });
  await eventually(() => host.refusals() > 0, { what: "the refusal" });
  expect(host.connection.isConnected).toBe(false);

  link.keeper(host, api);

  await eventually(() => host.connection.isConnected, { what: "the connection with a renewed credential" });
  expect(api.requests).toHaveLength(2);
});

test.concurrent("the server drops a connection whose credential ends, and gives the reason", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const host = await link.host(await nats.hostCredential("host-1", { lifetimeMs: 2_000 }));

  await eventually(() => !host.connection.isConnected, { what: "the end" });
  await eventually(() => host.refusals() > 0, { what: "the reason" });
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(host.grant.expires_at));
});

test.concurrent("a revoked key is not renewed, and requests go on slowly", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const api = await link.api();
  const credential = await nats.hostCredential("host-1", { lifetimeMs: 1_000 });
  api.revokedKeys.add(credential.key.publicKey);
  const host = await link.host(credential, { isAwaited: false });
  const keeper = link.keeper(host, api);

  await eventually(() => api.requests.length >= 2, { what: "the second try" });

  expect(keeper.grant).toEqual(credential.grant);
  expect(api.requests.length).toBeLessThan(5);
});

test.concurrent("a host that was taken out of the fleet is notified of it, once it has proved who it is", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  let removals = 0;
  const api = await link.api();
  const credential = await nats.hostCredential("host-1", { lifetimeMs: 1_000 });
  api.removedKeys.add(credential.key.publicKey);
  const host = await link.host(credential, { isAwaited: false });
  const keeper = link.keeper(host, api, () => (removals += 1));

  await eventually(() => removals > 0, { what: "the word" });

  expect(api.requests.length).toBeGreaterThanOrEqual(2);
  expect(keeper.grant).toEqual(credential.grant);
});

test.concurrent("a control plane that moved is found by renewal", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const api = await link.api();
  const credential = await nats.hostCredential("host-1");
  const moved = { ...credential, grant: { ...credential.grant, nats_urls: ["nats://127.0.0.1:1"] } };
  const host = await link.host(moved, { isAwaited: false });
  const keeper = link.keeper(host, api);

  keeper.renewSoon();

  await eventually(() => host.connection.isConnected, { what: "the connection to the new address" });
  expect(keeper.grant.nats_urls).toEqual(nats.address.urls);
});

test.concurrent("NATS without TLS is refused anywhere but on loopback", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const credential = await nats.hostCredential("host-1");
  const exposed = { ...credential, grant: { ...credential.grant, nats_urls: ["nats://192.0.2.1:4222"] } };

  const host = await link.host(exposed, { isAwaited: false });

  await eventually(() => host.log.lines.length > 0, { what: "the refusal" });
  expect(String(Object.values(host.log.lines[0]?.fields ?? {})[0])).toContain("is not TLS");
});

test.concurrent("a subscription that NATS forbids is noticed and never passes for a connection", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const { hostId, key, grant } = await nats.hostCredential("host-1");
  const log = memoryLog();
  let connects = 0;
  const connection = new HostConnection({
    grant: { ...grant, host_id: hostId },
    key,
    subscriptions: { "rg.v1.h.other.down.nudge": () => undefined },
    onConnected: () => (connects += 1),
    onRefused: () => undefined,
    log,
  });
  connection.start();
  link.defer(() => connection.close());

  await eventually(() => log.lines.some(({ level }) => level === "error"), { what: "the error" });

  expect(connects).toBe(0);
  expect(connection.isConnected).toBe(false);
});

test.concurrent("a file that is no credential is an error that states what to do", async (context) => {
  const link = await Link.open(context);
  const { nats } = link;
  const file = join(nats.folder, "operator.json");

  expect(() => loadCredential(file)).toThrow("join this host anew");
  expect(loadCredential(join(nats.folder, "nothing.json"))).toBeNull();
  saveCredential(join(nats.folder, "c.json"), {
    apiUrl: "x",
    grant: { host_id: "h" } as never,
    receivedAtMs: 1,
  });
  expect(readFileSync(join(nats.folder, "c.json"), "utf8")).toContain('"apiUrl":"x"');
});
