/** One host of the fleet is hostile: its credential is good, and everything it sends is meant to do harm. */
import { randomUUID } from "node:crypto";
import { connect, jwtAuthenticator, type NatsConnection } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ingestBatch, recordMalformed } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { serveHosts } from "@remotegpu/control-plane/server/link/hosts/host-requests";
import { verifySignature } from "@remotegpu/control-plane/server/link/identity/signature";
import { JournalConsumer } from "@remotegpu/control-plane/server/link/journal/journal-consumer";
import { ensureJournalStream } from "@remotegpu/control-plane/server/link/journal/journal-stream";
import { InstanceId } from "@remotegpu/shared/values/ids";
import type { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import { signedText } from "@remotegpu/shared/proof/journal-row";
import { JOURNAL_STREAM } from "@remotegpu/shared/messages/subjects";
import { MIB } from "@remotegpu/shared/values/units";
import { encode } from "@remotegpu/shared/messages/wire";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  gpuReport,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { eventually } from "../../support/eventually.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { startTestNats, type HostCredential, type TestNats } from "../../support/engines/nats.ts";
import { aHeartbeat } from "../../support/samples/protocol-samples.ts";
import { quietLog } from "../../support/quiet-log.ts";

const MINUTE = 60_000;
const FLOOD = 30_000;

let nats: TestNats;
let scene: ControlScene;
let alice: Caller;
let controlPlane: NatsConnection;
let credentials: Record<"good" | "evil", HostCredential>;
let evil: NatsConnection;
let served: { close(): Promise<void> };
let journal: JournalConsumer;
let heartbeatsServed = 0;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  nats = ending.adopt(await startTestNats(), (one) => one.close());
  scene = ending.adopt(await openControlScene(), (one) => one.close());
  alice = await scene.customer("alice");
  controlPlane = await nats.connectControlPlane();
  await ensureJournalStream(controlPlane);
  credentials = { good: await nats.hostCredential("good"), evil: await nats.hostCredential("evil") };
  served = await serveHosts(
    controlPlane,
    {
      ...scene.handlers,
      heartbeat: (host, heartbeat) => {
        if (host === "evil") heartbeatsServed += 1;
        return scene.handlers.heartbeat(host, heartbeat);
      },
    },
    quietLog,
  );
  ending.defer(() => served.close());
  const { db, now } = scene.api.deps;
  const verify = (host: string, text: string, signature: string) => {
    const { key } = credentials[host === "good" ? "good" : "evil"];
    return Promise.resolve(verifySignature(key.publicKey, text, signature));
  };
  journal = new JournalConsumer(
    controlPlane,
    {
      ingest: async (host, batch) =>
        void (await ingestBatch({ db, verify, calendar: CHINA }, host, batch, now())),
      malformed: (host, reason) => recordMalformed(db, host, reason, now()),
    },
    { repair: () => ensureJournalStream(controlPlane), log: quietLog },
  );
  journal.start();
  ending.defer(() => journal.stop());
  evil = ending.adopt(await rawConnection(credentials.evil), (one) => one.close());
});
afterAll(() => ending.disposeAsync());

async function rawConnection({ hostId, key, grant }: HostCredential): Promise<NatsConnection> {
  return await connect({
    servers: grant.nats_urls,
    authenticator: jwtAuthenticator(grant.jwt, key.seed),
    inboxPrefix: `rg.v1.h.${hostId}.down.inbox`,
  });
}

/** The neighbour beats as agents do, over its own connection; true while each is answered as it should be. */
async function neighbourIsWell(host: ScriptedHost, neighbour: NatsConnection): Promise<boolean> {
  const heartbeat = aHeartbeat({ bootId: host.bootId, agentEpoch: 1, applied: host.applied });
  const message = { ...heartbeat, journal: { ...heartbeat.journal, id: host.journalId } };
  const answer = await neighbour.request("rg.v1.h.good.up.hb", encode(message), { timeout: 10_000 });
  return answer.json<{ kind: string }>().kind === "heartbeat-reply";
}

