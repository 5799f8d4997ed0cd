/**
 * Hourly samples on Postgres: which host of a pool samples it, what it is asked to measure, and what of its answer is
 * taken. At the end a real agent's part measures a real tree, over NATS. Each test has pools of its own.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StorageSampling } from "@remotegpu/agent/loop/storage/storage-sampling";
import { poolBytes } from "@remotegpu/agent/runtime/storage/pool-usage";
import { answerStorage } from "@remotegpu/control-plane/server/controllers/billing/storage-sampling";
import { refusal, serveHosts } from "@remotegpu/control-plane/server/link/hosts/host-requests";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { countSealedCopies } from "@remotegpu/control-plane/server/store/billing/storage/sealed-samples";
import {
  setPoolDisk,
  storagePool,
} from "@remotegpu/control-plane/server/store/billing/storage/storage-pools";
import { insertCustomer } from "@remotegpu/control-plane/server/store/accounts/customers";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import {
  MAX_SAMPLE_BYTES,
  type StorageReply,
  StorageReport,
} from "@remotegpu/shared/messages/storage-sampling";
import { GIB } from "@remotegpu/shared/values/units";
import { encode } from "@remotegpu/shared/messages/wire";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startHostSide } from "../../support/agent/host-side.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { startTestNats } from "../../support/engines/nats.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { aHost } from "../../support/samples/protocol-samples.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const NOON = Date.parse("2026-06-01T12:00:00Z");

let fresh: FreshDatabase;
let db: Database;
let ann: { customerId: number; workspaceId: number };
let counter = 0;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = fresh.database;
  ann = await customer("ann");
});
afterAll(() => fresh.drop());

async function customer(name: string): Promise<typeof ann> {
  const made = await transaction(db, (tx) =>
    insertCustomer(tx, {
      username: name,
      email: `${name}@example.com`,
      displayName: null,
      userType: "external",
    }),
  );
  const customerId = made.made ? made.customerId : 0;
  const { rows } = await db.query<{ id: number }>("SELECT id FROM workspaces WHERE owner_id = $1", [
    customerId,
  ]);
  return { customerId, workspaceId: rows[0]?.id ?? 0 };
}

/** Connected hosts of a new pool, in the order of their ids. */
async function poolOf(hosts: number, { named = true } = {}): Promise<{ pool: string; ids: string[] }> {
  counter += 1;
  const ids = Array.from({ length: hosts }, (_, n) => `host-${counter}-${n}`);
  const pool = named ? `pool-${counter}` : (ids[0] ?? "");
  for (const id of ids)
    await db.query(
      "INSERT INTO hosts (id, name, ip_address, storage_pool, connection) VALUES ($1, $1, '', $2, 'connected')",
      [id, named ? pool : null],
    );
  return { pool, ids };
}

/** Something of the workspace lies in this pool and in no other. */
async function environmentIn(pool: string, owner: Partial<typeof ann> = ann, change = ""): Promise<string> {
  const id = `env-${(counter += 1)}`;
  await db.query(
    `INSERT INTO environments (id, customer_id, workspace_id, storage_pool, name, image, status, cpu, memory)
     VALUES ($1, $2, $3, $4, 'work', 'busybox', 'stopped', 1, 1)`,
    [id, owner.customerId ?? ann.customerId, owner.workspaceId ?? null, pool],
  );
  if (change !== "") await db.query(`UPDATE environments SET ${change} WHERE id = $1`, [id]);
  return id;
}

