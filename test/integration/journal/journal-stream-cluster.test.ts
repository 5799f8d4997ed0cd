/**
 * The control plane on the NATS of an operator: away, one server, three of them, the leader killed, most of them
 * killed. It serves throughout, and each row of a host's journal arrives once. The tests are one story in order.
 */
import { ALL_SCOPES } from "@remotegpu/control-plane/server/core/accounts/key-scopes";
import { transaction } from "@remotegpu/control-plane/server/store/database/database";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PathClient } from "../../support/http/path-client.ts";
import { readConfig } from "@remotegpu/control-plane/server/config";
import { startControlPlane } from "@remotegpu/control-plane/server/control-plane";
import { makeApiKey } from "@remotegpu/control-plane/server/http/request/authentication";
import { connectControlPlane } from "@remotegpu/control-plane/server/link/servers/connection";
import { checkJournalStream } from "@remotegpu/control-plane/server/link/journal/journal-stream-check";
import { mintHostCredential } from "@remotegpu/control-plane/server/link/identity/host-credential";
import { StreamAlarms } from "@remotegpu/control-plane/server/controllers/ingest/journal-stream-alarms";
import { listAlarms } from "@remotegpu/control-plane/server/store/events/alarms";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { StreamState } from "@remotegpu/control-plane/server/core/ingest/journal-stream";
import { insertApiKey } from "@remotegpu/control-plane/server/store/accounts/api-keys";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { publishBatch } from "@remotegpu/agent/link/journal-publisher";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { JOURNAL_CONSUMER, JOURNAL_STREAM } from "@remotegpu/shared/messages/subjects";
import { GIB } from "@remotegpu/shared/values/units";
import type { JetStreamManager } from "nats";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { eventually } from "../../support/eventually.ts";
import { type HostSide, startHostSide } from "../../support/agent/host-side.ts";
import { openScene, openSceneRun, type Scene, SceneJournal } from "../../support/billing/metering-scene.ts";
import { NatsCluster, type ServerName } from "../../support/engines/nats-cluster.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { freePort } from "../../support/engines/free-ports.ts";

const MINUTE = 60_000;
const BEFORE = new Date("2025-01-01T00:00:00Z");
const RUN = "run-clustered";
const WITHIN = { withinMs: 60_000 };

let cluster: NatsCluster;
let fresh: FreshDatabase;
let scene: Scene;
let journal: SceneJournal;
let customer: PathClient;
let url: string;
let host: HostSide;
/** The test's own look at JetStream. */
let manager: JetStreamManager;
const log = memoryLog();

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  cluster = ending.adopt(await NatsCluster.make(), (one) => one.close());
  fresh = ending.adopt(await freshDatabase(), (one) => one.drop());
  scene = await openScene(fresh.database, "clustered");
  await openSceneRun(fresh.database, scene, RUN);
  const hostKey = openHostKey(join(cluster.folder, "host.nkey"));
  journal = new SceneJournal(scene, hostKey.sign);
  await fresh.database.query("INSERT INTO host_credentials (nkey, host_id) VALUES ($1, $2)", [
    hostKey.publicKey,
    scene.hostId,
  ]);
  await setSetting(fresh.database, "DEFAULT_QUOTA_LEVEL", "professional");
  for (const line of ["cpu", "memory"] as const)
    await transaction(fresh.database, (sql) =>
      addPrice(
        sql,
        {
          spec: "default",
          line,
          unitPrice: "1",
          billingUnit: "hour",
          effectiveFrom: BEFORE,
          createdBy: null,
        },
        BEFORE,
      ),
    );
  const { key, prefix, keyHash } = makeApiKey();
  await insertApiKey(fresh.database, {
    customerId: scene.customerId,
    name: "test",
    prefix,
    keyHash,
    now: new Date(),
    rights: ALL_SCOPES,
    expiresAt: null,
  });
  const config = await configWith(fresh.url, cluster.folder);
  const controlPlane = ending.adopt(await startControlPlane(config, log), (one) => one.stop());
  url = controlPlane.url;
  customer = new PathClient({ server: url, key });
});
afterAll(() => ending.disposeAsync());

const configWith = async (databaseUrl: string, stateDir: string) =>
  readConfig({
    REMOTEGPU_STATE_DIR: stateDir,
    REMOTEGPU_LISTEN: `127.0.0.1:${await freePort()}`,
    DATABASE_URL: databaseUrl,
    NATS_URL: cluster.urls.join(","),
    REMOTEGPU_AGENT_BUNDLE: "0",
  });

const Readiness = z.object({
  status: z.string(),
  degraded: z.array(z.object({ what: z.string(), why: z.string() })).optional(),
});

async function readiness() {
  const answer = await fetch(`${url}/readyz`);
  return { http: answer.status, ...Readiness.parse(await answer.json()) };
}

