/**
 * A host that lets nobody in, on the real access process in a network of its own: it is told to dial, it dials, and
 * streams go through what it has dialled; through another gateway where one is gone, and not any more once it is shut out.
 */
import { isDeepStrictEqual } from "node:util";
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import type { Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect as connectPlain, createServer } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { createOperator } from "@nats-io/nkeys";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GatewayIdentity } from "@remotegpu/agent/access/relay/connections/gateway-identity";
import { RelaySocket } from "@remotegpu/agent/access/relay/connections/relay-socket";
import { ReversedTunnels } from "@remotegpu/agent/access/relay/tunnel/reversed-tunnels";
import { TunnelStreams } from "@remotegpu/agent/access/relay/tunnel/tunnel-streams";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { ClientPool } from "@remotegpu/control-plane/gateway/pool/client-pool";
import { type OpenTunnels, openTunnels } from "@remotegpu/control-plane/gateway/tunnel/open-tunnels";
import type { TunnelError } from "@remotegpu/control-plane/gateway/tunnel/tunnel";
import { AccessAuthority } from "@remotegpu/control-plane/server/link/identity/access-authority";
import { gatewaysToDial, routesOfHosts } from "@remotegpu/control-plane/server/store/gateway/gateway-routes";
import { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import { GATEWAY_NAME } from "@remotegpu/shared/messages/joining";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { type AccessUnderTest, ContainerUnderTest } from "../../support/agent/access.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { BehindNat } from "../../support/worlds/fleet/behind-nat.ts";
import { SERVICE } from "../../support/worlds/web-scene.ts";

const HOST = HostId.parse("host-nat");
const INSTANCE = InstanceId.parse("ins-of-env-nat");
const STALLED = 50;

let fresh: FreshDatabase;
let nat: BehindNat;
let access: AccessUnderTest;
let container: ContainerUnderTest;
let authority: AccessAuthority;
let identity: GatewayIdentity;
let first: OpenTunnels;
let second: OpenTunnels;
const nudged: HostId[] = [];

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  fresh = ending.adopt(await freshDatabase(), (one) => one.drop());
  nat = ending.adopt(await BehindNat.begin(), (one) => one.end());
  access = ending.adopt(await nat.beginAccess(), (one) => one.end());
  container = ending.adopt(await ContainerUnderTest.begin("env-nat"), (one) => one.end());
  await container.serve(8000);
  authority = await AccessAuthority.of({ key: createOperator() });
  identity = await identityOf(authority, HOST);
  first = await beginGateway("gw-1");
  second = await beginGateway("gw-2");
});
afterAll(() => ending.disposeAsync());

async function identityOf(by: AccessAuthority, hostId: HostId, now = new Date()): Promise<GatewayIdentity> {
  const key = openHostKey(`${access.folder}/host.nk`);
  return { key: key.accessKeyPem, ...(await by.certifyHost(hostId, key.accessClaim.key, now)) };
}

async function beginGateway(id: string): Promise<OpenTunnels> {
  const tunnels = await openTunnels({
    db: fresh.application,
    now: () => new Date(),
    log: quietLog,
    certify: (now) => authority.gateway(now),
    listen: { address: nat.outside, port: 0 },
    nudge: (hostId) => void nudged.push(hostId),
  });
  ending.defer(() => tunnels.close());
  await fresh.database.query(
    `INSERT INTO gateways (id, name, tunnel_host, tunnel_port, started_at, seen_at)
     VALUES ($1, $1, $2, $3, now(), now() + interval '1 hour')`,
    [id, nat.outside, tunnels.port],
  );
  tunnels.follow(id);
  return tunnels;
}

/** As its agent does: tells the access process whom to dial. */
async function follow(): Promise<void> {
  const gateways = await gatewaysToDial(fresh.application, HOST);
  await access.print({ instances: [container.instance], gateway: identity, gateways });
}

const routeBy = async (gateway: string) => {
  const routes = await routesOfHosts(fresh.application, { hostIds: [HOST], now: new Date() });
  return routes.get(HOST)?.find(({ gatewayName }) => gatewayName === gateway);
};
const comesTo = (gateway: string, route: string) =>
  eventually(async () => (await routeBy(gateway))?.route === route, {
    what: `${route} by ${gateway}`,
    withinMs: 60_000,
  });

const to = (port: number) => ({ hostId: HOST, instanceId: INSTANCE, port });
const printedBy = async (stream: Duplex) => (await buffer(stream)).toString("latin1");
const generationOf = async () => {
  const { rows } = await fresh.database.query<{ generation: number }>(
    "SELECT generation FROM hosts WHERE id = $1",
    [HOST],
  );
  return rows[0]?.generation;
};

