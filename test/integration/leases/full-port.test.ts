/** A port of SSH that is full, on real sockets: who comes displaces one that has not logged in, and nobody else. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LeasedPort } from "@remotegpu/agent/access/relay/leased-port";
import { RelaySocket } from "@remotegpu/agent/access/relay/connections/relay-socket";
import { SessionLog } from "@remotegpu/agent/access/relay/session-log";
import {
  MAX_CONNECTIONS_OF_LEASE,
  MAX_UNNAMED_OF_CLIENT,
} from "@remotegpu/agent/core/access/connection-limits";
import type { InstanceId, LeaseId, RunId } from "@remotegpu/shared/values/ids";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/engines/free-ports.ts";

const RUN = "run-lab" as RunId;
const GREETING = "SSH-2.0-Service\r\n";
let ids = 0;
const nowMs = () => performance.now();
const log = new SessionLog({
  newId: () => `session-${String((ids += 1)).padStart(16, "0")}`,
  clock: { monotonicMs: nowMs, wallMs: () => Date.now() },
});
/** Our ends of all ways to the service, in their order. */
const routes: number[] = [];
let service: Server;
let leased: LeasedPort;
let port: number;
const clients: Client[] = [];
type Client = { socket: Socket; output: string };

beforeAll(async () => {
  service = createServer((socket) => socket.on("error", () => socket.destroy()).write(GREETING)).listen(
    0,
    "127.0.0.1",
  );
  await once(service, "listening");
  leased = new LeasedPort({
    leaseId: "lab" as LeaseId,
    service: "ssh",
    internalPort: 2022,
    dial: async () => {
      const socket = connect({
        port: (service.address() as AddressInfo).port,
        host: "127.0.0.1",
        allowHalfOpen: true,
      });
      await once(socket, "connect");
      routes.push(socket.localPort ?? 0);
      const route = { instanceId: "ins-lab" as InstanceId, runId: RUN, port: socket.localPort ?? 0 };
      return { socket: new RelaySocket(socket), route };
    },
    tries: null,
    log,
    clock: { monotonicMs: nowMs, wallMs: () => Date.now() },
    onChange: () => undefined,
  });
  port = await freePort();
  await leased.listen(port, "127.0.0.1");
});
afterAll(async () => {
  for (const { socket } of clients) socket.destroy();
  await leased.close();
  service.close();
});

/** One that has begun to speak. */
function come(address: string): Client {
  const client = { socket: connect({ port, host: "127.0.0.1", localAddress: address }), output: "" };
  client.socket.on("error", () => undefined).on("data", (bytes: Buffer) => (client.output += String(bytes)));
  client.socket.write("SSH-2.0-Client\r\n");
  clients.push(client);
  return client;
}

const isAnswered = ({ output }: Client) => output === GREETING;
/** As the container tells it. */
const logIn = (route: number) =>
  log.login(RUN, { port: route }, { method: "publickey", fingerprint: "SHA256:x", wallMs: Date.now() });

test("who comes to a full port takes the place of the oldest of the address that has most without a login", async () => {
  const owner = come("127.0.0.1");
  await eventually(() => isAnswered(owner), { what: "the owner's way in" });
  logIn(routes[0] ?? 0);
  const flood: Client[] = [];
  for (let each = 0; each < MAX_CONNECTIONS_OF_LEASE - 1; each += 1)
    flood.push(come(`127.0.0.${2 + Math.floor(each / MAX_UNNAMED_OF_CLIENT)}`));
  await eventually(() => flood.every(isAnswered), { what: "a port that is full" });
  expect(leased.openConnections).toBe(MAX_CONNECTIONS_OF_LEASE);

  const newcomer = come("127.0.0.1");
  await eventually(() => isAnswered(newcomer), { what: "the way in of who came last" });

  const gone = flood.filter(({ socket }) => socket.closed);
  expect(gone).toEqual([flood[0]]);
  expect(owner.socket.closed).toBe(false);
  expect(leased.openConnections).toBe(MAX_CONNECTIONS_OF_LEASE);
  expect(log.take()?.attempts).toMatchObject([{ from: "127.0.0.2", outcome: "too-many", count: 1 }]);
});

test("where all have logged in, who comes is refused", async () => {
  for (const route of routes) logIn(route);
  const before = clients.filter(({ socket }) => !socket.closed);

  const newcomer = come("127.0.0.99");
  await eventually(() => newcomer.socket.closed, { what: "the refusal of who came last" });

  expect(newcomer.output).toBe("");
  expect(before.filter(({ socket }) => socket.closed)).toEqual([]);
  expect(log.take()?.attempts).toMatchObject([{ from: "127.0.0.99", outcome: "too-many", count: 1 }]);
});