/** A training job of the workspace that ran on this host, or was only placed there. */
async function jobIn(
  host: string | undefined,
  owner: typeof ann,
  { isProven = true, id = `job-of-${(counter += 1)}` } = {},
): Promise<void> {
  await db.query(
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status)
     VALUES ($1, $2, $3, 'job', 'busybox', 'true', 'completed')`,
    [id, owner.customerId, owner.workspaceId],
  );
  await db.query(
    "INSERT INTO instances (id, workload_kind, workload_id, current_epoch, state) VALUES ($1, 'training', $1, 1, 'stopped')",
    [id],
  );
  await db.query(
    `INSERT INTO placements (instance_id, epoch, host_id, state, spec, spec_hash, cpu_milli, memory_bytes)
     VALUES ($1, 1, $2, 'stopped', '{}', '', 0, 0)`,
    [id, host],
  );
  await db.query(
    `INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, resource_type, resource_id, spec, first_proven_at)
     VALUES ($1, $1, 1, $2, $3, 'training', $1, 'cpu', $4)`,
    [id, host, owner.customerId, isProven ? new Date(NOON) : null],
  );
}

const requested = (host: string | undefined, nowMs = NOON, after: string | null = null) =>
  answerStorage({ db, now: () => new Date(nowMs) }, aHost(host ?? ""), { kind: "storage-question", after });

const reported = (
  host: string | undefined,
  sums: StorageReport["sums"],
  { nowMs = NOON, hourMs = NOON, isLast = true } = {},
) =>
  answerStorage({ db, now: () => new Date(nowMs) }, aHost(host ?? ""), {
    kind: "storage-report",
    hourMs,
    sums,
    isLast,
  });

function foldersOf(reply: Awaited<ReturnType<typeof requested>>): string[] {
  if (reply.kind !== "storage-order") throw new Error(`no order but ${JSON.stringify(reply)}`);
  return reply.folders.map(({ owner, path }) => `${owner} ${path}`);
}

async function samplesOf(pool: string) {
  const { rows } = await db.query<{ workspace_id: number; bytes: number | null }>(
    `SELECT s.workspace_id, s.bytes FROM storage_samples s JOIN storage_hours h USING (storage_pool, hour)
      WHERE s.storage_pool = $1 AND h.finished_at IS NOT NULL ORDER BY s.hour, s.workspace_id`,
    [pool],
  );
  return rows.map(({ workspace_id, bytes }) => [workspace_id, bytes]);
}

const owner = () => String(ann.workspaceId);
const REFUSED = { kind: "refused", reason: expect.any(String) };
const TAKEN = { kind: "storage-taken" };

describe("who samples", () => {
  test("the connected host with the lowest id of those that request it, and no other", async () => {
    const { ids } = await poolOf(3);

    const order = await requested(ids[1]);
    const later = await requested(ids[2]);
    const lowest = await requested(ids[0]);

    expect(order).toMatchObject({ kind: "storage-order", hourMs: NOON, next: null, againInMs: HOUR });
    expect(later).toMatchObject({ kind: "storage-rest", againInMs: 15 * MINUTE });
    expect(lowest).toMatchObject({ kind: "storage-order" });
    expect(await requested(ids[1])).toMatchObject({ kind: "storage-rest" });
  });

  test("an agent of before, which never requests it, excludes no other from it", async () => {
    const { ids } = await poolOf(2);
    await requested(ids[0], NOON - 3 * HOUR);

    expect(await requested(ids[1])).toMatchObject({ kind: "storage-order" });
  });

  test("a host without a named pool is its own", async () => {
    const { pool, ids } = await poolOf(1, { named: false });
    const id = await environmentIn(pool);

    expect(foldersOf(await requested(ids[0]))).toContain(`${owner()} environments/${id}/code`);
  });

  test.each([
    ["connection = 'unreachable'", "storage-rest"],
    ["revoked_at = now()", "refused"],
    ["deleted_at = now()", "refused"],
  ])("with %s it is answered %s", async (change, kind) => {
    const { ids } = await poolOf(1);
    await db.query(`UPDATE hosts SET ${change} WHERE id = $1`, [ids[0]]);

    expect(await requested(ids[0])).toMatchObject({ kind });
    expect(await reported(ids[0], [])).toEqual(REFUSED);
  });

  test("an hour that is sampled is ordered no more; the next one is", async () => {
    const { ids } = await poolOf(1);
    await requested(ids[0], NOON + 20 * MINUTE);
    await reported(ids[0], []);

    expect(await requested(ids[0], NOON + 21 * MINUTE)).toMatchObject({
      kind: "storage-rest",
      againInMs: 39 * MINUTE,
    });
    expect(await requested(ids[0], NOON + HOUR)).toMatchObject({
      kind: "storage-order",
      hourMs: NOON + HOUR,
    });
  });
});

describe("what is measured", () => {
  test("folders of environments and jobs of the pool, deleted ones too, and what administrators named in it", async () => {
    const { pool, ids } = await poolOf(1);
    const other = await poolOf(1);
    const bob = await customer("bob");
    const env = await environmentIn(pool);
    const deleted = await environmentIn(pool, ann, "deleted_at = now()");
    await environmentIn(other.pool);
    const outside = await environmentIn(pool, { customerId: bob.customerId });
    await jobIn(ids[0], ann, { id: "job-1" });
    await jobIn(other.ids[0], ann, { id: "job-2" });
    await jobIn(ids[0], ann, { id: "job-3", isProven: false });
    await db.query("UPDATE training_jobs SET deleted_at = now() WHERE id = 'job-1'");
    await db.query(
      `INSERT INTO datasets (customer_id, workspace_id, name, storage_path, visibility)
       VALUES ($1, NULL, 'public', '/shared/public/', 'public'), ($1, NULL, 'outside', '../etc', 'private')`,
      [bob.customerId],
    );
    await db.query(
      "INSERT INTO models (customer_id, workspace_id, name, storage_path) VALUES ($1, $2, 'm', 'shared/m')",
      [ann.customerId, ann.workspaceId],
    );
    for (const [table, owner] of [
      ["datasets", "dataset_id"],
      ["models", "model_id"],
    ])
      await db.query(
        `INSERT INTO data_pools (${owner}, storage_pool) SELECT id, $1 FROM ${table} WHERE name <> 'private'`,
        [pool],
      );

    const folders = foldersOf(await requested(ids[0]));

    expect(folders.toSorted()).toEqual(
      [
        ...[env, deleted].flatMap((id) => [
          `${owner()} environments/${id}/code`,
          `${owner()} environments/${id}/output`,
        ]),
        `${owner()} shared/m`,
        `${owner()} training-jobs/job-1/output`,
        `${bob.workspaceId} environments/${outside}/code`,
        `${bob.workspaceId} environments/${outside}/output`,
        `${bob.workspaceId} shared/public`,
      ].toSorted(),
    );
  });

  test("no path of what lies in no pool or another one, of what is sealed, and nothing of that is believed", async () => {
    const victim = await customer("victim");
    const honest = await poolOf(1);
    const hostile = await poolOf(1);
    const { rows } = await db.query<{ id: number }>(
      `INSERT INTO datasets (customer_id, workspace_id, name, storage_path, status)
       SELECT $1, $2, 'victim-' || n, 'victim/data-' || n, 'ready' FROM generate_series(1, 3) n RETURNING id`,
      [victim.customerId, victim.workspaceId],
    );
    const [, elsewhere, sealed] = rows.map(({ id }) => id);
    await db.query("INSERT INTO data_pools (dataset_id, storage_pool) VALUES ($1, $2)", [
      elsewhere,
      honest.pool,
    ]);
    await copyIn(hostile.pool, { datasetId: sealed, by: victim.customerId, bytes: 1_000 });
    await db.query("UPDATE datasets SET storage_path = 'victim/sealed/files' WHERE id = $1", [sealed]);
    await db.query("INSERT INTO data_pools (dataset_id, storage_pool) VALUES ($1, $2)", [
      sealed,
      hostile.pool,
    ]);

    const order = foldersOf(await requested(hostile.ids[0]));
    const reply = await reported(hostile.ids[0], [
      { owner: String(victim.workspaceId), bytes: MAX_SAMPLE_BYTES },
    ]);

    expect(order).toEqual([]);
    expect(foldersOf(await requested(honest.ids[0]))).toEqual([`${victim.workspaceId} victim/data-2`]);
    expect(reply).toEqual(TAKEN);
    expect(await samplesOf(hostile.pool)).toEqual([]);
    expect(await alarmsOf(hostile.pool)).toEqual([
      expect.stringContaining(`workspace ${victim.workspaceId}, which has nothing there`),
    ]);
  });

  test("a long list comes in pages that go on where the one before ended", async () => {
    const { pool, ids } = await poolOf(1);
    await db.query(
      `INSERT INTO environments (id, customer_id, workspace_id, storage_pool, name, image, status, cpu, memory)
       SELECT $3 || '-' || n, $1, $2, $3, 'work', 'busybox', 'stopped', 1, 1 FROM generate_series(1, 2500) n`,
      [ann.customerId, ann.workspaceId, pool],
    );
    const pages: string[][] = [];
    let after: string | null = null;
    do {
      const reply: StorageReply | { kind: "refused"; reason: string } = await requested(ids[0], NOON, after);
      pages.push(foldersOf(reply));
      after = reply.kind === "storage-order" ? reply.next : null;
    } while (after !== null);

    const mine = pages.flat().filter((folder) => folder.includes(`/${pool}-`));
    expect(pages.length).toBeGreaterThan(1);
    expect(new Set(mine).size).toBe(5000);
    expect(mine).toHaveLength(5000);
    await db.query("DELETE FROM environments WHERE storage_pool = $1", [pool]);
  });

  test("a page is for the host that has the hour, and from a place that is one", async () => {
    const { ids } = await poolOf(2);
    await requested(ids[0]);

    expect(await requested(ids[0], NOON, "1/environment/a")).toMatchObject({ kind: "storage-order" });
    expect(await requested(ids[1], NOON, "1/environment/a")).toEqual(REFUSED);
    expect(await requested(ids[0], NOON + HOUR, "1/environment/a")).toEqual(REFUSED);
    for (const place of ["", "x", "1", "-1/a", "9999999999999999999/a", "1'--"])
      expect(await requested(ids[0], NOON, place)).toEqual(REFUSED);
  });
});

/** A version of a dataset in the pool, sealed an hour ago unless told otherwise. */
async function copyIn(
  pool: string,
  {
    datasetId,
    by,
    bytes,
    sealedMs = NOON - HOUR,
  }: { datasetId: number | undefined; by: number; bytes: number; sealedMs?: number | null },
): Promise<void> {
  await db.query(
    `INSERT INTO data_copies (dataset_id, version, storage_pool, folder, status, manifest_sha256, total_size, file_count,
            begun_by, begun_at, ready_at)
     VALUES ($1, 1, $2, 'victim/sealed', $3, repeat('0', 64), $4, 1, $5, now(), $6)`,
    [
      datasetId,
      pool,
      sealedMs === null ? "uploading" : "ready",
      bytes,
      by,
      sealedMs === null ? null : new Date(sealedMs),
    ],
  );
}

async function alarmsOf(pool: string): Promise<string[]> {
  const { rows } = await db.query<{ detail: string }>("SELECT detail FROM alarms WHERE subject = $1", [pool]);
  return rows.map(({ detail }) => detail);
}

describe("what is taken", () => {
  async function begun(hosts = 1) {
    const { pool, ids } = await poolOf(hosts);
    await environmentIn(pool);
    await requested(ids[0]);
    return { pool, ids };
  }

  test("sums of owners in the pool; nothing needs no row, and what was not measured is marked so", async () => {
    const { pool, ids } = await begun();
    const [more, empty] = [await customer(`more-${pool}`), await customer(`empty-${pool}`)];
    for (const one of [more, empty]) await environmentIn(pool, one);

    const reply = await reported(ids[0], [
      { owner: owner(), bytes: 7 },
      { owner: String(more.workspaceId), bytes: null },
      { owner: String(empty.workspaceId), bytes: 0 },
    ]);

    expect(reply).toEqual(TAKEN);
    expect(await samplesOf(pool)).toEqual([
      [ann.workspaceId, 7],
      [more.workspaceId, null],
    ]);
  });

  test("owners that are unknown, or have nothing in the pool, are passed over", async () => {
    const { pool, ids } = await begun();
    const elsewhere = await customer(`elsewhere-${pool}`);
    const strange = [
      "0",
      "-1",
      "999999",
      "1.5",
      "x",
      "9".repeat(32),
      "1e3",
      " 1",
      String(elsewhere.workspaceId),
    ];

    const reply = await reported(
      ids[0],
      strange.map((one) => ({ owner: one, bytes: 7 })),
    );

    expect(reply).toEqual(TAKEN);
    expect(await samplesOf(pool)).toEqual([]);
  });

  test("the excess over what can lie there is set aside with an alarm, and the rest counts", async () => {
    const { pool, ids } = await poolOf(1);
    const [plain, jobs] = [await customer(`plain-${pool}`), await customer(`jobs-${pool}`)];
    await environmentIn(pool, ann, `storage = ${5 * GIB}`);
    await environmentIn(pool, plain);
    await jobIn(ids[0], jobs);
    // What never ran there has left nothing, and makes no room for a claim.
    await jobIn(ids[0], jobs, { isProven: false });
    await requested(ids[0]);
    await setSetting(db, "ENVIRONMENT_STORAGE_GB", "7");
    await setSetting(db, "JOB_STORAGE_GB", "9");

    await reported(
      ids[0],
      [ann, plain, jobs].map((one) => ({ owner: String(one.workspaceId), bytes: MAX_SAMPLE_BYTES })),
    );

    expect(await samplesOf(pool)).toEqual([
      [ann.workspaceId, 5 * GIB],
      [plain.workspaceId, 7 * GIB],
      [jobs.workspaceId, 9 * GIB],
    ]);
    const { rows } = await db.query<{ excess: number }>(
      "SELECT sum(bytes + excess_bytes)::bigint AS excess FROM storage_samples WHERE storage_pool = $1",
      [pool],
    );
    expect(rows).toEqual([{ excess: 3 * MAX_SAMPLE_BYTES }]);
    expect(await alarmsOf(pool)).toEqual([
      expect.stringMatching(/ 1125899906842624 bytes of workspace .* at most 5368709120 .* of 2 more/),
    ]);
  });

  test("a pool that was never sampled, and has no sealed copy, is reported as such", async () => {
    const { pool } = await poolOf(1);

    expect(await storagePool(db, pool)).toMatchObject({
      charged_bytes: null,
      excess_bytes: null,
      sealed_bytes: 0,
    });
  });

  test("the disk that an administrator named bounds all parts of an hour together, and no disk of a host does", async () => {
    const { pool, ids } = await poolOf(1);
    const more = await customer(`more-${pool}`);
    for (const one of [ann, more]) await environmentIn(pool, one);
    await db.query("UPDATE hosts SET total_disk = $2 WHERE id = $1", [ids[0], 2 ** 52]);
    const at = new Date(NOON);
    await transaction(db, (tx) => setPoolDisk(tx, { name: pool, diskBytes: 100, by: "admin 1", at }));
    await requested(ids[0]);

    await reported(ids[0], [{ owner: owner(), bytes: 70 }], { isLast: false });
    await reported(ids[0], [{ owner: String(more.workspaceId), bytes: 70 }]);

    expect(await samplesOf(pool)).toEqual([
      [ann.workspaceId, 70],
      [more.workspaceId, 30],
    ]);
    expect(await alarmsOf(pool)).toEqual([]);
  });

  test("what is sealed counts as long as its pool has a host, heard or not, that is neither removed nor revoked", async () => {
    const one = await customer("sealed-lost");
    const { pool, ids } = await poolOf(2);
    const { rows } = await db.query<{ id: number }>(
      "INSERT INTO datasets (customer_id, workspace_id, name, storage_path) VALUES ($1, $2, 'lost', 'lost/files') RETURNING id",
      [one.customerId, one.workspaceId],
    );
    await copyIn(pool, { datasetId: rows[0]?.id, by: one.customerId, bytes: 9 });
    const changes = [
      ["connection = 'unreachable'", pool],
      ["revoked_at = now()", ids[0]],
      ["deleted_at = now()", ids[1]],
    ];

    for (const [n, [change, which]] of changes.entries()) {
      await db.query(`UPDATE hosts SET ${change} WHERE $1 IN (id, storage_pool)`, [which]);
      await transaction(db, (tx) => countSealedCopies(tx, new Date(NOON + n * HOUR)));
    }

    const counted = await db.query(
      "SELECT hour, bytes FROM sealed_samples WHERE workspace_id = $1 ORDER BY hour",
      [one.workspaceId],
    );
    expect(counted.rows).toEqual([0, 1].map((n) => ({ hour: new Date(NOON + n * HOUR), bytes: 9 })));
  });

  test("what is being brought counts as it is measured, up to what was announced, and is sealed in no hour twice", async () => {
    const { pool, ids } = await poolOf(1);
    const { rows } = await db.query<{ id: number }>(
      "INSERT INTO datasets (customer_id, workspace_id, name, storage_path) VALUES ($1, $2, 'open', 'victim/open') RETURNING id",
      [ann.customerId, ann.workspaceId],
    );
    await copyIn(pool, { datasetId: rows[0]?.id, by: ann.customerId, bytes: 5 * GIB, sealedMs: null });

    const order = foldersOf(await requested(ids[0]));
    // It is sealed while its host measures, which belongs to the hour that goes on.
    await db.query("UPDATE data_copies SET status = 'ready', ready_at = $2 WHERE storage_pool = $1", [
      pool,
      new Date(NOON + MINUTE),
    ]);
    await reported(ids[0], [{ owner: owner(), bytes: MAX_SAMPLE_BYTES }], { nowMs: NOON + 2 * MINUTE });
    for (const hour of [NOON, NOON + HOUR])
      await transaction(db, (tx) => countSealedCopies(tx, new Date(hour)));

    const blocks = 8_192 + 64 * 2 ** 20;
    expect(order).toEqual([`${owner()} victim/sealed`]);
    expect(await samplesOf(pool)).toEqual([[ann.workspaceId, 5 * GIB + blocks]]);
    const sealed = await db.query("SELECT hour, bytes FROM sealed_samples WHERE workspace_id = $1", [
      ann.workspaceId,
    ]);
    expect(sealed.rows).toEqual([{ hour: new Date(NOON + HOUR), bytes: 5 * GIB }]);
  });

  test("parts count with the last one; the first report wins, and a later one changes nothing", async () => {
    const { pool, ids } = await begun();
    const more = await customer(`more-${pool}`);
    await environmentIn(pool, more);

    await reported(ids[0], [{ owner: owner(), bytes: 7 }], { isLast: false });
    expect(await samplesOf(pool)).toEqual([]);
    await reported(ids[0], [{ owner: String(more.workspaceId), bytes: 8 }]);
    await reported(ids[0], [{ owner: owner(), bytes: 9 }]);

    expect(await samplesOf(pool)).toEqual([
      [ann.workspaceId, 7],
      [more.workspaceId, 8],
    ]);
  });

  test("an agent that was killed amid its report begins the hour anew", async () => {
    const { pool, ids } = await begun();
    await reported(ids[0], [{ owner: owner(), bytes: 7 }], { isLast: false });

    await requested(ids[0], NOON + 5 * MINUTE);
    await reported(ids[0], [{ owner: owner(), bytes: 9 }]);

    expect(await samplesOf(pool)).toEqual([[ann.workspaceId, 9]]);
  });

  test("of two hosts of a pool that report the same hour one is taken", async () => {
    const { pool, ids } = await begun(2);
    await db.query("UPDATE hosts SET connection = 'unreachable' WHERE id = $1", [ids[0]]);
    await requested(ids[1]);
    await db.query("UPDATE hosts SET connection = 'connected' WHERE id = $1", [ids[0]]);

    const both = await Promise.all(ids.map((id, n) => reported(id, [{ owner: owner(), bytes: n + 1 }])));

    expect(both).toEqual([REFUSED, TAKEN]);
    expect(await samplesOf(pool)).toEqual([[ann.workspaceId, 2]]);
  });

  test.each([
    ["this hour", 59 * MINUTE, TAKEN, 1],
    ["the next hour", 2 * HOUR - 1, TAKEN, 1],
    ["the hour after that", 2 * HOUR, REFUSED, 0],
    ["an hour before", -1, REFUSED, 0],
  ])("a report that comes in %s: %s ms after its hour began", async (_, afterMs, reply, rows) => {
    const { pool, ids } = await begun();

    expect(await reported(ids[0], [{ owner: owner(), bytes: 7 }], { nowMs: NOON + afterMs })).toEqual(reply);
    expect(await samplesOf(pool)).toHaveLength(rows);
  });

  test("a host reports for its own pool alone, and only when it was ordered to", async () => {
    const { pool } = await begun();
    const stranger = await poolOf(1);

    expect(await reported(stranger.ids[0], [{ owner: owner(), bytes: 7 }])).toEqual(REFUSED);
    expect(await reported("nobody", [{ owner: owner(), bytes: 7 }])).toEqual(REFUSED);
    expect(await samplesOf(pool)).toEqual([]);
  });
});

test.each([
  ["a negative size", { sums: [{ owner: "1", bytes: -1 }] }],
  ["a size of 2^63", { sums: [{ owner: "1", bytes: 2 ** 63 }] }],
  ["a size beyond what is believed", { sums: [{ owner: "1", bytes: MAX_SAMPLE_BYTES + 1 }] }],
  ["half a byte", { sums: [{ owner: "1", bytes: 0.5 }] }],
  ["a million sums", { sums: Array.from({ length: 1e6 }, () => ({ owner: "1", bytes: 1 })) }],
  ["U+0000 in an owner", { sums: [{ owner: "1\u0000", bytes: 1 }] }],
  ["an hour that is none", { hourMs: NOON + 1 }],
])("a report with %s is no report", (_, damage) => {
  const sound = { kind: "storage-report", hourMs: NOON, sums: [{ owner: "1", bytes: 1 }], isLast: true };

  expect(StorageReport.safeParse(sound).success).toBe(true);
  expect(StorageReport.safeParse({ ...sound, ...damage }).success).toBe(false);
});

test("a real agent's part measures its pool and reports it over NATS; nonsense is refused and changes nothing", async () => {
  const { pool, ids } = await poolOf(1);
  const id = await environmentIn(pool);
  const poolRoot = mkdtempSync(join(tmpdir(), "rg-pool-"));
  onTestFinished(() => rmSync(poolRoot, { recursive: true }));
  const code = join(poolRoot, `environments/${id}/code`);
  mkdirSync(code, { recursive: true });
  writeFileSync(join(code, "file"), Buffer.alloc(300_000, 1));
  const nats = await startTestNats();
  onTestFinished(() => nats.close());
  const notHere = () => Promise.resolve(refusal("not here"));
  const serving = await serveHosts(
    await nats.connectControlPlane(),
    {
      heartbeat: notHere,
      desiredSet: notHere,
      observed: notHere,
      storage: (host, request) => answerStorage({ db, now: () => new Date(NOON) }, host, request),
    },
    quietLog,
  );
  onTestFinished(() => serving.close());
  const side = await startHostSide(await nats.hostCredential(ids[0] ?? ""));
  onTestFinished(() => side.connection.close());
  const sampling = new StorageSampling({
    client: side.client,
    isConnected: () => true,
    measure: (paths, bounds) => poolBytes(paths, { ...bounds, poolRoot }),
    deletedInPool: () => Promise.resolve([]),
    monotonicMs: () => 0,
    log: quietLog,
  });
  onTestFinished(() => sampling.close());

  const nonsense = encode({
    kind: "storage-report",
    hourMs: NOON,
    sums: [{ owner: "1", bytes: -1 }],
    isLast: true,
  });
  const refused = await side.connection.request(`rg.v1.h.${ids[0]}.up.storage`, nonsense, {
    timeoutMs: 5_000,
  });
  sampling.checkWhenDue(0);
  const samples = await eventually(
    async () => {
      const found = await samplesOf(pool);
      return found.length > 0 && found;
    },
    { what: "the sample" },
  );

  expect(JSON.parse(new TextDecoder().decode(refused))).toMatchObject({
    kind: "refused",
    reason: expect.stringContaining("bytes"),
  });
  expect(samples).toEqual([[ann.workspaceId, expect.any(Number)]]);
  expect(samples[0]?.[1]).toBeGreaterThanOrEqual(300_000);
  expect(samples[0]?.[1]).toBeLessThan(400_000);
});
