/** What the control plane serves at /metrics: every family of its table, bounded, and read at most every few seconds. */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createCustomerTopUp } from "@remotegpu/control-plane/client/generated/api";
import { CONTROL_PLANE_FAMILIES } from "@remotegpu/control-plane/server/core/metrics/families";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { StoreError } from "@remotegpu/control-plane/server/store/database/store-error";
import { METRIC_PREFIX } from "@remotegpu/shared/metrics/metric-family";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let ann: Caller & { workspaceId: number };
let host: ScriptedHost;

beforeAll(async () => {
  scene = await openControlScene();
  ann = await scene.customer("ann");
  host = await scene.host("host-a", { gpus: 2 });
});
afterAll(async () => await scene.close());

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
if (!hasPromtool) console.warn("promtool is not installed here: what it would check of metrics is left out.");

async function scraped(app = scene.api.app): Promise<string> {
  const answer = await app.request("/metrics");
  expect(answer.status).toBe(200);
  return await answer.text();
}

/** Rows that came are counted one reading after the one that saw them. */
async function scrapedLater(): Promise<string> {
  for (let reading = 0; reading < 2; reading += 1) {
    scene.api.passMinutes(1);
    await scraped();
  }
  return await scraped();
}

function valueOf(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${METRIC_PREFIX}${series} `));
  return Number(line?.slice(METRIC_PREFIX.length + series.length + 1));
}

function seriesOf(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) => (line === "" || line.startsWith("#") ? [] : [line.replace(/ \S+$/, "")]));
}

/** The database by a handle that counts statements of readings; `fails` makes it unreachable. */
function watchedDatabase({ fails = false } = {}): { db: Database; readings: () => number } {
  let readings = 0;
  const { db } = scene.api.deps;
  const query: Database["query"] = async (text, values) => {
    if (fails) throw new StoreError("cannot reach Postgres: ECONNREFUSED", null);
    if (text.includes("pg_stat_replication")) readings += 1;
    return await db.query(text, values);
  };
  return { db: { ...db, query }, readings: () => readings };
}

test("every family that has a value is served with its help and type, in the order of the table", async () => {
  const text = await scraped();

  const served = [...text.matchAll(/^# TYPE remotegpu_(\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
  const absent = ["db_replication_lag_seconds", "jetstream_replica_lag_messages"];
  const expected = CONTROL_PLANE_FAMILIES.filter(({ name }) => !absent.includes(name));
  expect(served).toEqual(expected.map(({ name, type }) => [name, type]));
  for (const { name, help } of expected.slice(0, 3))
    expect(text).toContain(`# HELP remotegpu_${name} ${help}`);
});

test.skipIf(!hasPromtool)(
  "promtool finds nothing wrong with what is served (left out where it is not installed)",
  async () => {
    const input = await scraped();

    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input,
      encoding: "utf8",
    });

    expect({ status, reported: stdout + stderr }).toEqual({ status: 0, reported: "" });
  },
);

test("requests are counted by the pattern of their route, and unknown paths as one", async () => {
  await scene.api.request("GET", `/api/v1/hosts/${host.id}`, { as: scene.api.admin });
  await scene.api.request("GET", "/no-such-path-1");
  await scene.api.request("GET", "/api/v1/no-such-path-2/x");

  const text = await scraped();

  const route = 'method="GET",route="/api/v1/hosts/:id"';
  expect(valueOf(text, `http_requests_total{${route},status="200"}`)).toBe(1);
  expect(valueOf(text, `http_request_duration_seconds_count{${route},status_class="2xx"}`)).toBe(1);
  expect(valueOf(text, `http_request_duration_seconds_bucket{${route},status_class="2xx",le="+Inf"}`)).toBe(
    1,
  );
  expect(valueOf(text, 'http_requests_total{method="GET",route="unmatched",status="404"}')).toBe(2);
  expect(text).not.toContain("no-such-path");
});

