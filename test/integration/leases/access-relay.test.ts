/** A leased port leads into a container: the access process with its relay, on real network namespaces. */
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MAX_LINE_BYTES } from "@remotegpu/agent/access/control/control-messages";
import { MAX_CONNECTIONS_OF_CLIENT } from "@remotegpu/agent/core/access/connection-limits";
import { RELAY_ID } from "@remotegpu/agent/access/relay/unprivileged";
import { accessSocket } from "@remotegpu/agent/config/config";
import { MIB } from "@remotegpu/shared/values/units";
import { AccessUnderTest, ContainerUnderTest } from "../../support/agent/access.ts";
import { eventually } from "../../support/eventually.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";
import { hashOf, numberedBytes } from "../../support/samples/numbered-bytes.ts";

const MANY_BYTES = 20 * MIB;

let access: AccessUnderTest;
let container: ContainerUnderTest;
const LEASES = [
  wantedLease("loopback"),
  wantedLease("own-address", { internalPort: 7001 }),
  wantedLease("nobody", { internalPort: 7002 }),
  wantedLease("stopped", { workloadId: "env-2" }),
];
/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  access = ending.adopt(await AccessUnderTest.begin(), (one) => one.end());
  container = ending.adopt(await ContainerUnderTest.begin(), (one) => one.end());
  await Promise.all([container.serve(7000), container.serve(7001, container.address)]);
  await access.print({ leases: LEASES, instances: [container.instance] });
});
afterAll(() => ending.disposeAsync());

