/**
 * Who belongs to a storage pool: hosts that claim one, members that do not share it, and what they lie about in their
 * proofs. Files processes are the agent's own, on trees of their own or on one that they share.
 */
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createUser } from "@nats-io/nkeys";
import { filesSocket } from "@remotegpu/agent/config/config";
import { folderInPool, ownFolderInPool } from "@remotegpu/agent/runtime/storage/pool-path";
import { answerStorage } from "@remotegpu/control-plane/server/controllers/billing/storage-sampling";
import { poolAlarmsPass } from "@remotegpu/control-plane/server/controllers/hosts/pool-alarms";
import { provePair } from "@remotegpu/control-plane/server/controllers/hosts/pool-pair";
import { poolProofsPass } from "@remotegpu/control-plane/server/controllers/hosts/pool-proofs";
import type { FileQuestion, HostFiles } from "@remotegpu/control-plane/server/core/hosts/host-files";
import { fileRequests } from "@remotegpu/control-plane/server/link/files/file-requests";
import { samplerOf } from "@remotegpu/control-plane/server/store/billing/storage/pool-hours";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { fleetSnapshot } from "@remotegpu/control-plane/server/store/fleet/fleet-snapshot";
import { hostsOfPool } from "@remotegpu/control-plane/server/store/hosts/pools/pool-hosts";
import { HostId } from "@remotegpu/shared/values/ids";
import { joinProofText } from "@remotegpu/shared/messages/joining";
import { POOL_PROOF_FOLDER } from "@remotegpu/shared/proof/pool-proof";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FilesUnderTest } from "../../support/agent/files.ts";
import type { ApiWorld } from "../../support/http/api.ts";
import { answeredBy } from "../../support/http/host-answers.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";
import { VERSION } from "@remotegpu/control-plane/server/release/version";

const DAY = 24 * 60;

let scene: ControlScene;
let api: ApiWorld;
/** Two hosts of one tree, and one with another. */
let trees: { one: FilesUnderTest; same: FilesUnderTest; other: FilesUnderTest };
/** Which files process is whose; a host that has none is not reached. */
let processes: Map<string, FilesUnderTest>;
let files: HostFiles;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.adopt(await openControlScene(), (one) => one.close());
  api = scene.api;
  const begin = async (state?: string) =>
    ending.adopt(await FilesUnderTest.begin(state === undefined ? {} : { state }), (one) => one.end());
  const one = await begin();
  const state = mkdtempSync(join(tmpdir(), "rg-files-"));
  symlinkSync(one.pool, join(state, "pool"));
  trees = { one, same: await begin(state), other: await begin() };
  const reached = fileRequests(async (hostId) => {
    const process = processes.get(hostId);
    if (process === undefined) return { isOpen: false, why: reasonOf("files-process-missing") };
    const stream = connect(filesSocket(process.state));
    await once(stream, "connect");
    return { isOpen: true, stream };
  });
  files = reached;
});
afterAll(() => ending.disposeAsync());

beforeEach(async () => {
  processes = new Map();
  await api.db.query("UPDATE hosts SET deleted_at = now() WHERE deleted_at IS NULL");
});

let counter = 0;
const poolName = () => `pool-${(counter += 1)}`;

/** Joins with a token of an administrator, and is connected. @param claim as its agent says it */
async function joinHost(
  files: FilesUnderTest | null,
  {
    claim = "",
    token = {},
    features = ["pool-proof"],
    gatewayPort = 19_443,
  }: { claim?: string; token?: object; features?: string[]; gatewayPort?: number | null } = {},
): Promise<string> {
  const made = await api.request("POST", "/api/v1/join-tokens", { as: api.admin, body: token });
  expect(made.status).toBe(201);
  const user = createUser();
  const nkey = user.getPublicKey();
  const proof = user.sign(new TextEncoder().encode(joinProofText(made.body.token, nkey)));
  const machine = {
    hostname: "gpu",
    ipAddress: "10.0.0.1",
    osType: "Linux",
    osVersion: "12",
    arch: "x86_64",
    cpuCount: 8,
    memoryBytes: 2 ** 34,
    diskBytes: 2 ** 40,
    cgroupVersion: 2,
    agentVersion: VERSION,
    runtime: null,
    attachMode: null,
    storagePool: claim,
  };
  const joined = await api.request("POST", "/api/v1/hosts/join", {
    body: { token: made.body.token, nkey, proof: Buffer.from(proof).toString("base64"), name: "x", machine },
  });
  expect(joined.status).toBe(201);
  const id: string = joined.body.host_id;
  await api.db.query(
    `UPDATE hosts SET connection = 'connected', features = $2, storage_requested_at = $3, last_heartbeat = $3, observed_digest = 'x',
            protocol_min = 1, protocol_max = 2, gateway_port = $4 WHERE id = $1`,
    [id, features, api.deps.now(), gatewayPort],
  );
  if (files !== null) processes.set(id, files);
  return id;
}