const alarms = async () =>
  (await scene.api.request("GET", "/api/v1/alarms", { as: scene.api.admin })).body.items as {
    kind: string;
    subject: string;
  }[];
const quarantined = async () =>
  (await scene.api.request("GET", "/api/v1/quarantine?host_id=evil", { as: scene.api.admin })).body.items as {
    reason: string;
    run_id: string | null;
    excess_ms: number | null;
  }[];
const streamIsEmpty = async () => {
  const manager = await controlPlane.jetstreamManager();
  return (await manager.streams.info(JOURNAL_STREAM)).state.messages === 0;
};

describe("a hostile host", () => {
  let good: ScriptedHost;
  let bad: ScriptedHost;
  let neighbour: NatsConnection;

  beforeAll(async () => {
    good = await scene.host("good", { gpus: 1 });
    bad = await scene.host("evil", { gpus: 1 });
    neighbour = await rawConnection(credentials.good);
  });
  afterAll(async () => await neighbour?.close());

  const WORDS = ["hb", "pull", "obs", "obs.AAAA", "j", "term.x.data", "logs.x.close", "whatever", "j.j"];
  const GARBAGE: [string, Uint8Array][] = [
    ["nothing", new Uint8Array()],
    ["no text", new Uint8Array([0xff, 0x00, 0xfe])],
    ["a megabyte of brackets", new TextEncoder().encode("[".repeat(MIB - 1_024))],
    ["a megabyte of JSON", encode({ kind: "heartbeat", junk: "x".repeat(MIB - 1_024) })],
    ["another kind", encode({ kind: "__proto__", constructor: { prototype: {} } })],
  ];

  test.each(GARBAGE)("sends %s on every subject it may use: nobody else notices", async (_what, bytes) => {
    for (const word of WORDS)
      evil.publish(`rg.v1.h.evil.up.${word}`, bytes, { reply: "rg.v1.h.evil.down.inbox.x" });
    await evil.flush();

    expect(await neighbourIsWell(good, neighbour)).toBe(true);
    await eventually(streamIsEmpty, { what: "the empty stream" });
  });

  test("and what it sent as usage is listed as quarantined, once", async () => {
    expect((await quarantined()).filter(({ reason }) => reason === "malformed")).toHaveLength(1);
    expect(await alarms()).toContainEqual(
      expect.objectContaining({ kind: "usage-quarantined", subject: "evil malformed" }),
    );
  });

  test.each<[string, object, object]>([
    ["an island that no column holds", {}, { island: 2 ** 31 }],
    ["a thousand images", { images: Array.from({ length: 1_000 }, (_, at) => `x:${at}`) }, {}],
    ["an image with a name of 300 characters", { images: ["x".repeat(300)] }, {}],
    ["an image that Postgres cannot keep", { images: ["x:1\u0000"] }, {}],
    ["an image that is no name", { images: ["'; DROP TABLE hosts; --"] }, {}],
    ["images that are no list", { images: { 0: "x:1" } }, {}],
  ])("reports %s: the whole report is refused, and nothing of it is stored", async (_what, machine, gpu) => {
    const stored = async () =>
      (
        await scene.api.db.query(
          "SELECT h.observed_digest, h.hostname, g.nvlink_island, i.images FROM hosts h JOIN gpus g ON g.host_id = h.id LEFT JOIN host_images i ON i.host_id = h.id WHERE h.id = 'evil'",
        )
      ).rows;
    const before = await stored();
    const report = encode({
      kind: "observed",
      digest: "e".repeat(64),
      page: 0,
      pages: 1,
      machine: { ...bad.machine, hostname: "changed", ...machine },
      gpus: bad.gpus.map((one) => ({ ...one, ...gpu })),
      instances: [],
    });

    const answer = await evil.request("rg.v1.h.evil.up.obs", report, { timeout: 10_000 });

    expect(answer.json()).toMatchObject({ kind: "refused" });
    expect(await stored()).toEqual(before);
  });

  test("floods with heartbeats, pulls and usage: it is served its share, the neighbour's heartbeats go on", async () => {
    const heartbeat = encode(
      aHeartbeat({
        bootId: bad.bootId,
        agentEpoch: 1,
        applied: bad.applied,
        journal: { ...aHeartbeat().journal, id: bad.journalId },
      }),
    );
    const before = heartbeatsServed;
    const startedMs = performance.now();
    const answers: boolean[] = [];
    for (let sent = 0; sent < FLOOD; sent += 1) {
      const word = ["hb", "pull", "hb"][sent % 3] ?? "hb";
      evil.publish(`rg.v1.h.evil.up.${word}`, heartbeat, { reply: "rg.v1.h.evil.down.inbox.x" });
      if (sent % 30 === 0)
        evil.publish("rg.v1.h.evil.up.j", heartbeat, { reply: "rg.v1.h.evil.down.inbox.x" });
      if (sent % 3_000 === 0) {
        await evil.flush();
        answers.push(await neighbourIsWell(good, neighbour));
      }
    }
    await evil.flush();
    answers.push(await neighbourIsWell(good, neighbour));
    const seconds = (performance.now() - startedMs) / 1_000;

    expect(answers).toEqual(answers.map(() => true));
    expect(answers.length).toBeGreaterThan(10);
    // Its burst and what time gave it since, some of which pulls have used up.
    expect(heartbeatsServed - before).toBeLessThanOrEqual(401 + 20 * seconds);
    await eventually(async () => (await alarms()).some(({ kind }) => kind === "host-floods"), {
      what: "the alarm",
    });
    await eventually(streamIsEmpty, { withinMs: 60_000, what: "the stream without the flood" });
  });

  test("reports thousands of instances that nobody placed: they fill its share of the list, and leave it again", async () => {
    const { id } = (await scene.order(alice)).body;
    await good.heartbeat();
    await scene.schedule();
    const [wanted] = await good.pull().then((set) => (set.length > 0 ? set : bad.pull()));
    const invented = Array.from({ length: 2_000 }, (_, number) => ({
      ...bad.observedOf(wanted!, {}),
      instanceId: InstanceId.parse(`ins-invented-${number}`),
    }));

    await bad.report(invented);
    const open = (await alarms()).filter(({ kind }) => kind === "unknown-instance");
    await bad.report([]);

    expect(open).toHaveLength(20);
    const { rows } = await scene.api.db.query(
      "SELECT FROM alarms WHERE kind = 'unknown-instance' AND cleared_at IS NULL",
    );
    expect(rows).toEqual([]);
    expect((await scene.get(alice, id)).status).not.toBe("error");
  });

  test("names ever new journals and cards: it comes to a bound, and nobody else does", async () => {
    await scene.api.db.query(
      "INSERT INTO host_journals (host_id, journal_id) SELECT 'evil', gen_random_uuid() FROM generate_series(1, 1000)",
    );
    const journalOf = (id: string) => ({ id, headSeq: 0, headHash: "0".repeat(64), watermarkSeen: 0 });

    const refused = await bad.tryHeartbeat({ journal: journalOf(randomUUID()) });
    const served = await bad.tryHeartbeat({ journal: journalOf(bad.journalId) });
    for (let round = 0; round < 10; round += 1) {
      bad.gpus = Array.from({ length: 60 }, (_, n) => gpuReport(`GPU-made-up-${round}-${n}`, n, 1_000));
      await bad.report([]);
    }
    bad.gpus = [gpuReport("GPU-evil-000000", 0, 24_576)];
    await bad.report([]);

    expect(refused).toMatchObject({ kind: "refused", reason: expect.stringContaining("ever new journals") });
    expect(served).toMatchObject({ kind: "heartbeat-reply" });
    await scene.api.db.query("DELETE FROM host_journals WHERE host_id = 'evil' AND journal_id <> $1", [
      bad.journalId,
    ]);
    const { rows } = await scene.api.db.query("SELECT count(*) AS cards FROM gpus WHERE host_id = 'evil'");
    expect(rows).toEqual([{ cards: 512 }]);
    expect((await good.tryHeartbeat()).kind).toBe("heartbeat-reply");
  });

  test("claims time that is not its own, not possible or claimed before: none of it is billed, all of it is listed", async () => {
    const own = await placedOn(bad);
    const foreign = await placedOn(good);
    const claims = new SceneJournal({ customerId: 0, workspaceId: 0, hostId: bad.id, bootId: bad.bootId });
    const nowMs = await orderedMs(own.runId);
    const of = (run: { runId: string; instanceId: string }) => ({
      run: run.runId,
      instanceId: run.instanceId,
    });
    claims.write({ ...of(own), fromMs: nowMs, toMs: nowMs + 500 });
    claims.write({ ...of(own), fromMs: nowMs + 200, toMs: nowMs + 700 });
    claims.write({ ...of(own), fromMs: nowMs, toMs: nowMs + 365 * 24 * 60 * MINUTE });
    claims.write({ ...of(own), fromMs: 0, toMs: 10 * MINUTE });
    claims.write({ ...of(foreign), fromMs: nowMs, toMs: nowMs + 500, final: true });
    claims.write({ run: "run-of-nobody", fromMs: nowMs, toMs: nowMs + 500 });
    const { key } = credentials.evil;
    const batch = signed(claims.batch(), (text) => key.sign(text));

    await evil.request("rg.v1.h.evil.up.j", encode(batch), { timeout: 10_000 });
    await evil.request("rg.v1.h.evil.up.j", encode({ ...batch, signature: "AAAA" }), { timeout: 10_000 });
    await eventually(streamIsEmpty, { what: "the decision" });

    const reasons = (await quarantined())
      .map(({ reason }) => reason)
      .filter((reason) => reason !== "malformed");
    expect(reasons.toSorted()).toEqual([
      "bad-signature",
      "foreign-run",
      "over-claim",
      "over-claim",
      "unknown-run",
    ]);
    const { rows } = await scene.api.db.query<{ id: string; proven_ms: number; closed: boolean }>(
      "SELECT id, proven_ms, closed_at IS NOT NULL AS closed FROM runs WHERE id = ANY($1::text[])",
      [[own.runId, foreign.runId]],
    );
    const proven = new Map(rows.map((row) => [row.id, row]));
    expect(proven.get(foreign.runId)).toMatchObject({ proven_ms: 0, closed: false });
    // From its order, less the tolerance for clocks, to now.
    expect(proven.get(own.runId)?.proven_ms).toBeLessThan(2 * MINUTE);
  });

  /** When the run was ordered, on the clock of its host. */
  async function orderedMs(runId: string): Promise<number> {
    const { rows } = await scene.api.db.query<{ ms: number }>(
      `SELECT ceil(extract(epoch FROM r.ordered_at - b.utc_at_zero) * 1000)::int8 AS ms
         FROM runs r JOIN host_boots b ON b.host_id = r.host_id WHERE r.id = $1`,
      [runId],
    );
    return rows[0]?.ms ?? 0;
  }

  async function placedOn(host: ScriptedHost): Promise<{ runId: string; instanceId: string }> {
    const other = host === good ? bad : good;
    await scene.api.db.query("UPDATE hosts SET cordoned = (id = $1)", [other.id]);
    await host.heartbeat();
    await scene.order(alice, { gpu: 1 });
    await scene.schedule();
    const wanted = (await host.pull()).find(({ spec }) => spec.gpus.length > 0);
    if (wanted === undefined) throw new Error(`nothing was placed on ${host.id}`);
    await host.report(host.desired.map((one) => host.observedOf(one, {})));
    return wanted;
  }
});

function signed(batch: JournalBatch, sign: (text: string) => string): JournalBatch {
  const head = batch.rows.at(-1)!;
  return { ...batch, signature: sign(signedText(batch.journalId, head.seq, head.hash)) };
}
