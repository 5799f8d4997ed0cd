/** The control plane's doctor: a lively database is well, and each kind of damage is named as what it is. */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { APPEND_ONLY_TABLES } from "@remotegpu/control-plane/server/store/database/connection/append-only";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { answer } from "@remotegpu/control-plane/server/store/doctor/question";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import type { Finding } from "@remotegpu/shared/doctor";
import { rowHash } from "@remotegpu/shared/proof/row-hash";
import { openApi } from "../../support/http/api.ts";
import { liveThrough } from "../../support/worlds/lively-database.ts";
import { at } from "../../support/billing/metering-scene.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";

const COMMAND = new URL("../../../control-plane/bin/remotegpu-control-plane", import.meta.url).pathname;
const HOUR = 3_600_000;

let healthy: FreshDatabase;
/** Every test copies it. */
let template: string;
beforeAll(async () => {
  healthy = await freshDatabase();
  template = new URL(healthy.url).pathname.slice(1);
  await liveThrough(healthy);
  const admin = openDatabase(inject("postgresUrl"), { maxConnections: 1 });
  // A database that somebody is connected to cannot be copied.
  await admin.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", [
    template,
  ]);
  await admin.close();
}, 60_000);
afterAll(() => healthy.drop());

/** `database` is the owner's, for damage; `application` is the doctor's. */
async function onCopy<T>(work: (copy: FreshDatabase) => Promise<T>): Promise<T> {
  const copy = await freshDatabase({ template });
  try {
    return await work(copy);
  } finally {
    await copy.drop();
  }
}

/** As by people with too many rights: past triggers and foreign keys. */
async function damaged(database: Database, damage: string): Promise<void> {
  await database.query(
    `SET session_replication_role = replica; ${damage}; SET session_replication_role = origin`,
  );
}

async function findingsAfter(damage: string): Promise<Finding[]> {
  return await onCopy(async ({ database, application }) => {
    await damaged(database, damage);
    const results = await examine(application, new Date());
    expect(results.filter(({ state }) => state === "not-checked")).toEqual([]);
    return results.flatMap((result) => (result.state === "broken" ? result.findings : []));
  });
}

test("that every registry may be queried is well, and what stays reachable by that is reported", async () => {
  await onCopy(async ({ database, application }) => {
    const reported = async () =>
      (await examine(application, new Date())).find(({ check }) => check === "registries-can-be-asked");
    const quiet = await reported();
    expect(quiet).toEqual({ check: quiet?.check, claim: quiet?.claim, state: "well" });

    await setSetting(database, "IMAGE_REGISTRIES", "any");

    const risks = [/between the look/, /redirects/, /127\.0\.0\.0\/8/, /by its digest/];
    expect(await reported()).toMatchObject({
      state: "well",
      notes: expect.arrayContaining(risks.map((risk) => expect.stringMatching(risk))),
    });
  });
});

test("that a host is not reached where it reports is well, and reported with what to do", async () => {
  await onCopy(async ({ database, application }) => {
    await database.query(
      `INSERT INTO hosts (id, name, ip_address, connection, seen_addresses)
       VALUES ('host-nat', 'nat', '10.0.0.9', 'connected', '{203.0.113.9}')`,
    );

    const results = await examine(application, new Date());

    expect(results.find(({ check }) => check === "host-addresses-are-confirmed")).toMatchObject({
      state: "well",
      notes: expect.arrayContaining([
        "Host nat (host-nat): It reports 10.0.0.9, and its own connections come from 203.0.113.9.",
        expect.stringContaining("HOST_NETWORKS"),
      ]),
    });
  });
});

test("a database in the middle of its life is well", async () => {
  await onCopy(async ({ database, application }) => {
    const results = await examine(application, new Date());
    const { rows } = await database.query<{ status: string; n: number }>(
      "SELECT status, count(*) AS n FROM environments GROUP BY status ORDER BY status",
    );

    expect(results.filter(({ state }) => state !== "well")).toEqual([]);
    expect(rows.map(({ status }) => status)).toEqual([
      "deleting",
      "error",
      "queued",
      "restarting",
      "running",
      "stopped",
    ]);
  });
});

