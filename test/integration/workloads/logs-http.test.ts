/**
 * GET …/logs as a client sees it: the real server on a real port, Postgres, NATS and the agent's sessions; what the
 * containers write is the test's.
 */
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { NatsConnection } from "nats";
import { z } from "zod";
import { LogSessions, type LogPiece } from "@remotegpu/agent/link/log-sessions";
import { orderSubscriptions } from "@remotegpu/agent/link/order-server";
import { openServer, type ApiServer } from "@remotegpu/control-plane/server/http/server/server";
import { LogStreams } from "@remotegpu/control-plane/server/link/hosts/log-streams";
import type { LogOpen } from "@remotegpu/shared/messages/sessions";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { eventually } from "../../support/eventually.ts";
import { startHostSide, type HostSide } from "../../support/agent/host-side.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";

let scene: ControlScene;
let nats: TestNats;
let controlPlane: NatsConnection;
let streams: LogStreams;
let server: ApiServer;
let host: ScriptedHost;
let side: HostSide;
let sessions: LogSessions;
let alice: Caller & { workspaceId: number };

/** What the host answers to an opening; each test sets its own. */
let source: (open: LogOpen, signal: AbortSignal) => AsyncGenerator<LogPiece, "ended" | "run-over">;
const openings: LogOpen[] = [];

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.adopt(await openControlScene(), (one) => one.close());
  nats = ending.adopt(await startTestNats(), (one) => one.close());
  controlPlane = await nats.connectControlPlane();
  streams = new LogStreams(controlPlane);
  scene.api.deps.link.openLogs = (hostId, query, reader) => streams.open(hostId, query, reader);
  server = await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null });
  ending.defer(() => server.close());
  host = await scene.host("host-a", { cpu: 64 });
  const credential = await nats.hostCredential(host.id);
  sessions = new LogSessions({
    hostId: host.id,
    publisher: () => side.connection,
    opener: (open, signal) => {
      openings.push(open);
      return Promise.resolve({ opened: true, pieces: source(open, signal) });
    },
    log: memoryLog(),
  });
  const handlers = {
    onNudge: () => undefined,
    exec: () => Promise.reject(new Error("no")),
    logs: sessions.onMessage,
  };
  side = await startHostSide(credential, orderSubscriptions(host.id, handlers, memoryLog()));
  ending.defer(() => side.connection.close());
  ending.defer(() => streams.close());
  alice = await scene.customer("alice");
});
afterAll(() => ending.disposeAsync());

async function running(report?: Parameters<ScriptedHost["round"]>[0]): Promise<string> {
  const { id } = (await scene.order(alice)).body;
  await scene.schedule();
  await host.round(report);
  return id;
}

async function runOf(id: string): Promise<string> {
  return (await scene.get(alice, id)).instances[0]!.run_id!;
}

/** The head of the answer, and its body as a stream that the test reads. */
async function logs(id: string, query = "", as: Caller = alice): Promise<IncomingMessage> {
  const requested = request(`http://127.0.0.1:${server.port}/api/v1/environments/${id}/logs${query}`, {
    headers: { authorization: `Bearer ${as.key}` },
    agent: false,
  });
  requested.end();
  const [response] = (await once(requested, "response")) as [IncomingMessage];
  return response;
}

async function* report(...lines: string[]): AsyncGenerator<LogPiece, "ended"> {
  await Promise.resolve();
  for (const line of lines) yield { output: "stdout", bytes: Buffer.from(line) };
  return "ended";
}

