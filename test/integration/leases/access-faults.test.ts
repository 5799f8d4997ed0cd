/** Leases through the faults of a host: killed processes, strangers on ports, too few numbers, an agent that is away. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { accessSocket } from "@remotegpu/agent/config/config";
import { AccessUnderTest, ContainerUnderTest } from "../../support/agent/access.ts";
import { eventually } from "../../support/eventually.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";

const LOOPBACK = "127.0.0.1";
const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await Promise.all(ends.map((end) => end()));
});

async function beginAccess(settings: Record<string, string> = {}): Promise<AccessUnderTest> {
  const access = await AccessUnderTest.begin(settings);
  ends.push(() => access.end());
  return access;
}

async function beginContainer(): Promise<ContainerUnderTest> {
  const container = await ContainerUnderTest.begin();
  ends.push(() => container.end());
  await container.serve(7000);
  return container;
}

async function sitOn(port: number): Promise<Server> {
  const stranger = createServer();
  // A process that was killed gives its ports back a moment later.
  await eventually(
    () =>
      new Promise<boolean>((resolve) => {
        stranger.once("error", () => resolve(false));
        stranger.listen(port, LOOPBACK, () => resolve(true));
      }),
    { what: `port ${port} for a stranger` },
  );
  ends.push(() => leave(stranger));
  return stranger;
}

async function leave(stranger: Server): Promise<void> {
  await new Promise((resolve) => stranger.close(resolve));
}

async function enter(port: number): Promise<Socket> {
  const socket = connect({ port, host: LOOPBACK, allowHalfOpen: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Whether the service behind the port greets. */
async function isServed(port: number): Promise<boolean> {
  const socket = connect({ port, host: LOOPBACK });
  socket.on("error", () => undefined);
  const [first] = (await Promise.race([once(socket, "data"), once(socket, "close")])) as unknown[];
  socket.destroy();
  return String(first) === "hello\n";
}

test.concurrent("a killed access process comes back with the same numbers, and serves the last list with no agent there", async () => {
  const [access, container] = await Promise.all([beginAccess(), beginContainer()]);
  const leases = ["a", "b", "c"].map((leaseId) => wantedLease(leaseId));
  await access.print({ leases, instances: [container.instance] });
  const before = await Promise.all(leases.map(({ leaseId }) => access.portOf(leaseId)));

  await access.kill();
  access.program.start();
  await eventually(() => isServed(before[0] ?? 0), { what: "the service behind the same number" });

  access.connectAgent();
  await access.print({ leases });
  const after = await Promise.all(leases.map(({ leaseId }) => access.portOf(leaseId)));
  expect(after).toEqual(before);
  expect(new Set(after).size).toBe(3);
});

test.concurrent("a relay that is killed is replaced, on the same numbers", async () => {
  const [access, container] = await Promise.all([beginAccess(), beginContainer()]);
  await access.print({ leases: [wantedLease("a")], instances: [container.instance] });
  const port = await access.portOf("a");
  const { relayPid } = access;

  process.kill(relayPid, "SIGKILL");
  await eventually(() => access.relayPid !== relayPid, { what: "another relay" });

  expect(await eventually(() => isServed(port), { what: "the service" })).toBe(true);
  expect(await access.portOf("a")).toBe(port);
});

test.concurrent("with the agent gone, connections stay and new ones are served", async () => {
  const [access, container] = await Promise.all([beginAccess(), beginContainer()]);
  await access.print({ leases: [wantedLease("a")], instances: [container.instance] });
  const port = await access.portOf("a");
  const open = await enter(port);
  await once(open, "data");

  access.leaveAgent();

  expect(await isServed(port)).toBe(true);
  open.end("answer 0\n");
  expect(String(await once(open, "data"))).toMatch(/"bytes":9/);
});

test.concurrent("a stranger on a lease's number is a conflict that is reported, never renumbered, and ends when it leaves", async () => {
  const [access, container] = await Promise.all([beginAccess(), beginContainer()]);
  const list = { leases: [wantedLease("a")], instances: [container.instance] };
  await access.print(list);
  const port = await access.portOf("a");
  await access.stop();
  const stranger = await sitOn(port);

  await access.start();
  await access.print(list);
  const conflict = await access.reported("a", { state: "conflict" });
  expect(conflict).toMatchObject({ externalPort: port, detail: expect.stringContaining(`port ${port}`) });
  await leave(stranger);

  expect(await access.portOf("a")).toBe(port);
  expect(await isServed(port)).toBe(true);
});

