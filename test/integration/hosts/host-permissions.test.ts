/** What a host's credential lets it do on NATS, and what a host that cheats with subjects reaches: nothing. */
import { connect, Events, headers, jwtAuthenticator, type NatsConnection } from "nats";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ensureJournalStream } from "@remotegpu/control-plane/server/link/journal/journal-stream";
import { ownUser } from "@remotegpu/control-plane/server/link/servers/operator";
import { orderSubscriptions } from "@remotegpu/agent/link/order-server";
import { HostConnection } from "@remotegpu/agent/link/connection";
import { HostId } from "@remotegpu/shared/values/ids";
import { SessionId } from "@remotegpu/shared/messages/sessions";
import {
  downOfAllSessions,
  downSession,
  JOURNAL_STREAM,
  upSession,
} from "@remotegpu/shared/messages/subjects";
import { eventually } from "../../support/eventually.ts";
import { startTestNats, type HostCredential, type TestNats } from "../../support/engines/nats.ts";
import { memoryLog } from "../../support/memory-log.ts";

const SESSION = SessionId.parse("k3J-x_8QmZ0aVt5LrWc2Ng");

let nats: TestNats;
let controlPlane: NatsConnection;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  controlPlane = await nats.connectControlPlane();
  await ensureJournalStream(controlPlane);
});

afterAll(async () => {
  try {
    await Promise.all(opened.map((connection) => connection.close()));
  } finally {
    await nats.close();
  }
});

/** A host's connection without our agent's manners. */
async function rawConnection({ hostId, key, grant }: HostCredential): Promise<NatsConnection> {
  const connection = await connect({
    servers: grant.nats_urls,
    authenticator: jwtAuthenticator(grant.jwt, key.seed),
    inboxPrefix: `rg.v1.h.${hostId}.down.inbox`,
  });
  opened.push(connection);
  return connection;
}

function violationsOf(connection: NatsConnection): string[] {
  const violations: string[] = [];
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === Events.Error && typeof status.data === "string") violations.push(status.data);
    }
  })();
  return violations;
}

async function storedMessages(): Promise<number> {
  const manager = await controlPlane.jetstreamManager();
  return (await manager.streams.info(JOURNAL_STREAM)).state.messages;
}

let good: NatsConnection;
let evil: NatsConnection;

beforeEach(async () => {
  good = await rawConnection(await nats.hostCredential("good"));
  evil = await rawConnection(await nats.hostCredential("evil"));
});

test.each([
  ["rg.v1.h.good.up.hb"],
  ["rg.v1.h.good.down.nudge"],
  ["rg.v1.h.evil.down.nudge"],
  [`rg.v1.h.good.up.term.${SESSION}.data`],
  [`rg.v1.h.good.down.term.${SESSION}.input`],
  [`rg.v1.h.evil.down.logs.${SESSION}.credit`],
  ["$JS.API.STREAM.PURGE.RG_JOURNAL"],
  ["$SYS.REQ.CLAIMS.UPDATE"],
  ["_INBOX.x"],
  ["_R_.x"],
])("a host cannot publish %s", async (subject) => {
  const violations = violationsOf(evil);
  const received: string[] = [];
  for (const connection of [controlPlane, good]) {
    const filter = connection === good ? "rg.v1.h.good.down.>" : ">";
    connection.subscribe(filter, { callback: (_, message) => received.push(message.subject) });
    await connection.flush();
  }
  received.length = 0;

  evil.publish(subject, "x");
  await evil.flush();

  await eventually(() => violations.length > 0, { what: "the violation" });
  await controlPlane.flush();
  expect(received.filter((at) => at === subject)).toEqual([]);
});

test.each([
  ["rg.v1.h.good.down.>"],
  ["rg.v1.h.good.down.exec"],
  ["rg.v1.h.*.down.nudge"],
  ["rg.v1.h.good.down.term.*.*"],
  [`rg.v1.h.good.down.logs.${SESSION}.credit`],
  [`rg.v1.h.evil.up.term.${SESSION}.data`],
  ["rg.v1.h.evil.up.hb"],
  ["_INBOX.>"],
  ["_R_.>"],
  [">"],
])("a host cannot subscribe %s", async (subject) => {
  const subscription = evil.subscribe(subject, { callback: () => undefined });

  await evil.flush();
  await eventually(() => subscription.isClosed(), { what: "the subscription's end" });

  expect(subscription.getReceived()).toBe(0);
});

test("a host's request reaches the control plane and its answer comes back", async () => {
  const replies = controlPlane.subscribe("rg.v1.h.*.up.hb", {
    callback: (_, message) => void message.respond(`seen ${message.subject}`),
  });
  await controlPlane.flush();

  const answer = await good.request("rg.v1.h.good.up.hb", "hello", { timeout: 5_000 });

  expect(answer.string()).toBe("seen rg.v1.h.good.up.hb");
  replies.unsubscribe();
});