const prove = async () =>
  await poolProofsPass({ db: api.db, files, now: api.deps.now, pause: () => Promise.resolve() });
const confirm = async (id: string, body: object = {}) =>
  await api.request("POST", `/api/v1/hosts/${id}/confirm-pool`, { as: api.admin, body });
const visible = async (id: string) =>
  (await api.request("GET", `/api/v1/hosts/${id}`, { as: api.admin })).body;
const readers = async (pool: string) => (await hostsOfPool(api.db, { pool })).map(({ id }) => id);
const sampler = async (pool: string) => await samplerOf(api.db, { pool, now: api.deps.now() });
const closed = async (id: string) => {
  const { hosts } = await fleetSnapshot(api.db, { now: api.deps.now(), onlyHostIds: [id] });
  const reason = hosts[0]?.closed;
  return reason && inEnglish(reason);
};

async function alarms(): Promise<Record<string, string[]>> {
  const now = api.deps.now();
  const term = await acquireLeadership(api.deps.db, { holder: "the test", now });
  await poolAlarmsPass({ db: api.deps.db }, { term: term ?? 0, now });
  const { rows } = await api.db.query<{ kind: string; subject: string }>(
    "SELECT kind, subject FROM alarms WHERE cleared_at IS NULL AND kind LIKE 'pool-%' ORDER BY kind, subject",
  );
  const kinds = Map.groupBy(rows, ({ kind }) => kind);
  return Object.fromEntries([...kinds].map(([kind, found]) => [kind, found.map(({ subject }) => subject)]));
}

async function doctorFinds(): Promise<string[]> {
  const results = await examine(api.deps.db, api.deps.now());
  const result = results.find(({ check }) => check === "storage-pools-are-proved");
  return result?.state === "broken" ? result.findings.map(({ finding }) => finding) : [];
}

