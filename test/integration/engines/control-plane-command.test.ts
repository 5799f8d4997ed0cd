/** The server's command as an operator types it, on the page for production and otherwise. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { COMPILED } from "../../support/suite/compiled.ts";
import { OLD_SYSTEM_UPGRADE, PRODUCTION, whyNot } from "../../support/pages/classes.ts";
import { commandsIn, textOf } from "../../support/pages/page.ts";
import { untrueOf } from "../../support/pages/documented-session.ts";
import { eventually } from "../../support/eventually.ts";
import { freshDatabase } from "../../support/engines/postgres.ts";
import { orderFree, schemaText, withoutCasts } from "../../support/old-system/schema-text.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { freePort } from "../../support/engines/free-ports.ts";

const REPOSITORY = new URL("../../..", import.meta.url).pathname;
const COMMAND = new URL("../../../control-plane/bin/remotegpu-control-plane", import.meta.url).pathname;
const OLD_SYSTEM = new URL("../../fixtures/old-system.sql", import.meta.url);
/** Units and scripts of the version before name it. */
const FORMER_MAIN = new URL("../../../control-plane/src/main.ts", import.meta.url).pathname;
/** Its commands are programs of their own, one after the other. */
const PAGE_WITHIN_MS = 180_000;
/** Not even root can make a folder there. */
const NO_FOLDER = "/sys/remotegpu";
/** They report nothing besides where nothing is to do. */
const JSON_COMMANDS = ["migrate --json", "doctor --json", "restore status --json"];
/** Of either form. */
const LOG_LINE = /"level":"\w+"|"msg":|took over|^\d{4}-\d\d-\d\dT\S+ [A-Z]+ /;

test("the main of before server/ starts the same server", async () => {
  const [former, present] = await Promise.all([
    execa(process.execPath, [FORMER_MAIN, "run", "--help"], { timeout: 20_000 }),
    execa(COMMAND, ["run", "--help"], { timeout: 20_000 }),
  ]);

  expect(former.stdout).toContain("Usage: remotegpu-control-plane run");
  expect(former.stdout).toBe(present.stdout);
});

test("a state folder that cannot be made is one line, without a stack", async () => {
  const { exitCode, stderr } = await execa(COMMAND, ["run", "--state-dir", NO_FOLDER], {
    reject: false,
    timeout: 20_000,
  });

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^remotegpu-control-plane: .*permitted.*'\/sys\/remotegpu'$/);
});

test.each([
  "admin-key",
  "doctor",
  "schema-snapshot",
  "migrate down",
  "migrate --dry-run",
  "backup --to /nowhere --without-keys",
])("%s in a folder without a database is one line, and nothing is made", async (command) => {
  const folder = join(tmpdir(), `remotegpu-mistyped-${process.pid}`);

  const done = await execa(COMMAND, [...command.split(" "), "--state-dir", folder], {
    env: { DATABASE_URL: "" },
    reject: false,
    timeout: 20_000,
  });

  expect(done.exitCode).toBe(command === "doctor" ? 2 : 1);
  expect(done.stderr).toMatch(/^remotegpu-control-plane: there is no database in .*$/);
  expect(existsSync(folder)).toBe(false);
});

test.each(["admin-key", "doctor", "schema-snapshot"])(
  "%s on a database without the schema is one line",
  async (command) => {
    const database = await freshDatabase({ template: "template0" });

    const done = await execa(COMMAND, [command], {
      env: { DATABASE_URL: database.url },
      reject: false,
      timeout: 20_000,
    });

    await database.drop();
    expect(done.exitCode).toBe(command === "doctor" ? 2 : 1);
    expect(done.stderr).toMatch(/^remotegpu-control-plane: .*migrate.*$/);
  },
);

test("ordered to end while it still begins, it ends in order once it has begun, with its Postgres and its NATS", async () => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-hasty-"));
  // Its Postgres runs as a user of its own.
  chmodSync(folder, 0o711);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const running = execa(COMMAND, ["run", "--state-dir", folder], {
    env: {
      DATABASE_URL: "",
      NATS_URL: "",
      REMOTEGPU_LISTEN: `127.0.0.1:${await freePort()}`,
      REMOTEGPU_GATEWAY_LISTEN: "off",
      REMOTEGPU_TUNNEL_LISTEN: "off",
      REMOTEGPU_AGENT_BUNDLE: "0",
    },
    all: true,
    reject: false,
    timeout: 60_000,
    // Killed five seconds after its signal, a control plane that is still beginning on a busy machine would end in no order.
    forceKillAfterDelay: false,
  });
  let output = "";
  running.all.on("data", (bytes: Buffer) => (output += String(bytes)));
  await eventually(() => output.includes("Postgres runs"), { what: "its Postgres" });

  running.kill("SIGTERM");

  const { exitCode, all } = await running;
  expect({ exitCode, all }).toEqual({ exitCode: 0, all: expect.stringContaining("ending in order") });
  const { stdout } = await execa("pgrep", ["--full", "--list-full", folder], { reject: false });
  expect(stdout).toBe("");
}, 90_000);