test.each(["term", "logs"] as const)(
  "a session of %s: requested, answered, then published in both directions",
  async (kind) => {
    const host = HostId.parse("good");
    const heard: string[] = [];
    const note = (text: string, subject: string) => heard.push(`${subject.split(".").at(-1)} ${text}`);
    good.subscribe(downOfAllSessions(host, kind), {
      callback: (_, message) => {
        note(message.string(), message.subject);
        if (message.reply !== undefined) message.respond("opened");
      },
    });
    const output = controlPlane.subscribe(upSession(host, kind, SESSION, "*"), {
      callback: (_, message) => note(message.string(), message.subject),
    });
    await Promise.all([good.flush(), controlPlane.flush()]);

    const answer = await controlPlane.request(downSession(host, kind, SESSION, "open"), "please", {
      timeout: 5_000,
    });
    good.publish(upSession(host, kind, SESSION, "data"), "bytes");
    await eventually(() => heard.includes("data bytes"), { what: "the output" });
    controlPlane.publish(downSession(host, kind, SESSION, "credit"), "more");
    await eventually(() => heard.includes("credit more"), { what: "the grant" });

    expect(answer.string()).toBe("opened");
    expect(heard).toEqual(["open please", "data bytes", "credit more"]);
    output.unsubscribe();
  },
);

test("the hosts' account has no JetStream, whoever speaks in it", async () => {
  const user = await ownUser(nats.operator.hostsAccount, "mighty");
  const mighty = await connect({
    servers: nats.address.urls,
    authenticator: jwtAuthenticator(user.jwt, user.seed),
  });
  opened.push(mighty);

  // 503: nobody serves JetStream here.
  await expect(mighty.jetstreamManager()).rejects.toThrow("503");
});

test.each([
  ["$JS.API.STREAM.PURGE.RG_JOURNAL"],
  ["$JS.API.STREAM.DELETE.RG_JOURNAL"],
  ["$JS.API.CONSUMER.DELETE.RG_JOURNAL.ingest"],
  ["rg.v1.h.good.up.j"],
])("a journal message with the reply %s reaches nothing", async (reply) => {
  const before = await storedMessages();

  evil.publish("rg.v1.h.evil.up.j", "x", { reply });
  await evil.flush();

  await eventually(async () => (await storedMessages()) === before + 1, {
    what: "the message in the stream",
  });
  const manager = await controlPlane.jetstreamManager();
  expect((await manager.consumers.info(JOURNAL_STREAM, "ingest")).name).toBe("ingest");
  const last = await manager.streams.getMessage(JOURNAL_STREAM, { last_by_subj: "rg.v1.h.evil.up.j" });
  expect(last.string()).toBe("x");
  await expect(
    manager.streams.getMessage(JOURNAL_STREAM, { last_by_subj: "rg.v1.h.good.up.j" }),
  ).rejects.toThrow("no message found");
});

test("the server itself refuses a reply that acknowledges for the consumer", async () => {
  const violations = violationsOf(evil);
  const before = await storedMessages();

  evil.publish("rg.v1.h.evil.up.j", "x", { reply: "$JS.ACK.RG_JOURNAL.ingest.1.1.1.1.1" });
  await evil.flush();

  await eventually(() => violations.includes("PERMISSIONS_VIOLATION"), { what: "the violation" });
  expect(await storedMessages()).toBe(before);
});

test("headers of JetStream do not let a host roll the stream up", async () => {
  const before = await storedMessages();
  const rollup = headers();
  rollup.set("Nats-Rollup", "all");

  const answer = await evil.request("rg.v1.h.evil.up.j", "x", { timeout: 5_000, headers: rollup });

  expect(answer.string()).toContain("rollup not permitted");
  expect(await storedMessages()).toBe(before);
});

test("answers that a host sends to another host's subjects do not fool that host", async () => {
  const commands: string[] = [];
  const log = memoryLog();
  let nudges = 0;
  const victim = await nats.hostCredential("victim");
  const victimConnection = new HostConnection({
    ...victim,
    subscriptions: orderSubscriptions(
      victim.hostId,
      {
        onNudge: () => (nudges += 1),
        exec: (request) => {
          commands.push(request.argv.join(" "));
          return Promise.reject(new Error("must not run"));
        },
      },
      log,
    ),
    onConnected: () => undefined,
    onRefused: () => undefined,
    log,
  });
  victimConnection.start();
  await eventually(() => victimConnection.isConnected);
  // Worst case: the control plane's answer happens to look like an order.
  const order = JSON.stringify({
    kind: "exec",
    instanceId: "env-1",
    argv: ["rm"],
    stdin: null,
    timeoutSeconds: 5,
  });
  const answering = controlPlane.subscribe("rg.v1.h.*.up.pull", {
    callback: (_, message) => void message.respond(order),
  });
  await controlPlane.flush();

  for (const word of ["exec", "inbox.a.b", "nudge"]) {
    evil.publish("rg.v1.h.evil.up.pull", "x", { reply: `rg.v1.h.victim.down.${word}` });
  }
  await evil.flush();

  // A nudge is harmless: it makes the victim ask for its own desired set.
  await eventually(() => nudges === 1, { what: "the nudge" });
  const answer = controlPlane.request("rg.v1.h.victim.down.exec", "not an order", { timeout: 5_000 });
  expect((await answer).json()).toMatchObject({ kind: "exec-refused", reason: "bad-request" });
  expect(commands).toEqual([]);
  expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
  answering.unsubscribe();
  await victimConnection.close();
});
