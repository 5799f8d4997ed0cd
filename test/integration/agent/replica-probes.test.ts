/**
 * Replicas by a whole agent and the real container runtime: metered from their first passed probe, out of service while
 * they fail, started again where that lasts, and none of it by what is not theirs.
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { EXTEND_EVERY_MS } from "@remotegpu/agent/core/metering/usage-interval";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, InstanceSpec, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { Probe } from "@remotegpu/shared/instance/probe";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import {
  docker,
  importBusyboxImage,
  importOnce,
  layBusyboxRoot,
  newHostId,
  runInside,
} from "../../support/containers/docker.ts";
import { RuntimeProxy } from "../../support/containers/runtime-proxy.ts";
import { eventually } from "../../support/eventually.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

const PORT = 8_000;
const SERVE = `exec httpd -f -p "$PORT" -h /tmp/www`;
/** Well from each start on. */
const WELL = `mkdir -p /tmp/www; echo ok >/tmp/www/health; ${SERVE}`;
/** Listens once it is told to. */
const LATER = `mkdir -p /tmp/www; echo ok >/tmp/www/health; until [ -e /tmp/go ]; do sleep 0.1; done; ${SERVE}`;
/** Accepts, and never says a word. */
const HUNG = `nc -ll -p "$PORT" -e sleep 1000`;

const PROBE: Probe = {
  path: "/health",
  port: PORT,
  intervalSeconds: 1,
  thresholds: { success: 1, failure: 2, restart: 100 },
};

/** Several agents and what they run share what the machine has to give just then. */
const WITHIN_MS = 60_000;
vi.setConfig({ testTimeout: 3 * WITHIN_MS });

let controlPlane: ScriptedControlPlane;
/** Of all tests that neither restart it, nor hold up its runtime, nor move its clock. */
let shared: AgentUnderTest;
const orders = new Map<RunId, DesiredInstance>();
const started: { end(): Promise<void> }[] = [];

beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = await ScriptedControlPlane.start();
  shared = await startAgent();
});

afterAll(async () => {
  const ends = await Promise.allSettled(started.map((agent) => agent.end()));
  await controlPlane.close();
  for (const end of ends) if (end.status === "rejected") throw end.reason;
});

async function startAgent(): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.begin(controlPlane);
  started.push(agent);
  return agent;
}

function replica(
  name: string,
  command: string | null,
  probe: Partial<Omit<Probe, "thresholds">> & { thresholds?: Partial<Probe["thresholds"]> } = {},
  spec: Partial<InstanceSpec> = {},
): DesiredInstance {
  const { thresholds, ...rest } = probe;
  const whole = { ...PROBE, ...rest, thresholds: { ...PROBE.thresholds, ...thresholds } };
  const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null, probe: whole } as const;
  const env = { PORT: String(whole.port) };
  const inference: Partial<InstanceSpec> = { kind: "inference", gate: "probe", restarts: "within-run" };
  return desiredOf(name, { ...inference, command, env, ...spec }, { live });
}

/** Beside all that other tests have ordered. */
function place(order: DesiredInstance): void {
  orders.set(order.runId, order);
  shared.host.order([...orders.values()]);
}

/** A second try orders another one. */
const fresh = (name: string) => `${name}-${orders.size + 1}`;
const run = (name: string) => `run-${name}`;
const stopped = (order: DesiredInstance): DesiredInstance => ({
  ...order,
  want: "stopped",
  orderedBy: "customer",
});

function containerIdOf(agent: AgentUnderTest, name: string): string {
  const containerId = agent.host.observed(run(name))?.containerId;
  if (typeof containerId !== "string") throw new Error(`${name} has no container`);
  return containerId;
}

const containerOf = (agent: AgentUnderTest, name: string) => docker.getContainer(containerIdOf(agent, name));

async function report(
  agent: AgentUnderTest,
  name: string,
  what: Partial<ObservedInstance>,
): Promise<ObservedInstance> {
  return await agent.host.reported(run(name), what, { withinMs: WITHIN_MS });
}

/** Its container runs, and what its probe got is told. */
async function fails(agent: AgentUnderTest, name: string, got: string): Promise<ObservedInstance> {
  const reported = () => {
    const observed = agent.host.observed(run(name));
    return observed?.detail.includes(`Its probe fails: ${got}`) === true && observed;
  };
  return await eventually(reported, { what: `${name}: ${got}`, withinMs: WITHIN_MS });
}

/** Its container was started again, and it serves. */
async function servesAgain(agent: AgentUnderTest, name: string): Promise<ObservedInstance> {
  const reported = () => {
    const observed = agent.host.observed(run(name));
    return observed?.restarts !== undefined && observed.serving === "yes" && observed;
  };
  return await eventually(reported, { what: `${name} in its next life`, withinMs: WITHIN_MS });
}

