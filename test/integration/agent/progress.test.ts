/**
 * Whether real containers do anything, and whether somebody holds them still, as a whole agent tells it. Each test has a
 * host of its own, and waits for its looks beside the others.
 */
import { afterAll, beforeAll, expect, test, type TestContext } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker, importBusyboxImage, runInside } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

let controlPlane: ScriptedControlPlane;

beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = await ScriptedControlPlane.start();
});
afterAll(() => controlPlane.close());

async function startAgent({ onTestFinished }: Pick<TestContext, "onTestFinished">): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.begin(controlPlane);
  onTestFinished(() => agent.end());
  return agent;
}

const STALL_SECONDS = 3;
const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
const wanted = (name: string, command: string, stallAfterSeconds: number | undefined = STALL_SECONDS) =>
  desiredOf(
    name,
    { kind: "training", command, restarts: "never" },
    { live: { ...live, ...(stallAfterSeconds > 0 && { stallAfterSeconds }) } },
  );

async function isIdle({ host }: AgentUnderTest, order: DesiredInstance): Promise<void> {
  await eventually(() => host.observed(order.runId)?.idleness?.isIdle === true, {
    withinMs: 60_000,
    what: `idleness of ${order.runId}`,
  });
}

async function containerOf({ host }: AgentUnderTest, order: DesiredInstance) {
  const { containerId } = await host.reported(order.runId, { phase: "ready" });
  return docker.getContainer(containerId ?? "");
}

test.concurrent("one that sleeps is idle with what it waits for, one that works or writes is not, and none that is not watched", async (context) => {
  const agent = await startAgent(context);
  const sleeps = wanted("sleeps", "sleep 1000");
  const works = wanted("works", "while :; do :; done");
  const writes = wanted("writes", "while :; do echo line; sleep 0.5; done");
  const free = wanted("free", "sleep 1000", 0);
  agent.host.order([sleeps, works, writes, free]);

  await isIdle(agent, sleeps);

  expect(agent.host.observed(sleeps.runId)?.idleness?.processes).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: "sleep", state: "S", count: 1 })]),
  );
  for (const order of [works, writes, free])
    expect(agent.host.observed(order.runId)).not.toHaveProperty("idleness");

  await agent.stop();
  agent.host.report = null;
  await agent.start();
  await isIdle(agent, sleeps);
  await eventually(() => agent.host.observed(works.runId)?.idleness?.isIdle === false, {
    what: "work that a new life tells",
  });
  agent.host.order(
    [sleeps, works, writes, free].map((order) => ({ ...order, want: "removed", orderedBy: "customer" })),
  );
});

test.concurrent("one that goes on is reported once, and stays reported", async (context) => {
  const agent = await startAgent(context);
  const order = wanted("rests", "while :; do if [ -e /tmp/go ]; then :; else sleep 1; fi; done");
  agent.host.order([order]);
  await isIdle(agent, order);

  expect(await runInside((await containerOf(agent, order)).id, ["touch", "/tmp/go"])).toBe(0);

  await eventually(() => agent.host.observed(order.runId)?.idleness?.isIdle === false, {
    withinMs: 60_000,
    what: "its work",
  });
  expect(agent.host.observed(order.runId)?.idleness?.processes).toEqual([]);
  agent.host.order([{ ...order, want: "removed", orderedBy: "customer" }]);
});

test.concurrent("one that somebody pauses is frozen until it goes on, and can be stopped all the same", async (context) => {
  const agent = await startAgent(context);
  const order = wanted("paused", "sleep 1000", 0);
  agent.host.order([order]);
  const container = await containerOf(agent, order);
  expect(agent.host.observed(order.runId)).not.toHaveProperty("isFrozen");

  await container.pause();
  await eventually(() => agent.host.observed(order.runId)?.isFrozen === true, {
    withinMs: 60_000,
    what: "that it is frozen",
  });
  expect(agent.host.observed(order.runId)).toMatchObject({ phase: "ready" });
  await container.unpause();
  await eventually(() => agent.host.observed(order.runId)?.isFrozen === undefined, {
    withinMs: 60_000,
    what: "that it goes on",
  });

  await container.pause();
  await eventually(() => agent.host.observed(order.runId)?.isFrozen === true, {
    withinMs: 60_000,
    what: "that it is frozen",
  });
  agent.host.order([{ ...order, want: "stopped", orderedBy: "control-plane" }]);
  await agent.host.reported(order.runId, { phase: "stopped" });
});

test.concurrent("one whose first process somebody outside stops is frozen, and one that stops its own is not", async (context) => {
  const agent = await startAgent(context);
  const own = wanted("stops-own", "sleep 1000 & kill -STOP $!; kill -STOP 1; wait", 0);
  const order = wanted("stopped-outside", "sleep 1000", 0);
  agent.host.order([own, order]);
  const { State } = await (await containerOf(agent, order)).inspect();
  await containerOf(agent, own);

  process.kill(State.Pid, "SIGSTOP");

  await eventually(() => agent.host.observed(order.runId)?.isFrozen === true, {
    withinMs: 60_000,
    what: "that it is frozen",
  });
  expect(agent.host.observed(own.runId)).not.toHaveProperty("isFrozen");
  process.kill(State.Pid, "SIGCONT");
  agent.host.order([own, order].map((one) => ({ ...one, want: "removed", orderedBy: "customer" })));
});