describe("a hostile host", () => {
  test("that names an honest host's own pool as it joins is in no pool but its own, and no word lets it in", async () => {
    const honest = await joinHost(trees.one);
    const hostile = await joinHost(trees.other, { claim: honest });

    expect(await readers(honest)).toEqual([honest]);
    expect(await sampler(honest)).toBe(honest);
    expect(await visible(hostile)).toMatchObject({ storage_pool: hostile, claimed_storage_pool: honest });
    const tries = [
      await confirm(hostile),
      await confirm(hostile, { storage_pool: honest }),
      await api.request("PATCH", `/api/v1/hosts/${hostile}`, {
        as: api.admin,
        body: { storage_pool: honest },
      }),
      await api.request("POST", "/api/v1/join-tokens", { as: api.admin, body: { storage_pool: honest } }),
      await api.request("POST", "/api/v1/join-tokens", {
        as: api.admin,
        body: { storage_pool: "host-0123456789abcdef0123" },
      }),
    ];
    expect(tries.map(({ status }) => status)).toEqual([422, 422, 422, 422, 422]);
    expect(tries.map(({ body }) => body.errors[0].path)).toEqual(Array(5).fill("storage_pool"));
    expect(await readers(honest)).toEqual([honest]);

    // Whoever believes it has to name a pool, and it is proved there as anywhere.
    expect(await alarms()).toEqual({ "pool-unconfirmed": [hostile] });
    const { rows } = await api.db.query("SELECT detail FROM alarms WHERE subject = $1", [hostile]);
    expect(rows[0]).toMatchObject({ detail: expect.stringContaining(`confirm-pool ${hostile} --pool NAME`) });
    const pool = poolName();
    for (const id of [honest, hostile]) expect((await confirm(id, { storage_pool: pool })).status).toBe(200);
    await prove();
    expect(await readers(pool)).toEqual([honest]);
  });

  test("answers no read and is sent no file of that pool, though it comes before the honest one", async () => {
    const honest = await joinHost(trees.one);
    const hostile = await joinHost(trees.other, { claim: honest });
    writeFileSync(trees.one.at("told"), "honest");
    writeFileSync(trees.other.at("told"), "hostile");
    const owner = await scene.customer("owner");
    await api.db.query(
      `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, storage_pool)
       VALUES ('env-1', $1, $2, 'work', 'busybox', 'stopped', 1, 1073741824, $3)`,
      [owner.customerId, owner.workspaceId, honest],
    );
    const requested: string[] = [];
    api.deps.files = {
      async request(hostId, ...question) {
        requested.push(hostId);
        return await files.request(hostId, ...question);
      },
    };
    const file = (name: string) =>
      `/api/v1/environments/env-1/files?path=${encodeURIComponent(`/gemini/code/${name}`)}`;
    processes.delete(honest);
    const away = await api.request("GET", file("told"), { as: owner });
    processes.set(honest, trees.one);

    const reported = await api.request("GET", file("told"), { as: owner });
    const put = await api.request("PUT", file("sent"), { as: owner, body: "x" });

    expect([away.status, reported.status, reported.body, put.status]).toEqual([503, 200, "honest", 204]);
    expect(requested).not.toContain(hostile);
    expect(readdirSync(trees.other.at(""))).toEqual(["told"]);
  });

  test("that claims a pool gets no upload, read, sample or order before an administrator confirms it", async () => {
    const pool = poolName();
    const member = await joinHost(trees.one, { token: { storage_pool: pool } });
    const claiming = await joinHost(trees.same, { claim: pool });

    await prove();

    expect(await readers(pool)).toEqual([member]);
    expect(await sampler(pool)).toBe(member);
    expect(await closed(claiming)).toBe(
      `it waits for an administrator to confirm that it belongs to storage pool ${pool}`,
    );
    expect(await alarms()).toEqual({ "pool-unconfirmed": [claiming] });
    expect(await doctorFinds()).toEqual(["pool-unconfirmed"]);

    expect(await confirm(claiming)).toMatchObject({
      status: 200,
      body: { storage_pool: pool, claimed_storage_pool: null, pool_state: "waiting" },
    });
    expect(await readers(pool)).toEqual([member]);

    await prove();

    expect((await readers(pool)).toSorted()).toEqual([member, claiming].toSorted());
    expect([await closed(member), await closed(claiming)]).toEqual([null, null]);
    expect(await alarms()).toEqual({});
    expect(await doctorFinds()).toEqual([]);
  });

  test("whose claim is declined is a pool of its own, and takes orders", async () => {
    const host = await joinHost(trees.other, { claim: "elsewhere" });

    await confirm(host, { storage_pool: host });

    expect(await visible(host)).toMatchObject({
      storage_pool: host,
      claimed_storage_pool: null,
      pool_reason: null,
    });
    expect(await closed(host)).toBeNull();
  });

  test("gets into no pool by what it reports, though the old system knew none of it", async () => {
    const honest = await joinHost(trees.one);
    const hostile = await scene.host("host-of-before", { pool: honest });
    await api.db.query("UPDATE hosts SET storage_pool = NULL WHERE id = $1", [hostile.id]);

    await hostile.report([]);
    hostile.machine.hostname = "another";
    await hostile.report([]);

    expect(await readers(honest)).toEqual([honest]);
    expect(await hostile.row()).toMatchObject({ storage_pool: null, hostname: "another" });
  });
});

