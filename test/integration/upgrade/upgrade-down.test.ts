/** The way back to the old schema: byte for byte, or refused with what it would lose. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envVarSeal } from "@remotegpu/control-plane/server/link/identity/env-var-seal";
import { passwordSeal } from "@remotegpu/control-plane/server/link/identity/password-seal";
import { webhookSeal } from "@remotegpu/control-plane/server/link/identity/webhook-seal";
import { resealAll } from "@remotegpu/control-plane/server/store/secrets/resealing";
import { openTestOperator } from "../../support/engines/operator-keys.ts";
import { APPLICATION_ROLE } from "@remotegpu/control-plane/server/store/database/connection/application-role";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { migrate, migrateDown } from "@remotegpu/control-plane/server/store/migrate";
import { MigrationError } from "@remotegpu/control-plane/server/store/upgrade/migration-error";
import { AS_FOUND, type OldForm, untouchedForms } from "../../support/old-system/old-form.ts";
import { type OldRows, oldSystem, type OldSystem } from "../../support/old-system/old-database.ts";
import { oldRows } from "../../support/old-system/old-rows.ts";
import { nextIds, rowsAsText } from "../../support/old-system/rows-as-text.ts";
import { orderFree, schemaText, withoutCasts } from "../../support/old-system/schema-text.ts";
import type { FreshDatabase } from "../../support/engines/postgres.ts";

const SHRINK_UNTIL_MS = 45_000;

const RECORD = `INSERT INTO billing_records (id, customer_id, resource_type, legacy_resource_type, resource_id,
  quantity, unit_price, amount, start_time, end_time)`;

const at = "2025-03-01 12:00";
const record = { customer_id: 7, unit_price: 1, start_time: at, end_time: at };
/** Nothing in it has anything to report. */
const SMALL: OldRows = {
  customers: [{ id: 7, username: "ada", email: "ada@example.org", password_hash: "!" }],
  hosts: [{ id: "host-1", name: "one", ip_address: "10.0.0.1" }],
  environments: ["env-1", "env-2", "env-3", "env-4"].map((id) => ({
    id,
    customer_id: 7,
    host_id: "host-1",
    name: id,
    image: "busybox",
    status: "stopped",
    cpu: 1,
    memory: 1,
  })),
  port_mappings: [
    {
      id: 1,
      env_id: "env-1",
      service_type: "ssh",
      external_port: 30_001,
      internal_port: 22,
      status: "released",
    },
  ],
  training_jobs: ["job-1", "job-2", "job-3", "job-4", "job-5", "job-6"].map((id) => ({
    id,
    customer_id: 7,
    env_id: "env-1",
    name: id,
    script_path: "train.py",
    dataset_id: 1,
    model_id: 0,
    status: "completed",
  })),
  inference_services: [{ id: "svc-1", customer_id: 7, name: "svc-1", status: "stopped", replicas: 1 }],
  billing_records: [
    { ...record, id: 1, env_id: "env-1", resource_type: "gpu", quantity: 0.1, amount: 0.1 },
    { ...record, id: 2, env_id: null, resource_type: "network", quantity: 0.1, amount: 0.1 },
  ],
};

let old: OldSystem;
beforeAll(async () => {
  old = await oldSystem();
});
afterAll(() => old.drop());

test("up, down and up again: old and new rows are the same each time, names and definitions included", async () => {
  const property = fc.asyncProperty(cases(), async ({ form, rows }) => {
    const made = await old.database(form, rows);
    const { database } = made;
    const everything = async () => ({
      rows: await rowsAsText(database),
      schema: withoutCasts(orderFree(await schemaText(database))),
      ids: await nextIds(database),
    });
    try {
      const before = await everything();

      await migrate(database);
      const after = await everything();
      await migrateDown(database);
      const back = await everything();
      const granted = await grantedToApplication(database);
      await migrate(database);

      expect(back).toEqual(before);
      expect(granted).toEqual([]);
      expect(await everything()).toEqual(after);
    } finally {
      await made.drop();
    }
  });

  await fc.assert(property, { numRuns: 2, interruptAfterTimeLimit: SHRINK_UNTIL_MS });
});

/** What still knows the application's role. */
async function grantedToApplication(database: Database): Promise<object[]> {
  const { rows } = await database.query(
    `SELECT relname AS name FROM pg_class WHERE relacl::text LIKE '%${APPLICATION_ROLE}%'
     UNION ALL SELECT nspname FROM pg_namespace WHERE nspacl::text LIKE '%${APPLICATION_ROLE}%'`,
  );
  return rows;
}

