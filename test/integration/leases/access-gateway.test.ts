/**
 * The TLS port for gateways, on the real access process and a real container: who may come in, where it leads, and
 * that it carries bytes like a leased port.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { createOperator } from "@nats-io/nkeys";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  AccessAuthority,
  type GatewayCredential,
} from "@remotegpu/control-plane/server/link/identity/access-authority";
import type { GatewayIdentity } from "@remotegpu/agent/access/relay/connections/gateway-identity";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { HostId } from "@remotegpu/shared/values/ids";
import { accessName } from "@remotegpu/shared/messages/joining";
import { AccessUnderTest, ContainerUnderTest } from "../../support/agent/access.ts";
import { eventually } from "../../support/eventually.ts";

const HOST = HostId.parse("host-1");
const WORKLOAD = "env-gateway";
const INSTANCE = `ins-of-${WORKLOAD}`;

let access: AccessUnderTest;
let container: ContainerUnderTest;
let authority: AccessAuthority;
let identity: GatewayIdentity;
let gateway: GatewayCredential;
let port: number;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  access = ending.adopt(await AccessUnderTest.begin(), (one) => one.end());
  container = ending.adopt(await ContainerUnderTest.begin(WORKLOAD), (one) => one.end());
  await container.serve(8000);
  authority = await AccessAuthority.of({ key: createOperator() });
  identity = await identityOf(authority);
  gateway = await authority.gateway(new Date());
  const messages = await access.print({ instances: [container.instance], gateway: identity });
  port = messages.gatewayPort ?? (await openPort());
});
afterAll(() => ending.disposeAsync());

async function identityOf(by: AccessAuthority): Promise<GatewayIdentity> {
  const key = openHostKey(`${access.folder}/host.nk`);
  return { key: key.accessKeyPem, ...(await by.certifyHost(HOST, key.accessClaim.key, new Date())) };
}

const openPort = () => eventually(() => access.messages?.gatewayPort ?? undefined, { what: "the open port" });

/** Resolves after the handshake, which with TLS 1.3 is before the server has judged us. */
async function enter(show: Partial<GatewayCredential> = gateway): Promise<TLSSocket> {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    port,
    host: "127.0.0.1",
    servername: accessName(HOST),
    ca: authority.ca,
    allowHalfOpen: true,
    ...(show.key !== undefined && { key: show.key, cert: show.certificate }),
  };
  const socket = connect(options);
  await once(socket, "secureConnect");
  return socket;
}

/** What it says until its end; what it said before it broke off. */
async function printedBy(socket: TLSSocket): Promise<string> {
  let output = "";
  socket.setEncoding("latin1");
  try {
    for await (const text of socket) output += text;
  } catch (error) {
    return `${output}[${error instanceof Error && "code" in error ? String(error.code) : "broken"}]`;
  }
  return output;
}

async function request(target: string, show?: Partial<GatewayCredential>): Promise<string> {
  const socket = await enter(show);
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  return (await printedBy(socket)).split("\r\n")[0] ?? "";
}

test("a gateway reaches a service on the loopback of a listed instance, in both directions, each ending by itself", async () => {
  const socket = await enter();
  const body = `answer 300000\n${"x".repeat(500_000)}`;
  const sha256 = createHash("sha256").update(body).digest("hex");

  socket.write(`CONNECT ${INSTANCE}:8000 HTTP/1.1\r\n\r\n`);
  socket.end(body);
  const output = await printedBy(socket);

  const [head, rest = ""] = output.split("\r\n\r\n");
  expect(head).toBe("HTTP/1.1 200 Connection established");
  const [greeting, counted = "", ...answer] = rest.split("\n");
  expect([greeting, JSON.parse(counted)]).toEqual(["hello", { bytes: body.length, sha256 }]);
  expect(answer.join("\n")).toHaveLength(300_000);
});

test.each([
  ["an instance that nobody listed", "ins-of-nobody:8000", "503"],
  ["a workload instead of an instance", `${WORKLOAD}:8000`, "503"],
  ["a port where nobody listens", `${INSTANCE}:8001`, "503"],
  ["a port that is none", `${INSTANCE}:65536`, "400"],
  ["an address of this host", "127.0.0.1:22", "400"],
  ["no port at all", INSTANCE, "400"],
])("%s is refused", async (_what, target, status) => {
  expect(await request(target)).toContain(` ${status} `);
});

test("another method is refused", async () => {
  const socket = await enter();

  socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

  expect(await printedBy(socket)).toContain("405 Method Not Allowed");
});

test("nobody gets in without a certificate, with one of another fleet, or with a host's own", async () => {
  const stranger = await AccessAuthority.of({ key: createOperator() });

  const tries = [
    await request(`${INSTANCE}:8000`, {}),
    await request(`${INSTANCE}:8000`, await stranger.gateway(new Date())),
    await request(`${INSTANCE}:8000`, identity),
  ];

  expect(tries.map((output) => output.includes("200"))).toEqual([false, false, false]);
});

test("every replica has the same authority without anything that it keeps", async () => {
  const operator = { key: createOperator() };
  const [one, other] = [await AccessAuthority.of(operator), await AccessAuthority.of(operator)];

  expect(other.ca).toBe(one.ca);
  expect((await AccessAuthority.of({ key: createOperator() })).ca).not.toBe(one.ca);
});

test("a renewed certificate is presented from then on, and a relay that died opens the same port", async () => {
  await access.print({
    instances: [container.instance],
    gateway: await identityOf(authority),
    generation: 2,
  });
  expect(await request(`${INSTANCE}:8001`)).toContain(" 503 ");

  process.kill(access.relayPid, "SIGKILL");
  const requested = await eventually(() => request(`${INSTANCE}:8001`), {
    what: "the same port, open again",
  });

  expect(requested).toContain(" 503 ");
});

describe("an instance that drains", () => {
  const draining = () => ({ ...container.instance, draining: true as const });
  const reported = async (open: number) =>
    await eventually(() => access.messages?.streams.some((one) => one.open === open), {
      what: `that ${open} are open`,
    });
  afterEach(async () => void (await access.print({ instances: [container.instance], gateway: identity })));

  test("is led into no more; what is open goes on, and is reported until it is over", async () => {
    const open = await enter();
    open.write(`CONNECT ${INSTANCE}:8000 HTTP/1.1\r\n\r\nanswer 300000\n`);
    await once(open, "readable");

    await access.print({ instances: [draining()], gateway: identity });

    await reported(1);
    expect(await request(`${INSTANCE}:8000`)).toContain(" 503 ");
    open.end("x");
    expect((await printedBy(open)).length).toBeGreaterThan(300_000);
    await reported(0);
  });

  test("has nothing open any more where the relay has ended, and is led into by none that follows", async () => {
    const open = await enter();
    open.on("error", () => undefined);
    open.write(`CONNECT ${INSTANCE}:8000 HTTP/1.1\r\n\r\n`);
    await once(open, "readable");
    await access.print({ instances: [draining()], gateway: identity });
    await reported(1);

    process.kill(access.relayPid, "SIGKILL");

    await reported(0);
    expect(access.messages?.streams).toEqual([{ instanceId: INSTANCE, open: 0 }]);
    await eventually(async () => (await request(`${INSTANCE}:8000`).catch(() => "")).includes(" 503 "), {
      what: "the next relay, which refuses",
    });
    await reported(0);
  });
});
