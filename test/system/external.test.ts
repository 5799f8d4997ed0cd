/**
 * As in production: a Postgres and a NATS that the operator runs, the latter with the configuration that we print,
 * and two control planes on them.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PathClient } from "../support/http/path-client.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { eventually } from "../support/eventually.ts";
import { House } from "../support/worlds/house.ts";
import { CONTROL_PLANE, Program } from "../support/programs/program.ts";
import { freshDatabase, type FreshDatabase } from "../support/engines/postgres.ts";
import { freePort } from "../support/engines/free-ports.ts";

const ORDER = { image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1 };
/** Ends nats-server when its standard input closes, so that it never outlives us. */
const NATS_UNTIL_PIPE_CLOSES = 'nats-server -c "$0" -p "$1" & cat >/dev/null; kill $!; wait $!';

const ORDERS_AT_ONCE = 6;
const FIT_AT_ONCE = Math.min(ORDERS_AT_ONCE, cpus().length);

let folder: string;
let database: FreshDatabase;
let settings: Record<string, string>;
let house: House | undefined;
let second: Program | undefined;
/** Gives up after half a minute, so it begins first and is looked at last. */
let hopeless: ReturnType<Program["command"]>;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-external-"));
  ending.defer(() => rmSync(folder, { recursive: true, force: true }));
  database = ending.adopt(await freshDatabase({ template: "template0" }), (one) => one.drop());
  const natsPort = await freePort();
  settings = {
    REMOTEGPU_STATE_DIR: join(folder, "first"),
    DATABASE_URL: database.url,
    NATS_URL: `nats://127.0.0.1:${natsPort}`,
  };
  hopeless = hopelessStart("database", { DATABASE_URL: "postgres://nobody:secret@127.0.0.1:1/none" });
  const printed = await controlPlane("nats-config", "--store-dir", join(folder, "nats"));
  writeFileSync(join(folder, "nats.conf"), printed.stdout, { mode: 0o600 });
  const nats = runNats(natsPort);
  ending.defer(async () => {
    nats.stdin.end();
    await nats;
  });
});
afterAll(() => ending.disposeAsync());

function runNats(port: number) {
  return execa("sh", ["-c", NATS_UNTIL_PIPE_CLOSES, join(folder, "nats.conf"), String(port)], {
    stdin: "pipe",
    reject: false,
    all: true,
  });
}

/** A command of the first control plane. */
async function controlPlane(...args: string[]) {
  const listen = { REMOTEGPU_LISTEN: `127.0.0.1:${await freePort()}` };
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

test("an operator's database is not touched without a request: without its schema the control plane names what to do", async () => {
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
  house = ending.adopt(await House.open({ hosts: 1, settings }), (one) => one.close());

  const { id } = await house.customer.post("/environments", { ...ORDER, name: "first" });
  await house.environment(String(id), "running");

  expect(await house.containersOf(house.hosts[0]?.id ?? "")).toHaveLength(1);
  await house.customer.delete(`/environments/${String(id)}`);
});

async function startSecond(): Promise<string> {
  const port = await freePort();
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
  ending.adopt(second, (one) => one.stop()).start();
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, {
    withinMs: 60_000,
    what: "the second serves",
  });
  return url;
}

test("of two control planes one leads; paused amid its work it is followed by the other within twenty seconds, and writes nothing afterwards", async () => {
  const first = house;
  if (first === undefined) throw new Error("the house did not open");
  const before = await leader();
  const customer = new PathClient({ server: await startSecond(), key: first.customerKey });
  expect(await leader()).toEqual(before);

  const orders = Array.from({ length: ORDERS_AT_ONCE }, (_, number) =>
    customer.post("/environments", { ...ORDER, gpu: 0, name: `at-once-${number}` }),
  );
  const ids = (await Promise.all(orders)).map(({ id }) => String(id));
  onTestFinished(() => first.controlPlane.resume());
  first.controlPlane.pause();
  const pausedMs = performance.now();
  const after = await eventually(
    async () => {
      const now = await leader();
      return now !== undefined && now.term !== before?.term && now;
    },
    { withinMs: 60_000, what: "another leader" },
  );
  process.stdout.write(
    `  another led ${((performance.now() - pausedMs) / 1_000).toFixed(1)} s after the pause\n`,
  );
  first.controlPlane.resume();

  const runs = await eventually(
    async () => {
      const running = await customer.rows("/environments", { status: "running" });
      return running.length === FIT_AT_ONCE && running;
    },
    { withinMs: 60_000, what: "as many running as there are cores" },
  );
  expect(after.holder).not.toBe(before?.holder);
  expect(await leader()).toMatchObject({ holder: after.holder, term: after.term });
  const { rows } = await database.database.query<{ placements: number; runs: number }>(
    `SELECT (SELECT count(*) FROM placements p WHERE p.instance_id = i.id) AS placements,
            (SELECT count(*) FROM runs r WHERE r.instance_id = i.id) AS runs
       FROM instances i WHERE i.workload_id = ANY($1::text[])`,
    [ids],
  );
  expect(rows).toEqual(runs.map(() => ({ placements: 1, runs: 1 })));
  expect(await first.containersOf(first.hosts[0]?.id ?? "")).toHaveLength(runs.length);
  for (const id of ids) await customer.delete(`/environments/${id}`);
}, 120_000);

test("and when the leader is killed, the other goes on alone; the books are as if there had been one", async () => {
  const first = house;
  if (first === undefined || second === undefined) throw new Error("there are two control planes");
  const before = await leader();

  await second.kill();
  const { id } = await first.customer.post("/environments", { ...ORDER, name: "after" });
  await eventually(async () => (await leader())?.term !== before?.term, {
    withinMs: 60_000,
    what: "the first leads again",
  });
  await first.environment(String(id), "running");
  expect(
    await first.customer.post(`/environments/${String(id)}/exec`, { argv: ["echo", "inside"] }),
  ).toMatchObject({ stdout: "inside\n" });

  expect(await controlPlane("doctor")).toMatchObject({ exitCode: 0 });
}, 120_000);

test("a database that never answers is tried for a bound and then named in one line", async () => {
  const { exitCode, stderr } = await hopeless;
  const lines = stderr.split("\n").filter((line) => !line.startsWith("{"));

  expect(lines).toEqual([expect.stringMatching(/^remotegpu-control-plane: /)]);
  expect(lines[0]).toContain("127.0.0.1:1");
  expect(lines[0]).not.toContain("secret");
  expect(exitCode).toBe(1);
});
