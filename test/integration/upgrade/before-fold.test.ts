/** A database that the migrations of before the fold made: it is renamed in place, or refused in one sentence and left alone. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { execa } from "execa";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import {
  type Connection,
  type Database,
  openDatabase,
} from "@remotegpu/control-plane/server/store/database/database";
import {
  assertMigrated,
  migrate,
  migrateDown,
  MIGRATIONS,
  planMigration,
  readMigrations,
} from "@remotegpu/control-plane/server/store/migrate";
import { schemaSnapshot } from "@remotegpu/control-plane/server/store/schema-snapshot";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";
import { quietLog } from "../../support/quiet-log.ts";

const COMMAND = new URL("../../../control-plane/bin/remotegpu-control-plane", import.meta.url).pathname;
/** The snapshot of the schema that the former files built. */
const FORMER_SCHEMA = gunzipSync(
  readFileSync(new URL("../../fixtures/schema-before-fold.sql.gz", import.meta.url)),
).toString();
const FORMER_FILES = readFileSync(new URL("folded.txt", MIGRATIONS), "utf8");

let made: FreshDatabase;
beforeEach(async () => {
  made = await freshDatabase({ template: "template0" });
  onTestFinished(() => made.drop());
});

async function asFormerFilesMadeIt(database: Connection): Promise<void> {
  await database.query(FORMER_SCHEMA);
  await database.query(
    `INSERT INTO schema_migrations (name, checksum)
     SELECT line[2], line[1] FROM regexp_matches($1, '^(\\w{64})  (\\w+\\.sql)$', 'gn') line`,
    [FORMER_FILES],
  );
  await database.query("INSERT INTO cluster_state DEFAULT VALUES");
  await database.query("INSERT INTO leader DEFAULT VALUES");
}

/** One row of each table that the fold renames, or of which it renames a column. */
async function fill(database: Connection): Promise<void> {
  await database.query(`
    INSERT INTO customers (id, username, email, password_hash) VALUES (1, 'ada', 'ada@example.org', 'x');
    INSERT INTO data_risks VALUES (1, '2026-01-01Z', 53, '2026-02-23Z');
    INSERT INTO hosts (id, name, ip_address, restore_shown_at, storage_asked_at) VALUES ('h1', 'h1', '', '2026-01-01Z', '2026-01-02Z');
    INSERT INTO gateways (id, name, started_at, seen_at) VALUES ('g1', 'g1', now(), now());
    INSERT INTO gateway_ways (gateway_id, host_id, way, since) VALUES ('g1', 'h1', 'reversed', '2026-01-03Z');
    INSERT INTO inference_services (id, customer_id, name, image, cpu, memory, gpu, wished_replicas, load_wish)
      VALUES ('s1', 1, 's1', 'busybox', 1, 1073741824, 0, 2, 3);
    INSERT INTO service_looks VALUES ('s1', '2026-01-04Z', 3, 'Load.', NULL, '[]');
    INSERT INTO environments (id, customer_id, name, image, cpu, memory) VALUES ('e1', 1, 'e1', 'busybox', 1, 1073741824);
    INSERT INTO idle_watches (env_id, run_id, idle_since, looked_at, cpu_told_at)
      VALUES ('e1', 'r1', '2026-01-05Z', '2026-01-06Z', '2026-01-07Z');
    INSERT INTO instances (id, workload_kind, workload_id, state) VALUES ('i1', 'training', 'j1', 'ready');
    INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes, stall)
      VALUES ('i1', 1, 'h1', '{}', '', 0, 0, 'told');
    INSERT INTO instance_figures (instance_id, run_id, told_at) VALUES ('i1', 'r1', '2026-01-08Z')`);
}

async function stateOf(database: Connection): Promise<unknown> {
  const { rows: applied } = await database.query(
    "SELECT name, checksum FROM schema_migrations ORDER BY name",
  );
  return { schema: await schemaSnapshot(database), applied };
}

/** The files of today that are not among the former ones. */
async function newFiles(): Promise<string[]> {
  const files = await readMigrations(MIGRATIONS);
  return files.filter(({ checksum }) => !FORMER_FILES.includes(checksum)).map(({ name }) => name);
}

async function freshState(): Promise<unknown> {
  const fresh = await freshDatabase();
  onTestFinished(() => fresh.drop());
  return await stateOf(fresh.database);
}

test("a database of before the fold becomes as a fresh one, and its rows stand under the new names", async () => {
  await asFormerFilesMadeIt(made.database);
  await fill(made.database);

  const { applied } = await migrate(made.database);

  expect(applied).toEqual(await newFiles());
  expect(await stateOf(made.database)).toEqual(await freshState());
  const { rows } = await made.database.query(`
    SELECT notified_day, notified_at, restore_detected_at, storage_requested_at, route, s.desired_replicas, load_replicas,
           c.desired_replicas AS recommended, w.checked_at, cpu_reported_at, stall, reported_at
      FROM data_risks, hosts, gateway_routes, inference_services s, scaling_checks c, idle_watches w, placements, instance_figures`);
  expect(rows).toEqual([
    {
      notified_day: 53,
      notified_at: new Date("2026-02-23Z"),
      restore_detected_at: new Date("2026-01-01Z"),
      storage_requested_at: new Date("2026-01-02Z"),
      route: "reversed",
      desired_replicas: 2,
      load_replicas: 3,
      recommended: 3,
      checked_at: new Date("2026-01-06Z"),
      cpu_reported_at: new Date("2026-01-07Z"),
      stall: "reported",
      reported_at: new Date("2026-01-08Z"),
    },
  ]);
  await assertMigrated(made.database);
  expect((await migrate(made.database)).applied).toEqual([]);
});