describe("of a running environment", () => {
  test("are its bytes, as plain text, of the run that is requested", async () => {
    source = () => report("one\n", "two €\n", "\u0000 no end");
    const id = await running();

    const response = await logs(id, "?tail=7&rank=0");

    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "remotegpu-run": await runOf(id),
      "remotegpu-log-source": "host",
    });
    expect(await text(response)).toBe("one\ntwo €\n\u0000 no end");
    expect(openings.at(-1)).toMatchObject({ tailLines: 7, follow: false, placementEpoch: 1 });
  });

  test("come as they are written, and stop being read when the client leaves", async () => {
    let write: (line: string) => void = () => undefined;
    let isEnded = false;
    source = async function* lines(_open, signal) {
      try {
        while (!signal.aborted) {
          const line = await new Promise<string>((resolve) => {
            write = resolve;
            signal.addEventListener("abort", () => resolve(""));
          });
          if (line !== "") yield { output: "stdout", bytes: Buffer.from(line) };
        }
        return "ended";
      } finally {
        isEnded = true;
      }
    };
    const response = await logs(await running(), "?follow=true");
    const chunks = response[Symbol.asyncIterator]();

    for (const line of ["first\n", "second\n"]) {
      write(line);
      expect(String((await chunks.next()).value)).toBe(line);
    }

    response.destroy();
    await eventually(() => isEnded && streams.count === 0 && sessions.count === 0, {
      what: "the end on the host",
    });
  });

  test("of 25 MB reach a slow client complete, and wait on the host meanwhile", async () => {
    const line = (n: number) => `${String(n).padStart(63, "0")}\n`;
    // More than the buffers of a connection take up.
    const count = 400_000;
    let made = 0;
    source = async function* burst() {
      for (; made < count; made += 100) {
        await Promise.resolve();
        yield {
          output: "stdout",
          bytes: Buffer.from(Array.from({ length: 100 }, (_, n) => line(made + n)).join("")),
        };
      }
      return "run-over";
    };

    const response = await logs(await running(), "?follow=true");
    response.pause();
    let before = -1;
    // Nobody reads: it comes to stand before it is through.
    await eventually(async () => {
      const stands = made === before;
      before = made;
      await controlPlane.flush();
      return stands && made > 0;
    });
    expect(made).toBeLessThan(count);

    const got = await text(response);

    expect(got.length).toBe(count * 64);
    expect(got === Array.from({ length: count }, (_, n) => line(n)).join("")).toBe(true);
  });

  test("that break off state so in a last line of their own", async () => {
    source = async function* breaks() {
      yield { output: "stdout", bytes: Buffer.from("in the mid") };
      await Promise.resolve();
      throw new Error("the runtime went away");
    };

    const response = await logs(await running());

    expect(await text(response)).toMatch(/^in the mid\n\[remotegpu\] The output breaks off here: .*\.\n$/);
  });

  describe("that are followed", () => {
    const never: typeof source = async function* waits(_open, signal) {
      yield { output: "stdout", bytes: Buffer.from("here\n") };
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
      });
      return "ended";
    };

    /** Follows one that says nothing more; what is looked after every few seconds is looked after at `look`. */
    async function followed(as: Caller = alice) {
      source = never;
      const id = await running();
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
      onTestFinished(() => void vi.useRealTimers());
      const response = await logs(id, "?follow=true", as);
      const all = text(response);
      return { all, check: () => void vi.advanceTimersByTime(10_000) };
    }

    test("end when the host is not heard any more", async () => {
      const { all, check } = await followed();
      check();
      await scene.api.db.query("UPDATE hosts SET connection = 'unreachable' WHERE id = $1", [host.id]);
      onTestFinished(async () => {
        await scene.api.db.query("UPDATE hosts SET connection = 'connected' WHERE id = $1", [host.id]);
      });

      check();

      expect(await all).toMatch(/^here\n\[remotegpu\] .* Host host-a is unreachable since .*\.\n$/);
    });

    test("end when the reader may no longer read", async () => {
      const key = await scene.api.request("POST", `/api/v1/customers/${alice.customerId}/api-keys`, {
        as: scene.api.admin,
        body: {},
      });
      const { all, check } = await followed({ ...alice, key: key.body.key });
      await scene.api.request("DELETE", `/api/v1/customers/${alice.customerId}/api-keys/${key.body.id}`, {
        as: scene.api.admin,
      });

      check();

      expect(await all).toBe(
        "here\n[remotegpu] The output breaks off here: You may not read this any more.\n",
      );
    });
  });

  describe("whose run has not begun", () => {
    const waiting = { phase: "starting", detail: "Pulling busybox:1.", containerId: null } as const;
    const problemOf = async (response: IncomingMessage) => ({
      status: response.statusCode,
      detail: z.object({ detail: z.string() }).parse(JSON.parse(await text(response))).detail,
    });

    test("state what it waits for, unless they are followed", async () => {
      source = () => report();
      const id = await running(waiting);

      expect(await problemOf(await logs(id))).toEqual({
        status: 409,
        detail: `Run ${await runOf(id)} has not started yet: Pulling busybox:1.`,
      });
      expect(await text(await logs(id, "?follow=true"))).toBe("");
    });

    test("are what it has written although its host has not reported it yet", async () => {
      source = () => report("early\n", "and more\n");
      const id = await running(waiting);

      expect(await text(await logs(id))).toBe("early\nand more\n");
    });

    test("are what it has written where it ended too soon for any of it to be proven", async () => {
      source = () => report("done\n");
      const remains = { outOfMemory: false, signal: null, tail: "done\n" };
      const ended = { phase: "stopped", problem: "exited", exitCode: 0, remains } as const;
      const id = await running({ ...waiting, ...ended });

      expect(await text(await logs(id))).toBe("done\n");
    });

    test("state why it never will", async () => {
      const requested = openings.length;
      const detail = "There is no such image.";
      const id = await running({ ...waiting, phase: "failed", problem: "image-missing", detail });

      expect(await problemOf(await logs(id, "?follow=true"))).toEqual({
        status: 409,
        detail: expect.stringMatching(/^Run \S+ never started: There is no such image\.$/),
      });
      expect(openings).toHaveLength(requested);
    });
  });

  test("are none of a run of another workload", async () => {
    const id = await running();

    expect((await logs(id, "?run=run-of-somebody-else")).statusCode).toBe(404);
  });
});