const OF_RUN = (name: string) =>
  `(SELECT i.id FROM instances i JOIN environments e ON e.id = i.workload_id WHERE e.status = '${name}' LIMIT 1)`;

describe("money", () => {
  test.each<[string, string, Record<string, object>]>([
    [
      "an entry changed",
      "UPDATE ledger_entries SET amount = amount + 1 WHERE account = 'cash' AND transaction_id = 1",
      { "transaction-unbalanced": { transaction: 1 }, "ledger-not-zero": { total: "1.0000" } },
    ],
    [
      "a transaction emptied",
      "INSERT INTO ledger_transactions (id, source_kind, source_id) VALUES (900, 'topup', 'x')",
      { "transaction-without-entries": { transaction: 900 } },
    ],
    [
      "a balance written by hand",
      "UPDATE customers SET balance = balance + 0.0001 WHERE username = 'ann'",
      { "balance-differs": { customer: expect.any(Number) } },
    ],
    [
      "a balance of the old system written by hand",
      `INSERT INTO upgrade_definitions (kind, table_name, name, definition) VALUES ('column', 'customers', 'x', 'x');
       INSERT INTO customers (id, username, email, password_hash, balance, created_at)
         VALUES (901, 'old', 'old@example.com', 'x', 12.5, '2020-01-01Z')`,
      { "balance-brought-along": { customer: 901 } },
    ],
    [
      "proven time changed",
      "UPDATE runs SET proven_ms = proven_ms - 1 WHERE id = 'r1'",
      { "proven-time-differs": { run: "r1" } },
    ],
    [
      "an interval removed",
      "UPDATE run_time SET proven = proven - '{[0,1000)}' WHERE run_id = 'r1'",
      { "proven-time-differs": { run: "r1" } },
    ],
    [
      "minutes billed that were not proven",
      `UPDATE runs SET billed_minutes = billed_minutes + 1 WHERE id = 'r1';
       UPDATE billing_records SET billing_minutes = billing_minutes + 1 WHERE id = (SELECT max(id) FROM billing_records WHERE run_id = 'r1')`,
      { "minutes-differ": { run: "r1" } },
    ],
    [
      "minutes of a record changed",
      "UPDATE billing_records SET billing_minutes = billing_minutes + 1 WHERE id = (SELECT max(id) FROM billing_records WHERE run_id = 'r1')",
      { "record-minutes-differ": { run: "r1", line: "spec" } },
    ],
    [
      "an amount of a record changed",
      "UPDATE billing_records SET amount = amount + 1 WHERE id = (SELECT max(id) FROM billing_records WHERE run_id = 'r1')",
      { "record-amount-differs": { run: "r1" } },
    ],
    [
      "a charge ascribed to another run",
      `UPDATE ledger_transactions SET run_id = 'r3' WHERE run_id = 'r1' AND source_kind = 'charge'`,
      { "ledger-amount-differs": [{ run: "r1" }, { run: "r3" }] },
    ],
    [
      "records deleted",
      "DELETE FROM billing_records WHERE run_id = 'r1'",
      { "run-without-records": { run: "r1" } },
    ],
    [
      "a record out of nowhere",
      `INSERT INTO billing_records (id, customer_id, resource_type, unit_price, quantity, amount, start_time, end_time, run_id)
       VALUES (900, 1, 'environment', 1, 1, 1, now(), now(), NULL), (901, 1, 'storage', 1, 1, 1, now(), now(), NULL)`,
      { "record-without-run": { record: 900 } },
    ],
    [
      "a day of storage that was not posted",
      `INSERT INTO storage_days (workspace_id, day, customer_id, samples, average_gb, billable_gb, unit_price, amount,
         transaction_id, charged_at) VALUES (900, '2026-01-01', 1, 1, 60, 10, 0.1, 1, 900, now())`,
      { "storage-day-differs": { workspace: "900", day: "2026-01-01" } },
    ],
    [
      "a day of storage deleted after it was posted",
      `INSERT INTO ledger_transactions (id, source_kind, source_id) VALUES (900, 'storage', '1/2026-01-01');
       INSERT INTO ledger_entries (transaction_id, account, customer_id, amount) VALUES (900, 'customer', 1, 0), (900, 'revenue', NULL, 0)`,
      { "storage-posting-without-day": { transaction: 900 } },
    ],
    [
      "hours without a tick",
      "INSERT INTO hour_ticks (hour, term, finished_at) SELECT max(hour) + interval '3 hours', 1, now() FROM hour_ticks",
      { "hours-missing": { after: at(2 * HOUR).toISOString(), hours: 2 } },
    ],
    [
      "an hour left open",
      `UPDATE hour_ticks SET finished_at = NULL WHERE hour = '${at(HOUR).toISOString()}'`,
      { "hour-unfinished": { hour: at(HOUR).toISOString() } },
    ],
  ])("%s", async (_name, damage, expected) => {
    expect(subjectsOf(await findingsAfter(damage))).toEqual(expected);
  });
});

