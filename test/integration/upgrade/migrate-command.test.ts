/** What `migrate` prints and refuses, on a database of the old system. */
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  migrateCommand,
  type MigrateCommandOptions,
} from "@remotegpu/control-plane/server/commands/migrate-command";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { schemaSnapshot } from "@remotegpu/control-plane/server/store/schema-snapshot";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";

const OLD_SYSTEM = new URL("../../fixtures/old-system.sql", import.meta.url);

let old: FreshDatabase;
beforeEach(async () => {
  old = await freshDatabase({ template: "template0" });
  await old.database.query(await readFile(OLD_SYSTEM, "utf8"));
  await old.database.query(`
    INSERT INTO customers (username, email, password_hash) VALUES ('ada', 'ada@example.org', 'x');
    INSERT INTO environments (id, customer_id, host_id, name, image, status, cpu, memory)
      VALUES ('env-1', 1, 'host-1', 'one', 'pytorch', 'stopped', 2, 1000);
    INSERT INTO training_jobs (id, customer_id, env_id, name, script_path, dataset_id, status) VALUES
      ('job-1', 1, 'env-1', 'a', 'train.py --epochs 3', 7, 'completed'), ('job-2', 1, NULL, 'b', NULL, NULL, 'pending')`);
});
afterEach(() => old.drop());

async function run(
  direction: "up" | "down",
  options: MigrateCommandOptions = {},
): Promise<{ output: string; reported: string[] }> {
  const output: string[] = [];
  const reported: string[] = [];
  await migrateCommand(old.database, direction, options, {
    print: (text) => output.push(text),
    report: (text) => reported.push(text),
  });
  return { output: output.join("\n"), reported };
}

test("the dry run shows steps and report as tables, and writes nothing", async () => {
  const before = await schemaSnapshot(old.database);

  const { output } = await run("up", { dryRun: true });

  expect(output).toMatch(/step +rows it would touch/);
  expect(output).toMatch(/fill training_jobs: .* 2$/m);
  expect(output).toMatch(/training_jobs\.image +1 +the environment's image/);
  expect(output).toMatch(/no source +training_jobs\.command +1 +job-2 +NULL +"" +there was no script_path/);
  expect(output).toMatch(/review +training_jobs\.command +1 +job-1/);
  expect(output).toMatch(/changed +training_jobs\.status +1 +job-2 +"pending" +"cancelled"/);
  expect(output).toMatch(/Nothing was written\. To be applied: 0001_old_tables\.sql/);
  expect(await schemaSnapshot(old.database)).toBe(before);
});

test("for scripts the same is one document, the same before and after", async () => {
  const before = JSON.parse((await run("up", { dryRun: true, json: true })).output) as object;
  const after = JSON.parse((await run("up", { json: true })).output) as object;

  expect(after).toEqual({ ...before, dry_run: false });
});

test("a second run reports that there is nothing to do", async () => {
  await run("up");

  expect((await run("up")).output).toBe("The schema is up to date.");
  expect((await run("up", { dryRun: true })).output).toBe("The schema is up to date.");
});

test("--strict refuses what has anything to report, and changes nothing", async () => {
  const before = await schemaSnapshot(old.database);

  await expect(run("up", { strict: true })).rejects.toThrow(
    /^the upgrade has something to report.*no source: training_jobs\.command \(1\).*nothing was changed/,
  );
  await expect(run("up", { dryRun: true, strict: true })).rejects.toThrow(/--strict asks for nothing/);
  expect(await schemaSnapshot(old.database)).toBe(before);
});

test("whoever uses the tables is named, and nothing is changed", async () => {
  const before = await schemaSnapshot(old.database);
  const service = openDatabase(`${old.url}?application_name=old-service`, { maxConnections: 1 });
  const client = await service.pool.connect();
  await client.query("SET application_name = 'old service'; BEGIN; SELECT * FROM training_jobs");

  await expect(run("up", { wait: 1 })).rejects.toThrow(
    /the tables are in use by process \d+ of Postgres \("old service", idle in transaction for \d+ s: .*training_jobs.*\).*Nothing was changed/,
  );

  client.release(true);
  await service.close();
  expect(await schemaSnapshot(old.database)).toBe(before);
});

test("the downgrade is refused while a control plane leads, and then restores the old tables", async () => {
  await run("up");
  await old.database.query("UPDATE leader SET holder = 'cp-1', lease_until = now() + interval '1 minute'");
  await expect(run("down")).rejects.toThrow("a control plane runs on this database (cp-1); stop it");

  await old.database.query("UPDATE leader SET holder = NULL");
  expect((await run("down")).output).toBe("The database has the old system's schema again.");

  const { rows } = await old.database.query(
    "SELECT id, script_path, dataset_id, status FROM training_jobs ORDER BY id",
  );
  expect(rows).toEqual([
    { id: "job-1", script_path: "train.py --epochs 3", dataset_id: 7, status: "completed" },
    { id: "job-2", script_path: null, dataset_id: null, status: "pending" },
  ]);
  await expect(run("down")).rejects.toThrow("this database does not have our schema");
});

test("options of the other direction are refused", async () => {
  await expect(run("down", { dryRun: true })).rejects.toThrow("belong to the way up");
  await expect(run("up", { discard: ["events"] })).rejects.toThrow("belongs to the way down");
});
