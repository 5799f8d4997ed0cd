/** What breaks while work runs: no container is lost or doubled, nothing is billed that did not run. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { docker } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import { House } from "../support/worlds/house.ts";

const ORDER = { image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1 };
/** A killed container loses what ran since the agent's last tick, and the time until it runs again. */
const TICK_MS = 10_000;
const START_MS = 5_000;

const Run = z.looseObject({ id: z.string(), proven_ms: z.number(), closed_at: z.string().nullable() });
const View = z.looseObject({ instances: z.tuple([z.looseObject({ runs: z.array(Run) })]) });

let house: House;
let environmentId: string;
let startedAtMs: number;

beforeAll(async () => {
  house = await House.open({ hosts: 2 });
  environmentId = String((await house.customer.post("/environments", { ...ORDER, name: "steady" })).id);
  await house.environment(environmentId, "running");
  startedAtMs = Date.now();
});
afterAll(async () => {
  await house?.close();
});

async function runs() {
  return View.parse(await house.customer.get(`/environments/${environmentId}`)).instances[0].runs;
}

async function holder() {
  const { host_id: hostId } = await house.customer.get(`/environments/${environmentId}`);
  const host = house.hosts.find(({ id }) => id === hostId);
  if (host === undefined) throw new Error("the environment is on no host of ours");
  return host;
}

test("two agents on one machine: concurrent orders for the last GPU give one placement, and each keeps to its own", async () => {
  const orders = await Promise.all(
    ["one", "two"].map((name) => house.customer.post("/environments", { ...ORDER, name })),
  );
  const ids = orders.map(({ id }) => String(id));

  await eventually(
    async () => (await house.customer.rows("/environments", { status: "running" })).length === 2,
    {
      withinMs: 60_000,
      what: "one of the two runs",
    },
  );
  const waiting = await eventually(
    async () => (await house.customer.rows("/environments", { status: "queued" }))[0],
    { what: "the other waits" },
  );

  expect(ids).toContain(waiting.id);
  expect(waiting.status_reason).toContain("GPU");
  const perHost = await Promise.all(house.hosts.map(({ id }) => house.containersOf(id)));
  expect(perHost.map((containers) => containers.length)).toEqual([1, 1]);
  for (const id of ids) await house.customer.delete(`/environments/${id}`);
  await eventually(async () => (await house.customer.rows("/environments")).length === 1, {
    what: "their deletion",
  });
});

test("an agent killed under a live container takes it up again: same process, same run, no gap, no double", async () => {
  const host = await holder();
  const before = await house.containersOf(host.id);

  await host.agent.kill();
  host.agent.start();
  await house.isOnline(host.id);

  expect(await house.containersOf(host.id)).toEqual(before);
  expect(await runs()).toHaveLength(1);
});

test("a control plane killed comes back on its database, and nothing that ran was touched", async () => {
  const host = await holder();
  const before = await house.containersOf(host.id);

  await house.controlPlane.kill();
  house.controlPlane.start();
  await house.serves();
  await house.isOnline(host.id);

  expect(await house.containersOf(host.id)).toEqual(before);
});

test("NATS killed and wiped of all it stored comes back, and hosts find it", async () => {
  const host = await holder();
  const natsFolder = join(house.folder, "control-plane", "nats");
  const pid = readFileSync(join(natsFolder, "nats.pid"), "utf8").trim();

  process.kill(Number(pid), "SIGKILL");
  for (const stored of ["jetstream", "accounts"])
    rmSync(join(natsFolder, stored), { recursive: true, force: true });
  await eventually(() => readFileSync(join(natsFolder, "nats.pid"), "utf8").trim() !== pid, {
    what: "another NATS",
  });
  const killedAt = new Date().toISOString();
  await eventually(
    async () => String((await house.admin.get(`/hosts/${host.id}`)).last_heartbeat) > killedAt,
    { withinMs: 60_000, what: "a heartbeat over the new NATS" },
  );

  expect(await house.containersOf(host.id)).toHaveLength(1);
  expect(
    await house.customer.post(`/environments/${environmentId}/exec`, { argv: ["echo", "still here"] }),
  ).toMatchObject({ exit_code: 0, stdout: "still here\n" });
});

