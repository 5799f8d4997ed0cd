/** Batches of journal rows through the real stream: at least once, acknowledged after the commit, bounded per host. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NatsConnection } from "nats";
import { z } from "zod";
import { FleetLink } from "@remotegpu/control-plane/server/fleet-link";
import { connectSystem } from "@remotegpu/control-plane/server/link/servers/connection";
import {
  JournalConsumer,
  type JournalHandler,
} from "@remotegpu/control-plane/server/link/journal/journal-consumer";
import { readJournalBacklog } from "@remotegpu/control-plane/server/link/journal/journal-backlog";
import {
  ensureJournalStream,
  type StreamLimits,
} from "@remotegpu/control-plane/server/link/journal/journal-stream";
import { publishBatch } from "@remotegpu/agent/link/journal-publisher";
import type { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import { JOURNAL_STREAM } from "@remotegpu/shared/messages/subjects";
import { eventually } from "../../support/eventually.ts";
import { startHostSide, type HostSide } from "../../support/agent/host-side.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";
import { aBatch } from "../../support/samples/protocol-samples.ts";

let nats: TestNats;
let controlPlane: NatsConnection;
const hosts: HostSide[] = [];
const consumers: JournalConsumer[] = [];

beforeEach(async () => {
  nats = await startTestNats();
  controlPlane = await nats.connectControlPlane();
});

afterEach(async () => {
  try {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
    await Promise.all(hosts.splice(0).map((host) => host.connection.close()));
  } finally {
    await nats.close();
  }
});

async function startHost(id: string): Promise<HostSide> {
  const host = await startHostSide(await nats.hostCredential(id));
  hosts.push(host);
  return host;
}

const publish = (host: HostSide, batch: JournalBatch, dbIncarnation = 1) =>
  publishBatch(host.connection, host.hostId, { batch, dbIncarnation });

function startConsumer(handler: Partial<JournalHandler>, connection = controlPlane): JournalConsumer {
  const consumer = new JournalConsumer(
    connection,
    {
      ingest: () => Promise.resolve(),
      malformed: () => Promise.resolve(),
      ...handler,
    },
    { repair: () => ensureJournalStream(connection), log: memoryLog() },
  );
  consumers.push(consumer);
  consumer.start();
  return consumer;
}

async function storedMessages(): Promise<number> {
  const manager = await controlPlane.jetstreamManager();
  return (await manager.streams.info(JOURNAL_STREAM)).state.messages;
}

test("a batch reaches ingest once and leaves the stream only after it was decided", async () => {
  await ensureJournalStream(controlPlane);
  const host = await startHost("host-1");
  const batch = aBatch(host.key.sign, { rows: 3 });
  const taken: JournalBatch[] = [];
  let commit: () => void = () => undefined;
  const committed = new Promise<void>((resolve) => (commit = resolve));
  startConsumer({
    ingest: async (from, arrived) => {
      expect(from).toBe("host-1");
      taken.push(arrived);
      await committed;
    },
  });

  expect(await publish(host, batch)).toEqual({ taken: true });

  await eventually(() => taken.length === 1);
  expect(await storedMessages()).toBe(1);
  commit();
  await eventually(async () => (await storedMessages()) === 0, { what: "the empty stream" });
  expect(taken).toEqual([batch]);
});

test("what waits in the stream is counted until it is acknowledged, and is not known without a stream", async () => {
  const before = await readJournalBacklog(controlPlane);
  await ensureJournalStream(controlPlane);
  const host = await startHost("host-1");
  let commit: () => void = () => undefined;
  const committed = new Promise<void>((resolve) => (commit = resolve));

  await publish(host, aBatch(host.key.sign));
  const waiting = await readJournalBacklog(controlPlane);
  let isReceived = false;
  startConsumer({
    ingest: async () => {
      isReceived = true;
      await committed;
    },
  });
  await eventually(() => isReceived);
  const received = await readJournalBacklog(controlPlane);
  commit();
  await eventually(async () => (await readJournalBacklog(controlPlane))?.unacknowledged === 0);

  expect(before).toBeNull();
  expect(waiting).toEqual({ pending: 1, unacknowledged: 0, followers: [] });
  expect(received).toEqual({ pending: 0, unacknowledged: 1, followers: [] });
});

test("a batch whose ingest failed comes again", async () => {
  await ensureJournalStream(controlPlane);
  const host = await startHost("host-1");
  let tries = 0;
  startConsumer({
    ingest: () => {
      tries += 1;
      return tries < 3 ? Promise.reject(new Error("Postgres is away")) : Promise.resolve();
    },
  });

  await publish(host, aBatch(host.key.sign));

  await eventually(async () => (await storedMessages()) === 0, { what: "the empty stream" });
  expect(tries).toBe(3);
});

test("one failing host does not hold up the others", async () => {
  await ensureJournalStream(controlPlane);
  const [bad, good] = [await startHost("bad"), await startHost("good")];
  const decided: string[] = [];
  startConsumer({
    ingest: (from) => {
      if (from === "bad") return Promise.reject(new Error("cannot be decided"));
      decided.push(from);
      return Promise.resolve();
    },
  });

  await publish(bad, aBatch(bad.key.sign));
  await publish(good, aBatch(good.key.sign));

  await eventually(() => decided.length > 0, { what: "the good host's batch" });
  expect(decided).toEqual(["good"]);
});

test("two replicas share the one consumer, and each batch is decided by one of them", async () => {
  await ensureJournalStream(controlPlane);
  const host = await startHost("host-1");
  const decided: string[] = [];
  const take = (_: string, batch: JournalBatch) => {
    decided.push(batch.journalId);
    return Promise.resolve();
  };
  startConsumer({ ingest: take });
  startConsumer({ ingest: take }, await nats.connectControlPlane());
  const batches = Array.from({ length: 60 }, () => aBatch(host.key.sign));

  for (const batch of batches) await publish(host, batch);

  await eventually(async () => (await storedMessages()) === 0, { what: "the empty stream" });
  expect(decided.toSorted()).toEqual(batches.map(({ journalId }) => journalId).toSorted());
});

test("what is no batch is reported and dropped", async () => {
  await ensureJournalStream(controlPlane);
  const host = await startHost("host-1");
  const malformed: { host: string | null; reason: string }[] = [];
  startConsumer({
    malformed: (from, reason) => {
      malformed.push({ host: from, reason });
      return Promise.resolve();
    },
  });

  await host.connection.request("rg.v1.h.host-1.up.j", new TextEncoder().encode("garbage"), {
    timeoutMs: 5_000,
  });

  await eventually(async () => (await storedMessages()) === 0, { what: "the empty stream" });
  expect(malformed).toEqual([{ host: "host-1", reason: expect.stringContaining("not JSON") }]);
});

test("the same batch is one message, and a restored database gets it anew", async () => {
  await ensureJournalStream(controlPlane);
  const host = await startHost("host-1");
  const batch = aBatch(host.key.sign);

  await publish(host, batch, 1);
  await publish(host, batch, 1);
  expect(await storedMessages()).toBe(1);
  await publish(host, batch, 2);

  expect(await storedMessages()).toBe(2);
});

test("a flooding host fills its own share and stops nobody else", async () => {
  const limits: StreamLimits = { maxMessagesPerHost: 5 };
  await ensureJournalStream(controlPlane, { limits });
  const [flooding, calm] = [await startHost("flooding"), await startHost("calm")];

  for (let message = 1; message <= 5; message += 1) {
    expect(await publish(flooding, aBatch(flooding.key.sign))).toEqual({ taken: true });
  }

  expect(await publish(flooding, aBatch(flooding.key.sign))).toMatchObject({
    taken: false,
    reason: expect.stringContaining("maximum messages per subject"),
  });
  expect(await publish(calm, aBatch(calm.key.sign))).toEqual({ taken: true });
});

test("a wiped server gets its stream back while the consumer runs", async () => {
  await ensureJournalStream(controlPlane);
  const host = await startHost("host-1");
  const decided: string[] = [];
  startConsumer({
    ingest: (_, batch) => {
      decided.push(batch.journalId);
      return Promise.resolve();
    },
  });
  const before = aBatch(host.key.sign);
  await publish(host, before);
  await eventually(() => decided.length === 1);

  await nats.stop();
  await nats.start({ wipe: true });

  const after = aBatch(host.key.sign);
  await eventually(async () => (await publish(host, after)).taken, {
    withinMs: 60_000,
    what: "the stream",
  });
  await eventually(() => decided.length > 1, { what: "the batch after the wipe" });
  expect(new Set(decided)).toEqual(new Set([before.journalId, after.journalId]));
});

test("ensuring the stream twice, and from two replicas at once, is harmless", async () => {
  const second = await nats.connectControlPlane();

  await Promise.all([ensureJournalStream(controlPlane), ensureJournalStream(second)]);
  await ensureJournalStream(controlPlane);

  const { config } = await (await controlPlane.jetstreamManager()).streams.info(JOURNAL_STREAM);
  expect(config).toMatchObject({
    retention: "workqueue",
    discard: "new",
    discard_new_per_subject: true,
    max_msgs_per_subject: 10_000,
    storage: "file",
    duplicate_window: 30_000_000_000,
    allow_rollup_hdrs: false,
  });
});

test("what an operator lets the stream take stays; less than it must take does not", async () => {
  await ensureJournalStream(controlPlane);
  const manager = await controlPlane.jetstreamManager();

  await manager.streams.update(JOURNAL_STREAM, { max_msgs_per_subject: 50_000, max_msg_size: -1 });
  await ensureJournalStream(controlPlane);
  const raised = (await manager.streams.info(JOURNAL_STREAM)).config;
  await manager.streams.update(JOURNAL_STREAM, { max_msgs_per_subject: 5 });
  await ensureJournalStream(controlPlane);
  const mended = (await manager.streams.info(JOURNAL_STREAM)).config;

  expect(raised).toMatchObject({ max_msgs_per_subject: 50_000, max_msg_size: -1 });
  expect(mended).toMatchObject({ max_msgs_per_subject: 10_000, max_msg_size: -1 });
});

test("a link to the hosts that fails while it is opened leaves no connection behind", async () => {
  const ours = async () => {
    const system = await connectSystem(nats.operator, nats.address);
    try {
      const answer = await system.request("$SYS.REQ.SERVER.PING.CONNZ", "{}", { timeout: 5_000 });
      return Connections.parse(answer.json()).data.connections.filter(
        ({ name }) => name === "remotegpu-control-plane",
      ).length;
    } finally {
      await system.close();
    }
  };
  const before = await ours();
  const link = new FleetLink({ operator: nats.operator, address: nats.address, log: memoryLog() });
  let opened = 0;

  await link.start({
    get hosts(): never {
      opened += 1;
      throw new Error("cannot be served");
    },
    journal: { ingest: () => Promise.resolve(), malformed: () => Promise.resolve() },
    woken: () => undefined,
    readRevoked: () => Promise.resolve([]),
  });
  await link.stop();

  expect(opened).toBeGreaterThan(0);
  await eventually(async () => (await ours()) === before, { what: "only the connections of before" });
});

const Connections = z.object({
  data: z.object({ connections: z.array(z.object({ name: z.string().optional() })) }),
});
