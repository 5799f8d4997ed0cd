/** Who else uses the database while it is upgraded: other upgrades, services, and operators with statements of their own. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { migrate, MIGRATIONS, readMigrations } from "@remotegpu/control-plane/server/store/migrate";
import { eventually } from "../../support/eventually.ts";
import { CHINA } from "../../support/billing/metering-scene.ts";
import { type OldRows, oldSystem, type OldSystem } from "../../support/old-system/old-database.ts";
import { AS_FOUND } from "../../support/old-system/old-form.ts";
import { oldRows } from "../../support/old-system/old-rows.ts";
import { rowsAsText } from "../../support/old-system/rows-as-text.ts";
import { SECTION_7 } from "../../support/old-system/the-change.ts";
import type { FreshDatabase } from "../../support/engines/postgres.ts";
import { watchedDatabase } from "../../support/engines/watched-database.ts";

const MIGRATE = new URL("../../../control-plane/server/store/migrate.ts", import.meta.url);
const UNDEFINED_COLUMN = "42703";

let old: OldSystem;
const opened: { drop(): Promise<void> }[] = [];
beforeAll(async () => {
  old = await oldSystem();
});
afterEach(async () => {
  for (const database of opened.splice(0).reverse()) await database.drop();
});
afterAll(() => old.drop());

test("processes that upgrade at once apply everything once between them", async () => {
  const { url, database } = await make(someRows());
  const other = await make(someRows());
  await migrate(other.database);
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

  const applied = (await Promise.all([run(), run(), run(), run()])).flat();

  expect(applied.sort()).toEqual((await readMigrations(MIGRATIONS)).map(({ name }) => name));
  expect(await rowsAsText(database)).toEqual(await rowsAsText(other.database));
});

test("a service in the middle of a transaction is waited for, named, and not cut off", async () => {
  const { url, database } = await make(ONE_JOB);
  const service = openAs(url, "billing robot");
  const onlooker = openAs(url, "onlooker");

  const upgraded = await transaction(service, async (sql) => {
    await sql.query("UPDATE training_jobs SET name = 'renamed'");
    await expect(migrate(database, { waitMs: 100 })).rejects.toThrow(
      /in use by process \d+ of Postgres \("billing robot", .*training_jobs.*\).*Nothing was changed/,
    );
    const done = migrate(database);
    await eventually(() => somebodyWaits(onlooker, "remotegpu migrate"));
    return { done };
  });
  await upgraded.done;

  const { rows } = await database.query("SELECT name, command FROM training_jobs");
  expect(rows).toEqual([{ name: "renamed", command: "train.py" }]);
});

test("a service that queries while the tables change waits, and sees the old rows in their new form", async () => {
  const { url, database } = await make(ONE_JOB);
  const service = openAs(url, "service");
  const onlooker = openAs(url, "onlooker");
  let requested: Promise<unknown> | undefined;
  const watched = watchedDatabase(url, {
    before: async ({ text }) => {
      if (text !== "COMMIT" || requested !== undefined) return;
      requested = service.query("SELECT id, mounted_datasets FROM training_jobs").then(({ rows }) => rows);
      await eventually(() => somebodyWaits(onlooker, "service"));
    },
  });

  await migrate(watched);
  await watched.close();

  expect(await requested).toEqual([{ id: "job-1", mounted_datasets: [7] }]);
  expect((await database.query("SELECT FROM training_jobs")).rows).toHaveLength(1);
});

test("the change summary's own four statements fail before the upgrade and after it, and change nothing", async () => {
  const { database } = await make(someRows());
  const before = await rowsAsText(database);
  for (const statement of SECTION_7)
    await expect(database.query(statement)).rejects.toMatchObject({ code: UNDEFINED_COLUMN });
  expect(await rowsAsText(database)).toEqual(before);
  await migrate(database);
  const after = await rowsAsText(database);

  for (const statement of SECTION_7)
    await expect(database.query(statement)).rejects.toMatchObject({ code: UNDEFINED_COLUMN });

  expect(await rowsAsText(database)).toEqual(after);
});

test("the first hour tick suspends nobody who came along with a balance of 0", async () => {
  const statuses = ["active", "suspended", "deleted", null];
  const customers = statuses.map((status, id) => ({
    id,
    username: `customer-${id}`,
    email: `${id}@example.org`,
    password_hash: "!",
    status,
  }));
  const environments = customers.map(({ id }) => ({
    id: `env-${id}`,
    customer_id: id,
    host_id: "host-1",
    name: "one",
    image: "busybox",
    status: "running",
    cpu: 1,
    memory: 1,
  }));
  const { database } = await make({ customers, environments });
  await migrate(database);
  const before = await rowsAsText(database);

  const reports = [];
  for (const now of ["2026-03-10T02:00:00Z", "2026-03-10T03:00:00Z", "2026-03-10T04:00:00Z"].map(
    (text) => new Date(text),
  )) {
    const term = await acquireLeadership(database, { holder: "one", now });
    reports.push(...(await chargeDueHours({ db: database, calendar: CHINA }, { term: term ?? 0, now })));
  }

  expect(reports.length).toBeGreaterThan(0);
  expect(reports.flatMap(({ suspended }) => suspended)).toEqual([]);
  expect(await rowsAsText(database)).toEqual(before);
});

const ONE_JOB: OldRows = {
  training_jobs: [
    { id: "job-1", customer_id: 1, name: "job", script_path: "train.py", dataset_id: 7, status: "completed" },
  ],
};

/** Always the same. */
function someRows(): OldRows {
  return fc.sample(oldRows(old.columns, AS_FOUND), { numRuns: 1, seed: 1 })[0] ?? {};
}

async function make(rows: OldRows): Promise<FreshDatabase> {
  const made = await old.database(AS_FOUND, rows);
  opened.push(made);
  return made;
}

/** A connection under a name of its own. */
function openAs(url: string, name: string): Database {
  const named = new URL(url);
  named.searchParams.set("application_name", name);
  const database = openDatabase(named.href, { maxConnections: 1 });
  opened.push({ drop: () => database.close() });
  return database;
}

/** Whether somebody waits for a lock that this transaction or another holds. */
async function somebodyWaits(database: Database, name: string): Promise<boolean> {
  const { rows } = await database.query(
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'",
    [name],
  );
  return rows.length > 0;
}