describe("journals", () => {
  const LONG = "journal_id = (SELECT journal_id FROM host_journals WHERE watermark = 19)";
  const row = { host: "host-ann", journal: expect.any(String) };
  test.each<[string, string, Record<string, object>]>([
    [
      "a row deleted",
      `DELETE FROM usage_rows WHERE ${LONG} AND seq = 7`,
      { "rows-missing": { ...row, first_seq: 7, last_seq: 7 } },
    ],
    [
      "the last rows and their heads deleted",
      `DELETE FROM usage_rows WHERE ${LONG} AND seq > 17; DELETE FROM usage_batches WHERE ${LONG} AND last_seq > 17`,
      { "rows-missing": { ...row, first_seq: 18, last_seq: 19 } },
    ],
    [
      "a row's time stretched",
      `UPDATE usage_rows SET entry = jsonb_set(entry, '{endMs}', '9999999') WHERE ${LONG} AND seq = 3`,
      { "row-does-not-follow": { ...row, seq: 3 } },
    ],
    [
      "a row's hash changed",
      `UPDATE usage_rows SET hash = repeat('0', 64) WHERE ${LONG} AND seq = 6`,
      { "row-does-not-follow": { ...row, seq: 6 } },
    ],
    [
      "a row's entry spoilt",
      `UPDATE usage_rows SET entry = '{}' WHERE ${LONG} AND seq = 3`,
      { "row-unreadable": { ...row, seq: 3 } },
    ],
    [
      "a watermark lowered",
      `UPDATE host_journals SET watermark = 12, watermark_hash = (SELECT hash FROM usage_rows u WHERE u.${LONG} AND seq = 12) WHERE watermark = 19`,
      { "watermark-behind": { ...row, watermark: 12 } },
    ],
    [
      "a watermark's hash changed",
      "UPDATE host_journals SET watermark_hash = repeat('0', 64) WHERE watermark = 19",
      { "watermark-hash-differs": { ...row, watermark: 19 } },
    ],
    [
      "a signed head changed",
      `UPDATE usage_batches SET last_hash = repeat('0', 64) WHERE ${LONG} AND last_seq = 4`,
      { "head-differs": { ...row, seq: 4 } },
    ],
  ])("%s", async (_name, damage, expected) => {
    expect(subjectsOf(await findingsAfter(damage))).toEqual(expected);
  });
});

