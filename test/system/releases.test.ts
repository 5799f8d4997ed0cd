/**
 * This release and the previous one with each other: a host of each under a control plane of either, and under replicas of
 * both, on the schema of this one. Orders, metering, ports, crashes of either side and a NATS that was away: what is charged is
 * what the runtime itself says, and both sides state the same milliseconds.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { AGENT_VERSION } from "@remotegpu/agent/process/version";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { journalledMs } from "../support/agent/journalled-time.ts";
import { ContainerLives } from "../support/containers/container-lives.ts";
import { startTestNats, type TestNats } from "../support/engines/nats.ts";
import { freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import type { PathClient, Row } from "../support/http/path-client.ts";
import { OWN_PROGRAMS, type Programs } from "../support/programs/program.ts";
import { previousRelease, programsOf } from "../support/release/previous-release.ts";
import { isInClone, NOT_IN_CLONE, PREVIOUS } from "../support/release/releases.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House, type HostProcess, type Replica } from "../support/worlds/house.ts";

const IS_THERE = await isInClone(PREVIOUS);
const LEFT_OUT = IS_THERE ? "" : ` (${NOT_IN_CLONE})`;
/** Building the previous release takes most of it, once. */
const BEGUN_WITHIN_MS = 600_000;
const TEST_WITHIN_MS = 300_000;
const WITHIN_MS = 90_000;
/** From the runtime's start of a container to the opening of its gate, where a run's time begins. */
const START_MS = 5_000;
/** The runtime rounds, and its event may come before the agent sees an empty group. */
const END_MS = 1_000;
const MINUTE_MS = 60_000;
const ORDER = { image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1 };

const Run = z.looseObject({
  id: z.string(),
  proven_ms: z.number(),
  billed_minutes: z.number(),
  closed_at: z.string().nullable(),
});
const View = z.looseObject({
  status: z.string(),
  host_id: z.string().nullable(),
  /** None before it is placed. */
  instances: z.array(z.looseObject({ runs: z.array(Run) })),
});

let nats: TestNats;
let house: House;
let replica: Replica;
let lives: ContainerLives;
let previous: Programs;
/** Of the control plane that is asked now. */
let customer: PathClient;
let admin: PathClient;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  if (!IS_THERE) return;
  previous = programsOf(await previousRelease());
  nats = ending.adopt(await startTestNats(), (one) => one.close());
  // With every migration of this release.
  const database = ending.adopt(await freshDatabase(), (one) => one.drop());
  lives = ending.use(await ContainerLives.follow(LABEL.run));
  const settings = { DATABASE_URL: database.url, NATS_URL: nats.address.urls[0] ?? "" };
  const operatorFile = join(nats.folder, "operator.json");
  house = ending.adopt(await House.open({ hosts: 0, settings, operatorFile }), (one) => one.close());
  await Promise.all([house.addHost(), house.addHost({}, { programs: previous })]);
  replica = await house.addReplica(OWN_PROGRAMS);
}, BEGUN_WITHIN_MS);
afterAll(() => ending.disposeAsync());

function ask(url: string): void {
  customer = house.client(house.customerKey, url);
  admin = house.client(house.adminKey, url);
}

/** One control plane alone, of that version, on the state folder of the one before it. */
async function serve(programs: Programs): Promise<void> {
  await replica.program.stop();
  await house.changeControlPlane(programs);
  house.controlPlane.start();
  await house.serves();
  ask(house.url);
  await clear();
}

/** What a test before left; hosts have one GPU each. */
async function clear(): Promise<void> {
  for (const { id } of await customer.rows("/environments"))
    await customer.delete(`/environments/${String(id)}`);
  await eventually(async () => (await containers()).flat().length === 0, {
    withinMs: WITHIN_MS,
    what: "empty hosts",
  });
}

async function startReplica(): Promise<void> {
  replica.program.start();
  await eventually(async () => (await fetch(`${replica.url}/readyz`).catch(() => null))?.ok, {
    withinMs: WITHIN_MS,
    what: "the replica",
  });
}

interface Stage {
  name: string;
  begin: () => Promise<void>;
  /** Without a word to anybody. */
  crash: () => Promise<void>;
  /** What the crash left to be done. */
  mend: () => Promise<void>;
}