describe("with two numbers only", () => {
  const TWO = { REMOTEGPU_LEASE_PORTS: "18000-18001" };

  test.concurrent("a third lease is answered that there is none, and why; a released number rests", async () => {
    const access = await beginAccess(TWO);
    const leases = ["a", "b", "c"].map((leaseId) => wantedLease(leaseId));
    await access.print({ leases });

    const third = await access.reported("c", { state: "exhausted" });
    expect(third.externalPort).toBeNull();
    expect(third.detail).toMatch(/^No port from 18000 to 18001 is free: 2 are held/);

    await access.print({
      generation: 2,
      leases: leases.map((lease) => (lease.leaseId === "a" ? { ...lease, want: "released" } : lease)),
    });
    await access.reported("a", { state: "released", releasedBecause: "ordered" });
    const resting = await eventually(() =>
      access.messages?.leases.find(({ leaseId, detail }) => leaseId === "c" && detail.includes("1 rest")),
    );
    expect(resting.state).toBe("exhausted");
  });

  test.concurrent("a number that a stranger has is passed over", async () => {
    await sitOn(18_002);
    const access = await beginAccess({ REMOTEGPU_LEASE_PORTS: "18002-18003" });
    await access.print({ leases: [wantedLease("a")] });

    expect(await access.portOf("a")).toBe(18_003);
  });
});

test.concurrent("a list older than one that was followed is refused in words and changes nothing", async () => {
  const access = await beginAccess();
  await access.print({ term: 2, generation: 5, leases: [wantedLease("a")] });
  const port = await access.portOf("a");

  const over = [wantedLease("a", { want: "released" })];
  const answers = [
    await access.print({ term: 2, generation: 4, leases: over }),
    await access.print({ term: 1, generation: 9, leases: over }),
  ];

  expect(answers).toMatchObject([
    { refused: "term 2, generation 4 is older than 2, 5", leases: [{ state: "held", externalPort: port }] },
    { refused: "term 1, generation 9 is older than 2, 5", leases: [{ state: "held", externalPort: port }] },
  ]);
});

test.concurrent("a released lease never comes back under its id, not after a restart either, and its port is closed", async () => {
  const access = await beginAccess();
  await access.print({ leases: [wantedLease("a")] });
  const port = await access.portOf("a");
  await access.print({ generation: 2, leases: [wantedLease("a", { want: "released" })] });
  await access.reported("a", { state: "released" });
  await sitOn(port);

  await access.print({ generation: 3, leases: [wantedLease("a")] });
  await access.stop();
  await access.start();
  await access.print({ generation: 4, leases: [wantedLease("a"), wantedLease("b")] });
  await access.portOf("b");

  expect(access.messages?.leases).toMatchObject([{ leaseId: "a", state: "released" }, { leaseId: "b" }]);
});

test.concurrent("two access processes on one range share it without a clash, and each folder has one of them", async () => {
  const range = { REMOTEGPU_LEASE_PORTS: "18010-18013" };
  const [one, other] = await Promise.all([beginAccess(range), beginAccess(range)]);
  const leases = ["a", "b"].map((leaseId) => wantedLease(leaseId));
  await Promise.all([one.print({ leases }), other.print({ leases })]);

  const ports = await Promise.all(
    [one, other].flatMap((access) => leases.map(({ leaseId }) => access.portOf(leaseId))),
  );
  expect(new Set(ports).size).toBe(4);
  const second = await one.program.command("run");
  expect(second).toMatchObject({
    exitCode: 1,
    stderr: `remotegpu-access: another access process is already running on the state folder ${one.folder}`,
  });
});

test.concurrent("at an orderly end nothing of it is left but its file: no port, no process, no socket", async () => {
  const access = await beginAccess();
  await access.print({ leases: [wantedLease("a")] });
  const port = await access.portOf("a");
  const { relayPid } = access;

  await access.stop();

  expect(existsSync(accessSocket(access.folder))).toBe(false);
  expect(existsSync(`/proc/${relayPid}`)).toBe(false);
  await sitOn(port);
  expect(access.program.output()).not.toMatch(/"level":"(error|fatal)"/);
});
