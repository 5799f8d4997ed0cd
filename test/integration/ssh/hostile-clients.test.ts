/**
 * Clients that flood the way into a container by SSH, and containers that lie about who is in: whoever does so has shut
 * its own way at most, and others neither wait nor are mistaken for anybody.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLeaseStore } from "@remotegpu/agent/access/store/lease-store";
import { MAX_LED_AT_ONCE, MAX_UNNAMED_OF_CLIENT } from "@remotegpu/agent/core/access/connection-limits";
import { MIB } from "@remotegpu/shared/values/units";
import type { Door } from "../../support/containers/door.ts";
import { LeasedDoors } from "../../support/agent/leased-door.ts";
import { eventually } from "../../support/eventually.ts";

const STRANGERS = "127.0.0.2";
const REFUSED = 100;
const AT_ONCE = 10;
const HALF_OPEN = 200;

let doors: LeasedDoors;
let lab: Door;
let neighbour: Door;
/** Of a flood that says nothing; they go on over several tests. */
const halfOpen: { socket: Socket; ended: Promise<void> }[] = [];
let residentBefore = 0;

beforeAll(async () => {
  doors = await LeasedDoors.open();
  [lab, neighbour] = [await doors.begin("lab"), await doors.begin("neighbour")];
  residentBefore = residentBytes(doors.access.relayPid);
});

afterAll(() => doors.close());

/** However that comes about. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

test("a flood of connections that send nothing shuts nobody out who comes from elsewhere", async () => {
  const port = await doors.access.portOf("lab");
  for (let each = 0; each < HALF_OPEN; each += 1) {
    const socket = connect({ port, host: "127.0.0.1", localAddress: STRANGERS });
    socket.on("error", () => undefined).resume();
    halfOpen.push({ socket, ended: closed(socket) });
  }
  await eventually(
    () => halfOpen.filter(({ socket }) => socket.closed).length >= HALF_OPEN - MAX_UNNAMED_OF_CLIENT,
    { what: "an end of those that are too many" },
  );

  const { session, client } = await doors.enter(lab);

  expect(session.from).toBe("127.0.0.1");
  const begun = [...(await lab.processes()).values()].filter((line) => line.includes("sshd-session"));
  expect(begun.length).toBeLessThan(4 * MAX_LED_AT_ONCE);
  expect(halfOpen.filter(({ socket }) => !socket.closed)).toHaveLength(MAX_UNNAMED_OF_CLIENT);
  await client.end();
});

test("forty sessions that one address opens at once all come in", async () => {
  const words = [...(await doors.through(neighbour)), "door", "echo in"];

  const output = await Promise.all(Array.from({ length: 40 }, () => neighbour.ssh(words)));

  expect(output.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual(output.map(() => ["in", 0]));
});

test("a hundred logins that were refused keep the owner out neither then nor afterwards", async () => {
  const stranger = [
    "-F",
    await neighbour.configOf("stranger"),
    ...(await doors.through(neighbour, { from: STRANGERS })),
    "-o",
    "BatchMode=yes",
    "door",
    "true",
  ];
  let left = REFUSED;
  const refuse = async (): Promise<(number | undefined)[]> => {
    const codes: (number | undefined)[] = [];
    while ((left -= 1) >= 0) codes.push((await neighbour.ssh(stranger)).exitCode);
    return codes;
  };
  const refused = Promise.all(Array.from({ length: AT_ONCE }, refuse));
  await eventually(() => left < REFUSED / 2, { what: "half of the refusals" });

  const amid = await neighbour.ssh([...(await doors.through(neighbour)), "door", "echo in"]);
  const codes = (await refused).flat();
  const afterwards = await neighbour.ssh([...(await doors.through(neighbour)), "door", "echo in"]);

  expect(codes).toEqual(Array.from({ length: REFUSED }, () => 255));
  expect([amid.stdout, afterwards.stdout]).toEqual(["in", "in"]);
});

describe("what a container reports of logins", () => {
  const socketOf = (door: Door) => join(door.livePath, "logins");
  const output = (port: number | string) => `Accepted password for root from 127.0.0.1 port ${port} ssh2\n`;

  /** As root of the container, which sees the same socket. */
  async function print(door: Door, text: string | Buffer): Promise<void> {
    const socket = connect(socketOf(door)).on("error", () => undefined);
    socket.end(text);
    await closed(socket);
  }

  test("is believed of its own connections alone", async () => {
    const { session, client } = await doors.enter(neighbour);
    client.writes("x");
    const requested = await neighbour.ssh([...(await doors.through(neighbour)), "door", "echo $SSH_CLIENT"]);
    const own = await doors.enter(lab);
    const before = doors.sessions.length;

    const port = Number(requested.stdout.split(" ")[1]);
    for (const lie of [port, port - 1, port + 1, 22, 65_535]) await print(lab, output(lie));

    await doors.print();
    const [reported, ofOwn] = [session, own.session].map((one) =>
      doors.sessions.find(({ sessionId }) => sessionId === one.sessionId),
    );
    expect(reported).toMatchObject({ login: session.login, ended: null });
    expect(ofOwn).toMatchObject({ login: own.session.login, ended: null });
    expect(doors.sessions).toHaveLength(before);
    await client.end();
    await own.client.end();
  });

  test("is refused when it is too much, and others are heard all the while; a real login is reported a little later", async () => {
    const lines = output(40_000).repeat(10_000);
    await Promise.all([
      print(lab, lines),
      print(lab, Buffer.alloc(4 * MIB, 1)),
      print(lab, "Accepted"),
      print(lab, "\n\0"),
    ]);
    for (let each = 0; each < 60; each += 1)
      await Promise.all(Array.from({ length: 20 }, () => print(lab, output(each + 1))));

    const elsewhere = await doors.enter(neighbour);
    const here = await doors.enter(lab);

    expect(elsewhere.session.instanceId).toBe("ins-neighbour");
    expect(here.session.login?.method).toBe("publickey");
    await elsewhere.client.end();
    await here.client.end();
  });

  test("goes on when who passes it on is killed, and its socket cannot be taken away", async () => {
    const readers = [...(await lab.processes())].filter(([, line]) => line === "/.remotegpu/init");
    const reader = readers.find(([pid]) => pid !== lab.pid)?.[0] ?? 0;

    process.kill(reader, "SIGKILL");
    const tried = await lab.ssh("rm -f /.remotegpu/live/logins; mv /.remotegpu/live/logins /tmp; echo tried");

    expect(tried.stdout).toBe("tried");
    const { session, client } = await doors.enter(lab);
    expect(session.login?.method).toBe("publickey");
    await client.end();
  });

  test("is lost while who passes it on is stopped and the pipe there is full; sshd waits for neither, and goes on", async () => {
    // What root of the container may do to both.
    const readers = [...(await lab.processes())].filter(([, line]) => line === "/.remotegpu/init");
    const reader = readers.find(([pid]) => pid !== lab.pid)?.[0] ?? 0;
    process.kill(reader, "SIGSTOP");
    const words = openSync(
      `/proc/${await lab.processOf("listener")}/fd/2`,
      constants.O_WRONLY | constants.O_NONBLOCK,
    );
    const flood = () => {
      for (;;) writeSync(words, "nothing of a login\n");
    };
    expect(flood).toThrow("EAGAIN");
    closeSync(words);

    const untold = await lab.ssh([...(await doors.through(lab)), "door", "echo in"]);
    process.kill(reader, "SIGCONT");

    expect(untold.stdout).toBe("in");
    const { session, client } = await doors.enter(lab);
    expect(session.login?.method).toBe("publickey");
    await client.end();
  });

  test("goes on when sshd is killed again and again, and who is in stays in", async () => {
    const { session, client } = await doors.enter(lab);
    for (let each = 0; each < 2; each += 1) {
      const listener = await eventually(() => lab.processOf("listener"));
      process.kill(listener, "SIGKILL");
      await eventually(async () => (await lab.processOf("listener")) !== listener);
    }
    await lab.isOpen();

    const again = await doors.enter(lab);

    expect(doors.isOpen(session)).toBe(true);
    expect(again.session.login?.method).toBe("publickey");
    expect(await client.end("still in")).toContain("still in");
    await again.client.end();
  });
});

