/**
 * The gateway's direct way to a host, on the real access process and a real container: what a stream carries, what is said
 * where there is no way, and whom it takes for the host.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer as createPlainServer } from "node:net";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer } from "node:tls";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createOperator } from "@nats-io/nkeys";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GatewayIdentity } from "@remotegpu/agent/access/relay/connections/gateway-identity";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { DirectRoute, type HostAddress } from "@remotegpu/control-plane/gateway/tunnel/direct-route";
import { OwnCertificate } from "@remotegpu/control-plane/gateway/tunnel/own-certificate";
import type { TunnelError } from "@remotegpu/control-plane/gateway/tunnel/tunnel";
import { AccessAuthority } from "@remotegpu/control-plane/server/link/identity/access-authority";
import { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import { AccessUnderTest, ContainerUnderTest } from "../../support/agent/access.ts";
import { eventually } from "../../support/eventually.ts";

const HOST = HostId.parse("host-1");
const WORKLOAD = "env-tunnel";
/** Together far more than what HTTP/2 takes for an attack by who is not trusted. */
const LEAVING_ROUNDS = 15;
const LEAVING_AT_ONCE = 100;
const SHARES_BEYOND = 64;
const INSTANCE = InstanceId.parse(`ins-of-${WORKLOAD}`);

let access: AccessUnderTest;
let container: ContainerUnderTest;
let authority: AccessAuthority;
let identity: GatewayIdentity;
let at: HostAddress;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  access = ending.adopt(await AccessUnderTest.begin(), (one) => one.end());
  container = ending.adopt(await ContainerUnderTest.begin(WORKLOAD), (one) => one.end());
  await container.serve(8000);
  authority = await AccessAuthority.of({ key: createOperator() });
  const key = openHostKey(`${access.folder}/host.nk`);
  const certified = await authority.certifyHost(HOST, key.accessClaim.key, new Date());
  identity = { key: key.accessKeyPem, ...certified };
  const messages = await access.print({ instances: [container.instance], gateway: identity });
  const port =
    messages.gatewayPort ??
    (await eventually(() => access.messages?.gatewayPort ?? undefined, { what: "its port" }));
  at = { name: "gpu-1", addresses: ["127.0.0.1"], isOnThisMachine: true, port };
});
afterAll(() => ending.disposeAsync());

function directRoute(by = authority): DirectRoute {
  const certificate = new OwnCertificate({ make: (now) => by.gateway(now), now: () => new Date() });
  return ending.adopt(new DirectRoute({ context: () => certificate.context() }), (route) => route.close());
}

const to = (port: number, instanceId = INSTANCE) => ({ hostId: HOST, instanceId, port });

const printedBy = async (stream: Duplex) => (await buffer(stream)).toString("latin1");

/** By who dialled, as the kernel has them at this machine's own end; those that are over but for its memory of them left out. */
function connectionsAt(port: number): Set<string> {
  const isIt = new RegExp(
    `^\\s*\\d+: \\w+:${port.toString(16).toUpperCase().padStart(4, "0")} (\\w+:\\w+) (\\w+)`,
  );
  const found = ["tcp", "tcp6"]
    .flatMap((kind) => readFileSync(`/proc/net/${kind}`, "utf8").split("\n"))
    .flatMap((line) => {
      const [, dialler = "", state] = isIt.exec(line) ?? [];
      return state === undefined || state === LISTENS || state === TIME_WAIT ? [] : [dialler];
    });
  return new Set(found);
}
const LISTENS = "0A";
const TIME_WAIT = "06";

function refusedBy(opening: Promise<unknown>): Promise<TunnelError> {
  return opening.then(
    () => expect.fail("it was opened"),
    (error: unknown) => error as TunnelError,
  );
}

