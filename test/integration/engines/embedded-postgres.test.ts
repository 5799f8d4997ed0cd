/** The embedded Postgres as real processes: it outlives our kill, is taken over, and ends in order. */
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { type EmbeddedPostgres, startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import { programFiles } from "@remotegpu/control-plane/server/installation/program-files";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { freePort } from "../../support/engines/free-ports.ts";

const POSTGRES = new URL("../../../control-plane/server/embedded/postgres.ts", import.meta.url);
const isRoot = process.getuid?.() === 0;

let stateDir: string;
const running: EmbeddedPostgres[] = [];

beforeAll(async () => {
  stateDir = await passableFolder();
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});
afterAll(() => rm(stateDir, { recursive: true, force: true }));

test("it starts, keeps its rows over a stop and a start, and is gone after the stop", async () => {
  const first = await start();
  await request(first.url, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)");
  await first.stop();
  const second = await start();

  expect(first.adopted).toBe(false);
  expect(second.adopted).toBe(false);
  expect(await request(second.url, "SELECT id FROM kept")).toEqual([{ id: 1 }]);
  expect(await request(second.url, "SHOW fsync")).toEqual([{ fsync: "on" }]);
  expect(await isAlive(first.pid())).toBe(false);
});

test("it listens on loopback only, behind a password that others cannot read", async () => {
  const server = await start();
  const url = new URL(server.url);

  expect(await request(server.url, "SHOW listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
  expect((await stat(join(stateDir, "postgres/password"))).mode & 0o777).toBe(0o600);
  url.password = "guessed";
  await expect(request(url.href, "SELECT 1")).rejects.toThrow(/password authentication failed/);
});

test("killed with -9 we leave it running; the next start takes it over and stops it", async () => {
  const parent = await startInAnotherProcess();
  const pidOfServer = await postmasterPid();
  process.kill(parent, "SIGKILL");
  await eventually(async () => !(await isAlive(parent)));
  expect(await isAlive(pidOfServer)).toBe(true);

  const server = await start();

  expect(server.adopted).toBe(true);
  expect(server.pid()).toBe(pidOfServer);
  expect(await request(server.url, "SELECT id FROM kept")).toEqual([{ id: 1 }]);
  await server.stop();
  expect(await isAlive(pidOfServer)).toBe(false);
});

test("Ctrl-C reaches us and not the server", async () => {
  const parent = await startInAnotherProcess();
  const pidOfServer = await postmasterPid();
  process.kill(-parent, "SIGINT");
  await eventually(async () => !(await isAlive(parent)));

  expect(await isAlive(pidOfServer)).toBe(true);
  expect((await start()).adopted).toBe(true);
});

test("one that runs on another port than wanted is stopped and started there", async () => {
  process.kill(await startInAnotherProcess(), "SIGKILL");
  const before = await postmasterPid();
  const port = await freePort();

  const server = await start({ port });

  expect(server).toMatchObject({ adopted: false, port });
  expect(await isAlive(before)).toBe(false);
});

test("killed, the server comes back by itself under the same address, with everything committed", async () => {
  const server = await start();
  const killed = server.pid();
  await request(server.url, "INSERT INTO kept VALUES (2)");
  process.kill(killed, "SIGKILL");

  const rows = await eventually(() => request(server.url, "SELECT id FROM kept ORDER BY id"), {
    withinMs: 60_000,
  });

  expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
  await eventually(() => server.pid() !== killed);
  await server.stop();
  expect(await isAlive(server.pid())).toBe(false);
});

test("a pid file that names another's process by now does not stop it from starting", async () => {
  const dataDir = join(stateDir, "postgres/data");
  await writeFile(join(dataDir, "postmaster.pid"), `${process.pid}\n${dataDir}\n1\n5432\n\n127.0.0.1\n`);

  const server = await start();

  expect(server.adopted).toBe(false);
  expect(await request(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("a taken port is reported in one line", async () => {
  const taken = createServer();
  onTestFinished(() => void taken.close());
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port));
  });

  const failed = start({ port });

  await expect(failed).rejects.toThrow(
    new RegExp(`^Postgres does not start on port ${port}: .*could not (bind|create).*$`),
  );
});

test("a data folder of another major version is refused by name", async () => {
  const file = join(stateDir, "postgres/data/PG_VERSION");
  const version = await readFile(file, "utf8");
  onTestFinished(() => writeFile(file, version));
  await writeFile(file, "14\n");

  await expect(start()).rejects.toThrow(/was made by Postgres 14 and ours is 18/);
});

test.runIf(isRoot)(
  "binaries that the server's user cannot reach are copied into the state folder",
  async () => {
    const closed = await mkdtemp(join(tmpdir(), "remotegpu-closed-"));
    await symlink(programFiles.postgres(), join(closed, "native"));
    const folder = await passableFolder();

    onTestFinished(async () => {
      for (const made of [closed, folder]) await rm(made, { recursive: true });
    });

    const server = await startPostgres({ stateDir: folder, log: quietLog, binaries: join(closed, "native") });
    running.push(server);

    expect(await request(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect((await stat(join(folder, "postgres/18.4/bin/postgres"))).isFile()).toBe(true);
  },
);

test.runIf(isRoot)("a state folder behind a closed one is reported in one line", async () => {
  const closed = await mkdtemp(join(tmpdir(), "remotegpu-closed-"));

  await expect(startPostgres({ stateDir: closed, log: quietLog })).rejects.toThrow(
    /^Postgres runs as the user remotegpu-postgres, who cannot reach .*: a folder above it is closed to others\. .*$/,
  );
  await rm(closed, { recursive: true });
});

async function start(options: { port?: number } = {}): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ stateDir, log: quietLog, ...options });
  running.push(server);
  return server;
}

/** Answers the pid of a process (and group) of ours that started the server and waits. */
async function startInAnotherProcess(): Promise<number> {
  const program = `
    import { startPostgres } from ${JSON.stringify(POSTGRES.href)};
    const log = { info() {}, warn() {}, error() {} };
    await startPostgres({ stateDir: ${JSON.stringify(stateDir)}, log });
    process.stdout.write("up");
    process.stdin.resume();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Its server outlives it. One that a test took over has been stopped by then.
  onTestFinished(async () => {
    child.kill("SIGKILL");
    const left = await postmasterPid().catch(() => null);
    if (left !== null && (await isAlive(left))) process.kill(left, "SIGINT");
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the other process ended before its server was up")));
  });
  return child.pid ?? 0;
}

async function postmasterPid(): Promise<number> {
  return Number.parseInt(await readFile(join(stateDir, "postgres/data/postmaster.pid"), "utf8"), 10);
}

/** A process that nobody waited for has ended, too. */
async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return status !== "" && !/^State:\s+[ZX]/m.test(status);
}

async function request(url: string, sql: string): Promise<object[]> {
  const database = openDatabase(url, { maxConnections: 1 });
  try {
    return (await database.query(sql)).rows;
  } finally {
    await database.close();
  }
}

async function passableFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-postgres-"));
  await chmod(folder, 0o711);
  return folder;
}
