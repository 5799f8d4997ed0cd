/** A database that files made which are no more: told apart by what it says of them, refused in one sentence, left alone. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
import { freePort } from "../../support/engines/free-ports.ts";

const COMMAND = new URL("../../../control-plane/bin/remotegpu-control-plane", import.meta.url).pathname;
const STARTER = new URL("../../../control-plane/server/quickstart/main.ts", import.meta.url).pathname;
/** As `sha256sum` wrote it of the files that built the same schema before they were folded. */
const FORMER = readFileSync(new URL("../../fixtures/former-migrations.txt", import.meta.url), "utf8");
const SENTENCE =
  "this database was made by an earlier checkout (it has migrations that are no longer there: 0003_new_tables.sql and " +
  "32 more), and stays as it is: give an empty one, or run `npm start -- --clean`";

let made: FreshDatabase;
beforeEach(async () => {
  made = await freshDatabase();
  onTestFinished(() => made.drop());
});

/** The schema is today's; what is written of how it came is not. */
async function asFormerFilesMadeIt(database: Connection): Promise<void> {
  const former = [...FORMER.matchAll(/^(\w{64}) {2}(\w+\.sql)$/gm)].map(([, checksum, name]) => ({
    checksum,
    name,
  }));
  expect(former).toHaveLength(35);
  await database.query("DELETE FROM schema_migrations");
  await database.query(
    `INSERT INTO schema_migrations (name, checksum)
     SELECT name, checksum FROM jsonb_to_recordset($1::jsonb) AS f (name text, checksum text)`,
    [JSON.stringify(former)],
  );
  await database.query(
    "INSERT INTO customers (username, email, password_hash) VALUES ('ada', 'ada@example.org', 'x')",
  );
}

async function stateOf(database: Connection): Promise<unknown> {
  const { rows: applied } = await database.query("SELECT * FROM schema_migrations ORDER BY name");
  const { rows: customers } = await database.query("SELECT *, xmin FROM customers ORDER BY id");
  return { schema: await schemaSnapshot(database), applied, customers };
}

test.each([
  ["migrate", migrate],
  ["migrate --dry-run", planMigration],
  ["migrate down", migrateDown],
  ["a service that does not migrate", assertMigrated],
])("%s refuses it, and nothing is changed", async (_, work) => {
  await asFormerFilesMadeIt(made.database);
  const before = await stateOf(made.database);

  await expect((async () => await work(made.database))()).rejects.toThrow(SENTENCE);

  expect(await stateOf(made.database)).toEqual(before);
});

test.each(["run", "migrate", "migrate --dry-run", "migrate down", "admin-key"])(
  "the command %s reports so in one line and fails, and nothing is changed",
  async (command) => {
    await asFormerFilesMadeIt(made.database);
    const before = await stateOf(made.database);
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-earlier-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));

    const done = await execa(COMMAND, command.split(" "), {
      env: { DATABASE_URL: made.url, REMOTEGPU_STATE_DIR: folder, REMOTEGPU_LISTEN: "127.0.0.1:0" },
      reject: false,
      timeout: 30_000,
    });

    expect(done).toMatchObject({ exitCode: 1, stdout: "", stderr: `remotegpu-control-plane: ${SENTENCE}` });
    expect(await stateOf(made.database)).toEqual(before);
  },
);

test("npm start on the folder of an earlier checkout ends with the sentence, and its database is as it was", async () => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-earlier-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o711);
  writeFileSync(join(folder, ".remotegpu-start"), "");
  const stateDir = join(folder, "control-plane");
  mkdirSync(stateDir, { mode: 0o711 });
  const before = await withPostgresIn(stateDir, async (database) => {
    await migrate(database);
    await asFormerFilesMadeIt(database);
    return await stateOf(database);
  });

  const port = String(await freePort());
  const done = await execa(process.execPath, [STARTER, "start", "--state", folder, "--port", port], {
    reject: false,
    timeout: 60_000,
  });

  expect(done.exitCode).toBe(1);
  expect(done.stderr).toMatch(/^The control plane ended unexpectedly/m);
  expect(done.stderr.trimEnd().split("\n").at(-1)).toBe(`remotegpu-control-plane: ${SENTENCE}`);
  expect(await withPostgresIn(stateDir, stateOf)).toEqual(before);
});

test("a file that was changed since is named", async () => {
  await made.database.query(
    "UPDATE schema_migrations SET checksum = 'other' WHERE name = '0001_old_tables.sql'",
  );

  await expect(migrate(made.database)).rejects.toThrow(
    /earlier checkout \(0001_old_tables\.sql was changed after this database got it\).*run `npm start -- --clean`$/,
  );
});

test("a file between ours that is no longer there is named", async () => {
  await made.database.query("INSERT INTO schema_migrations (name, checksum) VALUES ('0002_zebra.sql', 'x')");

  await expect(migrate(made.database)).rejects.toThrow(
    /earlier checkout \(it has migrations that are no longer there: 0002_zebra\.sql\), and stays as it is/,
  );
});

test("files beyond ours are of a later version, beside which this one goes on", async () => {
  await made.database.query("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_later.sql', 'x')");

  await assertMigrated(made.database);
  expect((await migrate(made.database)).applied).toEqual([]);
});

test("files beyond ours where one of ours is missing are not of a later version", async () => {
  const last = (await readMigrations(MIGRATIONS)).at(-1)?.name;
  await made.database.query("UPDATE schema_migrations SET name = '9999_other.sql' WHERE name = $1", [last]);

  await expect(migrate(made.database)).rejects.toThrow(/earlier checkout \(.*: 9999_other\.sql\)/);
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
