/** A second host joins with the one command that is printed, over TLS where this machine has another address. */
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { writeBundleManifest } from "../../agent/install/bundle-manifest.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { eventually } from "../support/eventually.ts";
import { House } from "../support/worlds/house.ts";
import { leftOnHost, removeFromHost } from "../support/containers/leftovers.ts";
import { freshDatabase, type FreshDatabase } from "../support/engines/postgres.ts";

const NAME = "far-away";

let database: FreshDatabase;
let house: House;
let prefix: string;
let command: string;
let hostId: string;
let agent: ReturnType<typeof runInstalled> | undefined;
let access: ReturnType<typeof runInstalled> | undefined;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  prefix = mkdtempSync(join(tmpdir(), "remotegpu-installed-"));
  ending.defer(() => rmSync(prefix, { recursive: true, force: true }));
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const settings = { DATABASE_URL: database.url, REMOTEGPU_AGENT_BUNDLE: "1" };
  const address = addressOfThisMachine();
  house = ending.adopt(await House.open({ hosts: 0, address, settings }), (one) => one.close());
  ending.defer(async () => {
    if (hostId !== undefined) await removeFromHost(hostId);
  });
  ending.defer(endAccess);
  ending.defer(endAgent);
  await eventually(() => house.answers("/install.sh"), { withinMs: 60_000, what: "the bundle" });
  command = String((await house.admin.post("/join-tokens")).command);
});
afterAll(() => ending.disposeAsync());

/** Docker's bridge at least: every machine with a runtime has one beyond loopback. */
function addressOfThisMachine(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}

function installed(path: string): string {
  return join(prefix, path);
}

async function install(line: string) {
  const options = `--prefix ${prefix} --no-systemd --no-docker --name ${NAME} --simulated-gpus 1`;
  return execa("sh", ["-c", `${line} ${options}`], { reject: false, all: true });
}

/** As its unit would start it: the bundle's own Node with the settings that install.sh wrote. */
function runInstalled(script: string) {
  const current = installed("opt/remotegpu/current");
  return execa(join(current, "node"), [join(current, script), "run"], {
    env: {
      PATH: process.env["PATH"],
      ...parseEnv(readFileSync(installed("etc/remotegpu/agent.env"), "utf8")),
      REMOTEGPU_METRICS_LISTEN: "off",
      REMOTEGPU_CLEAN_ON_EXIT: "1",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      REMOTEGPU_RAISE_LIMITS: "0",
    },
    extendEnv: false,
    stdin: "pipe",
    reject: false,
    all: true,
  });
}

/** Waits until the fleet has heard from this life of the agent, not only from the one before. */
async function startAgent(): Promise<void> {
  const before = await agentEpoch();
  access ??= runInstalled("access.mjs");
  agent = runInstalled("agent.mjs");
  await eventually(async () => (await agentEpoch()) > before, { withinMs: 60_000, what: "the agent heard" });
  await house.isOnline(hostId);
}

async function agentEpoch(): Promise<number> {
  const { rows } = await database.database.query<{ epoch: number }>(
    "SELECT coalesce(agent_epoch, 0)::int AS epoch FROM hosts WHERE id = $1",
    [hostId],
  );
  return rows[0]?.epoch ?? 0;
}

async function endAccess(): Promise<void> {
  access?.stdin.end();
  await access;
  access = undefined;
}

async function endAgent(): Promise<void> {
  agent?.stdin.end();
  await agent;
  agent = undefined;
}

test("the printed command joins the host, and the installed agent brings it online", async () => {
  const done = await install(command);

  expect(done.all).toContain("this host has version");
  expect(done.exitCode).toBe(0);
  const [host] = z
    .tuple([z.looseObject({ id: z.string(), name: z.string() })])
    .parse(await house.admin.rows("/hosts"));
  expect(host.name).toBe(NAME);
  hostId = host.id;
  await startAgent();
  expect(await house.admin.get(`/hosts/${hostId}`)).toMatchObject({ simulated: true, total_gpu: 1 });
});

test("an environment runs on it, with all that comes from the bundle", async () => {
  const { id } = await house.customer.post("/environments", {
    name: "far",
    image: BUSYBOX_IMAGE,
    cpu: 1,
    memory: 128 * 2 ** 20,
    gpu: 1,
  });
  await house.environment(String(id), "running");

  const seen = await house.customer.post(`/environments/${String(id)}/exec`, { argv: ["nvidia-smi", "-L"] });

  expect(seen).toMatchObject({ exit_code: 0, stdout: expect.stringMatching(/^GPU 0: .*\n$/) });
  await house.customer.post(`/environments/${String(id)}/stop`);
  await house.environment(String(id), "stopped");
});

test("the same command again changes nothing; once the control plane has another bundle, it upgrades in place", async () => {
  const before = readlinkSync(installed("opt/remotegpu/current"));
  const again = await install(command);
  expect(again).toMatchObject({ exitCode: 0, all: expect.stringContaining("joined") });
  expect(readlinkSync(installed("opt/remotegpu/current"))).toBe(before);
  const bundle = join(house.folder, "control-plane", "bundle");
  await appendFile(join(bundle, "agent.mjs"), "\n// newer\n");
  const { version } = await writeBundleManifest({ folder: bundle, release: "9.9.9" });

  const upgraded = await install(command);
  await endAgent();
  await startAgent();

  expect(upgraded).toMatchObject({ exitCode: 0, all: expect.stringContaining(version) });
  expect(readlinkSync(installed("opt/remotegpu/current"))).toBe(version);
  expect(existsSync(installed(`opt/remotegpu/${before}`))).toBe(true);
  expect(await house.admin.rows("/hosts")).toHaveLength(1);
});

test("a host that was deleted joins again by a newly printed command, as another host", async () => {
  await endAgent();
  await endAccess();
  const former = hostId;
  await house.admin.delete(`/hosts/${former}`, { lost: "true" });
  const again = String((await house.admin.post("/join-tokens")).command);

  const done = await install(again);

  expect(done).toMatchObject({ exitCode: 0, all: expect.stringContaining("it joins anew") });
  const [host, ...others] = z
    .array(z.looseObject({ id: z.string() }))
    .parse(await house.admin.rows("/hosts"));
  expect(others).toEqual([]);
  expect(host?.id).not.toBe(former);
  expect(existsSync(installed(`var/lib/remotegpu/removed-${former}/journal.sqlite`))).toBe(true);
  expect(await leftOnHost(former)).toEqual([]);
  hostId = host?.id ?? "";
  await startAgent();
});