describe("a confirmed host", () => {
  test("whose proof fails while it samples its pool is not believed, and another one samples", async () => {
    const pool = poolName();
    const hosts = [
      await joinHost(trees.one, { token: { storage_pool: pool } }),
      await joinHost(trees.same, { token: { storage_pool: pool } }),
    ];
    await prove();
    const deps = { db: api.deps.db, now: api.deps.now };
    const question = { kind: "storage-question", after: null } as const;
    const [first = "", second = ""] = hosts.toSorted();
    const order = await answerStorage(deps, HostId.parse(first), question);
    await api.db.query("UPDATE hosts SET pool_state = 'failed' WHERE id = $1", [first]);

    const hourMs = "hourMs" in order ? order.hourMs : 0;
    const report = { kind: "storage-report" as const, hourMs, sums: [], isLast: true };

    expect(order).toMatchObject({ kind: "storage-order" });
    expect((await answerStorage(deps, HostId.parse(first), report)).kind).toBe("refused");
    expect(await answerStorage(deps, HostId.parse(first), question)).toMatchObject({ kind: "storage-rest" });
    expect(await answerStorage(deps, HostId.parse(second), question)).toMatchObject({
      kind: "storage-order",
    });
  });

  const apart = { code: "pool-writes-unseen", params: { reader_name: "x", writer_name: "x" } };

  test("that does not share the tree fails, and is out with an alarm", async () => {
    const pool = poolName();
    const member = await joinHost(trees.one, { token: { storage_pool: pool } });
    const stranger = await joinHost(trees.other, { token: { storage_pool: pool } });
    expect(await readers(pool)).toEqual([member]);

    await prove();

    expect(await readers(pool)).toEqual([member]);
    expect(await sampler(pool)).toBe(member);
    expect(await visible(stranger)).toMatchObject({ pool_state: "failed", pool_proved_at: null });
    const why = { code: "pool-not-shared-because", params: { storage_pool: pool, why: apart } };
    expect(await visible(stranger)).toMatchObject({
      pool_reason: `Nothing is placed on it or read from it: it does not share storage pool ${pool}: Host x does not see what host x writes into the pool.`,
      pool_reason_code: "pool-unused",
      pool_reason_params: { why },
    });
    expect(await closed(stranger)).toMatch(`it does not share storage pool ${pool}: Host x does not see`);
    expect((await visible(stranger)).pool_reason_params).toMatchObject({
      why: { code: "pool-not-shared-because", params: { why: { code: "pool-writes-unseen" } } },
    });
    expect(await alarms()).toEqual({ "pool-not-proved": [stranger] });
    expect(await doctorFinds()).toEqual(["pool-not-proved"]);
  });

  test("that loses the tree later is out at the next proof, and back once it has it again", async () => {
    const pool = poolName();
    const member = await joinHost(trees.one, { token: { storage_pool: pool } });
    const leaving = await joinHost(trees.same, { token: { storage_pool: pool } });
    await prove();
    expect(await readers(pool)).toHaveLength(2);

    processes.set(leaving, trees.other);
    await prove();
    expect(await readers(pool)).toHaveLength(2);
    api.passMinutes(DAY);
    await prove();

    expect(await readers(pool)).toEqual([member]);
    processes.set(leaving, trees.same);
    api.passMinutes(10);
    await prove();
    expect(await readers(pool)).toHaveLength(2);
    expect((await visible(leaving)).pool_reason).toBeNull();
  });

  test("that has lost its mount goes, though it was there first, since what a proof left is gone with it", async () => {
    const pool = poolName();
    const first = await joinHost(trees.one, { token: { storage_pool: pool } });
    const second = await joinHost(trees.same, { token: { storage_pool: pool } });
    await prove();
    rmSync(join(trees.other.pool, POOL_PROOF_FOLDER), { recursive: true, force: true });

    processes.set(first, trees.other);
    api.passMinutes(DAY);
    await prove();

    expect(await readers(pool)).toEqual([second]);
  });

  test("that is silent stays for its days of grace while others prove theirs, and goes then", async () => {
    const pool = poolName();
    const hosts = [
      await joinHost(trees.one, { token: { storage_pool: pool } }),
      await joinHost(trees.same, { token: { storage_pool: pool } }),
      await joinHost(trees.one, { token: { storage_pool: pool } }),
    ];
    await prove();
    const silent = hosts[2] ?? "";
    processes.delete(silent);

    api.passMinutes(2 * DAY);
    await prove();
    expect(await readers(pool)).toHaveLength(3);
    expect((await visible(silent)).pool_reason).toMatch(/not proved lately\..*used without one until/);
    api.passMinutes(DAY);
    await prove();

    expect(await readers(pool)).not.toContain(silent);
    expect(await visible(silent)).toMatchObject({ pool_state: "overdue" });
  });

  test("that is away judges nobody, and is judged by nobody, while only one member is reached", async () => {
    const pool = poolName();
    const [one, two] = [
      await joinHost(trees.one, { token: { storage_pool: pool } }),
      await joinHost(trees.same, { token: { storage_pool: pool } }),
    ];
    await prove();
    await api.db.query("UPDATE hosts SET connection = 'unreachable' WHERE id = $1", [two]);

    api.passMinutes(4 * DAY);
    await prove();

    expect(await visible(two)).toMatchObject({ pool_state: "trusted" });
    expect(await readers(pool)).toEqual([one]);
  });

  test("with an agent that cannot prove it is not used, and reports why", async () => {
    const pool = poolName();
    const member = await joinHost(trees.one, { token: { storage_pool: pool } });
    const old = await joinHost(trees.same, { token: { storage_pool: pool }, features: [] });

    await prove();

    expect(await closed(old)).toBe(`its agent is too old to prove its storage pool, ${pool}`);
    api.passMinutes(5);
    expect(await readers(pool)).toEqual([member]);
    expect(await alarms()).toEqual({ "pool-not-proved": [old] });
  });

  test("is tried as soon as it has reported where gateways reach it, and not before", async () => {
    const pool = poolName();
    const first = await joinHost(trees.one, { token: { storage_pool: pool } });
    const young = await joinHost(null, { token: { storage_pool: pool }, gatewayPort: null });
    await api.db.query("UPDATE hosts SET pool_tried_at = $2, pool_proved_at = $2 WHERE id = $1", [
      first,
      api.deps.now(),
    ]);
    api.passMinutes(2);
    await prove();

    processes.set(young, trees.same);
    await api.db.query("UPDATE hosts SET gateway_port = 19443 WHERE id = $1", [young]);
    await prove();

    expect(await visible(young)).toMatchObject({ pool_state: "trusted" });
  });

  test("begins no round of members that are due before it can be reached", async () => {
    const pool = poolName();
    const first = await joinHost(trees.one, { token: { storage_pool: pool } });
    const young = await joinHost(trees.same, { token: { storage_pool: pool }, gatewayPort: null });
    await prove();
    expect(await visible(first)).toMatchObject({ pool_proved_at: null });

    await api.db.query("UPDATE hosts SET gateway_port = 19443 WHERE id = $1", [young]);
    await prove();

    expect(await visible(young)).toMatchObject({ pool_state: "trusted" });
  });

  test("is used at once where nobody could prove it, by an administrator's word alone", async () => {
    const pool = poolName();
    const first = await joinHost(trees.one, { token: { storage_pool: pool } });
    const stranger = await joinHost(trees.other, { token: { storage_pool: pool } });
    await prove();
    await api.db.query("UPDATE hosts SET deleted_at = now() WHERE id = $1", [first]);

    await prove();
    expect(await readers(pool)).toEqual([]);
    await confirm(stranger);

    expect(await readers(pool)).toEqual([stranger]);
  });
});