async function requests(tunnels: OpenTunnels): Promise<string> {
  const stream = await tunnels.open(to(8000));
  stream.end("answer 5\n");
  return (await printedBy(stream)).split("\n")[0] ?? "";
}

function refusedBy(opening: Promise<unknown>): Promise<TunnelError> {
  return opening.then(
    () => expect.fail("it was opened"),
    (error: unknown) => error as TunnelError,
  );
}

test("a host that answers nobody is ordered to dial, and is reached by what it dials", async () => {
  const messages = await access.print({ instances: [container.instance], gateway: identity });
  const port =
    messages.gatewayPort ??
    (await eventually(() => access.messages?.gatewayPort ?? undefined, { what: "its port" }));
  await fresh.database.query(
    `INSERT INTO hosts (id, name, ip_address, connection, gateway_port, features)
     VALUES ($1, 'gpu-nat', $2, 'connected', $3, '{web}')`,
    [HOST, nat.inside, port],
  );

  await comesTo("gw-1", "none");
  await comesTo("gw-2", "none");
  expect(await routeBy("gw-1")).toMatchObject({
    detail: { code: "tunnel-host-unconfirmed", params: { host_name: "gpu-nat" } },
  });
  expect([await generationOf(), nudged]).toEqual([2, [HOST, HOST]]);
  await follow();
  await comesTo("gw-1", "reversed");
  await comesTo("gw-2", "reversed");
  // What it dialled confirms where it is; that address is looked at then, and lets nobody in.
  const detail: Reason = {
    code: "tunnel-host-silent",
    params: { host_name: "gpu-nat", why: reasonOf("tunnel-answer-late") },
  };
  await eventually(async () => isDeepStrictEqual((await routeBy("gw-1"))?.detail, detail), {
    what: "a look",
    withinMs: 60_000,
  });
  expect(await routeBy("gw-1")).toMatchObject({ route: "reversed" });

  expect(await requests(first)).toBe("hello");
  expect(await requests(second)).toBe("hello");
  expect(await generationOf()).toBe(2);
}, 60_000);

test("its streams carry bytes in both directions, each direction ending by itself", async () => {
  const body = `answer 3000000\n${"x".repeat(5_000_000)}`;
  const sha256 = createHash("sha256").update(body).digest("hex");
  const request = async () => {
    const stream = await first.open(to(8000));
    stream.end(body);
    return printedBy(stream);
  };

  for (const one of await Promise.all([request(), request(), request()])) {
    const [greeting, counted = "", ...answer] = one.split("\n");
    expect([greeting, JSON.parse(counted)]).toEqual(["hello", { bytes: body.length, sha256 }]);
    expect(answer.join("\n")).toHaveLength(3_000_000);
  }
});

test("text and bytes that are written in one turn, as requests with a body are, come as they were", async () => {
  const text = `POST / HTTP/1.1\r\nContent-Length: 5\r\nX: ${"x".repeat(300)}\r\n\r\n`;
  for (let nth = 0; nth < 20; nth += 1) {
    const stream = await first.open(to(8000));
    const output = printedBy(stream);
    stream.cork();
    stream.write(text, "latin1");
    stream.write(Buffer.from("bytes"));
    stream.write("", "latin1");
    process.nextTick(() => stream.uncork());
    await setImmediate();
    stream.end();

    expect(await output).toContain(createHash("sha256").update(`${text}bytes`).digest("hex"));
  }
});

test("a service that ends first, and a port where nobody listens", async () => {
  const stream = await first.open(to(8000));
  stream.write("end first\n");
  expect(await printedBy(stream)).toBe("hello\n");
  stream.destroy();

  const error = await refusedBy(first.open(to(8001)));

  expect(error).toMatchObject({ reason: "refused", message: "Nothing answers on port 8001 in there." });
});

test("one that is requested again and again by HTTP is as it was after each answer", async () => {
  await container.serveFixture(SERVICE, 8002);
  const streams = new Set<Duplex>();
  const pool = new ClientPool({
    async open(destination) {
      const stream = await first.open(destination);
      streams.add(stream);
      return stream;
    },
  });
  ending.defer(() => pool.close());
  const listeners: number[] = [];
  for (let nth = 0; nth < 20; nth += 1) {
    const one = pool.take(to(8002));
    const { body } = await one.client.request({ method: "POST", path: "/tell", body: "x" });
    await body.dump();
    pool.giveBack(one);
    // It is free a moment later.
    await setImmediate();
    for (const stream of streams) listeners.push(stream.listenerCount("error"));
  }

  expect(streams.size).toBe(1);
  expect(listeners.at(-1)).toBe(listeners[0]);
});

