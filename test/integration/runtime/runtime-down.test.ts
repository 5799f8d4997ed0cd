/** A runtime that is not there, hangs, or talks nonsense: named errors, in time, and never a pile of requests. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RuntimeCall } from "@remotegpu/agent/core/metrics/runtime-calls";
import { Docker } from "@remotegpu/agent/runtime/docker/docker";
import { watchEvents } from "@remotegpu/agent/runtime/docker/events";
import { RuntimeDown, RuntimeError } from "@remotegpu/agent/runtime/docker/runtime-error";
import { HOST } from "../../support/samples/run-samples.ts";
import { eventually } from "../../support/eventually.ts";

let folder: string;
let socketPath: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-down-"));
  socketPath = join(folder, "docker.sock");
});

afterEach(async () => {
  await hangUp();
  await rm(folder, { recursive: true, force: true });
});

async function answerWith(listener: RequestListener): Promise<void> {
  server = createServer(listener).listen(socketPath);
  await new Promise((resolve) => server?.once("listening", resolve));
}

async function hangUp(): Promise<void> {
  server?.closeAllConnections();
  await new Promise<void>((resolve) => {
    if (server === undefined) resolve();
    else server.close(() => resolve());
  });
  server = undefined;
}

const ping = (docker: Docker, deadlineMs: number, what = "ping") =>
  docker.call(what, { deadlineMs }, (client, abortSignal) => client.listContainers({ abortSignal }));

test("nothing at the socket is a runtime that is down, at once", async () => {
  const docker = new Docker(socketPath);

  await expect(ping(docker, 5_000)).rejects.toBeInstanceOf(RuntimeDown);
  await expect(ping(docker, 5_000)).rejects.toThrow(
    "cannot ping: the container runtime does not answer (ENOENT)",
  );
});

describe("a runtime that hangs", () => {
  test("is given up at the deadline, and its request is ended", async () => {
    let closed = 0;
    await answerWith((request) => request.socket.once("close", () => (closed += 1)));
    const before = performance.now();

    await expect(ping(new Docker(socketPath), 200)).rejects.toThrow("did not answer in 200 ms");

    expect(performance.now() - before).toBeLessThan(2_000);
    await expect(eventually(() => closed === 1)).resolves.toBe(true);
  });

  test("is reported with each call that ended, those that were given up as such", async () => {
    await answerWith((request, response) => {
      if (request.url?.startsWith("/info") === true) response.end('{"Name":"here"}');
    });
    const calls: RuntimeCall[] = [];
    const docker = new Docker(socketPath, (call) => calls.push(call));

    await docker.call("read its info", { deadlineMs: 5_000 }, (client) => client.info());
    await expect(ping(docker, 200)).rejects.toBeInstanceOf(RuntimeDown);

    expect(calls.map(({ what, isTimedOut }) => [what, isTimedOut])).toEqual([
      ["read its info", false],
      ["ping", true],
    ]);
    expect(calls.every(({ tookMs }) => tookMs > 0)).toBe(true);
  });

  test("is called once at a time for each kind of call", async () => {
    let now = 0;
    let most = 0;
    await answerWith((request) => {
      now += 1;
      most = Math.max(most, now);
      request.socket.once("close", () => (now -= 1));
    });
    const docker = new Docker(socketPath);

    const results = await Promise.allSettled(Array.from({ length: 5 }, () => ping(docker, 300)));

    expect(results.map((result) => result.status)).toEqual(Array.from({ length: 5 }, () => "rejected"));
    expect(most).toBe(1);
  });

  test("holds up no other kind of call", async () => {
    await answerWith((request, response) => {
      if (request.url?.startsWith("/info") === true) response.end('{"Name":"here"}');
    });
    const docker = new Docker(socketPath);
    const hung = ping(docker, 1_000);

    const info = docker.call("info", { deadlineMs: 500 }, (client) => client.info());

    await expect(info).resolves.toEqual({ Name: "here" });
    await expect(hung).rejects.toBeInstanceOf(RuntimeDown);
  });

  test("does not block its kind for good by a request that cannot be ended", async () => {
    let isHung = true;
    await answerWith((_request, response) => {
      if (!isHung) response.end("[]");
    });
    const docker = new Docker(socketPath);
    const unending = docker.call("ping", { deadlineMs: 100 }, (client) => client.listContainers());
    await expect(unending).rejects.toBeInstanceOf(RuntimeDown);

    isHung = false;

    await expect(ping(docker, 2_000)).resolves.toEqual([]);
  });

  test("answers again after it was given up", async () => {
    let isHung = true;
    await answerWith((_request, response) => {
      if (!isHung) response.end("[]");
    });
    const docker = new Docker(socketPath);
    await expect(ping(docker, 100)).rejects.toBeInstanceOf(RuntimeDown);

    isHung = false;

    await expect(ping(docker, 2_000)).resolves.toEqual([]);
  });
});

test("calls of one kind follow each other and each get their own answer", async () => {
  let count = 0;
  await answerWith((_request, response) => {
    count += 1;
    const answer = JSON.stringify([count]);
    setTimeout(() => response.end(answer), 10);
  });
  const docker = new Docker(socketPath);

  const answers = await Promise.all([ping(docker, 5_000), ping(docker, 5_000), ping(docker, 5_000)]);

  expect(answers).toEqual([[1], [2], [3]]);
});

test("of a kind of which a few may be pending there are so many and no more, and the others follow", async () => {
  let now = 0;
  let most = 0;
  await answerWith((_request, response) => {
    now += 1;
    most = Math.max(most, now);
    setTimeout(() => {
      now -= 1;
      response.end("[]");
    }, 20);
  });
  const docker = new Docker(socketPath);
  const options = { deadlineMs: 5_000, kind: "start", atOnce: 3 };
  const start = (what: string) =>
    docker.call(what, options, (client, abortSignal) => client.listContainers({ abortSignal }));

  const answers = await Promise.all(["a", "b", "c", "d", "e", "f", "g"].map(start));

  expect(answers).toHaveLength(7);
  expect(most).toBe(3);
});

test("a refusal is an error with the runtime's own words and status", async () => {
  await answerWith((_request, response) => {
    response.statusCode = 500;
    response.end('{"message":"no space left on device"}');
  });

  const failure = await ping(new Docker(socketPath), 2_000).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(RuntimeError);
  expect(failure).toMatchObject({ message: "cannot ping: no space left on device", status: 500 });
});

test("a connection that breaks off in the midst is a runtime that is down", async () => {
  await answerWith((request) => request.socket.destroy());

  await expect(ping(new Docker(socketPath), 2_000)).rejects.toBeInstanceOf(RuntimeDown);
});

test("the event stream is opened again when it breaks, and each opening wakes", async () => {
  let opened = 0;
  let broken = 0;
  let wakes = 0;
  await answerWith((_request, response) => {
    opened += 1;
    response.writeHead(200);
    response.write('{"Type":"container"}\n');
    if (opened < 3) setTimeout(() => response.destroy(), 20);
  });
  const ended = new AbortController();

  const watching = watchEvents(new Docker(socketPath), HOST, {
    wake: () => (wakes += 1),
    onBroken: () => (broken += 1),
    signal: ended.signal,
  });

  await eventually(() => opened === 3 && wakes >= 6);
  ended.abort();
  await watching;
  expect(broken).toBe(2);
});