test("a file behind the folded ones that is on record stays on record", async () => {
  await asFormerFilesMadeIt(made.database);
  const view = (await readMigrations(MIGRATIONS)).find(({ name }) => name === "0016_workloads.sql");
  await made.database.query(view?.sql ?? "");
  await made.database.query(
    "INSERT INTO schema_migrations (name, checksum) VALUES ('0016_workloads.sql', $1)",
    [view?.checksum],
  );

  const { applied } = await migrate(made.database);

  expect(applied).toEqual((await newFiles()).filter((name) => name !== "0016_workloads.sql"));
  expect(await stateOf(made.database)).toEqual(await freshState());
});

test("two processes that rename a database of before the fold at once leave it as one does", async () => {
  await asFormerFilesMadeIt(made.database);

  await Promise.all([migrate(made.url), migrate(made.url)]);

  expect(await stateOf(made.database)).toEqual(await freshState());
});

test("a renamed database goes back to the old system's schema", async () => {
  await asFormerFilesMadeIt(made.database);
  await migrate(made.database);

  await migrateDown(made.database);

  const { rows } = await made.database.query(
    "SELECT to_regclass('gateway_routes') AS gone, to_regclass('hosts')::text AS old",
  );
  expect(rows).toEqual([{ gone: null, old: "hosts" }]);
});

test("a dry run names the folded files and writes nothing", async () => {
  await asFormerFilesMadeIt(made.database);
  const before = await stateOf(made.database);

  const { applied } = await planMigration(made.database);

  expect(applied).toEqual(await newFiles());
  expect(await stateOf(made.database)).toEqual(before);
});

test.each([
  ["a service that does not migrate", assertMigrated],
  ["migrate down", migrateDown],
])("%s wants a database of before the fold migrated first", async (_, work) => {
  await asFormerFilesMadeIt(made.database);

  await expect((async () => await work(made.database))()).rejects.toThrow(
    /has the names of before the migrations were folded: run "remotegpu-control-plane migrate" first/,
  );
});

test.each([
  [
    "lacks one of the former files",
    "DELETE FROM schema_migrations WHERE name = '0051_gpu_history.sql'",
    "0051_gpu_history",
  ],
  [
    "has one of another text",
    "UPDATE schema_migrations SET checksum = 'other' WHERE name LIKE '0074%'",
    "0074_reasons_of_events",
  ],
  [
    "has one that nobody knows",
    "INSERT INTO schema_migrations (name, checksum) VALUES ('9999_later.sql', 'x')",
    "9999_later",
  ],
])("a database of before the fold that %s is refused, and nothing is changed", async (_, change, file) => {
  await asFormerFilesMadeIt(made.database);
  await made.database.query(change);
  const before = await stateOf(made.database);

  for (const work of [migrate, planMigration, assertMigrated, migrateDown])
    await expect(work(made.database)).rejects.toThrow(
      `this database has some of the migrations of before the fold and not all of them (${file}.sql), and stays as it is: ` +
        "run the migrate of the version that began them first, and then this one",
    );

  expect(await stateOf(made.database)).toEqual(before);
});

test("a database on which a control plane leads keeps its names", async () => {
  await asFormerFilesMadeIt(made.database);
  await made.database.query("UPDATE leader SET holder = 'cp-1', lease_until = now() + interval '1 min'");
  const before = await stateOf(made.database);

  await expect(migrate(made.database, { waitMs: 0 })).rejects.toThrow(
    "a control plane runs on this database (cp-1), whose tables get other names; stop it and run this again",
  );

  expect(await stateOf(made.database)).toEqual(before);
});

test("a database of before the fold whose schema is another one stays as it is", async () => {
  await asFormerFilesMadeIt(made.database);
  await made.database.query("ALTER TABLE hosts DROP COLUMN clock_offset_ms");
  const before = await stateOf(made.database);

  await expect(migrate(made.database)).rejects.toThrow(/lacks:\nhosts\.clock_offset_ms bigint/);

  expect(await stateOf(made.database)).toEqual(before);
});

test("the command migrate renames the embedded database of a state folder of before the fold", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "remotegpu-before-fold-"));
  onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }));
  chmodSync(stateDir, 0o711);
  await withPostgresIn(stateDir, asFormerFilesMadeIt);

  const { stdout } = await execa(COMMAND, ["migrate", "--state-dir", stateDir], { timeout: 60_000 });

  expect(stdout).toMatch(/^Applied: 0002_the_change\.sql, /m);
  expect(await withPostgresIn(stateDir, stateOf)).toEqual(await freshState());
});

async function withPostgresIn<T>(stateDir: string, work: (database: Database) => Promise<T>): Promise<T> {
  const server = await startPostgres({ stateDir, log: quietLog });
  const database = openDatabase(server.url, { maxConnections: 1, runsAs: "owner" });
  try {
    return await work(database);
  } finally {
    await database.close();
    await server.stop();
  }
}