async function listeningOn(server: ReturnType<typeof createPlainServer>): Promise<number> {
  ending.defer(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("streams carry bytes in both directions, one after another and in parallel, each direction ending by itself", async () => {
  const route = directRoute();
  const body = `answer 300000\n${"x".repeat(500_000)}`;
  const sha256 = createHash("sha256").update(body).digest("hex");
  const request = async () => {
    const stream = await route.open(to(8000), at);
    stream.end(body);
    return printedBy(stream);
  };

  const output = [
    await request(),
    await request(),
    ...(await Promise.all(Array.from({ length: 8 }, request))),
  ];

  for (const one of output) {
    const [greeting, counted = "", ...answer] = one.split("\n");
    expect([greeting, JSON.parse(counted)]).toEqual(["hello", { bytes: body.length, sha256 }]);
    expect(answer.join("\n")).toHaveLength(300_000);
  }
});

test("a stream that is opened on a connection which the host has closed meanwhile opens on another", async () => {
  const route = directRoute();
  (await route.open(to(8000), at)).destroy();

  process.kill(access.relayPid, "SIGKILL");
  const stream = await eventually(() => route.open(to(8000), at).catch(() => undefined), {
    what: "a stream",
  });

  stream.end("answer 5\n");
  expect(await printedBy(stream)).toContain("hello");
});

test.each([
  ["a port where nobody listens", () => to(8001), "refused", "Nothing answers on port 8001 in there."],
  [
    "an instance that is not there",
    () => to(8000, InstanceId.parse("ins-of-nobody")),
    "refused",
    "Nothing answers on port 8000 in there.",
  ],
])("%s is refused with a sentence", async (_what, destination, reason, message) => {
  const error = await refusedBy(directRoute().open(destination(), at));

  expect(error).toMatchObject({ reason, message });
});

test("a host that is not there, or has no port, is away with a sentence", async () => {
  const closed = await listeningOn(createPlainServer());
  const route = directRoute();

  const errors = [
    await refusedBy(route.open(to(8000), { ...at, port: null })),
    await refusedBy(route.open(to(8000), { ...at, addresses: ["127.0.0.2"], port: closed })),
  ];

  expect(errors).toMatchObject([
    { reason: "away", message: "Host gpu-1 has no port open for gateways." },
    { reason: "away", message: "Host gpu-1 does not answer gateways: its port is closed." },
  ]);
});

test("of several addresses the one that answers with the host's certificate is taken", async () => {
  const stream = await directRoute().open(to(8000), { ...at, addresses: ["127.0.0.2", "127.0.0.1"] });

  expect(String((await once(stream, "data"))[0])).toContain("hello");
  stream.destroy();
});

test("whoever ends its side at once hears all of the answer", async () => {
  const route = directRoute();
  const whole = JSON.stringify({ bytes: 0, sha256: createHash("sha256").digest("hex") });
  for (let nth = 0; nth < 40; nth += 1) {
    const stream = await route.open(to(8000), at);
    stream.end();
    expect(await printedBy(stream)).toBe(`hello\n${whole}\n`);
  }
});

test("whoever else answers there is not taken for the host", async () => {
  const key = openHostKey(`${access.folder}/other.nk`);
  const stranger = await AccessAuthority.of({ key: createOperator() });
  const show = async (by: AccessAuthority, host: string) => {
    const { certificate } = await by.certifyHost(HostId.parse(host), key.accessClaim.key, new Date());
    const server = createServer({ key: key.accessKeyPem, cert: certificate }, (socket) => {
      socket.on("error", () => undefined);
    });
    server.on("tlsClientError", () => undefined);
    return listeningOn(server);
  };
  const garbage = createPlainServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("SSH-2.0-not-this\r\n");
  });
  const ports = [await show(authority, "host-2"), await show(stranger, "host-1"), await listeningOn(garbage)];

  const errors = [];
  for (const port of ports) errors.push(await refusedBy(directRoute().open(to(8000), { ...at, port })));

  expect(errors.map(({ reason }) => reason)).toEqual(["away", "away", "away"]);
  expect(errors[0]?.message).toBe(
    "Host gpu-1 does not answer gateways: another host answers at its address.",
  );
});

test("what lasts shares one connection, each direction ending by itself, and one that nobody reads holds up none", async () => {
  const route = directRoute();
  // Spare ones of before may end meanwhile.
  const before = connectionsAt(at.port ?? 0);
  const unread = await route.open({ ...to(8000), shares: "host" as const }, at);
  unread.pause();
  unread.end("answer 8000000\n");
  const many = await Promise.all(
    Array.from({ length: 200 }, () => route.open({ ...to(8000), shares: "host" as const }, at)),
  );

  expect([...connectionsAt(at.port ?? 0)].filter((one) => !before.has(one))).toHaveLength(1);
  const output = await Promise.all(
    many.map((stream, nth) => {
      stream.end(`answer ${nth}\n`);
      return printedBy(stream);
    }),
  );
  output.forEach((text, nth) => expect(text.split("\n").slice(2).join("\n")).toHaveLength(nth));
  const error = await refusedBy(route.open({ ...to(8001), shares: "host" as const }, at));
  expect(error).toMatchObject({ reason: "refused", message: "Nothing answers on port 8001 in there." });
  unread.destroy();
  route.close();
});

test("of a container that breaks off all is heard that it sent, and that this was not all", async () => {
  const route = directRoute();
  const stream = await route.open({ ...to(8000), shares: "host" }, at);
  stream.write("break off\n");
  await Promise.race([once(stream, "trailers"), once(stream, "close")]);

  let output = "";
  const hearing = async () => {
    for await (const bytes of stream) output += String(bytes);
  };

  await expect(hearing()).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(output).toBe("hello\nhalf");
  route.close();
});

