/** Beyond loopback everything is TLS under a certificate authority of ours, which the join command pins. */
import { join } from "node:path";
import { readFileSync, statSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { serverCertificate } from "@remotegpu/control-plane/server/embedded/certificate-authority";
import { hostIdentity } from "@remotegpu/control-plane/server/link/identity/host-credential";
import { ApiUnreachableError } from "@remotegpu/agent/link/api-request";
import { joinControlPlane, type JoinOrder } from "@remotegpu/agent/link/join";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { renewCredential } from "@remotegpu/agent/link/credential";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";
import { startHostSide } from "../../support/agent/host-side.ts";
import { startIdentityApi, type IdentityApi } from "../../support/http/identity-api.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";

const TOKEN = "a-join-token";
let nats: TestNats;
let api: IdentityApi;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  nats = ending.adopt(await startTestNats({ isTls: true }), (one) => one.close());
  const identity = hostIdentity(nats.operator, { natsUrls: nats.address.urls, ca: nats.address.ca });
  api = await startIdentityApi(identity, { token: TOKEN, certificate: nats.certificate });
  ending.defer(() => api.close());
});

afterAll(() => ending.disposeAsync());

const order = (over: Partial<JoinOrder> = {}): JoinOrder => ({
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

test("joining, NATS and renewal work under the pinned authority", async () => {
  const key = openHostKey(join(nats.folder, "nkey"));

  const result = await joinControlPlane(order(), key);

  if (!result.joined) throw new Error(result.reason);
  expect(result.grant.nats_urls[0]).toMatch(/^tls:/);
  const host = await startHostSide({ hostId: result.grant.host_id, key, grant: result.grant });
  onTestFinished(() => host.connection.close());
  expect(host.connection.isConnected).toBe(true);
  const saved = { apiUrl: api.url, grant: result.grant, receivedAtMs: Date.now() };
  expect(await renewCredential(saved, key)).toMatchObject({ renewed: true });
});

test("another pin is refused before the token is sent", async () => {
  const requestsBefore = api.requests.length;
  const key = openHostKey(join(nats.folder, "nkey"));

  await expect(joinControlPlane(order({ caSha256: "0".repeat(64) }), key)).rejects.toThrow(
    ApiUnreachableError,
  );

  expect(api.requests).toHaveLength(requestsBefore);
});

test("without a pin our authority is not trusted", async () => {
  const key = openHostKey(join(nats.folder, "nkey"));

  await expect(joinControlPlane(order({ caSha256: null }), key)).rejects.toThrow(ApiUnreachableError);
});

test("a token is not sent in clear text beyond loopback", async () => {
  const key = openHostKey(join(nats.folder, "nkey"));

  await expect(
    joinControlPlane(order({ apiUrl: "http://192.0.2.1:8080", caSha256: null }), key),
  ).rejects.toThrow("is not https");
});

test("a host that trusts another authority does not connect", async () => {
  const other = await serverCertificate(join(nats.folder, "other"), {
    addresses: ["127.0.0.1"],
    now: new Date(),
  });
  const credential = await nats.hostCredential("host-2");

  const host = await startHostSide(
    { ...credential, grant: { ...credential.grant, ca: other.ca } },
    {},
    { isAwaited: false },
  );
  onTestFinished(() => host.connection.close());

  await eventually(() => host.log.lines.length > 0, { what: "the refusal" });
  expect(host.connection.isConnected).toBe(false);
});

test("a certificate of the right authority for another address is refused", async () => {
  const credential = await nats.hostCredential("host-3");
  const elsewhere = credential.grant.nats_urls.map((url) => url.replace("127.0.0.1", "127.0.0.2"));
  const forwarder = createServer((socket) => {
    socket.pipe(createConnection({ host: "127.0.0.1", port: nats.server().port })).pipe(socket);
    socket.on("error", () => socket.destroy());
  });
  onTestFinished(() => void forwarder.close());
  await new Promise<void>((resolve) => forwarder.listen(nats.server().port, "127.0.0.2", resolve));

  const host = await startHostSide(
    { ...credential, grant: { ...credential.grant, nats_urls: elsewhere } },
    {},
    { isAwaited: false },
  );
  onTestFinished(() => host.connection.close());

  await eventually(() => host.log.lines.length > 0, { what: "the refusal" });
  expect(String(Object.values(host.log.lines[0]?.fields ?? {})[0])).toContain("does not match certificate");
});

test("a certificate is reused while it is good, and made anew for new addresses and before its end", async () => {
  const folder = join(nats.folder, "kept");
  const make = (addresses: string[], now = new Date()) => serverCertificate(folder, { addresses, now });

  const first = await make(["192.0.2.1", "gpu.example.org"]);
  const pem = readFileSync(first.certFile, "utf8");
  await make(["192.0.2.1"]);
  expect(readFileSync(first.certFile, "utf8")).toBe(pem);

  const wider = await make(["192.0.2.1", "192.0.2.2"]);
  const widerPem = readFileSync(wider.certFile, "utf8");
  expect(widerPem).not.toBe(pem);
  expect(wider.caSha256).toBe(first.caSha256);

  await make(["192.0.2.1"], new Date(Date.now() + 320 * MS_PER_DAY));
  expect(readFileSync(wider.certFile, "utf8")).not.toBe(widerPem);
  expect(statSync(wider.keyFile).mode & 0o777).toBe(0o600);
});
