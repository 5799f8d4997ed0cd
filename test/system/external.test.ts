/**
 * As in production: a Postgres and a NATS that the operator runs, the latter with the configuration that we print,
 * and two control planes on them.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiClient } from "@remotegpu/control-plane/cli/api-client";
import { freePort } from "@remotegpu/control-plane/embedded/ports";
import { BUSYBOX_IMAGE } from "../support/desired-instance.ts";
import { eventually } from "../support/eventually.ts";
import { CONTROL_PLANE, House, Program } from "../support/house.ts";
import { freshDatabase, type FreshDatabase } from "../support/postgres.ts";

const ORDER = { image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1 };
/** Ends nats-server when its standard input closes, so that it never outlives us. */
const NATS_UNTIL_PIPE_CLOSES = 'nats-server -c "$0" -p "$1" & cat >/dev/null; kill $!; wait $!';

let folder: string;
let database: FreshDatabase;
let nats: ReturnType<typeof runNats>;
let settings: Record<string, string>;
let house: House | undefined;
let second: Program | undefined;
/** Both give up after half a minute, so they begin first and are looked at last. */
let hopeless: Record<"database" | "nats", ReturnType<Program["command"]>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-external-"));
  database = await freshDatabase({ template: "template0" });
  const natsPort = await freePort("127.0.0.1", null);
  settings = {
    REMOTEGPU_STATE_DIR: join(folder, "first"),
    DATABASE_URL: database.url,
    NATS_URL: `nats://127.0.0.1:${natsPort}`,
  };
  hopeless = {
    database: hopelessStart("database", { DATABASE_URL: "postgres://nobody:secret@127.0.0.1:1/none" }),
    nats: hopelessStart("nats", { NATS_URL: "nats://127.0.0.1:1" }),
  };
  const printed = await controlPlane("nats-config", "--store-dir", join(folder, "nats"));
  writeFileSync(join(folder, "nats.conf"), printed.stdout, { mode: 0o600 });
  nats = runNats(natsPort);
});
afterAll(async () => {
  await house?.close();
  await second?.stop();
  nats?.stdin.end();
  await nats;
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

function runNats(port: number) {
  return execa("sh", ["-c", NATS_UNTIL_PIPE_CLOSES, join(folder, "nats.conf"), String(port)], {
    stdin: "pipe",
    reject: false,
    all: true,
  });
}

/** A command of the first control plane. */
async function controlPlane(...args: string[]) {
  const listen = { REMOTEGPU_LISTEN: `127.0.0.1:${await freePort("127.0.0.1", null)}` };
  return new Program(CONTROL_PLANE, { ...settings, ...listen }, join(folder, "command.log")).command(...args);
}

function hopelessStart(name: string, change: Record<string, string>): ReturnType<Program["command"]> {
  const env = { ...settings, REMOTEGPU_STATE_DIR: join(folder, name), ...change };
  return new Program(CONTROL_PLANE, env, join(folder, `${name}.log`)).command("run");
}

async function leader() {
  const { rows } = await database.database.query<{ holder: string; term: number }>(
    "SELECT holder, term FROM leader",
  );
  return rows[0];
}

test("an operator's database is not touched unasked: without its schema the control plane says what to do", async () => {
  const refused = await controlPlane("run");

  expect(refused.exitCode).toBe(1);
  expect(refused.stderr.split("\n").at(-1)).toMatch(/^remotegpu-control-plane: .*migrate/);
  expect(refused.stderr).not.toContain("    at ");
  const { rows } = await database.database.query("SELECT FROM pg_tables WHERE schemaname = 'public'");
  expect(rows).toEqual([]);
});

test("migrate makes the schema, and changes nothing the second time", async () => {
  expect(await controlPlane("migrate")).toMatchObject({ exitCode: 0 });
  expect(await controlPlane("migrate")).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("up to date"),
  });
});

test("on both a host joins, and an environment runs", async () => {
  house = await House.open({ hosts: 1, settings });

  const { id } = await house.customer.post("/environments", { ...ORDER, name: "first" });
  await house.environment(String(id), "running");

  expect(await house.containersOf(house.hosts[0]?.id ?? "")).toHaveLength(1);
  await house.customer.delete(`/environments/${String(id)}`);
});

test("of two control planes one leads; when it is killed the other places orders within twenty seconds", async () => {
  const first = house;
  if (first === undefined) throw new Error("the house did not open");
  const port = await freePort("127.0.0.1", null);
  const secondFolder = join(folder, "second");
  mkdirSync(secondFolder, { mode: 0o700 });
  copyFileSync(join(folder, "first", "operator.json"), join(secondFolder, "operator.json"));
  second = new Program(
    CONTROL_PLANE,
    {
      ...settings,
      REMOTEGPU_STATE_DIR: secondFolder,
      REMOTEGPU_LISTEN: `127.0.0.1:${port}`,
      REMOTEGPU_AGENT_BUNDLE: "0",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
    },
    join(folder, "second.log"),
  );
  const before = await leader();
  second.start();
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, {
    withinMs: 30_000,
    what: "the second serves",
  });
  const customer = new ApiClient({ server: url, key: first.customerKey });
  expect(await leader()).toEqual(before);

  await first.controlPlane.kill();
  const { id } = await customer.post("/environments", { ...ORDER, name: "second" });
  await eventually(async () => (await customer.get(`/environments/${String(id)}`)).status === "running", {
    withinMs: 20_000,
    what: "the other's order",
  });

  const after = await leader();
  expect(after?.holder).not.toBe(before?.holder);
  expect(after?.term).toBeGreaterThan(before?.term ?? Infinity);
  expect(await customer.post(`/environments/${String(id)}/exec`, { argv: ["echo", "inside"] })).toMatchObject(
    {
      stdout: "inside\n",
    },
  );
});

test("an engine that never answers is tried for a bound and then named in one line", async () => {
  for (const [engine, address] of [
    ["database", "127.0.0.1:1"],
    ["nats", "nats://127.0.0.1:1"],
  ] as const) {
    const { exitCode, stderr } = await hopeless[engine];
    const lines = stderr.split("\n").filter((line) => !line.startsWith("{"));

    expect(lines).toEqual([expect.stringMatching(/^remotegpu-control-plane: /)]);
    expect(lines[0]).toContain(address);
    expect(lines[0]).not.toContain("secret");
    expect(exitCode).toBe(1);
  }
});
