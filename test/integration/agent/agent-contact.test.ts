/** An agent that is cut off: what has a `stop_after` is stopped in time, started again or not; and how it begins when it is heard. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { EXTEND_EVERY_MS } from "@remotegpu/agent/core/metering/usage-interval";
import type { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 2, onDisconnect: "keep", stopAfterSeconds: null } as const;
const stopAfter = { ...live, onDisconnect: "stop_after", stopAfterSeconds: 300 } as const;
const started: AgentUnderTest[] = [];
let controlPlane: ScriptedControlPlane;

beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = await ScriptedControlPlane.start();
});

afterAll(async () => {
  const ends = await Promise.allSettled(started.map((agent) => agent.end()));
  await controlPlane.close();
  for (const end of ends) if (end.status === "rejected") throw end.reason;
});

const wanted = (name: string, rest: Partial<DesiredInstance> = {}): DesiredInstance =>
  desiredOf(name, {}, { live, ...rest });

function containersOf(hostId: string) {
  const filters = JSON.stringify({ label: [`${LABEL.host}=${hostId}`] });
  return docker.listContainers({ all: true, filters });
}

/** Two instances, one to be kept and one not, and an agent that has ended since. */
async function interrupted(stored: string, stopped: string) {
  const agent = await AgentUnderTest.begin(controlPlane);
  started.push(agent);
  agent.host.order([wanted(stored), wanted(stopped, { live: stopAfter })]);
  for (const name of [stored, stopped]) await agent.host.reported(`run-${name}`, { phase: "ready" });
  await agent.stop();
  const heardMs = agent.host.heartbeats.at(-1)?.monotonicMs ?? 0;
  const waitUntil = (cutOffMs: number) => agent.setForward(heardMs + cutOffMs - agent.nowMs);
  return { agent, waitUntil };
}

async function states(agent: AgentUnderTest) {
  const containers = await containersOf(agent.hostId);
  return Object.fromEntries(containers.map(({ Labels, State }) => [Labels[LABEL.run], State]));
}

/** Resolves once the agent has looked, decided and metered at this time of its clock. */
async function hasDecided(agent: AgentUnderTest, storedRun: string) {
  const sinceMs = agent.nowMs;
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => (agent.journal.intervals().get(storedRun as RunId)?.endMs ?? 0) >= sinceMs, {
    what: `a tick of ${storedRun}`,
  });
}

const endOf = (agent: AgentUnderTest, runId: string) =>
  agent.journal.runs.all().find((run) => run.runId === runId)?.end ?? undefined;

describe.concurrent("a restart while cut off", () => {
  test("goes on counting: what has a stop_after is stopped in time, what has none runs on", async () => {
    const { agent, waitUntil } = await interrupted("m", "n");

    waitUntil(200_000);
    await agent.start({ isCutOff: true });
    await hasDecided(agent, "run-m");
    expect(await states(agent)).toEqual({ "run-m": "running", "run-n": "running" });
    waitUntil(301_000);
    const end = await eventually(() => endOf(agent, "run-n"), { what: "the end of run-n" });

    expect(end).toMatchObject({ phase: "stopped", detail: expect.stringContaining("for 300 s") });
    expect(await states(agent)).toEqual({ "run-m": "running", "run-n": "exited" });
  });

  test("in another boot adds what was counted before, and starts nothing again that may run elsewhere", async () => {
    const { agent, waitUntil } = await interrupted("o", "p");
    waitUntil(40_000);
    await agent.start({ isCutOff: true });
    // The last heartbeat was accepted a moment after it was sent, and the count begins there.
    waitUntil(205_000);
    await eventually(() => (agent.journal.contact.read()?.cutOffMs ?? 0) >= 200_000, {
      what: "the count in the journal",
    });
    await agent.stop();
    for (const { Id } of await containersOf(agent.hostId)) await docker.getContainer(Id).kill();

    agent.reboot(1_000);
    await agent.start({ isCutOff: true });
    await eventually(async () => (await states(agent))["run-o"] === "running", { what: "run-o again" });
    await hasDecided(agent, "run-o");
    expect(await states(agent)).toEqual({ "run-o": "running", "run-p": "exited" });
    expect(endOf(agent, "run-p")).toBeUndefined();
    agent.setForward(100_000);

    await eventually(() => endOf(agent, "run-p"), { what: "the end of run-p" });
    expect(await states(agent)).toEqual({ "run-o": "running", "run-p": "exited" });
  });

  test("in another boot, and then hears that it is still wanted, starts it again", async () => {
    const { agent } = await interrupted("q", "r");
    for (const { Id } of await containersOf(agent.hostId)) await docker.getContainer(Id).kill();

    agent.reboot(1_000);
    await agent.start();
    await eventually(async () => (await states(agent))["run-r"] === "running", { what: "run-r again" });

    expect(endOf(agent, "run-r")).toBeUndefined();
  });
});

test("a set is pulled once a heartbeat was answered: before that it would be refused, and tried again seconds later", async () => {
  const agent = await AgentUnderTest.begin(controlPlane);
  started.push(agent);
  const { host } = agent;
  await agent.stop();
  const answers = Promise.withResolvers<void>();
  Object.assign(host, { heartbeatAnswers: answers.promise, report: null, pulls: 0 });

  await agent.start();
  await eventually(() => host.report !== null, { what: "a report" });
  host.order([wanted("o")]);
  // Its answer comes after whatever the nudge made the host ask for.
  await controlPlane.orders.exec(agent.hostId, {
    kind: "exec",
    instanceId: "ins-none" as InstanceId,
    argv: ["true"],
    stdin: null,
    timeoutSeconds: 10,
  });
  expect(host.pulls).toBe(0);

  answers.resolve();
  await host.reported("run-o", { phase: "ready" });
});
