/** Two ranks of a gang on one host, by a whole agent: held with what is found of them, released together, never metered before. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { HEARTBEAT_MS } from "@remotegpu/shared/messages/protocol";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { gangNetwork, rankOrder } from "../../support/samples/gang-samples.ts";

let controlPlane: ScriptedControlPlane;
let agent: AgentUnderTest;

beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = await ScriptedControlPlane.start();
  agent = await AgentUnderTest.begin(controlPlane);
});

afterAll(async () => {
  await agent.end();
  await controlPlane.close();
});

const GANG = gangNetwork({
  id: 8_000_000 + (process.pid % 100_000),
  subnet: "10.224.20.0/24",
  gateway: "10.224.20.1",
});
const ranks = (command: string, live: Partial<DesiredInstance["live"]> = {}, name = "gang") =>
  [0, 1].map((at) => rankOrder(name, { gang: GANG, at, of: 2, command, live }));

const observed = ({ runId }: DesiredInstance) => agent.host.observed(runId);
const isPassed = (instance: ObservedInstance | undefined, check: string) =>
  instance?.held?.findings.filter((finding) => finding.check === check).map((finding) => finding.isPassed);

async function passed(orders: readonly DesiredInstance[]): Promise<void> {
  for (const order of orders)
    await eventually(
      () => {
        const findings = observed(order)?.held?.findings ?? [];
        return findings.length === 4 && findings.every((finding) => finding.isPassed);
      },
      { what: `all findings of ${order.runId}` },
    );
}

async function removed(orders: readonly DesiredInstance[]): Promise<void> {
  agent.host.order(orders.map((order) => ({ ...order, want: "removed", orderedBy: "customer" })));
  await eventually(() => orders.every((order) => observed(order) === undefined), { what: "their removal" });
}

test("it announces that it takes part", async () => {
  const beat = await eventually(() => agent.host.heartbeats.at(-1), { what: "a heartbeat" });

  expect(beat.features).toContain("gangs");
});

test("they are held with findings, through a restart of the agent, and go with the word for it; what they wait costs nothing", async () => {
  const held = ranks("echo went; sleep 1000");
  const [first, second] = held as [DesiredInstance, DesiredInstance];

  agent.host.order(held);
  await passed(held);
  expect(observed(first)).toMatchObject({ phase: "starting", gateOpenedMs: null });
  expect(observed(first)?.imageId).toMatch(/^sha256:/);
  expect(observed(first)?.held?.findings.map(({ check, address }) => [check, address])).toEqual([
    ["network", "10.224.20.129"],
    ["clock", undefined],
    ["disk", undefined],
    ["shm", undefined],
  ]);
  const { containerId } = observed(first) ?? {};
  const outputOf = async () =>
    (await docker.getContainer(containerId ?? "").logs({ stdout: true })).toString();

  const exec = async () =>
    controlPlane.orders.exec(agent.hostId, {
      kind: "exec",
      instanceId: first.instanceId,
      argv: ["true"],
      stdin: null,
      timeoutSeconds: 10,
    });
  expect(await exec()).toMatchObject({ kind: "exec-refused", reason: "not-running" });

  await agent.stop();
  agent.host.report = null;
  await agent.start();
  await passed(held);
  expect(await outputOf()).toBe("");
  expect(agent.host.usageOf(first.runId)).toEqual([]);

  const releasedFromMs = agent.nowMs;
  agent.host.order(ranks("echo went; sleep 1000", { released: true }));
  const { gateOpenedMs } = await agent.host.reported(first.runId, { phase: "ready" });
  await agent.host.reported(second.runId, { phase: "ready" });
  expect(gateOpenedMs).toBeGreaterThanOrEqual(Math.floor(releasedFromMs));
  await eventually(async () => (await outputOf()).includes("went"), { what: "its output" });
  expect(await exec()).toMatchObject({ kind: "exec-reply", exitCode: 0 });
  expect(observed(first)).not.toHaveProperty("held");
  expect(observed(first)).not.toHaveProperty("cutOff");

  await removed(held);
  const rows = agent.host.usageOf(first.runId);
  expect(rows[0]?.startMs).toBeGreaterThanOrEqual(gateOpenedMs ?? Infinity);
});

test("released while their agent was away, they go when it is back, and one that ends at once is reported as gone", async () => {
  const held = ranks("true", {}, "short");
  agent.host.order(held);
  await passed(held);

  await agent.stop();
  agent.host.order(ranks("true", { released: true }, "short"));
  await agent.start();

  for (const { runId } of held) {
    const ended = await agent.host.reported(runId, { phase: "stopped", exitCode: 0 });
    expect(ended.gateOpenedMs).not.toBeNull();
  }
  await removed(held);
});

test("what is wrong is found, and found mended; removed before the word, they have cost nothing", async () => {
  const held = ranks("true", {}, "wrong");
  const [first] = held as [DesiredInstance, DesiredInstance];
  const heartbeatAt = (aheadMs: number) => {
    agent.host.clockAheadMs = aheadMs;
    // The next heartbeat is due.
    agent.setForward(HEARTBEAT_MS * 2);
  };
  heartbeatAt(5_000);
  agent.host.order(held);
  await eventually(() => isPassed(observed(first), "clock")?.[0] === false, { what: "a clock that is off" });

  heartbeatAt(-HEARTBEAT_MS * 4);
  await passed(held);
  await removed(held);

  // What a heartbeat's answer showed is told with the next.
  const offsets = agent.host.heartbeats.map(({ clockOffsetMs }) => clockOffsetMs);
  expect(offsets[0]).toBeUndefined();
  expect(Math.max(...offsets.map((offset) => offset ?? 0))).toBeGreaterThanOrEqual(5_000);
  expect(agent.host.usageOf(first.runId).map(({ startMs, endMs }) => endMs - startMs)).toEqual([0]);
});
