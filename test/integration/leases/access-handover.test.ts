/**
 * An upgrade of the access process under open connections: another bundle's takes over listeners and book, the one before
 * serves what it has to the end, and nobody who connects meanwhile is refused.
 */
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls, createSecureContext } from "node:tls";
import { createOperator } from "@nats-io/nkeys";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DirectRoute } from "@remotegpu/control-plane/gateway/tunnel/direct-route";
import { AccessAuthority } from "@remotegpu/control-plane/server/link/identity/access-authority";
import type { GatewayIdentity } from "@remotegpu/agent/access/relay/connections/gateway-identity";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { HostId } from "@remotegpu/shared/values/ids";
import { accessName } from "@remotegpu/shared/messages/joining";
import { MAX_GENERATIONS, TOO_MANY } from "@remotegpu/agent/core/access/generations";
import { KIB } from "@remotegpu/shared/values/units";
import { AccessUnderTest, ContainerUnderTest } from "../../support/agent/access.ts";
import { Bundles } from "../../support/agent/bundles.ts";
import { logged, NOT_TAKEN_OVER, OVER, retired, takenOver } from "../../support/agent/upgrades.ts";
import { eventually } from "../../support/eventually.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";
import { hashOf, numberedBytes } from "../../support/samples/numbered-bytes.ts";

const LOOPBACK = "127.0.0.1";
const BYTES = 256 * KIB;

let bundles: Bundles;
let container: ContainerUnderTest;
let next: string[];
let cannotStart: string;
let diesAmid: string;
/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  bundles = ending.adopt(await Bundles.build(), (built) => built.close());
  container = ending.adopt(await ContainerUnderTest.begin(), (begun) => begun.end());
  await container.serve(7000);
  next = await Promise.all(["b", "c", "d"].map((letter) => bundles.copy(`2.0.0-${letter.repeat(12)}`)));
  cannotStart = await bundles.copy("3.0.0-000000000000", "process.exit(7);");
  const dies =
    'process.on("message", ({ kind }) => kind === "yours" && process.kill(process.pid, "SIGKILL"));';
  diesAmid = await bundles.copy("3.0.0-111111111111", dies);
});
afterAll(() => ending.disposeAsync());

async function beginAccess(): Promise<AccessUnderTest> {
  const script = bundles.access(bundles.built);
  const access = ending.adopt(await AccessUnderTest.begin({}, { script }), (begun) => begun.end());
  await upgrade(access, bundles.built);
  return access;
}

const LEASES = [wantedLease("a")];

/** The agent starts anew, from that bundle. */
async function upgrade(
  access: AccessUnderTest,
  bundle: string,
  gateway: GatewayIdentity | null = null,
): Promise<void> {
  access.leaveAgent();
  access.connectAgent();
  await access.print({ bundle, leases: LEASES, instances: [container.instance], gateway });
}

const HOST = HostId.parse("host-1");
const INVITATION = "HTTP/1.1 200 Connection established\r\n\r\n";

/** The port for gateways of an access process, and a way through it. */
async function openGateway(access: AccessUnderTest) {
  const authority = await AccessAuthority.of({ key: createOperator() });
  const hostKey = openHostKey(`${access.folder}/host.nk`);
  const certified = await authority.certifyHost(HOST, hostKey.accessClaim.key, new Date());
  const { key, certificate: cert } = await authority.gateway(new Date());
  const identity = { key: hostKey.accessKeyPem, ...certified };
  await upgrade(access, bundles.built, identity);
  const openPort = () => eventually(() => access.messages?.gatewayPort ?? undefined, { what: "its number" });
  const port = await openPort();
  const enter = async (): Promise<Client> => {
    const at = { port, host: LOOPBACK, servername: accessName(HOST), allowHalfOpen: true };
    const socket = connectTls({ ...at, ca: authority.ca, key, cert });
    socket.write(`CONNECT ${container.instance.instanceId}:7000 HTTP/1.1\r\nHost: inside\r\n\r\n`);
    return Client.over(socket);
  };
  const route = new DirectRoute({
    context: () => Promise.resolve(createSecureContext({ ca: authority.ca, key, cert })),
  });
  const share = async (): Promise<Client> => {
    const to = {
      hostId: HOST,
      instanceId: container.instance.instanceId,
      port: 7000,
      shares: "host" as const,
    };
    return Client.over(
      await route.open(to, { name: HOST, addresses: [LOOPBACK], isOnThisMachine: true, port }),
    );
  };
  return { identity, port, openPort, enter, share };
}

/** A client with a byte counter: what it sends must be what the service has counted in the end. */
class Client {
  readonly #sent: Buffer[] = [];
  #heard = "";
  #isOver = false;
  readonly #socket: Duplex;