test("of two hosts that come to a new pool at once, one is the first and the other has to prove it", async () => {
  const pool = poolName();

  await Promise.all([1, 2, 3, 4].map(() => joinHost(null, { token: { storage_pool: pool } })));

  expect(await readers(pool)).toHaveLength(1);
});

describe("a proof", () => {
  const member = (id: string) => ({
    id,
    name: id,
    state: "trusted" as const,
    memberSinceMs: 0,
    provedAtMs: null,
    proofDueAtMs: null,
    triedAtMs: null,
    failure: null,
  });
  const pair = [member("host-a"), member("host-b")] as const;
  const pause = () => Promise.resolve();
  /** Host-a and host-b on one tree, where one question in between is answered otherwise. */
  const answering = (other: (hostId: string, question: FileQuestion) => Response | null): HostFiles => ({
    async request(hostId, question, signal) {
      const response = other(hostId, question);
      return response === null
        ? await files.request(hostId, question, signal)
        : { isReached: true, answer: answeredBy(response) };
    },
  });

  beforeEach(() => {
    processes = new Map([
      ["host-a", trees.one],
      ["host-b", trees.same],
    ]);
  });

  test("leaves nothing but its folder", async () => {
    expect(await provePair({ files, pause }, pair)).toMatchObject({ kind: "shared" });
    expect(readdirSync(join(trees.one.pool, POOL_PROOF_FOLDER))).toEqual([]);
  });

  test("does not believe a host that answers what it read before", async () => {
    let first: Uint8Array<ArrayBuffer> | null = null;
    const spying = answering(() => null);
    const replaying: HostFiles = {
      async request(hostId, question, signal) {
        const reply = await spying.request(hostId, question, signal);
        if (hostId !== "host-b" || question.method !== "GET" || !reply.isReached) return reply;
        first ??= new Uint8Array(await new Response(reply.answer.body).arrayBuffer());
        return { isReached: true, answer: answeredBy(new Response(first.slice())) };
      },
    };

    expect(await provePair({ files: replaying, pause }, pair)).toMatchObject({ kind: "apart" });
  });

  test("reads no more of an answer than its bound", async () => {
    let sent = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536));
        },
      });
    const flooding = answering((hostId, { method }) =>
      hostId === "host-b" && method === "GET" ? new Response(endless()) : null,
    );

    expect(await provePair({ files: flooding, pause }, pair)).toMatchObject({ kind: "apart" });
    expect(sent).toBeLessThan(2 ** 20);
  });

  test.each([
    ["nothing", () => new Response(new ReadableStream(), { status: 200 })],
    ["what is no JSON", () => new Response("yes", { status: 200 })],
    ["a failure", () => new Response("", { status: 500 })],
  ])("is missed by a host that answers %s to what it is to write", async (_what, response) => {
    const mute = answering((hostId, { method }) =>
      hostId === "host-b" && method === "PUT" ? response() : null,
    );
    const deadline = () => AbortSignal.timeout(500);

    expect(await provePair({ files: mute, pause, deadline }, pair)).toMatchObject({
      kind: "silent",
      hostId: "host-b",
    });
  });
});