const isReady = () =>
  eventually(async () => (await readiness()).status === "ready", { ...WITHIN, what: "all well" });

async function degradedWith(what: string): Promise<string> {
  return await eventually(
    async () => {
      const { http, degraded } = await readiness();
      return http === 200 && degraded?.find((one) => one.what === what)?.why;
    },
    { ...WITHIN, what: `degraded: ${what}` },
  );
}

/** An order, a look at it, and the bill. */
async function expectServing(name: string): Promise<void> {
  const ordered = await customer.post("/environments", {
    name,
    image: "busybox:1",
    cpu: 1,
    memory: GIB,
    gpu: 0,
    workspace_id: scene.workspaceId,
  });
  expect(await customer.get(`/environments/${String(ordered.id)}`)).toMatchObject({ name, status: "queued" });
  expect(await customer.get("/billing/balance")).toHaveProperty("balance");
}

/** As an agent does: what Postgres has not confirmed is sent again, in a batch of its own. */
async function arrives(rows: { from: number; to: number }): Promise<void> {
  await eventually(
    async () => {
      await publishBatch(host.connection, host.hostId, {
        batch: journal.batch(rows.from, rows.to),
        dbIncarnation: Math.round(performance.now()),
      });
      return await eventually(async () => (await watermark()) === rows.to, { withinMs: 1_000 });
    },
    { ...WITHIN, what: `rows ${rows.from} to ${rows.to} in Postgres` },
  );
}

async function watermark(): Promise<number> {
  const { rows } = await fresh.database.query<{ watermark: number }>("SELECT watermark FROM host_journals");
  return rows[0]?.watermark ?? 0;
}

async function usageRows(): Promise<unknown[]> {
  const { rows } = await fresh.database.query("SELECT seq, start_ms, end_ms FROM usage_rows ORDER BY seq");
  return rows;
}

/** Anew: the library forgets servers that were away when it first connected. */
async function connectHost(): Promise<void> {
  const key = openHostKey(join(cluster.folder, "host.nkey"));
  const grant = await mintHostCredential(cluster.operator, {
    hostId: scene.hostId,
    nkey: key.publicKey,
    natsUrls: cluster.urls,
    ca: null,
    now: new Date(),
  });
  const connected = await startHostSide({ hostId: scene.hostId, key, grant });
  ending.defer(() => connected.connection.close());
  host = connected;
}

const doctorsAnswer = () =>
  checkJournalStream({ operator: cluster.operator, address: { urls: cluster.urls, ca: null } }, memoryLog());

function writeMinutes(from: number, to: number): { from: number; to: number } {
  for (let minute = from; minute <= to; minute += 1)
    journal.write({ run: RUN, fromMs: (minute - 1) * MINUTE, toMs: minute * MINUTE });
  return { from, to };
}

async function streamInfo() {
  return await manager.streams.info(JOURNAL_STREAM);
}

async function leaderOfStream(): Promise<ServerName> {
  const { cluster: group } = await streamInfo();
  const leader = cluster.running.find((name) => name === group?.leader);
  if (leader === undefined) throw new Error("nobody leads the stream");
  return leader;
}

test("started while NATS is away, the control plane takes orders, answers reads and bills, and reports that it is degraded", async () => {
  expect(await readiness()).toEqual({
    http: 200,
    status: "degraded",
    degraded: [{ what: "nats", why: expect.stringContaining("NATS does not answer") }],
  });
  expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ status: "degraded" });
  await expectServing("without-nats");
});

test("one server alone is found without a restart, and the stream is made there with one replica", async () => {
  await cluster.start(["nats-1"], { isAlone: true });
  await isReady();

  const connection = await connectControlPlane(
    cluster.operator,
    { urls: cluster.urls, ca: null },
    memoryLog(),
  );
  ending.adopt(connection, (one) => one.close());
  manager = await connection.jetstreamManager({ timeout: 1_000, checkAPI: false });
  await connectHost();
  expect((await streamInfo()).config.num_replicas).toBe(1);
  await arrives(writeMinutes(1, 2));
});

test("with two servers it has one replica and never two, and operators are given the reason", async () => {
  await cluster.kill("nats-1");
  cluster.wipe("nats-1");
  await cluster.start(["nats-1", "nats-2"]);

  const answer = await eventually(
    async () => {
      const { state, ...rest } = await doctorsAnswer();
      return state === "broken" && JSON.stringify(rest).includes("journal-stream-replicas") && rest;
    },
    { ...WITHIN, what: "the doctor finding too few replicas" },
  );
  expect(answer).toMatchObject({
    findings: [{ sentence: expect.stringMatching(/one replica, .* seen: 2 \(nats-1, nats-2\)\.$/) }],
  });
  expect((await streamInfo()).config.num_replicas).toBe(1);
});

