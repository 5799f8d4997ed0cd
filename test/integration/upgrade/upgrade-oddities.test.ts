/** Old databases that differ from what was written down: taken along, or refused before anything is touched. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { migrate, migrateDown } from "@remotegpu/control-plane/server/store/migrate";
import { oldSystem, type OldRows, type OldSystem } from "../../support/old-system/old-database.ts";
import { AS_FOUND } from "../../support/old-system/old-form.ts";
import { rowsAsText } from "../../support/old-system/rows-as-text.ts";
import { orderFree, schemaText } from "../../support/old-system/schema-text.ts";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";

const environment = {
  customer_id: 7,
  host_id: "host-1",
  image: "busybox",
  cpu: 1,
  memory: 1,
  status: "stopped",
};
const job = { customer_id: 7, name: "job", script_path: "train.py", model_id: 3, status: "completed" };
const record = {
  customer_id: 7,
  env_id: "env-1",
  resource_type: "gpu",
  quantity: 0.1,
  unit_price: 1,
  amount: 1,
};
const ROWS: OldRows = {
  customers: [{ id: 7, username: "ada", email: "ada@example.org", password_hash: "!" }],
  environments: [
    { ...environment, id: "env-1", name: "one" },
    { ...environment, id: "env-2", name: "two" },
  ],
  port_mappings: [
    {
      id: 1,
      env_id: "env-1",
      service_type: "ssh",
      external_port: 30_001,
      internal_port: 22,
      status: "active",
    },
  ],
  training_jobs: [
    { ...job, id: "job-1" },
    { ...job, id: "job-2", model_id: null },
  ],
  billing_records: [
    { ...record, id: 1, start_time: "2025-03-01 12:00", end_time: "2025-03-01 12:01" },
    // Postgres has no interval for what lies between.
    { ...record, id: 2, start_time: "4714-11-24 00:00:00 BC", end_time: "294276-12-31 23:59:59.999999" },
  ],
};

let old: OldSystem;
beforeAll(async () => {
  old = await oldSystem();
});
afterAll(() => old.drop());

describe("taken along", () => {
  /** All at once: none of them gets in another's way. */
  const ODDITIES = `
    ALTER TABLE training_jobs ADD command VARCHAR(512) NOT NULL DEFAULT '', ADD node_count BIGINT DEFAULT 3,
      ADD mounted_datasets TEXT DEFAULT '[3]', ADD mounted_models JSON NOT NULL DEFAULT '[]', ADD image VARCHAR(100),
      ALTER script_path TYPE text, ALTER updated_at TYPE timestamptz, ALTER created_at TYPE timestamp(3);
    ALTER TABLE customers ADD balance double precision DEFAULT 0.1;
    ALTER TABLE environments ADD deleted_at TIMESTAMPTZ DEFAULT '2025-01-01 00:00+05';
    ALTER TABLE billing_records ADD resource_id TEXT, ADD billing_minutes BIGINT, ALTER amount TYPE numeric(12,2), ALTER customer_id TYPE int;
    INSERT INTO billing_records (id, customer_id, env_id, resource_type, quantity, unit_price, amount, start_time, end_time)
      VALUES (3, 7, 'env-1', 'gpu', 0.1, 1, 1, '2025-03-01 12:00', '2025-03-01 11:00');
    ALTER TABLE hosts DROP labels;
    DROP TABLE images, dataset_versions;
    DROP INDEX idx_training_jobs_status;
    CREATE INDEX idx_billing_records_resource ON billing_records (amount);
    ALTER TABLE environments RENAME CONSTRAINT environments_pkey TO one;
    ALTER TABLE hosts RENAME CONSTRAINT hosts_pkey TO environments_pkey;
    CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';`;
  let made: FreshDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await old.database(AS_FOUND, ROWS);
    database = made.database;
    await database.query(ODDITIES);
    await migrate(database);
  });
  afterAll(() => made.drop());

  test("other types, missing tables and indexes, and conflicting names end in the schema of a fresh database", async () => {
    const fresh = await freshDatabase();
    const schema = orderFree(await schemaText(fresh.database));
    await fresh.drop();

    expect(orderFree(await schemaText(database))).toBe(schema);
  });

  test("what stood in columns of other types stays", async () => {
    const after = await rowsAsText(database);

    expect(after.training_jobs).toMatchObject([
      { command: "train.py", node_count: "3", mounted_datasets: "[3]", mounted_models: "[3]" },
      { command: "train.py", node_count: "3", mounted_datasets: "[3]", mounted_models: null },
    ]);
    expect(after.customers).toMatchObject([{ balance: "0.1000" }]);
    expect(after.environments).toMatchObject([
      { deleted_at: "2024-12-31 19:00:00" },
      { deleted_at: "2024-12-31 19:00:00" },
    ]);
    expect(after.billing_records).toMatchObject([
      { resource_id: "env-1", billing_minutes: "1", amount: "1.0000" },
      { resource_id: "env-1", billing_minutes: null, amount: "1.0000" },
      { resource_id: "env-1", billing_minutes: null, amount: "1.0000" },
    ]);
  });

  test("a record whose times give no minutes is reported", async () => {
    const { rows } = await database.query(
      "SELECT finding, row_id FROM upgrade_findings WHERE column_name = 'billing_minutes' ORDER BY row_id",
    );

    expect(rows).toEqual([
      { finding: "no source", row_id: "2" },
      { finding: "no source", row_id: "3" },
    ]);
  });
});

