/**
 * The role in which the control plane works: what it may not do to the books, as itself and as the owner; how it comes
 * to be in a cluster, where the migrating user may make roles and where not.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { APPEND_ONLY_TABLES } from "@remotegpu/control-plane/store/application-role/append-only";
import { topUp } from "@remotegpu/control-plane/store/billing/payments";
import { type Database, openDatabase, transaction } from "@remotegpu/control-plane/store/database";
import { RIGHTS_QUESTIONS } from "@remotegpu/control-plane/store/doctor/rights";
import { assertMigrated, migrate } from "@remotegpu/control-plane/store/migrate";
import { freshDatabase, type FreshDatabase } from "../support/postgres.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../support/throwaway-postgres.ts";

const ROLE = "remotegpu_app";
const PERMISSION_DENIED = "42501";

/** One of each table that only grows. */
const COLUMNS: Record<string, string> = {
  audit_log: "subject",
  billing_records: "amount",
  invoice_lines: "amount",
  invoice_movements: "amount",
  ledger_entries: "amount",
  ledger_transactions: "reason",
  usage_rows: "seq",
};

async function roleOf(database: Database): Promise<unknown> {
  return (await database.query("SELECT current_user::text AS role")).rows[0]?.["role"];
}

/** What the doctor finds of rights. */
async function rightsTooMany(database: Database): Promise<number> {
  const [question] = RIGHTS_QUESTIONS;
  return (await question?.ask(database, new Date()))?.count ?? -1;
}

describe("the books", () => {
  let fresh: FreshDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase();
    await fresh.database.query(`
      INSERT INTO customers (id, username, email, password_hash) VALUES (1, 'ada', 'ada@example.org', '!');
      INSERT INTO hosts (id, name, ip_address) VALUES ('host-1', 'one', '10.0.0.1')`);
    await fresh.application.query(`
      INSERT INTO audit_log (method, route, action, outcome) VALUES ('POST', '/api/v1/workspaces', 'workspace.create', 'done');
      INSERT INTO billing_records (customer_id, resource_type, quantity, unit_price, amount, start_time, end_time)
        VALUES (1, 'storage', 1, 1, 1, now(), now());
      INSERT INTO host_journals (host_id, journal_id) VALUES ('host-1', '11111111-1111-4111-8111-111111111111');
      INSERT INTO usage_rows (host_id, journal_id, seq, kind, verdict, entry, hash)
        VALUES ('host-1', '11111111-1111-4111-8111-111111111111', 1, 'lost', 'lost', '{}', repeat('0', 64))`);
    const payment = {
      id: "t-1",
      customerId: 1,
      amount: 10_000n,
      at: new Date(),
      reason: null,
      actor: "test",
    };
    await transaction(fresh.application, (sql) => topUp(sql, payment));
    await fresh.application.query(`
      INSERT INTO invoices (id, invoice_no, customer_id, billing_period_start, billing_period_end, total_amount)
        VALUES (1, 'RG-2026-03-000001', 1, now(), now(), 1);
      INSERT INTO invoice_lines (invoice_id, number, resource_type, amount) VALUES (1, 1, 'storage', 1);
      INSERT INTO invoice_movements (invoice_id, transaction_id, kind, at, amount)
        SELECT 1, id, 'topup', at, 1 FROM ledger_transactions`);
  });
  afterAll(() => fresh.drop());

  const changes = APPEND_ONLY_TABLES.flatMap((table): [string, string, string][] => [
    [table, "UPDATE", `UPDATE ${table} SET ${COLUMNS[table]} = ${COLUMNS[table]}`],
    [table, "DELETE", `DELETE FROM ${table}`],
    [table, "TRUNCATE", `TRUNCATE ${table} CASCADE`],
  ]);

  test.each(changes)(
    "%s takes no %s: the application has no right to, the owner meets the trigger",
    async (table, word, sql) => {
      await expect(fresh.application.query(sql)).rejects.toMatchObject({
        code: PERMISSION_DENIED,
        message: `permission denied for table ${table}`,
      });
      await expect(fresh.database.query(sql)).rejects.toThrow(`is append-only: ${word} is refused`);
    },
  );

  test("the application can lift no trigger, make no table and touch no record of migrations", async () => {
    for (const sql of [
      "ALTER TABLE ledger_entries DISABLE TRIGGER append_only",
      "CREATE TABLE beside (id int)",
      "DELETE FROM schema_migrations",
    ])
      await expect(fresh.application.query(sql)).rejects.toMatchObject({ code: PERMISSION_DENIED });
  });

  test("the list of them is what has the triggers", async () => {
    const { rows } = await fresh.database.query<{ table: string }>(
      `SELECT tgrelid::regclass::text AS table FROM pg_trigger WHERE tgname IN ('append_only', 'append_only_truncate')
        GROUP BY 1 HAVING count(*) = 2 ORDER BY 1`,
    );

    expect(rows.map(({ table }) => table)).toEqual([...APPEND_ONLY_TABLES].sort());
  });

  test("rows may refer to what the application cannot lock: foreign keys are looked at as the owner", async () => {
    const refer = fresh.application.query(
      `INSERT INTO billing_records (customer_id, resource_type, quantity, unit_price, amount, start_time, end_time, transaction_id)
       SELECT 1, 'storage', 1, 1, 1, now(), now(), min(id) FROM ledger_transactions`,
    );

    await expect(refer).resolves.toMatchObject({ rowCount: 1 });
  });

  test("a table that came later is the application's after the next migration, and rights that it got beyond are gone", async () => {
    await fresh.database.query("CREATE TABLE later (id bigserial PRIMARY KEY, note text)");
    await fresh.database.query(`GRANT UPDATE, TRUNCATE ON ledger_entries TO ${ROLE}`);
    expect(await rightsTooMany(fresh.application)).toBe(1);

    await migrate(fresh.database);

    await fresh.application.query("INSERT INTO later (note) VALUES ('a')");
    await fresh.application.query("UPDATE later SET note = 'b'");
    await fresh.application.query("DELETE FROM later");
    expect(await rightsTooMany(fresh.application)).toBe(0);
  });
});