test("an order that waits is counted by why it waits, and its start by the time of each phase", async () => {
  await scrapedLater();
  const { body } = await scene.order(ann, { gpu: 1 });
  scene.api.passMinutes(1);
  const waiting = await scraped();
  await host.heartbeat();
  const { tried } = await scene.schedule();
  await host.round();
  expect((await scene.get(ann, body.id)).status).toBe("running");

  const text = await scrapedLater();

  expect(tried).toEqual([{ kind: "environment", result: "placed", waitedMs: expect.any(Number) }]);
  expect(tried[0]?.waitedMs).toBeGreaterThanOrEqual(59_000);
  expect(valueOf(waiting, 'queue_orders{kind="environment",reason="room"}')).toBe(1);
  expect(valueOf(waiting, 'queue_oldest_age_seconds{kind="environment"}')).toBeGreaterThanOrEqual(59);
  expect(valueOf(text, 'queue_orders{kind="environment",reason="room"}')).toBe(0);
  expect(valueOf(text, 'environment_start_duration_seconds_count{phase="queue"}')).toBe(1);
  expect(valueOf(text, 'environment_start_duration_seconds_sum{phase="queue"}')).toBeGreaterThanOrEqual(59);
  expect(valueOf(text, 'environment_start_duration_seconds_count{phase="pull"}')).toBe(0);
  expect(valueOf(text, 'environment_start_duration_seconds_count{phase="ready"}')).toBe(1);
});

test("each GPU is counted in one state: held, free, cordoned or missing", async () => {
  const count = async (state: string) => {
    scene.api.passMinutes(1);
    return valueOf(await scraped(), `gpus_by_state{model="NVIDIA L4",state="${state}"}`);
  };
  await scene.host("host-b", { gpus: 2 });
  await scene.api.db.query("UPDATE gpus SET cordoned = true WHERE uuid = 'GPU-host-b-000000'");
  await scene.api.db.query("UPDATE gpus SET vanished_at = now() WHERE uuid = 'GPU-host-b-000001'");

  expect({
    held: await count("held"),
    free: await count("free"),
    cordoned: await count("cordoned"),
    missing: await count("missing"),
  }).toEqual({ held: 1, free: 1, cordoned: 1, missing: 1 });
});

test("points of charges and credits are counted, each row once", async () => {
  const credited = 'credited_points_total{cause="topup"}';
  const charged = 'charges_points_total{line="gpu"}';
  const before = await scrapedLater();
  await scene.api.send(createCustomerTopUp(ann.customerId, { amount: "12.5" }), scene.api.admin);
  await scene.api.db.query(
    `INSERT INTO billing_records (customer_id, resource_type, line, quantity, unit_price, amount, start_time, end_time)
     VALUES ($1, 'environment', 'gpu:NVIDIA L4', 1, 6, 6, now(), now()), ($1, 'environment', 'gpu', 1, 6, -2, now(), now())`,
    [ann.customerId],
  );

  const after = await scrapedLater();
  const later = await scrapedLater();

  expect(valueOf(after, credited) - valueOf(before, credited)).toBe(12.5);
  expect(valueOf(after, charged) - valueOf(before, charged)).toBe(6);
  expect([valueOf(later, credited), valueOf(later, charged)]).toEqual([
    valueOf(after, credited),
    valueOf(after, charged),
  ]);
});

test("refused usage is counted by its reason, and a reason that is not known among the others", async () => {
  await scrapedLater();
  await scene.api.db.query(
    "INSERT INTO quarantine (host_id, reason) VALUES ($1, 'over-claim'), ($1, 'over-claim'), ($1, 'of a later version')",
    [host.id],
  );

  const text = await scrapedLater();

  expect(valueOf(text, 'usage_rejected_rows_total{reason="over-claim"}')).toBe(2);
  expect(valueOf(text, 'usage_rejected_rows_total{reason="other"}')).toBe(1);
});

test("usage of a run that ended and was not charged is as old as its end", async () => {
  const { rows } = await scene.api.db.query<{ id: string }>("SELECT id FROM runs LIMIT 1");
  const closedAt = new Date(scene.api.deps.now().getTime() - 1_200_000);
  await scene.api.db.query("UPDATE runs SET uncharged = true, closed_at = $2 WHERE id = $1", [
    rows[0]?.id,
    closedAt,
  ]);

  const text = await scrapedLater();

  const age = valueOf(text, "usage_unrated_oldest_age_seconds");
  expect(age).toBeGreaterThanOrEqual(1_200);
  await scene.api.db.query("UPDATE runs SET uncharged = false, closed_at = NULL WHERE id = $1", [
    rows[0]?.id,
  ]);
  expect(valueOf(await scrapedLater(), "usage_unrated_oldest_age_seconds")).toBe(0);
});

test("the last backup is as old as its snapshot", async () => {
  const takenAt = new Date(scene.api.deps.now().getTime() - 90_000_000);
  await scene.api.db.query("UPDATE cluster_state SET backup_taken_at = $1", [takenAt]);

  const age = valueOf(await scrapedLater(), "backup_age_seconds");

  expect(age).toBeGreaterThanOrEqual(90_000);
  expect(age).toBeLessThan(100_000);
});