describe("placements and workloads", () => {
  const anyText = expect.any(String);
  test.each<[string, string, Record<string, object>]>([
    [
      "a second placement of an instance",
      `DROP INDEX placements_one_live_per_instance;
       INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes)
         VALUES ('i-r1', 2, 'host-ann', '{}', '', 0, 0)`,
      { "instance-placed-twice": { instance: "i-r1" } },
    ],
    [
      "a card with two holders",
      `DROP INDEX gpu_allocations_one_exclusive;
       INSERT INTO gpu_allocations (gpu_uuid, mode, instance_id, epoch)
         SELECT gpu_uuid, 'exclusive', 'i-r1', 1 FROM gpu_allocations WHERE released_at IS NULL LIMIT 1`,
      { "gpu-held-twice": { gpu: anyText } },
    ],
    [
      "a card held by a placement that is over",
      `INSERT INTO gpu_allocations (id, gpu_uuid, mode, instance_id, epoch)
         VALUES (900, 'GPU-host-one-000003', 'exclusive', ${OF_RUN("stopped")}, 1)`,
      {
        "allocation-without-placement": {
          allocation: 900,
          gpu: "GPU-host-one-000003",
          instance: anyText,
          epoch: 1,
        },
      },
    ],
    [
      "a card given away under a placement",
      `UPDATE gpu_allocations SET mode = NULL, released_at = now() WHERE instance_id = ${OF_RUN("running")} AND released_at IS NULL`,
      { "placement-without-allocation": { instance: anyText, epoch: expect.any(Number), gpu: anyText } },
    ],
    [
      "a network given to two gangs",
      `INSERT INTO instances (id, workload_kind, workload_id, rank, state) VALUES ('g-1', 'training', 'j-1', 0, 'placed'), ('g-2', 'training', 'j-2', 0, 'placed');
       INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes, gang_network)
         VALUES ('g-1', 1, 'host-one', '{}', '', 0, 0, 7), ('g-2', 1, 'host-one', '{}', '', 0, 0, 7)`,
      { "gang-network-given-twice": { network: 7 } },
    ],
    [
      "a placement released under a running environment",
      `UPDATE placements SET resources_released_at = now() WHERE instance_id = ${OF_RUN("running")} AND resources_released_at IS NULL`,
      {
        "allocation-without-placement": expect.anything(),
        "environment-without-placement": { environment: anyText },
        "instance-without-placement": { instance: anyText, workload: anyText },
      },
    ],
    [
      "an environment said to be stopped that runs",
      "UPDATE environments SET status = 'stopped' WHERE status = 'running'",
      { "environment-runs-unseen": { environment: anyText, host: "host-one" } },
    ],
    [
      "a running environment deleted",
      "UPDATE environments SET deleted_at = now() WHERE status = 'running'",
      {
        "deleted-environment-placed": { environment: anyText, host: "host-one" },
        "lease-of-deleted-environment": { lease: anyText, environment: anyText, host: "host-one" },
      },
    ],
    [
      "a deadline that nobody acted upon",
      "UPDATE environments SET status_deadline_at = now() - interval '5 minutes' WHERE status = 'restarting'",
      { "status-overdue": { environment: anyText } },
    ],
    [
      "a replica that drains for ever",
      `INSERT INTO inference_services (id, customer_id, name, image, status, config)
         VALUES ('svc-slow', 1, 'slow', 'i', 'running', '{"drain_seconds": 60}'), ('svc-sound', 1, 'sound', 'i', 'running', NULL);
       INSERT INTO instances (id, workload_kind, workload_id, rank, state, revision, draining_since, draining_why)
         VALUES ('i-slow', 'inference', 'svc-slow', 4, 'stopped', 1, now() - interval '4 minutes', 'Scaled down.'),
                ('i-sound', 'inference', 'svc-sound', 1, 'stopped', 1, now() - interval '11 minutes', 'Scaled down.')`,
      { "drain-overdue": { service: "svc-slow", replica: 4 } },
    ],
    [
      "a passing status without a deadline",
      "UPDATE environments SET status_deadline_at = NULL WHERE status = 'restarting'",
      { "status-without-deadline": { environment: anyText } },
    ],
  ])("%s", async (_name, damage, expected) => {
    expect(subjectsOf(await findingsAfter(damage))).toEqual(expected);
  });
});