async function inside(agent: AgentUnderTest, name: string, command: string): Promise<void> {
  expect(await runInside(containerIdOf(agent, name), ["/bin/sh", "-c", command])).toBe(0);
}

async function finalRows(agent: AgentUnderTest, name: string) {
  const rows = () => agent.host.usageOf(run(name));
  await eventually(() => rows().some(({ final }) => final), {
    what: `the final row of ${name}`,
    withinMs: WITHIN_MS,
  });
  return rows();
}

test.concurrent("it costs nothing until it serves, and is metered from then on", async () => {
  const agent = await startAgent();
  const { host } = agent;
  const order = replica("late", LATER);
  host.order([order]);

  const before = await fails(agent, "late", "nobody listens on port 8000.");
  expect(before).toMatchObject({ phase: "starting", serving: "not-yet", gateOpenedMs: null, problem: null });
  agent.setForward(EXTEND_EVERY_MS);
  const reportedMs = agent.nowMs;
  await inside(agent, "late", "touch /tmp/go");
  const ready = await report(agent, "late", { phase: "ready", serving: "yes" });
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => host.usageOf(run("late")).length > 0, { what: "the first row" });
  host.order([stopped(order)]);

  const rows = await finalRows(agent, "late");
  expect(ready.gateOpenedMs).toBeGreaterThanOrEqual(reportedMs);
  expect(rows[0]?.startMs).toBe(ready.gateOpenedMs);
});

test.concurrent("one that never answers is started again and costs nothing at all", async () => {
  const name = fresh("hung");
  const { host } = shared;
  const order = replica(name, HUNG, { startupSeconds: 6 });
  place(order);

  await fails(shared, name, "GET /health was not answered within 2 seconds.");
  await eventually(() => (host.observed(run(name))?.restarts?.count ?? 0) > 0, { what: "a restart" });
  expect(host.observed(run(name))).toMatchObject({ serving: "not-yet", gateOpenedMs: null });
  place(stopped(order));

  const rows = await finalRows(shared, name);
  expect(rows.map(({ startMs, endMs }) => endMs - startMs)).toEqual([0]);
});

test.concurrent("one that fails is out of service and billed on; where that lasts it is started again, within its run", async () => {
  const name = fresh("failing");
  const order = replica(name, WELL, { thresholds: { restart: 6 } });
  place(order);
  const first = await report(shared, name, { phase: "ready", serving: "yes" });

  await inside(shared, name, "rm /tmp/www/health");
  const out = await fails(shared, name, "GET /health answered 404.");
  expect(out).toMatchObject({ phase: "ready", serving: "no" });
  const again = await servesAgain(shared, name);

  expect(again).toMatchObject({ phase: "ready", gateOpenedMs: first.gateOpenedMs, problem: null });
  expect(again.containerId).toBe(first.containerId);
  place(stopped(order));
  const rows = await finalRows(shared, name);
  const metered = rows.filter(({ startMs, endMs }) => endMs > startMs);
  // The time between the two lives of its container is nobody's.
  expect(metered.some(({ startMs }, at) => at > 0 && startMs > (metered[at - 1]?.endMs ?? 0))).toBe(true);
});

test.concurrent("a restart of the agent takes nothing out of service, though it hears nothing at first", async () => {
  const agent = await startAgent();
  const { host } = agent;
  const order = replica("steady", WELL, { thresholds: { failure: 100 } });
  host.order([order]);
  const before = await report(agent, "steady", { phase: "ready", serving: "yes" });

  // Whoever asks it now gets no answer. One of its processes that answers somebody may end meanwhile.
  await inside(agent, "steady", "until kill -STOP $(pidof httpd); do :; done");
  await agent.stop();
  host.report = null;
  await agent.start();
  host.order([order, replica("other", WELL)]);
  await report(agent, "other", { serving: "yes" });

  expect(host.observed(run("steady"))).toMatchObject({
    phase: "ready",
    serving: "yes",
    gateOpenedMs: before.gateOpenedMs,
  });
});

test.concurrent("after a reboot of its host it serves once it has answered again, in the same run", async () => {
  const agent = await startAgent();
  const { host } = agent;
  host.order([replica("rebooted", `rm -f /tmp/go; ${LATER}`)]);
  await fails(agent, "rebooted", "nobody listens");
  await inside(agent, "rebooted", "touch /tmp/go");
  const before = await report(agent, "rebooted", { phase: "ready", serving: "yes" });

  await agent.stop();
  await containerOf(agent, "rebooted").kill();
  agent.reboot(5_000);
  await agent.start();
  expect(await fails(agent, "rebooted", "nobody listens")).toMatchObject({
    phase: "ready",
    serving: "not-yet",
  });
  await inside(agent, "rebooted", "touch /tmp/go");
  const after = await report(agent, "rebooted", { phase: "ready", serving: "yes" });

  expect([after.gateOpenedMs, after.bootId]).toEqual([before.gateOpenedMs, before.bootId]);
});

