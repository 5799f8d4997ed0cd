/**
 * The role in which the control plane works: what it may not do to the books, as itself and as the owner; how it comes
 * to be in a cluster, where the migrating user may make roles and where not.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { APPEND_ONLY_TABLES } from "@remotegpu/control-plane/server/store/database/connection/append-only";
import { admitServer } from "@remotegpu/control-plane/server/store/database/server-login";
import { topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import {
  type Connection,
  type Database,
  openDatabase,
} from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { RIGHTS_QUESTIONS } from "@remotegpu/control-plane/server/store/doctor/rights";
import { assertMigrated, migrate } from "@remotegpu/control-plane/server/store/migrate";
import { MIGRATING, whoMigrates } from "@remotegpu/control-plane/server/store/upgrade/locks";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { type PgBouncer, SESSIONS, startPgBouncer } from "../../support/engines/pgbouncer.ts";
import {
  startThrowawayPostgres,
  type ThrowawayPostgres,
} from "../../support/engines/postgres-servers/throwaway-postgres.ts";

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
  return (await question?.request(database, new Date(), database))?.count ?? -1;
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

  test("who waits for a migration is notified, though nothing else of the owner's work is to be seen", async () => {
    expect(await whoMigrates(fresh.application)).toBeNull();
    await transaction(fresh.database, async (sql) => {
      await sql.query(`SET LOCAL application_name = '${MIGRATING}'`);

      expect(await whoMigrates(fresh.application)).toMatch(/^process \d+ of Postgres/);
    });
  });

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

  test("rows may refer to what the application cannot lock: foreign keys are checked as the owner", async () => {
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

describe("a Postgres of our own", () => {
  test("has a login for its servers, made once by whoever comes first, and put right where it does not get in", async () => {
    const fresh = await freshDatabase();
    const login = (password: string) => admitServer(fresh.database, { ownerUrl: fresh.url, password });
    onTestFinished(async () => {
      await fresh.database.query("DROP ROLE remotegpu_server");
      await fresh.drop();
    });
    const asServer = { role: "remotegpu_server", rightsTooMany: 0 };

    const [url, same] = await Promise.all([login("first"), login("first")]);
    expect(same).toBe(url);
    expect(await worksAs(url)).toEqual(asServer);

    // A folder that was restored has the password of another day.
    expect(await worksAs(await login("second"))).toEqual(asServer);
    await fresh.database.query(`REVOKE ${ROLE} FROM remotegpu_server`);
    expect(await worksAs(await login("second"))).toEqual(asServer);
  });
});

async function worksAs(url: string): Promise<{ role: unknown; rightsTooMany: number }> {
  const database = openDatabase(url, { maxConnections: 1 });
  try {
    return { role: await roleOf(database), rightsTooMany: await rightsTooMany(database) };
  } finally {
    await database.close();
  }
}

describe("a single statement", () => {
  let fresh: FreshDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase();
  });
  afterAll(() => fresh.drop());

  test("is in the role, with values and without, and leaves its session as it was", async () => {
    const one = openDatabase(fresh.url, { maxConnections: 1 });
    onTestFinished(() => one.close());

    expect(await roleOf(one)).toBe(ROLE);
    const { rows } = await one.query("SELECT current_user::text AS role, $1::bigint AS value", [7]);
    expect(rows).toEqual([{ role: ROLE, value: 7 }]);
    expect(one.role.footing).toBe("in-role");
    const client = await one.pool.connect();
    const left = await client
      .query("SELECT current_user = session_user AS is_itself")
      .finally(() => client.release());
    expect(left.rows).toEqual([{ is_itself: true }]);
  });

  test("reports what it changed, and one that fails changes nothing and breaks nothing", async () => {
    const changed = await fresh.application.query(
      "INSERT INTO settings (key, value) SELECT 'K' || n, 'a' FROM generate_series(1, $1::int) n",
      [3],
    );
    const failed = fresh.application.query("INSERT INTO settings (key, value) VALUES ($1, 'b')", ["K1"]);

    expect(changed.rowCount).toBe(3);
    await expect(failed).rejects.toMatchObject({ code: "23505" });
    await expect(fresh.application.query("SELECT nothing FROM $1", [1])).rejects.toMatchObject({
      code: "42601",
    });
    const { rows } = await fresh.application.query("SELECT key FROM settings WHERE key LIKE 'K_' ORDER BY 1");
    expect(rows).toEqual([{ key: "K1" }, { key: "K2" }, { key: "K3" }]);
  });
});

describe("behind PgBouncer in transaction mode", () => {
  const AT_ONCE = 24;
  let fresh: FreshDatabase;
  let bouncer: PgBouncer;
  let ofServers: string;
  beforeAll(async () => {
    fresh = await freshDatabase();
    await fresh.database.query(`CREATE ROLE pooled_server LOGIN PASSWORD 'secret' IN ROLE ${ROLE}`);
    const url = new URL(fresh.url);
    url.username = "pooled_server";
    url.password = "secret";
    ofServers = url.href;
    bouncer = await startPgBouncer([fresh.url, ofServers]);
  });
  afterAll(async () => {
    await bouncer.stop();
    await fresh.database.query("DROP ROLE pooled_server");
    await fresh.drop();
  });

  /** Whatever asks at once gets sessions that others just had. */
  async function rolesOf(database: Database): Promise<Set<unknown>> {
    const inTransaction = () =>
      transaction(database, async (sql) => {
        await sql.query("SELECT pg_sleep(0.01)");
        return (await sql.query("SELECT current_user::text AS role")).rows[0]?.["role"];
      });
    const many = Array.from({ length: AT_ONCE }, () => [inTransaction(), roleOf(database)]).flat();
    return new Set(await Promise.all(many));
  }

  test("every transaction and every single statement of the owner is in the role; whoever comes beside it is not", async () => {
    const database = openDatabase(bouncer.through(fresh.url));
    const beside = openDatabase(bouncer.through(fresh.url), { runsAs: "owner" });
    onTestFinished(async () => {
      await database.close();
      await beside.close();
    });

    const [ours, others] = await Promise.all([rolesOf(database), rolesOf(beside)]);

    expect([...ours]).toEqual([ROLE]);
    expect([...others]).toEqual([new URL(fresh.url).username]);
    await expect(database.query("UPDATE ledger_entries SET amount = amount")).rejects.toMatchObject({
      code: PERMISSION_DENIED,
    });
    await expect(database.query("DELETE FROM usage_rows WHERE seq = $1", [1])).rejects.toMatchObject({
      code: PERMISSION_DENIED,
    });
  });

  test.each(["the owner", "a login of the servers' own"])(
    "no statement of %s is prepared in any of its sessions",
    async (who) => {
      const database = openDatabase(bouncer.through(who === "the owner" ? fresh.url : ofServers));
      onTestFinished(() => database.close());
      const request = async (sql: Connection) => (await sql.query("SELECT $1::int AS value", [7])).rows;

      for (let nth = 0; nth < AT_ONCE; nth += 1) {
        expect(await request(database)).toEqual([{ value: 7 }]);
        expect(await transaction(database, request)).toEqual([{ value: 7 }]);
      }

      expect(database.role.isPooled).toBe(true);
      expect(await preparedInSessions(database)).toEqual([]);
    },
  );

  /** Of all sessions of PgBouncer's, each of which a transaction holds. */
  async function preparedInSessions(database: Database): Promise<unknown[]> {
    const everybody = Promise.withResolvers<void>();
    let held = 0;
    const sessions = Array.from({ length: SESSIONS }, () =>
      transaction(database, async (sql) => {
        const { rows } = await sql.query("SELECT statement FROM pg_prepared_statements");
        held += 1;
        if (held === SESSIONS) everybody.resolve();
        await everybody.promise;
        return rows;
      }),
    );
    return (await Promise.all(sessions)).flat();
  }

  test("a login of the servers' own works as it is", async () => {
    const database = openDatabase(bouncer.through(ofServers));
    onTestFinished(() => database.close());

    expect([...(await rolesOf(database))]).toEqual(["pooled_server"]);
    expect(database.role.footing).toBe("itself");
    expect(await rightsTooMany(database)).toBe(0);
  });

  test("the doctor names who is between it and Postgres, and who lays rights down", async () => {
    const [question] = RIGHTS_QUESTIONS;
    const database = openDatabase(bouncer.through(fresh.url));
    onTestFinished(() => database.close());
    await database.query("SELECT 1");

    const found = await transaction(
      database,
      async (sql) => await question?.request(sql, new Date(), database),
    );

    expect(found).toMatchObject({
      count: 0,
      notes: [
        expect.stringMatching(/could change the books, and takes the role remotegpu_app in each transaction/),
        expect.stringMatching(/MIGRATION_DATABASE_URL/),
        expect.stringMatching(/^A pooler stands before Postgres/),
      ],
    });
    expect((await question?.request(fresh.application, new Date(), fresh.application))?.notes).toHaveLength(
      2,
    );
  });

  test("a schema is made through it", async () => {
    const empty = await freshDatabase({ template: "template0" });
    onTestFinished(() => empty.drop());

    const { applied } = await migrate(bouncer.through(empty.url));

    expect(applied.length).toBeGreaterThan(0);
    await assertMigrated(empty.database);
  });

  test.each(["the owner", "a login of the servers' own"])(
    "an order of %s comes to its charge",
    async (who) => {
      const own = await freshDatabase();
      const url = new URL(who === "the owner" ? fresh.url : ofServers);
      url.pathname = new URL(own.url).pathname;
      const application = openDatabase(bouncer.through(url.href));
      const scene = await openControlScene({ ...own, application });
      onTestFinished(async () => {
        await application.close();
        await scene.close();
      });
      const ada = await scene.customer("ada");
      const host = await scene.host("host-1", { gpus: 1 });

      const { id } = (await scene.order(ada, { gpu: 1 })).body;
      await scene.schedule();
      const [instance] = await host.round();
      expect(await scene.get(ada, id)).toMatchObject({ status: "running" });
      const { runId: run, instanceId, placementEpoch: epoch } = instance ?? { runId: "", instanceId: "" };
      const journal = new SceneJournal({
        customerId: 0,
        workspaceId: 0,
        hostId: host.id,
        bootId: host.bootId,
      });
      journal.write({
        run,
        instanceId,
        ...(epoch !== undefined && { epoch }),
        fromMs: 1e6,
        toMs: 1e6 + 6e4,
        final: true,
      });
      scene.api.passMinutes(2);
      const deps = { db: scene.api.deps.db, verify: async () => true, calendar: CHINA };
      await ingestBatch(deps, host.id, journal.batch(), scene.api.deps.now());

      const { body } = await scene.api.request("GET", "/api/v1/billing/balance", { as: ada });
      // A minute of a core at 0.6 an hour and of a card at 6.
      expect(body.balance).toBe("999.8900");
      const { rows } = await own.database.query("SELECT DISTINCT line FROM billing_records ORDER BY 1");
      expect(rows.map(({ line }) => line)).toEqual(["cpu", "gpu", "memory"]);
    },
  );
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
    const admin = openDatabase(serverUrl, { maxConnections: 1, runsAs: "owner" });
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

  test("migrates all the same, reports what to request, and works in the role once it is a member", async () => {
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

  test("a user of the servers that is nothing but a member finds the schema and works as it is", async () => {
    const { admin, name } = await databaseOf(inject("postgresUrl"), "only_member");
    const fresh = await freshDatabase();
    opened.push(() => fresh.drop());
    await admin.query(`GRANT ${ROLE} TO ${name}`);
    const url = new URL(fresh.url);
    url.username = name;
    url.password = "secret";
    const asFound = openDatabase(url.href, { runsAs: "owner" });
    opened.push(() => asFound.close());

    await assertMigrated(asFound);

    expect(await worksAs(url.href)).toEqual({ role: "only_member", rightsTooMany: 0 });
    await admin.query(`ALTER ROLE only_member NOINHERIT; GRANT ${ROLE} TO only_member WITH INHERIT FALSE`);
    expect(await worksAs(url.href)).toEqual({ role: ROLE, rightsTooMany: 0 });
  });

  test("an owner who may make no roles gets no message where servers come by a login of their own", async () => {
    const { admin, url } = await databaseOf(inject("postgresUrl"), "owner_alone");
    await admin.query(`CREATE ROLE for_servers LOGIN PASSWORD 'secret' IN ROLE ${ROLE}`);
    opened.push(() => admin.query("DROP ROLE for_servers"));
    const lines: string[] = [];

    await migrate(url, { log: (line) => lines.push(line) });

    expect(lines.filter((line) => line.includes("goes on as the owner"))).toEqual([]);
    const servers = new URL(url);
    servers.username = "for_servers";
    expect(await worksAs(servers.href)).toEqual({ role: "for_servers", rightsTooMany: 0 });
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