describe("leases", () => {
  const anyText = expect.any(String);
  const anyPort = expect.any(Number);
  const LEASE = `(SELECT o.id FROM lease_orders o JOIN environments e ON e.id = o.env_id WHERE e.status = 'running')`;
  const lease = { lease: anyText, environment: anyText, host: "host-one" };
  test.each<[string, string, Record<string, object>]>([
    [
      "a port leased twice",
      `DROP INDEX idx_port_mappings_host_external_port;
       INSERT INTO port_mappings (env_id, service_type, external_port, internal_port, status, host_id)
         VALUES ('a', 'ssh', 20000, 22, 'active', 'host-one'), ('b', 'ssh', 20000, 22, 'active', 'host-one')`,
      { "port-leased-twice": { host: "host-one", port: 20_000 } },
    ],
    [
      "a lease with two numbers",
      `UPDATE port_mappings SET external_port = 29999 WHERE lease_id = ${LEASE}`,
      {
        "mapping-differs": { ...lease, port: anyPort },
        "shown-ports-differ": { environment: anyText },
      },
    ],
    [
      "a bound lease that nobody is told of",
      `DELETE FROM port_mappings WHERE lease_id = ${LEASE}`,
      {
        "lease-without-mapping": { ...lease, port: anyPort },
        "shown-ports-differ": { environment: anyText },
      },
    ],
    [
      "a mapping whose lease is over",
      `UPDATE lease_orders SET state = 'released', ended_at = now() WHERE id = ${LEASE}`,
      {
        "mapping-without-lease": {
          mapping: anyPort,
          environment: anyText,
          host: "host-one",
          port: anyPort,
        },
        "shown-ports-differ": { environment: anyText },
      },
    ],
    [
      "another port shown than is held",
      "UPDATE environments SET ssh_port = 29999 WHERE status = 'running'",
      { "shown-ports-differ": { environment: anyText } },
    ],
    [
      "a port shown that is none",
      "UPDATE environments SET tensorboard_port = 29999 WHERE status = 'running'",
      { "shown-ports-differ": { environment: anyText } },
    ],
    [
      "a port kept for an environment that is deleted",
      `UPDATE lease_orders SET want = 'held', state = 'waiting', ended_at = NULL
        WHERE env_id = (SELECT id FROM environments WHERE status = 'deleting')`,
      { "lease-of-deleted-environment": lease },
    ],
    [
      "a lease left open on a host that is lost",
      `UPDATE lease_orders SET state = 'waiting', ended_at = NULL WHERE host_id = 'host-two'`,
      { "lease-on-gone-host": { ...lease, host: "host-two" } },
    ],
  ])("%s", async (_name, damage, expected) => {
    expect(subjectsOf(await findingsAfter(damage))).toEqual(expected);
  });
});

/** By their kind; several of a kind as a list. */
function subjectsOf(findings: Finding[]): Record<string, object> {
  const kinds = Map.groupBy(findings, ({ finding }) => finding);
  return Object.fromEntries(
    [...kinds].map(([kind, found]) => {
      const subjects = found.map(({ subject }) => subject);
      return [kind, subjects.length === 1 ? (subjects[0] ?? {}) : subjects];
    }),
  );
}

test("of many findings the first are listed, and all are counted", async () => {
  const results = await onCopy(async ({ database, application }) => {
    await damaged(
      database,
      "INSERT INTO ledger_transactions (source_kind, source_id) SELECT 'topup', 'x' || n FROM generate_series(1, 50) n",
    );
    return await examine(application, new Date());
  });

  const broken = results.flatMap((result) => (result.state === "broken" ? [result] : []));
  expect(broken.map(({ count, findings }) => [count, findings.length])).toEqual([[50, 20]]);
});

test("a control plane that works as the owner of its tables is distinguished from the books", async () => {
  const results = await onCopy(({ database }) => examine(database, new Date()));

  const broken = results.flatMap((result) => (result.state === "broken" ? result.findings : []));
  expect(broken.map(({ finding, subject }) => `${finding} ${String(subject["table"])}`)).toEqual(
    APPEND_ONLY_TABLES.map((table) => `books-can-be-changed ${table}`),
  );
});