test.concurrent("one that is ordered to stop does not serve from then on, though it answers through its grace", async () => {
  const name = fresh("leaving");
  const command = `trap : TERM; mkdir -p /tmp/www; echo ok >/tmp/www/health; httpd -f -p "$PORT" -h /tmp/www & while :; do sleep 1; done`;
  const order = replica(name, `setsid sh -c '${command}'`);
  const patient = { ...order, live: { ...order.live, stopGraceSeconds: 5 } };
  place(patient);
  await report(shared, name, { serving: "yes" });

  place(stopped(patient));

  await report(shared, name, { phase: "stopping", serving: "no" });
  const over = await report(shared, name, { phase: "stopped" });
  expect(over).not.toHaveProperty("serving");
});

test.concurrent("a frozen one is out of service; it serves again when it goes on, or is started again", async () => {
  const name = fresh("frozen");
  const { host } = shared;
  place(replica(name, WELL));
  await report(shared, name, { serving: "yes" });

  await containerOf(shared, name).pause();
  const out = await fails(shared, name, "GET /health was not answered within 2 seconds.");
  expect(out).toMatchObject({ phase: "ready", serving: "no" });
  await containerOf(shared, name).unpause();
  await report(shared, name, { serving: "yes" });
  expect(host.observed(run(name))).not.toHaveProperty("restarts");

  await containerOf(shared, name).pause();
  place(replica(name, WELL, { thresholds: { restart: 3 } }));
  await servesAgain(shared, name);
});

test.concurrent("while the runtime hangs they are probed on: none fails for it, and one that fails is reported", async () => {
  const proxy = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
  const agent = await AgentUnderTest.begin(controlPlane, { socketPath: proxy.socketPath });
  const { host } = agent;
  started.push({
    end: async () => {
      proxy.release();
      await agent.end();
      await proxy.close();
    },
  });
  host.order([
    replica("well", WELL, { thresholds: { failure: 20 } }),
    replica("ill", WELL, { thresholds: { restart: 5 } }),
  ]);
  for (const name of ["well", "ill"]) await report(agent, name, { phase: "ready", serving: "yes" });

  proxy.hold();
  await report(agent, "well", { problem: "runtime-down" });
  await inside(agent, "ill", "rm /tmp/www/health");
  const ill = await fails(agent, "ill", "GET /health answered 404.");
  expect(ill).toMatchObject({ phase: "ready", serving: "no", problem: "runtime-down" });
  expect(host.observed(run("well"))).toMatchObject({ phase: "ready", serving: "yes" });
  proxy.release();
  await servesAgain(agent, "ill");

  expect(host.observed(run("well"))).not.toHaveProperty("restarts");
});

test.concurrent("the image's own program is probed on the port that it was given, whatever user it is of", async () => {
  const name = fresh("own");
  const image = "remotegpu-test/replica:1";
  const program = "cd /tmp && echo ok >well && exec httpd -f -p $PORT -h /tmp";
  await importOnce(image, layBusyboxRoot, ["USER user", `ENTRYPOINT ["/bin/sh", "-c", "${program}"]`]);
  place(replica(name, null, { path: "/well", port: 9_123 }, { entrypoint: "image", image }));

  await report(shared, name, { phase: "ready", serving: "yes" });

  const { Path, Args, Config } = await containerOf(shared, name).inspect();
  // Our init runs the image's own program, as the image's user.
  expect([Path, Args[2], Config.User]).toEqual(["/.remotegpu/init", "/bin/sh", "user"]);
});

test.concurrent("without a path it serves as soon as its port takes a connection", async () => {
  const name = fresh("mute");
  place(replica(name, HUNG, { path: null }));

  const ready = await report(shared, name, { phase: "ready", serving: "yes" });

  expect(ready.gateOpenedMs).not.toBeNull();
});

test.concurrent("it announces that it probes, and refuses a path that leads elsewhere", async () => {
  const name = fresh("elsewhere");
  const beat = await eventually(() => shared.host.heartbeats.at(-1), { what: "a heartbeat" });
  expect(beat.features).toContain("probes");

  place(replica(name, WELL, { path: "//169.254.169.254/latest" }));

  const reported = await report(shared, name, { phase: "failed", problem: "start-refused" });
  expect(reported.detail).toContain("it does not understand live.probe");
});