test("short streams share a connection with their instance once there are many, and it ends when there are none", async () => {
  const route = directRoute();
  const before = connectionsAt(at.port ?? 0);
  const made = () => [...connectionsAt(at.port ?? 0)].filter((one) => !before.has(one)).length;
  const streams: Duplex[] = [];
  const open = async () => streams.push(await route.open({ ...to(8000), shares: "instance" }, at));
  for (let nth = 0; nth < SHARES_BEYOND; nth += 1) await open();
  // And a spare one.
  expect(made()).toBeGreaterThanOrEqual(SHARES_BEYOND);
  expect(made()).toBeLessThanOrEqual(SHARES_BEYOND + 1);

  await Promise.all(Array.from({ length: 100 }, open));

  // That which is shared, a spare one, and spare ones that are closing.
  expect(made()).toBeLessThanOrEqual(SHARES_BEYOND + 5);
  const output = await Promise.all(
    streams.map((stream) => {
      stream.end("answer 3\n");
      return printedBy(stream);
    }),
  );
  for (const text of output) expect(text).toMatch(/^hello\n[^\n]+\n.{3}$/s);
  await eventually(() => made() === 0, { withinMs: 60_000, what: "no connection" });
  route.close();
}, 90_000);

test("however many of those who share a connection leave, whoever else is on it stays", async () => {
  const route = directRoute();
  const shared = { ...to(8000), shares: "host" as const };
  const stays = await route.open(shared, at);
  let hasEnded = false;
  stays.once("close", () => (hasEnded = true));

  for (let round = 0; round < LEAVING_ROUNDS; round += 1) {
    const leaving = await Promise.all(Array.from({ length: LEAVING_AT_ONCE }, () => route.open(shared, at)));
    // In the very moment in which the other side has its last word.
    for (const stream of leaving) {
      stream.on("error", () => undefined).once("data", () => setImmediate(() => stream.destroy()));
      stream.write("break off\n");
    }
    const gone = ({ closed }: Duplex) => closed;
    await eventually(() => leaving.every(gone), { what: "all of them gone" });
  }

  expect(hasEnded).toBe(false);
  stays.end("answer 5\n");
  expect(await printedBy(stays)).toContain("hello");
  route.close();
});

test("what lasts has a connection of its own where the host is of before it shared any, or has just lost the shared one", async () => {
  const before = createHttpsServer({ key: identity.key, cert: identity.certificate, ca: identity.ca });
  before.on("connect", (_request, socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nof before\n"));
  const port = await listeningOn(before);
  const old = await directRoute().open({ ...to(8000), shares: "host" as const }, { ...at, port });
  expect(await printedBy(old)).toBe("of before\n");

  const route = directRoute();
  (await route.open({ ...to(8000), shares: "host" as const }, at)).destroy();
  process.kill(access.relayPid, "SIGKILL");
  const stream = await eventually(
    () => route.open({ ...to(8000), shares: "host" as const }, at).catch(() => undefined),
    { what: "a stream" },
  );
  stream.end("answer 5\n");
  expect(await printedBy(stream)).toContain("hello");
  route.close();
});

test("neither a probe of the host leaves a connection there, nor one who breaks off amid the handshake", async () => {
  const route = directRoute();
  for (let nth = 0; nth < 5; nth += 1) await route.probe(HOST, at);
  const broken = connect({ host: "127.0.0.1", port: at.port ?? 0, ca: authority.ca, servername: "none" });
  broken.on("error", () => undefined);
  await new Promise((resolve) => broken.once("secureConnect", resolve).once("close", resolve));
  broken.destroy();

  const isEmpty = () => connectionsAt(at.port ?? 0).size === 0;
  expect(await eventually(isEmpty, { withinMs: 60_000, what: "nobody there" })).toBe(true);
});

test("a gateway of another fleet is not let in", async () => {
  const stranger = await AccessAuthority.of({ key: createOperator() });
  const mixed = new OwnCertificate({
    make: async (now) => ({ ...(await stranger.gateway(now)), ca: authority.ca }),
    now: () => new Date(),
  });
  const route = new DirectRoute({ context: () => mixed.context() });

  const error = await refusedBy(route.open(to(8000), at));

  expect(error.reason).toBe("away");
  route.close();
});

test("whose ports all hang takes the route from nobody else", async () => {
  // It takes connections, and says nothing.
  const silent = createPlainServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  ending.defer(() => void silent.close());
  const route = directRoute();
  const there = { ...at, port: (silent.address() as AddressInfo).port };
  const why = async (opened: Promise<Duplex>) =>
    await opened.then(
      () => "open",
      ({ message }: TunnelError) => message,
    );
  const hung = Array.from({ length: 300 }, (_, number) =>
    why(route.open(to(1_000 + number, InstanceId.parse("ins-of-hung")), there)),
  );

  const beside = await why(route.open(to(8000), there));

  expect(beside).toMatch(/does not answer gateways/);
  const output = await Promise.all(hung);
  expect(output.filter((one) => one.startsWith("Too many connections"))).toHaveLength(300 - 64);
});
