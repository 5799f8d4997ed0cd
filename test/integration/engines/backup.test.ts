/** Backup and restore: what comes back is what was there, and nothing that is not whole is restored. */
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { takeBackup, type BackupRequest } from "@remotegpu/control-plane/server/backup/backup";
import { draftName, lockDraft, removeAbandoned } from "@remotegpu/control-plane/server/backup/draft-lock";
import { loggedPayments, PaymentLog } from "@remotegpu/control-plane/server/backup/payment-log";
import { withBackup } from "@remotegpu/control-plane/server/backup/backup-store";
import { pgDumpVersion, pgRestore } from "@remotegpu/control-plane/server/backup/postgres-programs";
import { restoreBackup } from "@remotegpu/control-plane/server/backup/restore";
import { inDumpSession } from "@remotegpu/control-plane/server/store/backup/dump-session";
import { topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { parsePoints } from "@remotegpu/shared/values/money";
import { MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { freshDatabase, type FreshDatabase } from "../../support/engines/postgres.ts";
import { openTestOperator } from "../../support/engines/operator-keys.ts";
import { startThrowawayPostgres } from "../../support/engines/postgres-servers/throwaway-postgres.ts";
import { COMPILED } from "../../support/suite/compiled.ts";
import { liveThrough } from "../../support/worlds/lively-database.ts";

const COMMAND = new URL("../../../control-plane/bin/remotegpu-control-plane", import.meta.url).pathname;
const PASSPHRASE = "a passphrase that seals";
const KEY_FILES = ["operator.json", "tls/ca.pem"];
const LATER = new Date("2026-06-01T00:00:00Z");
const PAYMENT = {
  kind: "topup",
  id: "pay-1",
  customerId: 1,
  amount: "5.0000",
  at: LATER.toISOString(),
  reason: null,
  actor: "admin 1",
  runId: null,
} as const;
const installedPgDump = await pgDumpVersion("postgres://localhost/any");
const hasRclone = spawnSync("rclone", ["version"]).status === 0;
if (installedPgDump === null) console.warn("pg_dump is not installed here: dumps by it are left out.");
if (!hasRclone) console.warn("rclone is not installed here: backups to a remote are left out.");

interface ManifestInTest {
  files: unknown[];
  migrations: { name: string; checksum: string }[];
  dump: { sequences: { column: string }[] };
}

let lively: FreshDatabase;
let folder: string;
/** Of the lively database, by COPY, with keys. */
let backup: string;
/** Stays empty, since each restore into it is refused. */
let empty: FreshDatabase;
/** What the lively database was when that was taken. */
let backedUp: Awaited<ReturnType<typeof everythingOf>>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-backup-test-"));
  lively = await freshDatabase();
  empty = await freshDatabase({ template: "template0" });
  await liveThrough(lively);
  await lively.database.query("CREATE TABLE strangers (id int); INSERT INTO strangers VALUES (1)");
  const stateDir = join(folder, "state");
  await openTestOperator(join(stateDir, "operator.json"));
  mkdirSync(join(stateDir, "tls"));
  writeFileSync(join(stateDir, "tls/ca.pem"), "a certificate");
  backup = (await taken({ keys: { stateDir, passphrase: PASSPHRASE } })).path;
  backedUp = await everythingOf(lively.database);
}, 60_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await lively.drop();
  await empty.drop();
});