async function killAndStart(): Promise<void> {
  await house.controlPlane.kill();
  house.controlPlane.start();
  await house.serves();
}

const STAGES: readonly Stage[] = [
  {
    name: `release ${PREVIOUS.version}`,
    begin: () => serve(previous),
    crash: killAndStart,
    mend: () => Promise.resolve(),
  },
  {
    name: `release ${PREVIOUS.version} and a replica of this one`,
    async begin() {
      await serve(previous);
      await startReplica();
    },
    // The replica leads as soon as the lease of the killed one is over.
    async crash() {
      await house.controlPlane.kill();
      ask(replica.url);
    },
    // Now the older one takes over, from one that ends in order.
    async mend() {
      house.controlPlane.start();
      await house.serves();
      await replica.program.stop();
      ask(house.url);
    },
  },
  {
    name: "this release",
    begin: () => serve(OWN_PROGRAMS),
    crash: killAndStart,
    mend: () => Promise.resolve(),
  },
];

async function view(id: string) {
  return View.parse(await customer.get(`/environments/${id}`));
}

async function areRunning(ids: readonly string[], { runs }: { runs: number }): Promise<void> {
  await eventually(
    async () => {
      const views = await Promise.all(ids.map(view));
      return views.every(({ status, instances: [one] }) => status === "running" && one?.runs.length === runs);
    },
    { withinMs: WITHIN_MS, what: `both environments in their run ${runs}` },
  );
}

/** One on each host: each has one GPU. */
async function orderTwo(): Promise<string[]> {
  const names = ["one", "two"];
  const ordered = await Promise.all(names.map((name) => customer.post("/environments", { ...ORDER, name })));
  const ids = ordered.map(({ id }) => String(id));
  await areRunning(ids, { runs: 1 });
  const views = await Promise.all(ids.map(view));
  expect(new Set(views.map((one) => one.host_id))).toEqual(new Set(house.hosts.map(({ id }) => id)));
  return ids;
}

async function containers() {
  return await Promise.all(house.hosts.map(({ id }) => house.containersOf(id)));
}

/** Each host's next heartbeat has arrived. */
async function areHeard(): Promise<void> {
  const sinceMs = Date.now();
  await eventually(
    async () => {
      const hosts = await Promise.all(house.hosts.map(({ id }) => admin.get(`/hosts/${id}`)));
      return hosts.every((host) => Date.parse(String(host.last_heartbeat)) > sinceMs);
    },
    { withinMs: WITHIN_MS, what: "a heartbeat of each host" },
  );
}

async function killAgents(): Promise<void> {
  await Promise.all(house.hosts.map(({ agent }) => agent.kill()));
  for (const { agent } of house.hosts) agent.start();
  await areHeard();
}

/** A port of the environment, and its end. */
async function leaseAndRelease(id: string): Promise<void> {
  const port = await heldPort(id);
  const [lease] = (await customer.rows("/port-mappings", portsOf(id))).filter(
    (row) => row.external_port === port,
  );
  await customer.delete(`/port-mappings/${String(lease?.id)}`);
  await eventually(async () => (await heldPorts(id)).length === 0, {
    withinMs: WITHIN_MS,
    what: `the release of port ${String(port)}`,
  });
}

async function heldPort(id: string): Promise<unknown> {
  const lease = await customer.post("/port-mappings", { ...portsOf(id), internal_port: 7000 });
  expect(lease).toMatchObject({ state: "held" });
  return lease.external_port;
}

async function heldPorts(id: string): Promise<unknown[]> {
  const rows = await customer.rows("/port-mappings", portsOf(id));
  return rows.filter(({ state }) => state === "held").map((row) => row.external_port);
}

function portsOf(id: string): Record<string, string> {
  return { env_id: id, service_type: "custom" };
}

/** The agent dies where it stands: one that ends in order clears its host here. */
async function takeOver(host: HostProcess, programs: Programs): Promise<void> {
  await host.agent.kill();
  await host.access.stop();
  host.access = host.access.of(programs.access);
  host.agent = host.agent.of(programs.agent);
  host.access.start();
  host.agent.start();
}