describe("where the host cannot be queried", () => {
  const ENDED = {
    phase: "failed",
    detail: "The container used more memory than its limit.",
    problem: "out-of-memory",
    exitCode: 137,
    remains: { outOfMemory: true, signal: "SIGKILL", tail: "epoch 3\nlast words" },
  } as const;

  test("an ended run's last lines are here: in the logs, with its instance and in its events", async () => {
    source = () => report("all of it\n");
    const id = await running();
    const run = await runOf(id);
    await host.round(ENDED);
    expect(await text(await logs(id))).toBe("all of it\n");

    await scene.api.db.query("UPDATE hosts SET connection = 'unreachable' WHERE id = $1", [host.id]);
    const response = await logs(id, "?follow=true");
    await scene.api.db.query("UPDATE hosts SET connection = 'connected' WHERE id = $1", [host.id]);

    expect(response.headers["remotegpu-log-source"]).toBe("stored-tail");
    expect(await text(response)).toMatch(
      /^epoch 3\nlast words\n\[remotegpu\] Host host-a is unreachable since .* These are the last lines of run .*\.\n$/,
    );
    const { body } = await scene.api.request("GET", `/api/v1/environments/${id}/instances`, { as: alice });
    expect(body.items[0]!.runs[0]).toMatchObject({
      id: run,
      end: {
        phase: "failed",
        problem: "out-of-memory",
        exit_code: 137,
        out_of_memory: true,
        signal: "SIGKILL",
        tail: "epoch 3\nlast words",
      },
    });
    expect((await scene.get(alice, id)).instances[0]?.runs[0]?.end?.tail).toBeNull();
    const events = (await scene.api.request("GET", `/api/v1/environments/${id}/events`, { as: alice })).body
      .items;
    expect(events.filter(({ kind }: { kind: string }) => kind === "run-ended")).toMatchObject([
      {
        actor: "host host-a",
        old: "running",
        new: "failed",
        reason: `Run ${run}: The container used more memory than its limit. (exit code 137, SIGKILL, out of memory) Last line: last words`,
      },
    ]);
  });

  test("a running one's are a 503 that states when there will be something", async () => {
    const id = await running();
    await scene.api.db.query("UPDATE hosts SET connection = 'unreachable' WHERE id = $1", [host.id]);

    const response = await logs(id);

    await scene.api.db.query("UPDATE hosts SET connection = 'connected' WHERE id = $1", [host.id]);
    expect(response.statusCode).toBe(503);
    expect(JSON.parse(await text(response))).toMatchObject({
      detail: expect.stringMatching(/unreachable since .*Its last lines are stored when it ends\./),
    });
  });

  test("nothing has been written by what never ran", async () => {
    const { id } = (await scene.order(alice)).body;

    expect((await logs(id)).statusCode).toBe(409);
  });
});

