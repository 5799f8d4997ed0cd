/**
 * Streams of output between control plane and host over a real NATS: credit, ends, and hosts that do not keep to the
 * contract. What the host sends is the test's.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NatsConnection } from "nats";
import { LogSessions, type LogOpener, type LogPiece } from "@remotegpu/agent/link/log-sessions";
import { orderSubscriptions } from "@remotegpu/agent/link/order-server";
import {
  CREDIT_BYTES,
  LogStreams,
  MAX_STREAMS_OF_HOST,
  MAX_STREAMS_OF_READER,
} from "@remotegpu/control-plane/server/link/hosts/log-streams";
import type {
  LogNext,
  LogOpening,
  LogQuery,
  LogStream,
} from "@remotegpu/control-plane/server/core/workloads/log-stream";
import { InstanceId, RunId, type HostId } from "@remotegpu/shared/values/ids";
import { MAX_CHUNK_BYTES, READER_SILENT_MS, type SessionId } from "@remotegpu/shared/messages/sessions";
import { downOfAllSessions, sessionOf, upSession } from "@remotegpu/shared/messages/subjects";
import { encode } from "@remotegpu/shared/messages/wire";
import { eventually } from "../../support/eventually.ts";
import { startHostSide, type HostSide } from "../../support/agent/host-side.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";

let nats: TestNats;
let controlPlane: NatsConnection;
let streams: LogStreams;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  nats = await startTestNats();
  controlPlane = await nats.connectControlPlane();
  streams = new LogStreams(controlPlane);
});
afterEach(async () => {
  try {
    for (const end of ends.splice(0).toReversed()) await end();
  } finally {
    await nats.close();
  }
});

const QUERY: LogQuery = {
  instanceId: InstanceId.parse("env-1"),
  placementEpoch: 1,
  runId: RunId.parse("run-1"),
  tailLines: null,
  follow: true,
};

function open(
  { hostId }: { hostId: HostId },
  { reader = "customer 1", ...query }: Partial<LogQuery> & { reader?: string } = {},
): Promise<LogOpening> {
  return streams.open(hostId, { ...QUERY, ...query }, reader);
}

function streamOf(opening: LogOpening): LogStream {
  if (!opening.opened) throw new Error(`${opening.reason}: ${JSON.stringify(opening.why)}`);
  return opening.stream;
}

async function rest(
  stream: LogStream,
): Promise<{ bytes: Buffer; end: Extract<LogNext, { kind: "end" }>["end"] }> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const next = await stream.next();
    if (next.kind === "end") return { bytes: Buffer.concat(chunks), end: next.end };
    chunks.push(next.bytes);
  }
}

/** A host with the agent's own sessions, on a source of the test's. */
async function honestHost(
  opener: LogOpener,
  id = "honest",
  nowMs?: () => number,
): Promise<HostSide & { sessions: LogSessions }> {
  const credential = await nats.hostCredential(id);
  const sessions = new LogSessions({
    hostId: credential.hostId,
    publisher: () => host.connection,
    opener,
    log: memoryLog(),
    ...(nowMs !== undefined && { nowMs }),
  });
  const handlers = {
    onNudge: () => undefined,
    exec: () => Promise.reject(new Error("not expected")),
    logs: sessions.onMessage,
  };
  const subscriptions = orderSubscriptions(credential.hostId, handlers, memoryLog());
  const host = await startHostSide(credential, subscriptions);
  ends.push(() => host.connection.close());
  return { ...host, sessions };
}

/** What is sent is made as it is asked for, so `made` tells how far the reader let the host go. */
function counting(total: number) {
  const made = { bytes: 0, isEnded: false };
  const opener: LogOpener = (_open, signal) => {
    async function* pieces(): AsyncGenerator<LogPiece, "ended" | "run-over"> {
      try {
        for (; made.bytes < total; made.bytes += 1_000) {
          await Promise.resolve();
          if (signal.aborted) break;
          yield {
            output: "stdout",
            bytes: Buffer.alloc(1_000, String(made.bytes / 1_000).padStart(10, "0")),
          };
        }
        return "ended";
      } finally {
        made.isEnded = true;
      }
    }
    return Promise.resolve({ opened: true, pieces: pieces() });
  };
  return { made, opener };
}

/** Says nothing more until the session is ended. */
const silent: LogOpener = (_open, signal) => {
  async function* pieces(): AsyncGenerator<LogPiece, "ended" | "run-over"> {
    yield { output: "stdout", bytes: Buffer.from("here\n") };
    await new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("ended")));
    });
    return "ended";
  }
  return Promise.resolve({ opened: true, pieces: pieces() });
};