describe("the folder of proofs", () => {
  test("is reached by no other request, whatever its path and whichever links lead there", async () => {
    const { one } = trees;
    mkdirSync(join(one.pool, POOL_PROOF_FOLDER), { recursive: true });
    symlinkSync("../../..", one.at("root"));
    symlinkSync(`../../../${POOL_PROOF_FOLDER}`, one.at("proofs"));
    const folders = [
      "",
      ".",
      POOL_PROOF_FOLDER,
      `./${POOL_PROOF_FOLDER}`,
      `environments/../${POOL_PROOF_FOLDER}`,
      "environments/env-1/code/proofs",
      "environments/env-1/code/root",
      `environments/env-1/code/root/${POOL_PROOF_FOLDER}`,
    ];
    for (const method of ["GET", "PUT", "DELETE"])
      for (const folder of folders) {
        const path = folder.endsWith("root") || folder.length < 2 ? `${POOL_PROOF_FOLDER}/x` : "x";
        expect([folder, (await one.request({ method, folder, path, body: "x" })).status]).toEqual([
          folder,
          400,
        ]);
      }
    for (const path of ["proofs", `root/${POOL_PROOF_FOLDER}`])
      expect((await one.request({ path })).status).toBe(403);
    expect(readdirSync(join(one.pool, POOL_PROOF_FOLDER))).toEqual([]);
    // Nor does it come into a container.
    const mounted = [POOL_PROOF_FOLDER, "environments/env-1/code/proofs", "environments/env-1/code/root"];
    for (const source of mounted)
      for (const found of [
        await folderInPool(one.pool, source),
        await ownFolderInPool(one.pool, `${source}/${POOL_PROOF_FOLDER}`),
      ])
        expect([source, found.found]).toEqual([source, false]);
  });
});