test("a container that somebody kills is started again inside its run", async () => {
  const host = await holder();
  const [before] = await house.containersOf(host.id);

  await docker.getContainer(before?.id ?? "").kill();
  const [after] = await eventually(
    async () => {
      const now = await house.containersOf(host.id);
      return now.length === 1 && now[0]?.pid !== before?.pid && now;
    },
    { withinMs: 60_000, what: "the container again" },
  );

  expect(after?.run).toBe(before?.run);
  expect(await runs()).toHaveLength(1);
  const reported = await eventually(
    async () =>
      (await house.customer.rows(`/environments/${environmentId}/events`)).find(
        ({ kind }) => kind === "container-restarted",
      ),
    { withinMs: 60_000, what: "the event that tells it" },
  );
  expect(reported.reason).toMatch(/its container ended \(exit code 137, SIGKILL\); it is started again/);
});

test("after all of that the bill covers the whole run once", async () => {
  await house.customer.post(`/environments/${environmentId}/stop`);
  const ranMs = Date.now() - startedAtMs;
  await house.environment(environmentId, "stopped");
  const [run] = await eventually(
    async () => {
      const now = await runs();
      return now.every(({ closed_at: closedAt }) => closedAt !== null) && now;
    },
    { withinMs: 90_000, what: "the run's final row in Postgres" },
  );

  expect(run?.proven_ms).toBeGreaterThan(ranMs - TICK_MS - START_MS);
  expect(run?.proven_ms).toBeLessThan(ranMs + START_MS);
  const records = await house.customer.rows("/billing/records", { resource_id: environmentId });
  expect(records.map(({ billing_minutes: minutes }) => minutes)).toEqual(
    records.map(() => Math.ceil((run?.proven_ms ?? 0) / 60_000)),
  );
});

const Report = z.object({ checks: z.array(z.looseObject({ state: z.string() })) });

test("after all of that the doctor of each host finds nothing broken", async () => {
  for (const { agent } of house.hosts) {
    const { exitCode, stdout } = await agent.command("doctor", "--json");

    const { checks } = Report.parse(JSON.parse(stdout));
    expect({ exitCode, found: checks.filter(({ state }) => state !== "well") }).toEqual({
      exitCode: 0,
      found: [],
    });
  }
});

test("a revoked host is cut off at once and stays out", async () => {
  const other = house.hosts.at(-1);
  if (other === undefined) throw new Error("there are two hosts");

  await house.admin.post(`/hosts/${other.id}/revoke`);

  await eventually(() => other.agent.output().includes("lost the connection to NATS"), { what: "the cut" });
  const { stderr } = await other.agent.command("join");
  expect(stderr).toContain("This host was revoked.");
});

test("a host that is declared lost and is there after all is notified, and ends what it runs", async () => {
  const host = house.hosts[0];
  if (host === undefined) throw new Error("there are two hosts");
  const id = String((await house.customer.post("/environments", { ...ORDER, name: "lost" })).id);
  await house.environment(id, "running");
  expect(await house.containersOf(host.id)).toHaveLength(1);

  await house.admin.delete(`/hosts/${host.id}?lost=true`);

  expect(await house.environment(id, "error")).toMatchObject({
    status_reason: expect.stringContaining("declared lost"),
  });
  await eventually(async () => (await house.containersOf(host.id)).length === 0, {
    withinMs: 90_000,
    what: "the end of its container",
  });
  expect(host.agent.output()).toContain("this host has left the fleet");
  expect(host.agent.isEnded).toBe(false);
});

test("what cannot start reports it in one line, without a stack", async () => {
  const program = house.controlPlane;
  const agent = house.hosts[0]?.agent;

  const migrate = await execa(
    process.execPath,
    [new URL("../../control-plane/server/main.ts", import.meta.url).pathname, "migrate"],
    { env: { DATABASE_URL: "mysql://nowhere" }, reject: false },
  );
  const twice = await program.command("run", "--listen", "127.0.0.1:1");
  const second = await agent?.command("run");

  expect(migrate).toMatchObject({
    exitCode: 1,
    stderr: "remotegpu-control-plane: DATABASE_URL: must be a postgres:// URL",
  });
  expect(twice).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^remotegpu-control-plane: another control plane runs on .*$/),
  });
  expect(second).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^remotegpu-agent: .*$/) });
});