describe("of a service of an environment", () => {
  const setFeatures = (features: readonly string[]) =>
    scene.api.db.query("UPDATE hosts SET features = $2 WHERE id = $1", [host.id, features]);

  test("are requested by its name", async () => {
    source = () => report("[I] serving\n");
    const id = await running();
    await setFeatures(["service-logs"]);

    const response = await logs(id, "?service=jupyter&tail=3");

    expect([response.statusCode, await text(response)]).toEqual([200, "[I] serving\n"]);
    expect(openings.at(-1)).toMatchObject({ service: "jupyter", tailLines: 3 });
  });

  test("are refused where the host's agent is too old to distinguish them", async () => {
    const id = await running();
    await setFeatures([]);

    const response = await logs(id, "?service=tensorboard");

    expect(response.statusCode).toBe(409);
    expect(JSON.parse(await text(response)).detail).toContain(
      "too old: it cannot tell the output of a container's services apart",
    );
  });

  test("are gone with the container: the last lines of an ended run are not theirs", async () => {
    const id = await running();
    await setFeatures(["service-logs"]);
    await host.round({
      phase: "failed",
      exitCode: 1,
      remains: { outOfMemory: false, signal: null, tail: "of the container\n" },
    });

    const response = await logs(id, "?service=jupyter");

    expect(response.statusCode).toBe(409);
    expect(await text(response)).not.toContain("of the container");
  });

  test("are none of other kinds of workload, and none by another name", async () => {
    const id = await running();
    const ofJob = await scene.api.request("POST", "/api/v1/training-jobs", {
      as: alice,
      body: { name: "job", image: "busybox:1", command: "true", cpu: 1, memory: 1 << 30, gpu: 0 },
    });

    expect((await logs(id, "?service=sshd")).statusCode).toBe(422);
    const path = `/api/v1/training-jobs/${ofJob.body.id}/logs?service=jupyter`;
    expect(await scene.api.request("GET", path, { as: alice })).toMatchObject({
      status: 422,
      body: { detail: "service: no training job has this service" },
    });
  });
});

describe("how a run ended, as a host reports it", () => {
  const end = { exitCode: 1, remains: { outOfMemory: false, signal: null, tail: "mine" } };

  test("is taken once, and is not changed by repeating it", async () => {
    const id = await running();
    await host.round({ phase: "failed", ...end });
    await host.round({ phase: "failed", ...end, remains: { ...end.remains, tail: "other" } });

    const { body } = await scene.api.request("GET", `/api/v1/environments/${id}/instances`, { as: alice });
    expect(body.items[0]!.runs[0]!.end).toMatchObject({ tail: "mine" });
  });

  test("of another host's run is not taken, nor of a run that there never was", async () => {
    const id = await running();
    const [wanted] = await host.pull();
    const thief = await scene.host("thief");
    if (wanted === undefined) throw new Error("nothing was placed");
    const reported = (await runOf(id)) as typeof wanted.runId;
    const seen = { ...thief.observedOf({ ...wanted, runId: reported }, { phase: "failed" }), ...end };

    await thief.report([
      seen,
      { ...seen, runId: "run-none" as typeof wanted.runId },
      { ...seen, phase: "ready" },
    ]);

    const { body } = await scene.api.request("GET", `/api/v1/environments/${id}/instances`, { as: alice });
    expect(body.items[0]!.runs[0]!.end).toBeNull();
    const { rows } = await scene.api.db.query("SELECT FROM run_ends WHERE run_id IN ($1, 'run-none')", [
      reported,
    ]);
    expect(rows).toEqual([]);
  });
});