  private constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => (this.#heard += String(chunk)));
    for (const end of ["end", "close"]) socket.on(end, () => (this.#isOver = true));
  }

  static enter(port: number): Promise<Client> {
    return Client.over(connect({ port, host: LOOPBACK, allowHalfOpen: true }));
  }

  static async over(socket: Duplex): Promise<Client> {
    const client = new Client(socket);
    await eventually(() => client.#heard.replace(INVITATION, "") === "hello\n", {
      what: "the service's greeting",
    });
    client.print();
    return client;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  print(): void {
    const chunks = [...numberedBytes(BYTES)];
    this.#sent.push(...chunks);
    for (const chunk of chunks) this.#socket.write(chunk);
  }

  async missingBytes(): Promise<number> {
    this.print();
    this.#socket.end();
    if (!this.#isOver) await once(this.#socket, "end");
    const { bytes, sha256 } = JSON.parse(this.#heard.replace(INVITATION, "").split("\n")[1] ?? "{}") as {
      bytes: number;
      sha256: string;
    };
    if (sha256 !== hashOf(this.#sent)) throw new Error(`other bytes came than were sent: ${this.#heard}`);
    return this.#sent.reduce((sum, { length }) => sum + length, 0) - bytes;
  }
}

/** Half of what a port takes of one address for as long as it likes, so that two of them stay within it. */
const COMES_EVERY_MS = 50;

/** Somebody who connects again and again, until `stop`. */
class Comer {
  readonly count = { served: 0, refused: 0 };
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(port: number) {
    this.#done = this.#comeAndGo(port);
  }

  async stop(): Promise<{ served: number; refused: number }> {
    this.#isOver = true;
    await this.#done;
    return this.count;
  }

  async #comeAndGo(port: number): Promise<void> {
    while (!this.#isOver) {
      const socket = connect({ port, host: LOOPBACK });
      // The latter also after a reset, which is its error.
      const first = await new Promise((resolve) => {
        socket.once("data", resolve);
        socket.once("close", () => resolve(null));
        socket.on("error", () => undefined);
      });
      socket.destroy();
      if (String(first) === "hello\n") this.count.served += 1;
      else this.count.refused += 1;
      await delay(COMES_EVERY_MS);
    }
  }
}

test.concurrent("both are upgraded under an open connection: no byte is missing, nobody is refused, the number stays", async () => {
  const access = await beginAccess();
  const port = await access.portOf("a");
  const gateway = await openGateway(access);
  const open = await Client.enter(port);
  const tunnel = await gateway.enter();
  const shared = await gateway.share();
  const crowd = [new Comer(port), new Comer(port)];

  await upgrade(access, next[0] ?? "", gateway.identity);
  await takenOver(access, next[0] ?? "");
  const served = crowd[0]?.count.served ?? 0;
  await eventually(() => (crowd[0]?.count.served ?? 0) > served + 5, { what: "more who come" });
  const counts = await Promise.all(crowd.map((one) => one.stop()));
  open.print();
  const later = await Client.enter(port);

  expect(counts.map(({ refused }) => refused)).toEqual([0, 0]);
  expect(await access.portOf("a")).toBe(port);
  expect(await open.missingBytes()).toBe(0);
  expect(await later.missingBytes()).toBe(0);
  expect(await gateway.openPort()).toBe(gateway.port);
  expect(await (await gateway.enter()).missingBytes()).toBe(0);
  // The connection of before takes no more, and is there as long as something runs through it.
  const sharedLater = await gateway.share();
  expect(await shared.missingBytes()).toBe(0);
  expect(logged(access, OVER)).toEqual([]);
  expect(await tunnel.missingBytes()).toBe(0);
  await eventually(() => logged(access, OVER).length > 0, {
    what: "the elder's end",
  });
  expect(await sharedLater.missingBytes()).toBe(0);
  expect(access.program.isEnded).toBe(false);
});

test.concurrent("what an instance that drains has open through the process of before an upgrade is reported by the new one", async () => {
  const access = await beginAccess();
  const gateway = await openGateway(access);
  const open = await gateway.enter();
  const shared = await gateway.share();
  await upgrade(access, next[0] ?? "", gateway.identity);
  await takenOver(access, next[0] ?? "");
  const reported = async (count: number) =>
    await eventually(() => access.messages?.streams.some((one) => one.open === count), {
      what: `that ${count} are open, and not ${JSON.stringify(access.messages?.streams)}`,
    });

  const draining = [{ ...container.instance, draining: true as const }];
  const list = { bundle: next[0] ?? "", leases: LEASES, instances: draining, gateway: gateway.identity };
  await access.print({ ...list, generation: 2 });

  await reported(2);
  await expect(gateway.share()).rejects.toThrow("Nothing answers on port 7000");
  expect(await open.missingBytes()).toBe(0);
  await reported(1);
  expect(await shared.missingBytes()).toBe(0);
  await reported(0);
});

test.concurrent("one that cannot start, or dies amid it, changes nothing; the next one takes over", async () => {
  const access = await beginAccess();
  const port = await access.portOf("a");
  const open = await Client.enter(port);

  for (const bundle of [cannotStart, diesAmid, "4.0.0-222222222222"]) {
    await upgrade(access, bundle);
    await eventually(() => logged(access, NOT_TAKEN_OVER).some((line) => line["bundle"] === bundle), {
      what: `${bundle} to fail`,
      withinMs: 60_000,
    });
    open.print();
    expect(await (await Client.enter(port)).missingBytes()).toBe(0);
    expect(await access.portOf("a")).toBe(port);
  }
  await upgrade(access, next[0] ?? "");
  await takenOver(access, next[0] ?? "");

  expect(await open.missingBytes()).toBe(0);
  expect(await (await Client.enter(port)).missingBytes()).toBe(0);
});

test.concurrent(`of more than ${MAX_GENERATIONS} the oldest one's connections end; a killed draining process takes only its own; a released lease ends all`, async () => {
  const access = await beginAccess();
  const port = await access.portOf("a");
  const clients = [await Client.enter(port)];
  const pids: number[] = [];
  for (const [at, bundle] of next.entries()) {
    await upgrade(access, bundle);
    pids.push(await takenOver(access, bundle));
    await retired(access, at === 0 ? bundles.built : (next[at - 1] ?? ""));
    clients.push(await Client.enter(port));
  }
  const [first, second, third, fourth] = clients;

  await eventually(() => first?.isOver === true, { what: "the oldest one's end" });
  expect(clients.map(({ isOver }) => isOver)).toEqual([true, false, false, false]);
  expect(logged(access, OVER)).toMatchObject([{ because: TOO_MANY }]);

  process.kill(pids[0] ?? 0, "SIGKILL");
  await eventually(() => second?.isOver === true, { what: "the killed one's end" });
  expect(await (await Client.enter(port)).missingBytes()).toBe(0);
  expect([third?.isOver, fourth?.isOver]).toEqual([false, false]);

  const released = LEASES.map((lease) => ({ ...lease, want: "released" as const }));
  await access.print({
    generation: 2,
    bundle: next[2] ?? "",
    leases: released,
    instances: [container.instance],
  });
  await eventually(() => third?.isOver === true && fourth?.isOver === true, {
    what: "the end of all connections of a released lease",
  });
});

test.concurrent("who is connected through a draining process stays registered under the same name, and is cut off when ordered", async () => {
  const access = await beginAccess();
  const open = await Client.enter(await access.portOf("a"));
  const sessions = () => access.messages?.access.sessions ?? [];
  const { sessionId } = await eventually(() => sessions().find(({ ended }) => ended === null), {
    what: "a session that is told",
  });
  const bundle = next[0] ?? "";
  await upgrade(access, bundle);
  await takenOver(access, bundle);
  await retired(access, bundles.built);

  const reported = await access.print({ bundle, leases: LEASES, instances: [container.instance] });
  expect(reported.access.sessions).toMatchObject([{ sessionId, ended: null }]);
  const cuts = [{ sessionId, because: "Its right has gone." }];
  await access.print({ bundle, leases: LEASES, instances: [container.instance], cuts });

  await eventually(() => open.isOver, { what: "the end of the connection" });
  const { ended } = await eventually(
    () => sessions().find((one) => one.sessionId === sessionId && one.ended !== null),
    { what: "the end of the session" },
  );
  expect(ended).toMatchObject({ by: "cut", detail: "Its right has gone." });
});

test.concurrent("the newest one is killed: the process that was started first ends for its supervisor, which starts another one on the same number", async () => {
  const access = await beginAccess();
  const port = await access.portOf("a");
  await upgrade(access, next[0] ?? "");
  const pid = await takenOver(access, next[0] ?? "");
  await eventually(() => logged(access, OVER).length > 0, {
    what: "the end of serving of one to which nobody was connected",
  });
  expect(access.program.isEnded).toBe(false);

  process.kill(pid, "SIGKILL");
  await eventually(() => access.program.isEnded, { what: "the first one's end", withinMs: 60_000 });
  access.program.start();
  await upgrade(access, bundles.built);

  expect(await access.portOf("a")).toBe(port);
  expect(await (await Client.enter(port)).missingBytes()).toBe(0);
});