async function client(leaseId: string): Promise<Socket> {
  const socket = connect({ port: await access.portOf(leaseId), host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** All that comes until the other side is done. */
async function read(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test("20 MB go in each direction whole, and the service's answer comes after the client has ended its side", async () => {
  const socket = await client("loopback");
  const first = Buffer.from(`answer ${MANY_BYTES}\n`);
  const sent = [first, ...numberedBytes(MANY_BYTES)];

  Readable.from(sent).pipe(socket);
  const answer = await read(socket);

  const [greeting, counted, ...rest] = answer.toString("latin1").split("\n");
  expect(greeting).toBe("hello");
  expect(JSON.parse(counted ?? "")).toEqual({ bytes: MANY_BYTES + first.length, sha256: hashOf(sent) });
  const body = Buffer.from(rest.join("\n"), "latin1");
  expect({ length: body.length, hash: hashOf([body]) }).toEqual({
    length: MANY_BYTES,
    hash: hashOf(numberedBytes(MANY_BYTES)),
  });
});

test("a service that ends its side first still gets all that the client sends", async () => {
  const socket = await client("loopback");
  const sent = [Buffer.from("end first\n"), ...numberedBytes(MIB)];
  socket.write(sent[0] ?? "");
  await read(socket);

  Readable.from(sent.slice(1)).pipe(socket);

  const hash = hashOf(sent);
  const heard = await eventually(() => container.heard.find((line) => line.includes(hash)), {
    what: "all that was sent",
  });
  expect(JSON.parse(heard)).toMatchObject({ bytes: MIB + "end first\n".length });
});

test("who reads slowly slows the service down, and nothing piles up in between", async () => {
  const socket = await client("loopback");
  socket.pause();
  socket.end(`answer ${8 * MANY_BYTES}\n`);
  const { relayPid } = access;
  const before = residentBytes(relayPid);

  // Both kernels' buffers are full when the service's end of the way stands still.
  let last = -1;
  await eventually(
    () => {
      const now = queuedBytes(container.instance.pid);
      const isStill = now > 0 && now === last;
      last = now;
      return isStill;
    },
    { what: "a service that waits" },
  );
  const heldBack = residentBytes(relayPid) - before;
  const answer = await read(socket);

  expect(heldBack).toBeLessThan(2 * MANY_BYTES);
  expect(answer.length).toBeGreaterThan(8 * MANY_BYTES);
});

test("a service on the container's own address is found, too", async () => {
  const socket = await client("own-address");
  socket.end("answer 3\n");

  expect((await read(socket)).toString()).toMatch(/^hello\n/);
});

describe("a client that cannot be brought to a service is closed at once", () => {
  test.each([
    ["nobody listens", "nobody"],
    ["the workload does not run", "stopped"],
  ])("%s", async (_why, leaseId) => {
    const socket = await client(leaseId);

    expect(await read(socket)).toHaveLength(0);
    expect(await access.reported(leaseId, { state: "held" })).toMatchObject({ lastAccessedAt: null });
  });
});

test("a connection is access only when the client has sent something", async () => {
  const leases = [...LEASES, wantedLease("probed")];
  await access.print({ leases, instances: [container.instance] });
  const probe = await client("probed");
  await once(probe, "data");
  probe.destroy();
  const port = await access.portOf("probed");

  // A second lease that is used shows that what happened before has been looked at.
  const user = connect({ port: await access.portOf("loopback"), host: "127.0.0.1" });
  user.end("answer 1\n");
  await read(user);
  await access.reported("loopback", { state: "held" });
  await eventually(
    () => access.messages?.leases.find(({ leaseId }) => leaseId === "loopback")?.lastAccessedAt !== null,
  );
  expect(await access.reported("probed", { externalPort: port })).toMatchObject({ lastAccessedAt: null });
});

test("a process that is not the listed one is not entered: another's pid, one that ended, the host's own network", async () => {
  const { instance } = container;
  for (const wrong of [
    { ...instance, startTicks: instance.startTicks + 1 },
    { ...instance, pid: process.pid },
    { ...instance, pid: access.program.pid ?? 0, startTicks: startTicksOf(access.program.pid ?? 0) },
  ]) {
    await access.print({ leases: LEASES, instances: [wrong] });
    const socket = await client("loopback");
    expect(await read(socket)).toHaveLength(0);
  }
  await access.print({ leases: LEASES, instances: [instance] });
  const socket = await client("loopback");
  socket.end("answer 0\n");
  expect((await read(socket)).toString()).toMatch(/^hello\n/);
});

test("one address gets so many connections of a lease and no more, and as many again once they are closed", async () => {
  const sockets = await Promise.all(
    Array.from({ length: MAX_CONNECTIONS_OF_CLIENT }, async () => {
      const socket = await client("loopback");
      await once(socket, "data");
      return socket;
    }),
  );

  // It may be reset before or after it counts as connected.
  const beyond = connect({ port: await access.portOf("loopback"), host: "127.0.0.1" }).resume();
  expect(await once(beyond, "error")).toMatchObject([{ code: "ECONNRESET" }]);

  for (const socket of sockets) socket.destroy();
  await eventually(async () => {
    const socket = await client("loopback");
    socket.on("error", () => undefined);
    socket.end("answer 0\n");
    return (await read(socket)).length > 0;
  });
});

test("what meets the world has no rights on the host, in none of its threads", () => {
  const threads = taskIds(access.relayPid);
  for (const thread of threads) {
    const status = readFileSync(`/proc/${access.relayPid}/task/${thread}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:(\\s+${RELAY_ID}){4}$`, "m"));
    expect(status).toMatch(new RegExp(`^Gid:(\\s+${RELAY_ID}){4}$`, "m"));
    expect(status).toMatch(/^Groups:\s*$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapPrm:\s+0+$/m);
  }
  expect(threads.length).toBeGreaterThan(1);
});

test("the control socket is root's alone, and garbage on it is refused while the agent is heard on", async () => {
  const path = accessSocket(access.folder);
  expect(statSync(path).mode & 0o777).toBe(0o600);

  for (const garbage of ["nonsense\n", '{"kind":"list"}\n', "x".repeat(2 * MAX_LINE_BYTES), "\0\n"]) {
    const stranger = connect(path);
    stranger.on("error", () => undefined);
    stranger.end(garbage);
    expect((await read(stranger)).toString()).toMatch(/"kind":"refused"/);
  }
  expect(await access.print({ leases: LEASES, instances: [container.instance] })).toMatchObject({
    refused: null,
  });
});

function taskIds(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`);
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** What the services of a network have written and the kernel still holds. */
function queuedBytes(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, "utf8").trim().split("\n").slice(1);
  return lines.reduce(
    (sum, line) => sum + parseInt(line.trim().split(/\s+/)[4]?.split(":")[0] ?? "0", 16),
    0,
  );
}

function startTicksOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19] ?? 0);
}
