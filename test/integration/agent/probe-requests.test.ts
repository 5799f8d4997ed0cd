/** One question to a replica, of programs that answer it in every bad way: bounded, followed nowhere, and nothing is left. */
import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Reply } from "@remotegpu/agent/core/probes/probe-answer";
import { probeReplica } from "@remotegpu/agent/host/inside/replica-probe";
import type { ProcessInside } from "@remotegpu/agent/host/inside/dial";
import { readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { MIB } from "@remotegpu/shared/values/units";
import { MISBEHAVIOURS } from "../../fixtures/hostile-replica.ts";
import { eventually } from "../../support/eventually.ts";

const PROGRAM = join(import.meta.dirname, "../../fixtures/hostile-replica.ts");
const never = new AbortController().signal;
let replica: ChildProcess;
let inside: ProcessInside;
let output = "";

beforeAll(async () => {
  // exec all the way, so that the pid is the program's own.
  const script = 'busybox ip link set lo up && exec "$0" "$@"';
  replica = spawn("unshare", ["--net", "sh", "-c", script, process.execPath, PROGRAM], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  replica.stdout?.on("data", (piece: Buffer) => (output += String(piece)));
  await eventually(() => output.includes("ready\n"), { what: "the replica" });
  const pid = replica.pid ?? 0;
  const life = await readProcessLife(pid);
  if (!life.alive) throw new Error("the replica has ended");
  inside = { pid, startTicks: life.startTicks };
});

afterAll(() => {
  replica.kill("SIGKILL");
});

/** Again where this process was held up itself, which says nothing of the replica. */
async function get(port: number): Promise<Reply> {
  return await eventually(async () => {
    const reply = await probeReplica(inside, { path: "/health?deep=1", port }, never);
    return reply.kind !== "unasked" && reply;
  });
}

test.each<[string, number, Reply]>([
  ["an answer in order", 8001, { kind: "status", status: 200 }],
  ["an error", 8002, { kind: "status", status: 503 }],
  ["no word at all", 8003, { kind: "silent" }],
  ["what is no HTTP", 8004, { kind: "no-http" }],
  ["headers without end", 8005, { kind: "endless-head" }],
  ["a body without end", 8006, { kind: "status", status: 200 }],
  ["101 to all, and a flood", 8007, { kind: "status", status: 101 }],
  ["a redirect", 8008, { kind: "status", status: 302 }],
  ["one byte after the other", 8010, { kind: "silent" }],
  ["a connection that is cut", 8011, { kind: "hung-up" }],
  ["interim answers without end", 8012, { kind: "endless-head" }],
  ["empty lines without end", 8013, { kind: "no-http" }],
  ["small pieces without end", 8014, { kind: "status", status: 200 }],
  ["two lengths", 8015, { kind: "status", status: 200 }],
  ["a head, and then a body byte by byte", 8016, { kind: "status", status: 200 }],
  ["no listener", 8100, { kind: "refused" }],
])("%s", async (_what, port, reply) => {
  expect(await get(port)).toEqual(reply);
});

test("a redirect is followed nowhere", async () => {
  await get(8008);
  expect(await get(8001)).toEqual({ kind: "status", status: 200 });

  expect(output).not.toContain("followed");
});

test("no more of a body is taken than its bound, whatever more would come", async () => {
  const before = output.length;

  expect(await get(8019)).toEqual({ kind: "status", status: 200 });

  const flooded = await eventually(() => /^poured (\d+)$/m.exec(output.slice(before)) ?? false, {
    what: "its end",
  });
  // Beside the 64 KiB, what the system itself keeps of a connection that nobody reads.
  expect(Number(flooded[1])).toBeLessThan(16 * MIB);
});

test("it is requested by the path alone, as localhost", async () => {
  const before = output.length;

  expect(await get(8017)).toEqual({ kind: "status", status: 204 });

  // A question that this process could not go on with is asked again: it is the last.
  const requested = await eventually(
    () => JSON.parse(output.slice(before).trim().split("\n").at(-1) ?? "") as string,
  );
  expect(requested.split("\r\n")).toEqual([
    "GET /health?deep=1 HTTP/1.1",
    "Host: localhost",
    "User-Agent: RemoteGPU-health",
    "Accept: */*",
    "Connection: close",
    "",
    "",
  ]);
});

test("without a path a connection is enough, though nobody ever answers on it", async () => {
  const port = (at: number) => probeReplica(inside, { path: null, port: at }, never);

  expect(await port(8003)).toEqual({ kind: "connected" });
  expect(await port(8100)).toEqual({ kind: "refused" });
});

test("a process that is another by now is not probed, and none of this host's own network", async () => {
  const own = await readProcessLife(process.pid);
  const question = { path: "/", port: 8001 };

  expect(await probeReplica({ ...inside, startTicks: inside.startTicks + 1 }, question, never)).toEqual({
    kind: "gone",
  });
  const here = { pid: process.pid, startTicks: own.alive ? own.startTicks : 0 };
  expect(await probeReplica(here, question, never)).toEqual({ kind: "gone" });
});

test("at the end of the agent a probe in progress reports nothing", async () => {
  const ending = new AbortController();
  const requested = probeReplica(inside, { path: "/", port: 8003 }, ending.signal);
  setImmediate(() => ending.abort());

  expect(await requested).toEqual({ kind: "unasked" });
  expect(await probeReplica(inside, { path: "/", port: 8001 }, ending.signal)).toEqual({ kind: "unasked" });
});

test("no descriptor is left of a hundred questions at once", async () => {
  const open = () => readdirSync("/proc/self/fd").length;
  const ports = Object.keys(MISBEHAVIOURS).map(Number);
  await get(8001);
  const before = open();

  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, at) => get(ports[at % ports.length] ?? 8001)),
  );

  expect(new Set(replies.map(({ kind }) => kind))).toEqual(
    new Set(["status", "silent", "no-http", "endless-head", "hung-up"]),
  );
  await eventually(() => open() <= before, { what: "as many descriptors as before" });
});