test("triggers and tables of others are left alone, up and down", async () => {
  const made = await old.database(AS_FOUND, ROWS);
  const { database } = made;
  await database.query(`
    CREATE FUNCTION no_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no changes here''; END';
    CREATE TRIGGER no_change BEFORE UPDATE ON billing_records FOR EACH ROW EXECUTE FUNCTION no_change();
    CREATE TRIGGER off BEFORE UPDATE ON training_jobs FOR EACH ROW EXECUTE FUNCTION no_change();
    ALTER TABLE training_jobs DISABLE TRIGGER off;
    CREATE TABLE mine (LIKE training_jobs, FOREIGN KEY (id) REFERENCES training_jobs (id));
    CREATE TRIGGER mine BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
    CREATE INDEX my_index ON training_jobs (name);
    ALTER TABLE customers ADD my_own int DEFAULT 4`);
  const others = async () => {
    const { rows } = await database.query(
      `SELECT tgname, tgenabled::text FROM pg_trigger WHERE tgname IN ('no_change', 'off', 'mine') ORDER BY 1`,
    );
    return [rows, (await rowsAsText(database)).customers.map((row) => row.my_own)];
  };
  const before = [await others(), orderFree(await schemaText(database)), await rowsAsText(database)];

  await migrate(database);
  const between = await others();
  await migrateDown(database);

  expect(between).toEqual(before[0]);
  expect([await others(), orderFree(await schemaText(database)), await rowsAsText(database)]).toEqual(before);
  await made.drop();
});

describe("refused, and nothing is touched", () => {
  const REFUSED = [
    {
      sql: "UPDATE training_jobs SET dataset_id = -1 WHERE id = 'job-1'",
      undo: "UPDATE training_jobs SET dataset_id = NULL",
      text: /training_jobs job-1: a dataset_id below zero/,
    },
    {
      sql: "ALTER TABLE port_mappings DROP CONSTRAINT uq_one_port; INSERT INTO port_mappings VALUES (2, 'env-2', 'ssh', 30001, 22, NULL)",
      undo: "DELETE FROM port_mappings WHERE id = 2",
      text: /port_mappings 1 and 2: two leases/,
    },
    ...["VIEW", "MATERIALIZED VIEW"].map((view) => ({
      sql: `CREATE ${view} shown AS SELECT id FROM training_jobs`,
      undo: `DROP ${view} shown`,
      text: /views show the old tables.*: shown \(of training_jobs\)/,
    })),
    {
      sql: "CREATE TABLE schema_migrations (version bigint)",
      undo: "DROP TABLE schema_migrations",
      text: /schema_migrations of another tool/,
    },
    ...[
      {
        table: "training_jobs",
        column: "mounted_datasets",
        as: "JSONB DEFAULT '[1, 2, 3, 4]'",
        text: /mounted_datasets_check.*job-1, job-2/,
      },
      {
        table: "environments",
        column: "mounted_models",
        as: `JSONB DEFAULT '[{"id": 1, "path": "/data", "readonly": true}]'`,
        text: /mounted_models_check.*env-1, env-2/,
      },
      {
        table: "customers",
        column: "overdue_status",
        as: "VARCHAR(20) DEFAULT 'frozen'",
        text: /customers_overdue_status_check.*: 7;/,
      },
      {
        table: "billing_records",
        column: "billing_unit",
        as: "VARCHAR(20) DEFAULT 'week'",
        text: /billing_records_billing_unit_check.*: 1, 2;/,
      },
      {
        table: "training_jobs",
        column: "image",
        as: "TEXT DEFAULT repeat('é', 257)",
        text: /training_jobs job-1, job-2: image does not fit/,
      },
      {
        table: "customers",
        column: "balance",
        as: "double precision DEFAULT 0.12345",
        text: /customers 7: balance does not fit/,
      },
      {
        table: "environments",
        column: "env_vars",
        as: "BIGINT[] DEFAULT '{3}'",
        text: /cannot cast type bigint\[\] to jsonb/,
      },
    ].map(({ table, column, as, text: report }) => ({
      sql: `ALTER TABLE ${table} ADD ${column} ${as}`,
      undo: `ALTER TABLE ${table} DROP ${column}`,
      text: report,
    })),
  ];
  let made: FreshDatabase;
  beforeAll(async () => {
    made = await old.database(AS_FOUND, ROWS);
  });
  afterAll(() => made.drop());

  test.each(REFUSED)("$sql", async ({ sql, undo, text: report }) => {
    const { database } = made;
    await database.query(sql);
    const before = [await schemaText(database), await rowsAsText(database)];

    await expect(migrate(database)).rejects.toThrow(report);

    expect([await schemaText(database), await rowsAsText(database)]).toEqual(before);
    await database.query(undo);
  });
});