test("commands beside a running Postgres of the state folder log nothing among their output", async () => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-quiet-"));
  chmodSync(folder, 0o711);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const postgres = await startPostgres({ stateDir: folder, log: quietLog });
  onTestFinished(() => postgres.stop());
  const commands = ["migrate", "migrate --dry-run", "admin-key", "doctor", "schema-snapshot", "nats-config"];
  commands.push(
    "restore status",
    ...JSON_COMMANDS,
    `backup --json --without-keys --to ${join(folder, "backups")}`,
  );

  const logged: string[] = [];
  const answers: string[] = [];
  for (const command of commands) {
    const done = await execa(COMMAND, [...command.split(" "), "--state-dir", folder], {
      env: { DATABASE_URL: "", NATS_URL: "", REMOTEGPU_LOG_LEVEL: "debug" },
      all: true,
      timeout: 30_000,
    });
    logged.push(...done.all.split("\n").filter((line) => LOG_LINE.test(line)));
    if (command.includes("--json")) answers.push(typeof JSON.parse(done.stdout));
    if (JSON_COMMANDS.includes(command)) logged.push(...done.stderr.split("\n").filter(Boolean));
  }

  expect(logged).toEqual([]);
  expect(answers).toEqual(Array(JSON_COMMANDS.length + 1).fill("object"));
}, 90_000);

test("a command that does not exist is named, and none of the server is started", async () => {
  const done = await execa(COMMAND, ["foo"], { reject: false, timeout: 20_000 });

  expect(done).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("unknown command 'foo'") });
});

test("bare it lists what there is, and serves nothing", async () => {
  const done = await execa(COMMAND, [], { reject: false, timeout: 20_000 });

  expect(done).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^Usage: remotegpu-control-plane .*^ {2}run [^]*^Exit codes: /ms),
  });
});

test.each([
  [["run", "there"], "too many arguments"],
  [["run", "--listen", "nowhere"], "--listen: "],
  [["run", "--state-dir", "relative"], "--state-dir: "],
  [["run", "--public-url", "ftp://x"], "--public-url: "],
  [["run", "--log-format", "xml"], "--log-format"],
  [["migrate", "sideways"], "'direction'"],
  [["migrate", "--wait", "soon"], "--wait"],
  [["migrate", "--no-such-option"], "--no-such-option"],
  [["backup", "--without-keys"], "--to"],
  [["backup", "--to", "/nowhere", "--keep", "0"], "--keep"],
  [["doctor", "--state-dir"], "--state-dir"],
  [["nats-config", "--tls-cert", "/a.pem", "--state-dir", "/tmp/remotegpu-usage"], "--tls-key"],
])("%j is wrong usage, and what is wrong is named", async (words, named) => {
  const done = await execa(COMMAND, words, {
    env: { DATABASE_URL: "postgres://127.0.0.1:1/none" },
    reject: false,
    timeout: 20_000,
  });

  expect(done).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining(named) });
  expect(done.stderr).not.toMatch(/^ {4}at /m);
});

/** Types the page's commands in a folder and on a database that are thrown away. */
async function untruePage(page: string, { url, folder }: { url: string; folder: string }) {
  const told = commandsIn(textOf(page)).filter(({ command }) => whyNot(command) === undefined);
  const untrue = await untrueOf(told, {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      DATABASE_URL: url,
      REMOTEGPU_STATE_DIR: join(folder, "state"),
      ...COMPILED,
    },
    folder: REPOSITORY,
    places: new Map([
      ["postgres://remotegpu:PASSWORD@db.example.com/remotegpu", url],
      ["/etc/nats-server.conf", join(folder, "etc/nats-server.conf")],
    ]),
  });
  return { untrue, count: told.length };
}

function folderOfPage(): string {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-page-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "etc"));
  return folder;
}

/** Neither the order of columns nor casts in CHECKs are the same once columns were dropped and made again. */
async function plainSchema(database: Database): Promise<string> {
  return withoutCasts(orderFree(await schemaText(database)));
}

test(
  "the page on production: every command that changes no machine does as it states",
  async () => {
    const database = await freshDatabase({ template: "template0" });
    onTestFinished(() => database.drop());
    const folder = folderOfPage();

    const { untrue, count } = await untruePage(PRODUCTION, { url: database.url, folder });

    expect(untrue).toEqual([]);
    expect(count).toBeGreaterThan(4);
    expect(existsSync(join(folder, "state/operator.json"))).toBe(true);
    expect(readFileSync(join(folder, "etc/nats-server.conf"), "utf8")).toContain("jetstream");
  },
  PAGE_WITHIN_MS,
);

test(
  "the page on the upgrade from the old system: its commands upgrade such a database and bring it back",
  async () => {
    const old = await freshDatabase({ template: "template0" });
    onTestFinished(() => old.drop());
    await old.database.query(readFileSync(OLD_SYSTEM, "utf8"));
    const before = await plainSchema(old.database);

    const { untrue, count } = await untruePage(OLD_SYSTEM_UPGRADE, { url: old.url, folder: folderOfPage() });

    expect(untrue).toEqual([]);
    expect(count).toBe(3);
    expect(await plainSchema(old.database)).toBe(before);
  },
  PAGE_WITHIN_MS,
);