function temporaryFolder(): string {
  const made = mkdtempSync(join(folder, "one-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function taken(request: Partial<BackupRequest> = {}) {
  const to = mkdtempSync(join(folder, "to-"));
  return await takeBackup({
    url: lively.url,
    to,
    keys: null,
    pgDumpVersion: null,
    productVersion: "1.2.3",
    paymentLog: null,
    keep: null,
    ...request,
  });
}

async function emptyDatabase(): Promise<FreshDatabase> {
  const made = await freshDatabase({ template: "template0" });
  onTestFinished(() => made.drop());
  return made;
}

const restored = (
  owner: Database,
  from: string,
  passphrase: string | null = null,
  stateDir = temporaryFolder(),
) => restoreBackup(owner, { folder: from, stateDir, passphrase, now: LATER, report: () => undefined });

/** What a restore changes by intent, so that hosts report before they are served. */
const MARKED = new Map([
  ["cluster_state", "db_incarnation backup_taken_at restore_held_since restored_to"],
  ["leader", "term holder lease_until"],
  ["hosts", "generation observed_digest restore_detected_at updated_at"],
]);

/** Table → its rows, as one number. */
async function contentOf(db: Database): Promise<Record<string, unknown>> {
  const { rows } = await db.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'strangers' ORDER BY 1",
  );
  const contents = await Promise.all(
    rows.map(async ({ name }) => {
      const row = `(to_jsonb(t) - string_to_array('${MARKED.get(name) ?? ""}', ' '))::text`;
      const { rows: found } = await db.query(
        `SELECT count(*) AS count, md5(coalesce(string_agg(${row}, '' ORDER BY ${row}), '')) AS content FROM ${name} t`,
      );
      return [name, found[0]] as const;
    }),
  );
  return Object.fromEntries(contents);
}

async function sequencesOf(db: Database): Promise<unknown[]> {
  const { rows } = await db.query(
    "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
  );
  return rows;
}

async function constraintsOf(db: Database): Promise<unknown[]> {
  const { rows } = await db.query(
    `SELECT conrelid::regclass::text AS "table", conname, convalidated, pg_get_constraintdef(oid) AS definition
       FROM pg_constraint WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace ORDER BY 1, 2`,
  );
  return rows;
}

async function everythingOf(db: Database) {
  return {
    rows: await contentOf(db),
    sequences: await sequencesOf(db),
    constraints: await constraintsOf(db),
  };
}

test("a restored database has every row and sequence, its fleet's keys, and nothing for the doctor to find", async () => {
  const target = await emptyDatabase();
  // Its owner may do no more than owners may.
  const owner = `owner_${process.pid}`;
  const { pathname } = new URL(target.url);
  await target.database.query(
    `CREATE ROLE ${owner} LOGIN PASSWORD 'owner'; ALTER DATABASE ${pathname.slice(1)} OWNER TO ${owner}`,
  );
  const url = new URL(target.url);
  [url.username, url.password] = [owner, "owner"];
  const asOwner = openDatabase(url.href, { runsAs: "owner" });

  const stateDir = temporaryFolder();

  const { unknownTables, dbIncarnation, placedKeys } = await restored(asOwner, backup, PASSPHRASE, stateDir);

  await asOwner.close();
  await target.database.query(`REASSIGN OWNED BY ${owner} TO CURRENT_USER; DROP ROLE ${owner}`);
  expect(await everythingOf(target.database)).toEqual(backedUp);
  expect({ unknownTables, dbIncarnation }).toEqual({ unknownTables: ["strangers"], dbIncarnation: 2 });
  const findings = (await examine(target.application, new Date())).filter(({ state }) => state !== "well");
  expect(findings).toEqual([]);
  // Hosts report before they are served.
  const { rows: hosts } = await target.database.query(
    `SELECT observed_digest, restore_detected_at FROM hosts
      WHERE deleted_at IS NULL AND revoked_at IS NULL AND connection <> 'never'`,
  );
  expect(hosts.length).toBeGreaterThan(0);
  expect(hosts).toEqual(hosts.map(() => ({ observed_digest: null, restore_detected_at: LATER })));
  expect(placedKeys).toEqual(KEY_FILES.map((path) => join(stateDir, path)));
  for (const path of KEY_FILES)
    expect(readFileSync(join(stateDir, path), "utf8")).toBe(
      readFileSync(join(folder, "state", path), "utf8"),
    );
  // Triggers are on again.
  await expect(target.database.query("DELETE FROM ledger_entries")).rejects.toThrow(/append-only|only grow/i);
});

test("what is written while a dump reads is in none of its tables", async () => {
  const { rows } = await lively.database.query<{ id: number }>("SELECT min(id) AS id FROM customers");
  const text = await inDumpSession(lively.url, async (session) => {
    await transaction(lively.application, (sql) =>
      topUp(sql, {
        id: "meanwhile",
        customerId: rows[0]?.id ?? 0,
        amount: parsePoints("7"),
        at: LATER,
        reason: null,
        actor: "test",
      }),
    );
    let copied = "";
    const sink = () =>
      new Writable({
        write(chunk, _encoding, done) {
          copied += String(chunk);
          done();
        },
      });
    for (const table of session.tables.filter(({ name }) => name.startsWith("ledger_")))
      await session.copyOut(table, sink());
    return copied;
  });

  expect(text).not.toBe("");
  expect(text).not.toContain("meanwhile");
});

test("a database that is not empty is refused, and what is there is named", async () => {
  const other = await emptyDatabase();
  await other.database.query("CREATE TABLE accounts_of_others (id int)");

  await expect(restored(other.database, backup)).rejects.toThrow(/not empty: it has accounts_of_others\./);
});

describe("a backup that is not whole", () => {
  async function damaged(damage: (copy: string) => void): Promise<unknown> {
    const copy = join(temporaryFolder(), "copy");
    await execa("cp", ["-r", backup, copy]);
    damage(copy);
    return await restored(empty.database, copy);
  }
  function edited(copy: string, edit: (manifest: ManifestInTest) => void): void {
    const path = join(copy, "manifest.json");
    const manifest: ManifestInTest = JSON.parse(readFileSync(path, "utf8"));
    edit(manifest);
    writeFileSync(path, JSON.stringify(manifest));
  }
  const ledgerIn = (copy: string) =>
    readdirSync(join(copy, "tables")).find((name) => name.includes("ledger_entries")) ?? "";

  test("is refused by the name of the file that is longer", async () => {
    const restoring = damaged((copy) => appendFileSync(join(copy, "tables", ledgerIn(copy)), "more"));

    await expect(restoring).rejects.toThrow(
      /ledger_entries\.copy\.gz of the backup has \d+ bytes and not \d+/,
    );
  });

  test("is refused by the name of the file that was edited", async () => {
    const restoring = damaged((copy) => {
      const file = join(copy, "tables", ledgerIn(copy));
      const bytes = readFileSync(file);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(file, bytes);
    });

    await expect(restoring).rejects.toThrow(/ledger_entries\.copy\.gz of the backup was changed since/);
  });

  test("is refused where its manifest is missing", async () => {
    const restoring = damaged((copy) => rmSync(join(copy, "manifest.json")));

    await expect(restoring).rejects.toThrow(/manifest\.json cannot be read/);
  });

  test("is refused where its manifest leaves a file unmeasured", async () => {
    const restoring = damaged((copy) => edited(copy, ({ files }) => files.pop()));

    await expect(restoring).rejects.toThrow(/manifest\.json is not a manifest that this version reads/);
  });

  test("is refused where its schema is of a later version", async () => {
    const restoring = damaged((copy) =>
      edited(copy, ({ migrations }) => migrations.push({ name: "9999_later.sql", checksum: "0" })),
    );

    await expect(restoring).rejects.toThrow(/9999_later\.sql.*use the version that made it/);
  });

  test("leaves the database empty where it fails behind its rows", async () => {
    const restoring = damaged((copy) =>
      edited(copy, ({ dump }) => dump.sequences.forEach((sequence) => (sequence.column = "of_nobody"))),
    );

    await expect(restoring).rejects.toThrow(/the database is empty as before: .*of_nobody/);
    const { rows } = await empty.database.query(
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    );
    expect(rows).toEqual([]);
  });
});

test("a backup has a copy of the payment log", async () => {
  const paymentLog = temporaryFolder();
  const log = new PaymentLog(paymentLog);
  await log.record(PAYMENT);
  await log.close();

  const { path } = await taken({ paymentLog });

  expect(await loggedPayments([join(path, "payments")])).toEqual([PAYMENT]);
  const target = await emptyDatabase();
  await expect(restored(target.database, path)).resolves.toMatchObject({ placedKeys: [] });
});

describe("what a killed backup left", () => {
  const draftOf = (to: string, name: string) => {
    const path = join(to, name);
    mkdirSync(join(path, "tables"), { recursive: true });
    writeFileSync(join(path, "tables/0001-half"), "half");
    return path;
  };

  test("is removed by the next one", async () => {
    const to = temporaryFolder();
    draftOf(to, draftName("remotegpu-20260101T000000Z"));

    const { path } = await taken({ to });

    expect(readdirSync(to)).toEqual([path.split("/").at(-1)]);
  });

  test("stays while somebody writes it, and where it is another machine's or not ours", async () => {
    const to = temporaryFolder();
    const written = draftOf(to, draftName("remotegpu-20260101T000000Z"));
    const lock = await lockDraft(written);
    draftOf(to, "remotegpu-20260101T000000Z.00000000.partial");
    draftOf(to, "of-others.partial");

    const { path } = await taken({ to });

    lock?.release();
    expect(readdirSync(to)).toHaveLength(4);
    expect(readdirSync(to)).toContain(path.split("/").at(-1));
  });

  test("on another machine is removed a day later", async () => {
    const to = temporaryFolder();
    const draft = draftOf(to, "remotegpu-20260101T000000Z.00000000.partial");

    await removeAbandoned(to, new Date(Date.now() + MS_PER_DAY - MS_PER_HOUR));
    expect(readdirSync(to)).toEqual([draft.split("/").at(-1)]);
    await removeAbandoned(to, new Date(Date.now() + MS_PER_DAY + MS_PER_HOUR));

    expect(readdirSync(to)).toEqual([]);
  });
});

test("a backup that fails leaves nothing behind", async () => {
  const to = temporaryFolder();
  const reader = `reader_${process.pid}`;
  await lively.database.query(`CREATE ROLE ${reader} LOGIN PASSWORD 'reader' IN ROLE remotegpu_app`);
  onTestFinished(async () => void (await lively.database.query(`DROP ROLE ${reader}`)));
  const url = new URL(lively.url);
  [url.username, url.password] = [reader, "reader"];

  await expect(taken({ url: url.href, to })).rejects.toThrow(
    /cannot be backed up: permission denied for table strangers/,
  );

  expect(readdirSync(to)).toEqual([]);
});

describe("the operator's keys", () => {
  test("stay where other keys are, and nothing is restored", async () => {
    const stateDir = temporaryFolder();
    writeFileSync(join(stateDir, "operator.json"), "{}");

    const restoring = restored(empty.database, backup, PASSPHRASE, stateDir);

    await expect(restoring).rejects.toThrow(/has other keys than the backup/);
    expect(readFileSync(join(stateDir, "operator.json"), "utf8")).toBe("{}");
  });

  test("stay sealed for another passphrase", async () => {
    const restoring = restored(empty.database, backup, "another passphrase");

    await expect(restoring).rejects.toThrow("the passphrase does not open the keys of this backup");
  });

  test("stand nowhere in a backup in plain", () => {
    const { challengeSecret } = JSON.parse(readFileSync(join(folder, "state/operator.json"), "utf8"));

    const { status } = spawnSync("grep", ["-r", "-F", String(challengeSecret), backup]);

    expect(status).toBe(1);
  });
});

test.skipIf(installedPgDump === null)(
  "pg_dump takes the backup where it is as new as the server (left out where it is not installed)",
  async () => {
    const server = await startThrowawayPostgres(15);
    onTestFinished(() => server.stop());
    const at = async (name: string) => {
      const admin = openDatabase(server.url, { maxConnections: 1 });
      await admin.query(`CREATE DATABASE ${name}`);
      await admin.close();
      const url = new URL(server.url);
      url.pathname = name;
      const database = openDatabase(url.href, { runsAs: "owner" });
      onTestFinished(() => database.close());
      return { url: url.href, database };
    };
    const [source, target] = [await at("source"), await at("target")];
    await migrate(source.database);
    await source.database.query(
      "INSERT INTO customers (id, username, email, password_hash) VALUES (1, 'ada', 'ada@example.org', '!')",
    );

    const { path, dump } = await taken({ url: source.url, pgDumpVersion: installedPgDump });
    const torn = join(temporaryFolder(), "torn.dump");
    const archive = readFileSync(join(path, "database.dump"));
    writeFileSync(torn, archive.subarray(0, archive.length - 2_000));
    await expect(pgRestore(target.url, torn)).rejects.toThrow(/pg_restore: /);
    await restored(target.database, path);

    expect(dump.kind).toBe("pg_dump");
    expect(await contentOf(target.database)).toEqual(await contentOf(source.database));
  },
);

test.skipIf(!hasRclone)(
  "a remote of rclone takes backups, keeps the newest, and gives them back (left out where it is not installed)",
  async () => {
    const remote = temporaryFolder();
    for (const name of ["remotegpu-20200101T000000Z", "of-others"]) {
      mkdirSync(join(remote, name));
      writeFileSync(join(remote, name, "manifest.json"), "{}");
    }

    const { path, removed } = await taken({ to: `rclone:${remote}`, keep: 1 });

    expect(removed).toEqual(["remotegpu-20200101T000000Z"]);
    expect(readdirSync(remote)).toEqual(["of-others", path.split("/").at(-1)]);
    const target = await emptyDatabase();
    await withBackup(path, (fetched) => restored(target.database, fetched));
    expect(await contentOf(target.database)).toEqual(await contentOf(lively.database));
  },
);

test("the commands back up beside a server, say by what, record when, and restore", async () => {
  const to = temporaryFolder();
  const command = (database: FreshDatabase, ...args: string[]) =>
    execa(COMMAND, [...args, "--state-dir", join(to, "state")], {
      env: { ...COMPILED, DATABASE_URL: database.url, MIGRATION_DATABASE_URL: "" },
      reject: false,
      timeout: 30_000,
    });
  const unnamed = await command(lively, "backup", "--to", to);
  expect(unnamed.exitCode).toBe(1);
  expect(unnamed.stderr).toMatch(/--passphrase-file.*--without-keys.*must join again/);

  const taking = await command(lively, "backup", "--to", to, "--without-keys", "--json");

  const answer = JSON.parse(taking.stdout);
  expect(answer).toMatchObject({ method: expect.stringMatching(/^(copy|pg_dump)$/), has_keys: false });
  const { rows } = await lively.database.query("SELECT backup_taken_at FROM cluster_state");
  expect(rows).toEqual([{ backup_taken_at: new Date(answer.taken_at) }]);
  const target = await emptyDatabase();
  const restoring = await command(target, "restore", "--from", answer.path, "--verify");
  expect(restoring.stdout).toContain(`Restored what the database was at ${answer.taken_at}`);
  const status = await command(target, "restore", "status", "--json");
  const { rows: hosts } = await lively.database.query(
    "SELECT id FROM hosts WHERE deleted_at IS NULL AND revoked_at IS NULL AND connection <> 'never' ORDER BY id",
  );
  expect(JSON.parse(status.stdout)).toMatchObject({
    restoredTo: answer.taken_at,
    hosts: hosts.map(({ id }) => ({ hostId: id, isHeard: false, hasReported: false, pendingRows: null })),
  });
  const early = await command(target, "restore", "resume");
  expect({ exitCode: early.exitCode, stderr: early.stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(/hosts have not said all that they know: .*\(not heard\)/),
  });
  expect((await command(target, "restore", "resume", "--anyway")).stdout).toMatch(/^Resumed/);
  expect((await command(target, "restore", "status")).stdout).toMatch(/^Nothing waits/);
  const again = await command(target, "restore", "--from", answer.path);
  expect({ exitCode: again.exitCode, stderr: again.stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(
      /^remotegpu-control-plane: the database is not empty: it has .* and \d+ more/,
    ),
  });
});