/** Stops it, and returns its runs once the last row of each is charged. */
async function closedRuns(id: string) {
  await customer.post(`/environments/${id}/stop`);
  return await eventually(
    async () => {
      const { status, instances } = await view(id);
      const runs = instances.flatMap((one) => one.runs);
      return status === "stopped" && runs.every((run) => run.closed_at !== null) && runs;
    },
    { withinMs: WITHIN_MS, what: `the last row of each run of ${id}` },
  );
}

/** What is charged is what the agent wrote down, to the millisecond, and what the runtime says, but for the starts. */
async function billIsExact(id: string): Promise<void> {
  const { host_id: hostId } = await view(id);
  const { folder } = hostOf(hostId);
  const runs = await closedRuns(id);
  const records = await customer.rows("/billing/records", { resource_id: id });
  for (const run of runs) {
    const lifeMs = lives.lifeMs(run.id);
    expect(run.proven_ms).toBe(journalledMs(folder, run.id));
    expect(run.proven_ms).toBeGreaterThan(lifeMs - START_MS);
    expect(run.proven_ms).toBeLessThanOrEqual(lifeMs + END_MS);
    expect(run.billed_minutes).toBe(Math.ceil(run.proven_ms / MINUTE_MS));
    const own = records.filter((record) => record.run_id === run.id);
    expect(minutesOfLines(own)).toEqual({
      cpu: run.billed_minutes,
      gpu: run.billed_minutes,
      memory: run.billed_minutes,
    });
  }
}

/** A full hour parts the records of a run. */
function minutesOfLines(records: readonly Row[]): Record<string, number> {
  const ofLines = Map.groupBy(records, ({ line }) => String(line));
  return Object.fromEntries(
    [...ofLines].map(([line, all]) => [line, all.reduce((sum, one) => sum + Number(one.billing_minutes), 0)]),
  );
}

function hostOf(hostId: string | null): HostProcess {
  const host = house.hosts.find(({ id }) => id === hostId);
  if (host === undefined) throw new Error(`${String(hostId)} is no host of this house`);
  return host;
}

describe.skipIf(!IS_THERE)(`a host of each release${LEFT_OUT}`, () => {
  test.each(STAGES)(
    "under $name: orders, ports, crashes and a lost NATS, and an exact bill",
    async ({ begin, crash, mend }) => {
      await begin();
      const ids = await orderTwo();
      await Promise.all(ids.map(leaseAndRelease));
      const before = await containers();

      await killAgents();
      await crash();
      // The order of whoever leads now, on both hosts.
      expect(await containers()).toEqual(before);
      await Promise.all(ids.map((id) => customer.post(`/environments/${id}/restart`)));
      await areRunning(ids, { runs: 2 });
      const after = await containers();
      await nats.stop();
      await nats.start();
      await mend();
      await areHeard();

      expect(await containers()).toEqual(after);
      for (const id of ids) await billIsExact(id);
    },
    TEST_WITHIN_MS,
  );

  test(
    "go on in each other's state folders and back, under what runs there: journal and leases are read by both",
    async () => {
      await serve(OWN_PROGRAMS);
      const ids = await orderTwo();
      const ports = await Promise.all(ids.map(heldPort));
      const before = await containers();
      const [own, older] = house.hosts as [HostProcess, HostProcess];

      for (const [first, second] of [
        [previous, OWN_PROGRAMS],
        [OWN_PROGRAMS, previous],
      ] as const) {
        await Promise.all([takeOver(own, first), takeOver(older, second)]);
        await areHeard();
        const hosts = await Promise.all(house.hosts.map(({ id }) => admin.get(`/hosts/${id}`)));
        const versions =
          first === previous ? [PREVIOUS.version, AGENT_VERSION] : [AGENT_VERSION, PREVIOUS.version];
        expect(hosts.map((host) => host.agent_version)).toEqual(versions);
        expect(await containers()).toEqual(before);
      }

      expect(await Promise.all(ids.map(heldPorts))).toEqual(ports.map((port) => [port]));
      for (const { folder } of house.hosts)
        expect(readdirSync(folder).filter((name) => name.includes("damaged"))).toEqual([]);
      for (const id of ids) await billIsExact(id);
    },
    TEST_WITHIN_MS,
  );
});