test(`${STALLED} streams that nobody reads hold up no other`, async () => {
  const stalled = await Promise.all(Array.from({ length: STALLED }, () => first.open(to(8000))));
  for (const stream of stalled) {
    stream.on("error", () => undefined);
    stream.end("zeros 100000000\n");
  }

  const flowing = await first.open(to(8000));
  flowing.end("answer 20000000\n");
  const output = await printedBy(flowing);

  expect(output.length).toBeGreaterThan(20_000_000);
  for (const stream of stalled) stream.destroy();
});

test.each<[string, () => Promise<ConnectionOptions>]>([
  ["no certificate", async () => ({})],
  [
    "one of another fleet",
    async () => visible(await identityOf(await AccessAuthority.of({ key: createOperator() }), HOST)),
  ],
  [
    "one that has ended",
    async () => visible(await identityOf(authority, HOST, new Date(Date.now() - 500 * MS_PER_DAY))),
  ],
  [
    "one of a host that is not of the fleet",
    async () => visible(await identityOf(authority, HostId.parse("host-x"))),
  ],
  ["a gateway's own", async () => visible(await authority.gateway(new Date()))],
])("whoever shows %s is sent away", async (_what, options) => {
  const socket = connect({
    host: nat.outside,
    port: first.port ?? 0,
    ca: authority.ca,
    servername: GATEWAY_NAME,
    ALPNProtocols: ["h2"],
    ...(await options()),
  });
  let heard = 0;
  socket.on("data", (bytes: Buffer) => (heard += bytes.length));
  socket.on("error", () => undefined);

  await new Promise((resolve) => socket.once("close", resolve));

  // Of a host that is welcome it asks at once what that serves.
  expect(heard).toBe(0);
});

const visible = ({ key, certificate }: { key: string; certificate: string }) => ({ key, cert: certificate });

test("garbage before TLS ends that connection alone", async () => {
  const socket = connectPlain({ host: nat.outside, port: first.port ?? 0 });
  socket.on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await once(socket, "close");

  expect(await requests(first)).toBe("hello");
});

test("a relay that retires serves what runs through it, and is requested for nothing more", async () => {
  const service = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  ending.defer(() => void service.close());
  await new Promise<void>((resolve) => void service.listen(0, "127.0.0.1", resolve));
  const address = service.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const clock = { monotonicMs: () => performance.now() };
  const streams = new TunnelStreams({
    open: async () => {
      const socket = connectPlain({ host: "127.0.0.1", port, allowHalfOpen: true });
      await once(socket, "connect");
      return { service: new RelaySocket(socket), carry: (begin) => void begin(() => undefined) };
    },
    onChange: () => undefined,
    clock,
  });
  const old = new ReversedTunnels({ streams, clock });
  old.follow([{ name: "gw-2", host: nat.outside, port: second.port ?? 0 }], identity);
  // The tunnel that came last is asked.
  const stream = await eventually(
    async () => {
      const opened = await second.open(to(8001)).catch(() => undefined);
      return opened;
    },
    { what: "a stream through the old one" },
  );

  old.retire();

  expect(await eventually(() => requests(second).catch(() => undefined), { what: "the other one" })).toBe(
    "hello",
  );
  stream.write("still here");
  expect(String((await once(stream, "data"))[0])).toBe("still here");
  stream.end();
  await once(stream, "end");
  await eventually(() => streams.openConnections === 0, { what: "its end" });
});

test("a relay that dies dials again, and another gateway serves when one has ended", async () => {
  process.kill(access.relayPid, "SIGKILL");
  await eventually(() => requests(first).catch(() => undefined), { what: "a stream", withinMs: 60_000 });

  await first.close();

  expect(await eventually(() => requests(second).catch(() => undefined), { what: "a stream" })).toBe("hello");
  const gateways = await gatewaysToDial(fresh.application, HOST);
  expect(gateways).toEqual([{ name: "gw-2", host: nat.outside, port: second.port }]);
}, 60_000);

test("a host that is shut out is cut off, and cannot come back", async () => {
  const stream = await second.open(to(8000));
  const broken = once(stream, "close");
  stream.on("error", () => undefined);

  await fresh.database.query("UPDATE hosts SET revoked_at = now() WHERE id = $1", [HOST]);
  await broken;

  const error = await refusedBy(second.open(to(8000)));
  expect(error.reason).toBe("away");
}, 30_000);