test("a chain of more than one page is walked to its end", async () => {
  const findings = await onCopy(async ({ database, application }) => {
    const journal = "33333333-3333-4333-8333-333333333333";
    const entry = { kind: "lost", reason: "long" } as const;
    const hashes: string[] = [];
    for (let seq = 1; seq <= 12_000; seq += 1)
      hashes.push(rowHash(journal, seq, hashes.at(-1) ?? "0".repeat(64), entry));
    await database.query(
      `INSERT INTO host_journals (host_id, journal_id, watermark, watermark_hash) VALUES ('host-ann', $1, 12000, $2)`,
      [journal, hashes.at(-1)],
    );
    await database.query(
      `INSERT INTO usage_rows (host_id, journal_id, seq, kind, verdict, entry, hash)
       SELECT 'host-ann', $1, n, 'lost', 'lost', $3, hash FROM unnest($2::text[]) WITH ORDINALITY u (hash, n)`,
      [journal, hashes, JSON.stringify(entry)],
    );
    await damaged(
      database,
      `DELETE FROM usage_rows WHERE journal_id = '${journal}' AND seq BETWEEN 9999 AND 10001`,
    );
    return (await examine(application, new Date())).flatMap((one) =>
      one.state === "broken" ? one.findings : [],
    );
  });

  expect(findings.map(({ subject }) => subject)).toEqual([
    expect.objectContaining({ first_seq: 9_999, last_seq: 10_001 }),
  ]);
});

test("a question can write nothing, and one that fails is not checked", async () => {
  await onCopy(async ({ application }) => {
    const question = (text: string) => ({
      check: "c",
      claim: "C.",
      request: async (sql: { query: Database["query"] }) => {
        await sql.query(text);
        return { count: 0, findings: [] };
      },
    });

    expect(await answer(application, question("DELETE FROM hour_ticks"), new Date())).toMatchObject({
      state: "not-checked",
      reason: expect.stringContaining("read-only"),
    });
    expect(await answer(application, question("SELECT * FROM nowhere"), new Date())).toMatchObject({
      state: "not-checked",
    });
  });
});

test("metrics report the trial balance, summed up every five minutes at most", async () => {
  const api = await openApi({}, await freshDatabase({ template }));
  const numbers = async () => {
    const text: string = (await api.request("GET", "/metrics", { as: api.admin })).body;
    return ["ledger_imbalance", "customers_unbalanced"].map(
      (name) => new RegExp(`^remotegpu_${name} (.*)$`, "m").exec(text)?.[1],
    );
  };

  const before = await numbers();
  await api.db.query("UPDATE customers SET balance = balance + 1 WHERE username = 'ann'");
  const soon = await numbers();
  api.passMinutes(5);
  const later = await numbers();
  await api.close();

  expect([before, soon, later]).toEqual([
    ["0", "0"],
    ["0", "0"],
    ["0", "1"],
  ]);
});

describe("the command", () => {
  const doctor = (url: string, ...args: string[]) =>
    execa(COMMAND, ["doctor", ...args], { env: { DATABASE_URL: url }, reject: false, timeout: 60_000 });

  test("ends with 0 where all is well, with 1 where something is broken", async () => {
    await onCopy(async ({ database, url }) => {
      const well = await doctor(url);
      await database.query("UPDATE customers SET balance = balance + 1 WHERE username = 'ann'");
      const broken = await doctor(url, "--json");

      expect(well.stderr).toBe("");
      expect(well.exitCode).toBe(0);
      expect(well.stdout).toMatch(/^well +Every ledger transaction sums to zero\.$/m);
      expect(broken.exitCode).toBe(1);
      const answered = JSON.parse(broken.stdout) as { verdict: string; checks: { state: string }[] };
      expect(answered.verdict).toBe("broken");
      expect(answered.checks.filter(({ state }) => state === "broken")).toHaveLength(1);
    });
  });

  test("ends with 2, and states why in one line, where it cannot check: a database without our tables", async () => {
    const empty = await freshDatabase({ template: "template0" });
    const { exitCode, stdout, stderr } = await doctor(empty.url);
    await empty.drop();

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/^remotegpu-control-plane: the database lacks [^\n]* first$/);
  });
});