test("hosts have series of their own from the server that leads alone", async () => {
  const follower = createApp({
    ...scene.api.deps,
    metrics: { ...scene.api.deps.metrics, isLeader: () => false },
  });
  await scene.api.db.query(
    "UPDATE host_journals SET head_seq = watermark + 7 WHERE host_id = $1 AND journal_id = $2",
    [host.id, host.journalId],
  );

  const [led, followed] = [await scrapedLater(), await scraped(follower)];

  expect(valueOf(led, "control_plane_is_leader")).toBe(1);
  expect(valueOf(led, `host_journal_lag_rows{host="${host.id}"}`)).toBe(7);
  expect(valueOf(led, `host_heartbeat_age_seconds{host="${host.id}"}`)).toBeGreaterThan(60);
  expect(valueOf(followed, "control_plane_is_leader")).toBe(0);
  expect(valueOf(followed, 'hosts{connection="connected"}')).toBe(2);
  const byLeader = /^remotegpu_(host_|charges_|credited_|usage_rejected_|environment_start_)/;
  expect(seriesOf(followed).filter((series) => byLeader.test(series))).toEqual([]);
});

test("a host that was revoked has no series of its own any more", async () => {
  const { id } = await scene.host("host-revoked");
  const before = await scrapedLater();
  await scene.api.request("POST", `/api/v1/hosts/${id}/revoke`, { as: scene.api.admin, body: {} });

  const after = await scrapedLater();

  expect(before).toContain(`remotegpu_host_heartbeat_age_seconds{host="${id}"}`);
  expect(after).not.toContain(`host="${id}"`);
});

test("many scrapes at once, and in a loop, read the database once in five seconds", async () => {
  scene.api.stopClock();
  const { db, readings } = watchedDatabase();
  const app = createApp({ ...scene.api.deps, db });

  await Promise.all(Array.from({ length: 50 }, async () => await scraped(app)));
  for (let scrape = 0; scrape < 10; scrape += 1) await scraped(app);
  const inOneMoment = readings();
  scene.api.passMinutes(1);
  await scraped(app);

  expect([inOneMoment, readings()]).toEqual([1, 2]);
});

test("while the database is away, what the process itself has is served", async () => {
  const { db } = watchedDatabase({ fails: true });

  const text = await scraped(createApp({ ...scene.api.deps, db }));

  expect(valueOf(text, "control_plane_is_leader")).toBe(1);
  expect(text).toContain("remotegpu_db_pool_connections");
  expect(text).not.toContain("remotegpu_gpus ");
});

test("with 50 hosts of 8 GPUs and 1,000 churned environments the series are bounded, and name none of them", async () => {
  const before = seriesOf(await scrapedLater());
  await scene.api.db.query(
    `INSERT INTO hosts (id, name, ip_address, connection, last_heartbeat)
     SELECT 'host-' || n, 'host-' || n, '10.0.0.1', 'connected', now() FROM generate_series(1, 50) n`,
  );
  await scene.api.db.query(
    `INSERT INTO gpus (host_id, gpu_index, uuid, name)
     SELECT 'host-' || n, g, 'GPU-' || n || '-' || g, 'Model ' || n FROM generate_series(1, 50) n, generate_series(0, 7) g`,
  );
  await scene.api.db.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, created_at, deleted_at)
     SELECT 'env-churned-' || n, $1, $2, 'churned', 'busybox', 'stopped', 1, 1, now(), now() FROM generate_series(1, 1000) n`,
    [ann.customerId, ann.workspaceId],
  );
  await scene.api.db.query(
    `INSERT INTO events (workload_kind, workload_id, kind, old, new)
     SELECT 'environment', 'env-churned-' || n, 'status', 'creating', 'running' FROM generate_series(1, 1000) n`,
  );

  const text = await scrapedLater();

  const after = seriesOf(text);
  const models = new Set([...text.matchAll(/model="([^"]*)"/g)].map(([, model]) => model));
  expect(models.size).toBe(30);
  expect(valueOf(text, 'gpus_by_state{model="other",state="free"}')).toBeGreaterThan(0);
  // Two series of each host, and four of each model.
  expect(after.length - before.length).toBeLessThanOrEqual(50 * 2 + 29 * 4);
  expect(after.filter((series) => !series.startsWith(`${METRIC_PREFIX}http_`)).length).toBeLessThanOrEqual(
    400 + 2 * 52,
  );
  expect(text).not.toContain("env-churned");
});