test("who fills its own memory is reported as shutting itself out from logging in, until there is room again", async () => {
  const full = await doors.begin("full", { spec: { memoryBytes: 64 * MIB, shmBytes: 256 * MIB } });
  const words = ["-o", "BatchMode=yes", "door", "echo in"];
  const tried = async () => (await full.ssh([...(await doors.through(full)), ...words])).stdout;
  const answers = () => doors.access.messages?.leases.find(({ leaseId }) => leaseId === "full")?.answers;
  await eventually(() => answers()?.isSeen, { what: "an answer" });
  const filled = join("/proc", String(full.pid), "root/dev/shm/filled");
  await full.ssh([
    ...(await doors.through(full)),
    "door",
    "dd if=/dev/zero of=/dev/shm/filled bs=1M count=200",
  ]);

  // The first ones may come in between two kills.
  const { detail } = await eventually(
    async () => ((await tried()) === "" && answers()?.isSeen === false ? answers() : undefined),
    { withinMs: 60_000, what: "an answer that tells of the memory" },
  );
  expect(detail).toMatch(/^The container has used up the 64 MiB of memory that it may have\. /);

  await rm(filled);
  await eventually(async () => (await tried()) === "in" && answers()?.isSeen, {
    // sshd rests longer with each of its ends.
    withinMs: 60_000,
    what: "a login with room",
  });
});

test("those that sent nothing are closed in the end, all is counted, and the relay has not grown", async () => {
  await Promise.all(halfOpen.map(({ ended }) => ended));
  const grown = residentBytes(doors.access.relayPid) - residentBefore;

  await doors.access.stop();
  const { store } = openLeaseStore(doors.access.folder);
  const { attempts } = store.book.read();
  store.close();

  const counts = attempts.map(({ leaseId, from, outcome, count }) => [leaseId, from, outcome, count]);
  expect(counts).toContainEqual(["lab", STRANGERS, "silent", MAX_UNNAMED_OF_CLIENT]);
  const refused = attempts.filter(
    ({ leaseId, outcome }) => leaseId === "neighbour" && outcome === "no-login",
  );
  expect(refused.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(REFUSED);
  expect(counts.every(([, from]) => from === STRANGERS || from === "127.0.0.1")).toBe(true);
  expect(grown).toBeLessThan(48 * MIB);
});