test("with the third, stream and consumer get three replicas at a later round", async () => {
  await cluster.start(["nats-3"]);

  await eventually(async () => (await streamInfo()).config.num_replicas === 3, {
    ...WITHIN,
    what: "three replicas",
  });
  await isReady();
  await eventually(async () => {
    const { cluster: group } = await manager.consumers.info(JOURNAL_STREAM, JOURNAL_CONSUMER);
    return group?.leader !== undefined && group.replicas?.length === 2;
  });
  await connectHost();
  await arrives(writeMinutes(3, 4));
  const scrape = await fetch(`${url}/metrics`);
  expect(scrape.status).toBe(200);
  expect(await scrape.text()).toMatch(/^remotegpu_jetstream_replica_lag_messages\{replica="nats-\d"\} \d+$/m);
  expect(await doctorsAnswer()).toMatchObject({
    state: "well",
    notes: ["The journal stream has 3 replicas."],
  });
});

test("the stream's leader is killed: usage comes in by the two that are left", async () => {
  await cluster.kill(await leaderOfStream());

  await arrives(writeMinutes(5, 6));
  await isReady();
  expect((await streamInfo()).config.num_replicas).toBe(3);
});

test("most are killed: it serves and reports what is away", async () => {
  await cluster.kill(await leaderOfStream());

  expect(await degradedWith("jetstream")).toContain("has no leader");
  await expectServing("without-jetstream");
});

test("they are back: it is repaired by itself, and every row has arrived once", async () => {
  await cluster.start(
    (["nats-1", "nats-2", "nats-3"] as const).filter((name) => !cluster.running.includes(name)),
  );

  await arrives(writeMinutes(7, 8));
  await isReady();
  expect((await streamInfo()).config.num_replicas).toBe(3);
  expect(await usageRows()).toEqual(
    Array.from({ length: 8 }, (_, index) => ({
      seq: index + 1,
      start_ms: index * MINUTE,
      end_ms: (index + 1) * MINUTE,
    })),
  );
});

test("a server whose database is away ends all the same, and logs what it could not write down", async () => {
  const { hostname, port } = new URL(fresh.url);
  const route = await cuttableTcp({ host: hostname, port: Number(port) });
  onTestFinished(() => route.close());
  const throughIt = new URL(fresh.url);
  throughIt.host = `127.0.0.1:${route.port}`;
  const stored = memoryLog();
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-replica-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  copyFileSync(join(cluster.folder, "operator.json"), join(folder, "operator.json"));
  const other = await startControlPlane(await configWith(throughIt.href, folder), stored);
  // Without a key: counted, to be written down later.
  expect((await fetch(`${other.url}/api/v1/workspaces`, { method: "POST" })).status).toBe(401);
  route.cut();

  await other.stop();

  expect(stored.lines.map(({ message }) => message)).toEqual(
    expect.arrayContaining([
      expect.stringContaining("the last attempts were counted"),
      expect.stringContaining("once our lease has ended"),
    ]),
  );
});

test("what lasts is reported once, whoever leads meanwhile, and is over with it; what is short is not reported", async () => {
  const own = await freshDatabase();
  onTestFinished(() => own.drop());
  const away: StreamState = { kind: "away", cause: "leader", detail: "TIMEOUT" };
  const well: StreamState = {
    kind: "well",
    replicas: 3,
    silent: [],
    servers: null,
    isClustered: true,
    refusal: null,
  };
  const startedMs = Date.now();
  const passAfter = async (alarms: StreamAlarms, seconds: number, state: StreamState) => {
    const now = new Date(startedMs + seconds * 1_000);
    const term = (await acquireLeadership(own.database, { holder: "the test", now })) ?? 0;
    await alarms.pass(state, { term, now });
    const rows = await listAlarms(
      own.database,
      { open: null, kind: null, subject: null },
      { limit: 10, after: null },
    );
    return rows.map(
      ({ kind, subject, cleared_at }) => `${kind} ${subject} ${cleared_at === null ? "open" : "over"}`,
    );
  };
  const [first, next] = [new StreamAlarms(own.database), new StreamAlarms(own.database)];

  expect(await passAfter(first, 0, away)).toEqual([]);
  expect(await passAfter(first, 15, well)).toEqual([]);
  expect(await passAfter(first, 30, away)).toEqual([]);
  expect(await passAfter(first, 60, away)).toEqual(["journal-stream away open"]);
  expect(await passAfter(first, 75, away)).toEqual(["journal-stream away open"]);
  expect(await passAfter(next, 90, away)).toEqual(["journal-stream away open"]);
  expect(await passAfter(next, 105, well)).toEqual(["journal-stream away over"]);
});