describe("an honest host", () => {
  test("is held back by a reader that does not read, and loses nothing by it", async () => {
    const { made, opener } = counting(5_000_000);
    const host = await honestHost(opener);
    const stream = streamOf(await open(host));
    // It goes on until the credit is used up, and stands there.
    await eventually(() => made.bytes >= CREDIT_BYTES - MAX_CHUNK_BYTES, { what: "the credit in use" });
    await controlPlane.flush();
    expect(made.bytes).toBeLessThanOrEqual(CREDIT_BYTES + 1_000);

    const { bytes, end } = await rest(stream);

    expect(end).toMatchObject({ isWhole: true, reason: "ended" });
    expect(bytes.length).toBe(5_000_000);
    const places = Array.from({ length: 5_000 }, (_, n) =>
      Number(bytes.toString("latin1", n * 1_000, n * 1_000 + 10)),
    );
    expect(places).toEqual(places.map((_, n) => n));
    expect(streams.count).toBe(0);
  });

  test("hears that the reader has left, and stops reading", async () => {
    const { made, opener } = counting(1_000_000_000);
    const host = await honestHost(opener);
    const stream = streamOf(await open(host));
    await stream.next();

    stream.leave();

    await eventually(() => made.isEnded && host.sessions.count === 0, { what: "the end on the host" });
    expect(await stream.next()).toMatchObject({ kind: "end", end: { reason: "left" } });
  });

  test("that ends notifies every reader", async () => {
    const host = await honestHost(silent);
    const all = await Promise.all([1, 2, 3].map(async () => streamOf(await open(host))));

    await host.sessions.close();

    for (const stream of all)
      expect(await rest(stream)).toMatchObject({ bytes: Buffer.from("here\n"), end: { reason: "shutdown" } });
    expect(await open(host)).toMatchObject({ opened: false, reason: "busy" });
  });

  test("that was started anew notifies readers of before it that their session is gone", async () => {
    const host = await honestHost(silent);
    const { made, opener } = counting(0);
    const stranger = await honestHost(opener, "anew");
    const session = "x".repeat(32) as SessionId;
    const heard: string[] = [];
    controlPlane.subscribe(upSession(stranger.hostId, "logs", session, "*"), {
      callback: (_error, message) =>
        void heard.push(message.subject.slice(message.subject.lastIndexOf(".") + 1)),
    });
    const subject = `rg.v1.h.${stranger.hostId}.down.logs.${session}.credit`;
    controlPlane.publish(subject, encode({ kind: "session-credit", upToByte: 5 }));

    await eventually(() => heard.length > 0, { what: "the answer" });

    expect(heard).toEqual(["close"]);
    expect([host.sessions.count, made.bytes]).toEqual([0, 0]);
  });

  test("lets in as many readers as it is set to, and the next ones when they have left", async () => {
    const host = await honestHost((open, signal) => silent({ ...open }, signal));
    const runs = Array.from({ length: MAX_STREAMS_OF_HOST }, (_, n) => RunId.parse(`run-${n % 4}`));
    const all = await Promise.all(
      runs.map(async (runId, n) => streamOf(await open(host, { runId, reader: `customer ${n % 2}` }))),
    );

    expect(await open(host, { reader: "customer 9" })).toMatchObject({ opened: false, reason: "busy" });

    for (const stream of all) stream.leave();
    await eventually(() => host.sessions.count === 0, { what: "free sessions" });
    streamOf(await open(host)).leave();
  });

  test("is shared: one reader does not take all places", async () => {
    const host = await honestHost(silent);
    const mine = Array.from({ length: MAX_STREAMS_OF_READER }, (_, n) => RunId.parse(`run-${n % 4}`));
    for (const runId of mine) streamOf(await open(host, { runId }));

    expect(await open(host, { runId: RunId.parse("run-9") })).toMatchObject({
      opened: false,
      reason: "busy",
    });
    expect(await open(host, { runId: RunId.parse("run-9"), reader: "customer 2" })).toMatchObject({
      opened: true,
    });
    streams.close();
  });

  test("that hears nothing more of a reader ends the session, and one that is heard goes on", async () => {
    let nowMs = 0;
    const host = await honestHost(silent, "honest", () => nowMs);
    const stream = streamOf(await open(host));
    nowMs = READER_SILENT_MS;
    host.sessions.endSilent();
    expect(host.sessions.count).toBe(1);

    nowMs += 1;
    host.sessions.endSilent();

    expect(await rest(stream)).toMatchObject({ end: { isWhole: false, reason: "too-slow" } });
    expect(host.sessions.count).toBe(0);
  });

  test("a source that fails ends its session, and no other", async () => {
    const host = await honestHost((open, signal) =>
      open.runId === QUERY.runId
        ? Promise.resolve({
            opened: true,
            // oxlint-disable-next-line require-yield
            pieces: (async function* fails(): AsyncGenerator<LogPiece, "ended"> {
              await Promise.resolve();
              throw new Error("the runtime went away");
            })(),
          })
        : silent(open, signal),
    );
    const neighbour = streamOf(await open(host, { runId: RunId.parse("run-2") }));

    expect(await rest(streamOf(await open(host)))).toMatchObject({
      end: { isWhole: false, reason: "error" },
    });

    expect(await neighbour.next()).toMatchObject({ kind: "bytes" });
    neighbour.leave();
  });
});

