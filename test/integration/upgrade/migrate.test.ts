/** What `migrate` does to a database: fresh, with the old system's tables, twice, at once, on both versions we promise. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import {
  assertMigrated,
  migrate,
  MIGRATIONS,
  readMigrations,
} from "@remotegpu/control-plane/server/store/migrate";
import { schemaSnapshot, SNAPSHOT } from "@remotegpu/control-plane/server/store/schema-snapshot";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";
import { startThrowawayPostgres } from "../../support/engines/postgres-servers/throwaway-postgres.ts";

const OLD_SYSTEM = new URL("../../fixtures/old-system.sql", import.meta.url);
const MIGRATE = new URL("../../../control-plane/server/store/migrate.ts", import.meta.url);

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

test("the snapshot in the repository is what the migrations build, on the version we ship and on Postgres 15", async () => {
  const snapshot = await readFile(SNAPSHOT, "utf8");
  const ours = await fresh();
  const fifteen = await startThrowawayPostgres(15);
  opened.push(() => fifteen.stop());
  const oldest = await fresh({ serverUrl: fifteen.url, template: "template0" });

  await migrate(oldest.database);

  expect(await versionOf(ours)).toMatch(/^18\./);
  expect(await versionOf(oldest)).toMatch(/^15\./);
  expect(await schemaSnapshot(ours.database)).toBe(snapshot);
  expect(await schemaSnapshot(oldest.database)).toBe(snapshot);
});

test("the snapshot is SQL: run in an empty database it makes the same schema", async () => {
  const { database } = await empty();
  const snapshot = await readFile(SNAPSHOT, "utf8");

  await database.query(snapshot);

  expect(await schemaSnapshot(database)).toBe(snapshot);
});

test("migrating twice applies everything once", async () => {
  const { database } = await empty();
  const lines: string[] = [];

  const first = await migrate(database, { log: (line) => lines.push(line) });
  const second = await migrate(database);

  expect(first.applied[0]).toBe("0001_old_tables.sql");
  expect(lines.filter((line) => line.startsWith("applied "))).toHaveLength(first.applied.length);
  expect(second.applied).toEqual([]);
  await assertMigrated(database);
});

test("a file that takes longer than people like to wait reports so while it goes on and when it is done", async () => {
  const { database } = await empty();
  const lines: string[] = [];

  await migrate(database, { log: (line) => lines.push(line), reportAfterMs: 1 });

  const ofTheFirst = lines.slice(0, lines.indexOf("applied 0001_old_tables.sql"));
  expect(ofTheFirst).toEqual([
    expect.stringMatching(/^0001_old_tables\.sql: \d+\.\d s …$/),
    expect.stringMatching(/^0001_old_tables\.sql: done in \d+\.\d s$/),
  ]);
});

test("processes that migrate at once apply everything once between them", async () => {
  const { url, database } = await empty();
  const program = `
    import { migrate } from ${JSON.stringify(MIGRATE.href)};
    process.stdout.write(JSON.stringify((await migrate(process.argv[1])).applied));`;
  const run = async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--input-type=module",
      "-e",
      program,
      url,
    ]);
    return JSON.parse(stdout) as string[];
  };

  const applied = (await Promise.all([run(), run(), run()])).flat();

  expect(applied.sort()).toEqual((await readMigrations(MIGRATIONS)).map(({ name }) => name));
  expect(await schemaSnapshot(database)).toBe(await readFile(SNAPSHOT, "utf8"));
});

test("each migration can be run again over its own result and over the final schema", async () => {
  const { database } = await fresh();
  const migrations = await readMigrations(MIGRATIONS);

  for (const { sql } of migrations) await database.query(sql);
  for (const { sql } of migrations.flatMap((migration) => [migration, migration])) await database.query(sql);

  expect(await schemaSnapshot(database)).toBe(await readFile(SNAPSHOT, "utf8"));
});

test("the old system's tables end in the same schema, whatever their constraints and triggers were called", async () => {
  const { database } = await empty();
  await database.query(await readFile(OLD_SYSTEM, "utf8"));

  await migrate(database);

  expect(await schemaSnapshot(database)).toBe(await readFile(SNAPSHOT, "utf8"));
});

test("accounts and catalogues of the old system come along, their times read as UTC", async () => {
  const { database } = await empty();
  await database.query(await readFile(OLD_SYSTEM, "utf8"));
  await database.query(`
    INSERT INTO customers (username, email, password_hash, created_at, updated_at)
      VALUES ('ada', 'ada@example.org', 'x', '2025-03-01 12:00', '2025-03-02 12:00');
    INSERT INTO datasets (customer_id, name, storage_path) VALUES (1, 'tiny', 'a/1'), (404, 'nobody''s', 'b/1')`);

  await migrate(database);

  const customers = await database.query(
    "SELECT username, balance, overdue_status, created_at, updated_at FROM customers",
  );
  expect(customers.rows).toEqual([
    {
      username: "ada",
      balance: "0.0000",
      overdue_status: "normal",
      created_at: new Date("2025-03-01T12:00:00Z"),
      updated_at: new Date("2025-03-02T12:00:00Z"),
    },
  ]);
  expect((await database.query("SELECT customer_id FROM datasets ORDER BY id")).rows).toHaveLength(2);
});

test("a migration that was changed after it was applied is refused", async () => {
  const { database } = await empty();
  const folder = await folderWith({ "0001_one.sql": "CREATE TABLE one (id int);" });
  await migrate(database, { folder });
  await writeFile(new URL("0001_one.sql", folder), "CREATE TABLE one (id bigint);");

  await expect(migrate(database, { folder })).rejects.toThrow(
    /0001_one\.sql was changed after this database got it/,
  );
  await expect(assertMigrated(database, folder)).rejects.toThrow(/0001_one\.sql was changed/);
});

test("a migration whose text changed but not what it makes is refused as well", async () => {
  const { database } = await empty();
  const folder = await folderWith({ "0001_one.sql": "CREATE TABLE one (id int);" });
  await migrate(database, { folder });
  await writeFile(new URL("0001_one.sql", folder), "CREATE TABLE one (id int4);");

  await expect(migrate(database, { folder })).rejects.toThrow(/0001_one\.sql was changed/);
  await expect(assertMigrated(database, folder)).rejects.toThrow(/0001_one\.sql was changed/);
});

test("what comes before a migration that was changed is not applied either", async () => {
  const { database } = await empty();
  const folder = await folderWith({ "0002_two.sql": "CREATE TABLE two (id int);" });
  await migrate(database, { folder });
  await writeFile(new URL("0001_one.sql", folder), "CREATE TABLE one (id int);");
  await writeFile(new URL("0002_two.sql", folder), "CREATE TABLE two (id bigint);");

  await expect(migrate(database, { folder })).rejects.toThrow(/0002_two\.sql was changed/);
  await expect(assertMigrated(database, folder)).rejects.toThrow(/0002_two\.sql was changed/);
  expect(await schemaSnapshot(database)).not.toContain("TABLE one");
});

test("a migration that fails leaves nothing of itself and those before it whole; the next run finishes", async () => {
  const { database } = await empty();
  const folder = await folderWith({
    "0001_one.sql": "CREATE TABLE one (id int);",
    "0002_two.sql": "CREATE TABLE two (id int); SELECT 1 / 0;",
  });

  await expect(migrate(database, { folder })).rejects.toThrow("0002_two.sql fails: division by zero");
  await expect(assertMigrated(database, folder)).rejects.toThrow(/lacks 0002_two\.sql/);
  await writeFile(new URL("0002_two.sql", folder), "CREATE TABLE two (id int);");

  expect((await migrate(database, { folder })).applied).toEqual(["0002_two.sql"]);
});

test("a table schema_migrations of another tool is left alone and named", async () => {
  const { database } = await empty();
  await database.query("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)");

  await expect(migrate(database)).rejects.toThrow(/schema_migrations of another tool/);
});

test("a service that finds an empty database reports what to run", async () => {
  const { database } = await empty();

  await expect(assertMigrated(database)).rejects.toThrow(
    /lacks 0001_old_tables\.sql: run "remotegpu-control-plane migrate"/,
  );
});

async function fresh(options?: Parameters<typeof freshDatabase>[0]): Promise<FreshDatabase> {
  const database = await freshDatabase(options);
  opened.push(() => database.drop());
  return database;
}

async function empty(): Promise<FreshDatabase> {
  return await fresh({ template: "template0" });
}

async function versionOf({ database }: FreshDatabase): Promise<string> {
  const { rows } = await database.query<{ server_version: string }>("SHOW server_version");
  return rows[0]?.server_version ?? "";
}

async function folderWith(files: Record<string, string>): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-migrations-"));
  opened.push(() => rm(folder, { recursive: true }));
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql);
  return pathToFileURL(`${folder}/`);
}