describe("a user who may make no roles", () => {
  const opened: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
  });

  /** A database of its own, and its address for that user. */
  async function databaseOf(
    serverUrl: string,
    user: string,
  ): Promise<{ admin: Database; url: string; name: string }> {
    const admin = openDatabase(serverUrl, { maxConnections: 1, actsAs: "owner" });
    await admin.query(`CREATE ROLE ${user} LOGIN PASSWORD 'secret'`);
    await admin.query(`CREATE DATABASE of_${user} OWNER ${user}`);
    opened.push(async () => {
      await admin.query(`DROP DATABASE of_${user} WITH (FORCE)`);
      await admin.query(`DROP ROLE ${user}`);
      await admin.close();
    });
    const url = new URL(serverUrl);
    url.username = user;
    url.password = "secret";
    url.pathname = `of_${user}`;
    return { admin, url: url.href, name: user };
  }

  async function worksAs(url: string): Promise<{ role: unknown; rightsTooMany: number }> {
    const database = openDatabase(url, { maxConnections: 1 });
    try {
      return { role: await roleOf(database), rightsTooMany: await rightsTooMany(database) };
    } finally {
      await database.close();
    }
  }

  test("migrates all the same, is told what to ask for, and works in the role once it is a member", async () => {
    const { admin, url, name } = await databaseOf(inject("postgresUrl"), "plain_eighteen");
    const lines: string[] = [];

    await migrate(url, { log: (line) => lines.push(line) });

    expect(lines.at(-1)).toMatch(/goes on as the owner of its tables.*GRANT remotegpu_app TO/);
    expect(await worksAs(url)).toEqual({ role: name, rightsTooMany: APPEND_ONLY_TABLES.length });
    // Since Postgres 16 one may be a member who cannot take the role.
    await admin.query(`GRANT ${ROLE} TO ${name} WITH SET FALSE`);
    expect(await worksAs(url)).toMatchObject({ role: name });
    await admin.query(`GRANT ${ROLE} TO ${name} WITH SET TRUE`);
    expect(await worksAs(url)).toEqual({ role: ROLE, rightsTooMany: 0 });
  });

  test("a user of the servers that is nothing but a member finds the schema and works in the role", async () => {
    const { admin, name } = await databaseOf(inject("postgresUrl"), "only_member");
    const fresh = await freshDatabase();
    opened.push(() => fresh.drop());
    await admin.query(`GRANT ${ROLE} TO ${name}`);
    const url = new URL(fresh.url);
    url.username = name;
    url.password = "secret";
    const asFound = openDatabase(url.href, { actsAs: "owner" });
    opened.push(() => asFound.close());

    await assertMigrated(asFound);

    expect(await worksAs(url.href)).toEqual({ role: ROLE, rightsTooMany: 0 });
  });

  describe("on Postgres 15, in a cluster that has no such role", () => {
    let fifteen: ThrowawayPostgres;
    beforeAll(async () => {
      fifteen = await startThrowawayPostgres(15);
    });
    afterAll(() => fifteen.stop());

    test("migrates all the same; databases that are migrated at once make the role between them", async () => {
      const { admin, url, name } = await databaseOf(fifteen.url, "plain_fifteen");
      const lines: string[] = [];
      await migrate(url, { log: (line) => lines.push(line) });
      expect(lines.at(-1)).toMatch(/permission denied to create role.*CREATE ROLE remotegpu_app NOLOGIN/);
      expect(await worksAs(url)).toEqual({ role: name, rightsTooMany: APPEND_ONLY_TABLES.length });

      const others = [1, 2, 3].map((number) => ({ name: `at_once_${number}`, url: new URL(fifteen.url) }));
      for (const other of others) {
        await admin.query(`CREATE DATABASE ${other.name} TEMPLATE of_${name}`);
        other.url.pathname = other.name;
      }
      await Promise.all(others.map((other) => migrate(other.url.href)));
      for (const other of others)
        expect(await worksAs(other.url.href)).toEqual({ role: ROLE, rightsTooMany: 0 });

      await admin.query(`GRANT ${ROLE} TO ${name}`);
      await migrate(url, { log: (line) => lines.push(line) });
      expect(await worksAs(url)).toEqual({ role: ROLE, rightsTooMany: 0 });
      await admin.query(`DROP OWNED BY ${name}`);
      for (const other of others) await admin.query(`DROP DATABASE ${other.name}`);
    });
  });
});