test("a host that is not there is reported as unreachable, at once", async () => {
  const { hostId } = await nats.hostCredential("nobody");

  expect(await open({ hostId })).toMatchObject({ opened: false, reason: "unreachable" });
  expect(streams.count).toBe(0);
});

test("the control plane's end ends every stream", async () => {
  const host = await honestHost(silent);
  const stream = streamOf(await open(host));
  await stream.next();

  streams.close();

  expect(await stream.next()).toMatchObject({ kind: "end", end: { isWhole: false, reason: "shutdown" } });
  await eventually(() => host.sessions.count === 0, { what: "the end on the host" });
});

describe("a hostile host", () => {
  type Print = (word: string, message: unknown) => void;
  type HostReport = (session: SessionId, print: Print) => void;

  /** Opens whatever it is asked for, and then says what the test has it say. */
  async function hostile(
    report: HostReport,
    answer: object = { kind: "session-opened", inputCreditBytes: 0 },
  ) {
    const credential = await nats.hostCredential("hostile");
    const host = await startHostSide(credential, {
      [downOfAllSessions(credential.hostId, "logs")]: (_data, respond, subject) => {
        const session = sessionOf(subject);
        if (respond === null || session === null) return;
        respond(encode(answer));
        report(session, (word, message) => {
          const up = upSession(credential.hostId, "logs", session, "data").replace(/data$/, word);
          const bytes = message instanceof Uint8Array ? message : encode(message);
          host.connection.publish(up, bytes);
        });
      },
    });
    ends.push(() => host.connection.close());
    return host;
  }

  const data = (offset: number, bytes: Uint8Array | string) => ({
    kind: "session-data",
    stream: "stdout",
    offset,
    data: Buffer.from(bytes).toString("base64"),
  });
  const GOOD = data(0, "good\n");

  test.each<[what: string, says: (print: Print) => void, reason: string]>([
    ["garbage", (print) => print("data", Buffer.from([0, 255, 1])), "error"],
    ["another message", (print) => print("data", { kind: "session-opened", inputCreditBytes: 1 }), "error"],
    [
      "a chunk beyond the largest",
      (print) => print("data", data(5, Buffer.alloc(MAX_CHUNK_BYTES + 3))),
      "error",
    ],
    ["a word that is none", (print) => print("credit", { kind: "session-credit", upToByte: 1 }), "error"],
    ["a garbled close", (print) => print("close", { kind: "session-close", reason: "bored" }), "error"],
    ["a gap", (print) => print("data", data(6, "after a gap")), "lost"],
    [
      "more than its credit",
      (print) => {
        for (let at = 5; at <= CREDIT_BYTES; at += MAX_CHUNK_BYTES)
          print("data", data(at, Buffer.alloc(MAX_CHUNK_BYTES)));
      },
      "beyond-credit",
    ],
    [
      "the same chunk without end",
      (print) => {
        for (let time = 0; time < 1_000; time += 1) print("data", GOOD);
      },
      "error",
    ],
  ])("that sends %s ends that one stream", async (_what, report, reason) => {
    const neighbour = await honestHost(silent, "neighbour");
    const untouched = streamOf(await open(neighbour));
    const host = await hostile((_session, print) => {
      print("data", GOOD);
      report(print);
    });

    const stream = streamOf(await open(host));
    // Nobody reads: what is taken earns the host new credit.
    await eventually(() => streams.count === 1, { what: "the end of the stream" });
    const { bytes, end } = await rest(stream);

    expect(bytes.length).toBeLessThanOrEqual(CREDIT_BYTES);
    expect(bytes.subarray(0, 5).toString()).toBe("good\n");
    expect(end).toMatchObject({ isWhole: false, reason });
    expect(await untouched.next()).toMatchObject({ kind: "bytes" });
    untouched.leave();
    expect(streams.count).toBe(0);
  });

  test("that answers the opening with nonsense is refused", async () => {
    const host = await hostile(() => undefined, { kind: "exec-reply" });

    expect(await open(host)).toMatchObject({ opened: false, reason: "refused" });
    expect(streams.count).toBe(0);
  });

  test("cannot speak in a session of another host", async () => {
    let known: SessionId | null = null;
    const neighbour = await honestHost((open, signal) => silent(open, signal), "neighbour");
    const host = await hostile((session) => (known = session));
    streamOf(await open(host)).leave();
    const stream = streamOf(await open(neighbour));
    expect(await stream.next()).toMatchObject({ kind: "bytes" });

    // Its own credential does not let it publish there; and the id is its own, not the neighbour's.
    const foreign = upSession(neighbour.hostId, "logs", known ?? ("y".repeat(32) as SessionId), "data");
    host.connection.publish(foreign, encode(data(5, "forged\n")));
    await host.connection.flush();
    await controlPlane.flush();
    streams.close();

    expect(await rest(stream)).toMatchObject({ bytes: Buffer.alloc(0), end: { reason: "shutdown" } });
  });
});