test("values that were there before the upgrade and were sealed here are plain again, by whoever has the key", async () => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-down-"));
  const operator = await openTestOperator(join(folder, "operator.json"));
  const envVars = envVarSeal(operator);
  const made = await old.database(AS_FOUND, SMALL);
  try {
    const { database } = made;
    await database.query("ALTER TABLE environments ADD COLUMN env_vars jsonb");
    await database.query(`UPDATE environments SET env_vars = '{"TOKEN": "by-hand"}' WHERE id = 'env-2'`);
    const before = await rowsAsText(database);
    await migrate(database);
    const seals = { envVars, passwords: passwordSeal(operator), webhooks: webhookSeal(operator) };

    expect(await resealAll(database, { seals, of: "plain" })).toEqual({ sealed: 1, left: [] });

    expect(JSON.stringify(await rowsAsText(database))).not.toContain("by-hand");
    await expect(migrateDown(database)).rejects.toThrow(/sealed \(environments env-2\).*--state-dir/);
    await migrateDown(database, { envVars });
    expect(await rowsAsText(database)).toEqual(before);
  } finally {
    await made.drop();
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("what the old schema has no place for", () => {
  /** SQL on the new tables, and the words in which the refusal names it. */
  const LOSSES = [
    {
      sql: "UPDATE training_jobs SET mounted_datasets = '[1, 2]' WHERE id = 'job-1'",
      named: /mounted_datasets .*training_jobs job-1/,
    },
    {
      sql: "UPDATE training_jobs SET mounted_models = '[3, 4, 5]' WHERE id = 'job-2'",
      named: /mounted_models .*training_jobs job-2/,
    },
    {
      sql: "UPDATE training_jobs SET command = repeat('é', 513) WHERE id = 'job-3'",
      named: /script_path .*training_jobs job-3/,
    },
    {
      sql: "UPDATE training_jobs SET node_count = 2 WHERE id = 'job-4'",
      named: /node_count .*training_jobs job-4/,
    },
    {
      sql: "UPDATE training_jobs SET status = 'queued' WHERE id = 'job-5'",
      named: /status .*training_jobs job-5/,
    },
    {
      sql: "UPDATE training_jobs SET image = 'mine:1' WHERE id = 'job-6'",
      named: /image .*training_jobs job-6/,
    },
    {
      sql: "UPDATE inference_services SET max_replicas = 12",
      named: /max_replicas .*inference_services svc-1/,
    },
    {
      sql: "UPDATE environments SET host_id = NULL WHERE id = 'env-1'",
      named: /host_id .*environments env-1/,
    },
    {
      sql: "UPDATE environments SET deleted_at = now() WHERE id = 'env-2'",
      named: /deleted_at .*environments env-2/,
    },
    {
      sql: "UPDATE environments SET env_vars = '{}' WHERE id = 'env-3'",
      named: /env_vars .*environments env-3/,
    },
    {
      sql: "UPDATE environments SET status = 'restarting' WHERE id = 'env-4'",
      named: /status .*environments env-4/,
    },
    { sql: "UPDATE customers SET balance = 0.0001", named: /balance .*customers 7/ },
    {
      sql: `${RECORD} VALUES (91, 7, 'training', NULL, 'job-1', 1, 1, 1, now(), now())`,
      named: /resource_type .*billing_records 91/,
    },
    {
      sql: `${RECORD} VALUES (92, 7, 'legacy', 'gpu', NULL, 1, 1, 1000000, now(), now())`,
      named: /amount .*billing_records 92/,
    },
    {
      sql: `${RECORD} VALUES (93, 7, 'legacy', 'gpu', NULL, 1, 0.003333, 1, now(), now())`,
      named: /unit_price .*billing_records 93/,
    },
    {
      sql: `${RECORD} VALUES (94, 7, 'legacy', 'gpu', NULL, 0.1000000000000000055, 1, 1, now(), now())`,
      named: /quantity .*billing_records 94/,
    },
    {
      sql: "INSERT INTO invoices (id, invoice_no, customer_id, billing_period_start, billing_period_end, total_amount) VALUES (81, 'i', 7, now(), now(), 1e6)",
      named: /total_amount .*invoices 81/,
    },
    {
      sql: "INSERT INTO port_mappings (id, env_id, host_id, service_type, external_port, internal_port) VALUES (71, 'env-2', 'host-1', 'ssh', 30001, 22)",
      named: /port.*port_mappings .*71/,
    },
    {
      sql: "INSERT INTO port_mappings (id, env_id, host_id, service_type, external_port, internal_port) VALUES (72, 'env-2', 'host-1', 'tensorboard', 30002, 22)",
      named: /service_type .*port_mappings 72/,
    },
    {
      sql: "INSERT INTO port_mappings (id, env_id, host_id, service_type, external_port, internal_port, lease_id) VALUES (73, 'env-2', 'host-1', 'ssh', 30003, 22, 'lease-1')",
      named: /lease_id .*port_mappings 73/,
    },
    {
      sql: "INSERT INTO lease_orders (id, env_id, host_id, service_type, internal_port, auto_release_hours, generation, ordered_by) VALUES ('lease-1', 'env-2', 'host-1', 'ssh', 22, 48, 1, 'customer 7')",
      named: /lease_orders lease-1/,
    },
    {
      sql: "INSERT INTO api_keys (id, customer_id, prefix, key_hash) VALUES (61, 7, 'rg', 'x')",
      named: /api_keys 61/,
    },
    {
      sql: "INSERT INTO prices (id, spec, line, unit_price, billing_unit, effective_from) VALUES (51, 'a', 'spec', 1, 'hour', now())",
      named: /prices 51/,
    },
  ];
  let made: FreshDatabase;
  let before: unknown[] = [];
  let refused = "";
  beforeAll(async () => {
    made = await old.database(AS_FOUND, SMALL);
    const { database } = made;
    await migrate(database);
    for (const { sql } of LOSSES) await database.query(sql);
    before = [await schemaText(database), await rowsAsText(database)];
    await migrateDown(database).catch((error: unknown) => {
      refused = error instanceof MigrationError ? error.message : String(error);
    });
  });
  afterAll(() => made.drop());

  test.each(LOSSES)("$sql", ({ named }) => {
    expect(refused).toMatch(named);
  });

  test("nothing is touched", async () => {
    expect([await schemaText(made.database), await rowsAsText(made.database)]).toEqual(before);
  });
});

/** Without the words that are the new system's: nobody could say whether an old row or a new one had them. */
function cases(): fc.Arbitrary<{ form: OldForm; rows: OldRows }> {
  return untouchedForms.chain((form) =>
    oldRows(old.columns, form).map((rows) => ({
      form,
      rows: {
        ...rows,
        training_jobs: (rows.training_jobs ?? []).map((job) => ({
          ...job,
          status: job.status === "queued" || job.status === "stopping" ? "pending" : job.status,
        })),
      },
    })),
  );
}
