/** Point in time recovery by Postgres' own tools, with the lines of the operators' page, on Debian's Postgres 17. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { restoreHoldCommand } from "@remotegpu/control-plane/server/commands/restore-status-command";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { freePort } from "../../support/engines/free-ports.ts";

const PROGRAMS = "/usr/lib/postgresql/17/bin";
const PAGE = new URL("../../../control-plane/docs/operators/backup.md", import.meta.url);
/** Postgres refuses to run as root. */
const USER = "postgres";

const isInstalled = existsSync(join(PROGRAMS, "pg_basebackup")) && process.getuid?.() === 0;
if (!isInstalled)
  console.warn(
    "postgresql-17 is not installed here, or this is not root: point in time recovery is left out.",
  );

/** The settings of the page: of the server that archives, and of the one that recovers. */
function settingsOfPage(archive: string): { archiving: string; recovering: string } {
  const blocks = [...readFileSync(PAGE, "utf8").matchAll(/```ini\n([^`]*)```/g)].map(([, text = ""]) => text);
  const [archiving, recovering] = blocks.map((text) => text.replaceAll("/srv/archive", archive));
  if (archiving === undefined || recovering === undefined) throw new Error("the page lacks its settings");
  return { archiving, recovering };
}

async function asPostgres(program: string, ...args: string[]): Promise<void> {
  await execa("runuser", ["-u", USER, "--", join(PROGRAMS, program), ...args], {
    cwd: "/",
    stdin: "ignore",
    stdout: "ignore",
    timeout: 60_000,
  });
}

async function startServer(folder: string, port: number): Promise<() => Promise<void>> {
  await asPostgres("pg_ctl", "start", "-w", "-D", folder, "-l", `${folder}.log`, "-o", `-p ${port}`);
  let isUp = true;
  const stop = async () => {
    if (!isUp) return;
    isUp = false;
    await asPostgres("pg_ctl", "stop", "-w", "-m", "fast", "-D", folder);
  };
  onTestFinished(stop);
  return stop;
}

function opened(port: number): Database {
  const database = openDatabase(`postgres://${USER}@127.0.0.1:${port}/postgres`, { runsAs: "owner" });
  onTestFinished(() => database.close());
  return database;
}

async function addCustomer(database: Database, name: string): Promise<void> {
  await database.query("INSERT INTO customers (username, email, password_hash) VALUES ($1, $2, '!')", [
    name,
    `${name}@example.org`,
  ]);
}

async function customersIn(database: Database): Promise<string[]> {
  const { rows } = await database.query<{ username: string }>(
    "SELECT username FROM customers WHERE email LIKE '%@example.org' ORDER BY username",
  );
  return rows.map(({ username }) => username);
}

test.skipIf(!isInstalled)(
  "a moment between two backups comes back, well, and waits for hosts (left out without postgresql-17)",
  async () => {
    const root = mkdtempSync(join(tmpdir(), "remotegpu-pitr-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const [data, base, archive] = [join(root, "data"), join(root, "base"), join(root, "archive")];
    mkdirSync(archive);
    await execa("chown", ["-R", USER, root]);
    const { archiving, recovering } = settingsOfPage(archive);
    await asPostgres("initdb", "-D", data, "-A", "trust", "-U", USER, "--no-sync");
    const own = `listen_addresses = '127.0.0.1'\nunix_socket_directories = '${root}'\n`;
    appendFileSync(join(data, "postgresql.conf"), `\n${own}${archiving}`);
    const port = await freePort();
    const stop = await startServer(data, port);
    const before = opened(port);
    await migrate(before);
    await addCustomer(before, "in-the-base");

    await asPostgres(
      "pg_basebackup",
      "-D",
      base,
      "--checkpoint=fast",
      "-h",
      "127.0.0.1",
      "-p",
      `${port}`,
      "-U",
      USER,
    );
    await addCustomer(before, "kept");
    const { rows } = await before.query<{ moment: string }>("SELECT clock_timestamp()::text AS moment");
    await before.query("SELECT pg_sleep(0.01)");
    await addCustomer(before, "lost");
    // Recovery to a time needs a commit beyond it, and its segment in the archive.
    await before.query("SELECT pg_switch_wal()");
    await stop();

    writeFileSync(join(base, "recovery.signal"), "");
    const toMoment = recovering.replace(/'2026-[^']*'/, `'${rows[0]?.moment ?? ""}'`);
    appendFileSync(join(base, "postgresql.conf"), `\n${toMoment}`);
    await execa("chown", ["-R", USER, base]);
    const otherPort = await freePort();
    await startServer(base, otherPort);
    const after = opened(otherPort);
    await expect
      .poll(async () => (await after.query("SELECT pg_is_in_recovery() AS is_it")).rows, { timeout: 20_000 })
      .toEqual([{ is_it: false }]);

    expect(await customersIn(after)).toEqual(["in-the-base", "kept"]);
    await migrate(after);
    const login = openDatabase(`postgres://${USER}@127.0.0.1:${otherPort}/postgres`);
    onTestFinished(() => login.close());
    expect((await examine(login, new Date())).filter(({ state }) => state !== "well")).toEqual([]);
    const printed: string[] = [];
    await restoreHoldCommand(after, (text) => void printed.push(text));
    expect(printed).toEqual([expect.stringMatching(/^Held as incarnation 2/)]);
  },
  120_000,
);
