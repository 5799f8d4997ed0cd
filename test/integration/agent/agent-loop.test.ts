/**
 * The agent's loop with its real journal, the real container runtime and a real link; only the control plane's
 * decisions are the test's. Each test has a host of its own, so they run side by side.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lowLimits } from "@remotegpu/agent/core/host/kernel-limits";
import { DEADLINES_MS } from "@remotegpu/agent/core/reconcile/transitions";
import { EXTEND_EVERY_MS } from "@remotegpu/agent/core/metering/usage-interval";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { readKernelLimits } from "@remotegpu/agent/host/kernel-limits";
import { JOURNAL_FILE } from "@remotegpu/agent/journal/journal";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { BUSYBOX_IMAGE, desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage, newHostId, removeLabelled } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { nativeProgram } from "../../support/containers/native-program.ts";
import { RuntimeProxy } from "../../support/containers/runtime-proxy.ts";
import { termsOf } from "../../support/samples/desired-images.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 2, onDisconnect: "keep", stopAfterSeconds: null } as const;
const started: { end(): Promise<void> }[] = [];
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

async function startAgent(): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.begin(controlPlane);
  started.push(agent);
  return agent;
}

/** A runtime of the agent's own that can be held, in front of the machine's. */
async function startHeldAgent(): Promise<{ agent: AgentUnderTest; proxy: RuntimeProxy }> {
  const proxy = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
  const agent = await AgentUnderTest.begin(controlPlane, { socketPath: proxy.socketPath });
  const end = async () => {
    proxy.release();
    await agent.end();
    await proxy.close();
  };
  started.push({ end });
  return { agent, proxy };
}

const wanted = (name: string, rest: Partial<DesiredInstance> = {}): DesiredInstance =>
  desiredOf(name, {}, { live, ...rest });

function containersOf(hostId: string) {
  const filters = JSON.stringify({ label: [`${LABEL.host}=${hostId}`] });
  return docker.listContainers({ all: true, filters });
}

const spans = (rows: readonly UsageEntry[]) =>
  rows.map(({ startMs, endMs, proof, final }) => [startMs, endMs, proof, ...(final ? ["final"] : [])]);
const gaps = (rows: readonly UsageEntry[]) =>
  rows.slice(1).filter((row, n) => row.startMs !== rows[n]?.endMs);

async function finalRow(agent: AgentUnderTest, runId: string): Promise<UsageEntry> {
  return await eventually(() => agent.host.usageOf(runId).find((row) => row.final), {
    what: `the final row of ${runId}`,
  });
}

test.concurrent("an order runs, is metered and confirmed, is stopped, removed and forgotten", async () => {
  const agent = await startAgent();
  const { host } = agent;

  host.order([wanted("a")]);
  const { gateOpenedMs } = await host.reported("run-a", { phase: "ready" });
  const reply = await controlPlane.orders.exec(agent.hostId, {
    kind: "exec",
    instanceId: wanted("a").instanceId,
    argv: ["hostname"],
    stdin: null,
    timeoutSeconds: 5,
  });
  expect(reply).toMatchObject({ kind: "exec-reply", stdout: Buffer.from("a\n").toString("base64") });

  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => host.usageOf("run-a").length > 0, { what: "the first row" });
  agent.setForward(1_000);
  const [first] = host.usageOf("run-a");
  expect(first).toMatchObject({ startMs: gateOpenedMs, proof: "exact", final: false });
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => agent.journal.head().watermarkSeen === 1, { what: "the watermark" });

  host.order([wanted("a", { want: "stopped", orderedBy: "customer" })]);
  await host.reported("run-a", { phase: "stopped", detail: "Stopped; ordered by customer." });
  expect(await finalRow(agent, "run-a")).toMatchObject({ startMs: first?.endMs, proof: "bounded" });
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => agent.journal.head().watermarkSeen === 2, { what: "the final row's watermark" });
  expect(host.observed("run-a")).toMatchObject({ phase: "stopped" });
  expect(await containersOf(agent.hostId)).toMatchObject([{ State: "exited" }]);

  host.order([wanted("a", { want: "removed", orderedBy: "customer" })]);
  await eventually(() => host.observed("run-a") === undefined, { what: "the end of the report" });
  expect(await containersOf(agent.hostId)).toEqual([]);
  host.order([]);
  await eventually(() => agent.journal.desired.read().instances.length === 0, { what: "an empty set" });
  expect(host.usageOf("run-a")).toHaveLength(2);
});

test.concurrent("each of two containers takes more inotify instances than a kernel gives all of root by default; the limits go back when the host is taken away", async () => {
  const before = readKernelLimits();
  const agent = await AgentUnderTest.begin(controlPlane, { raisesLimits: true });
  try {
    const hoard = nativeProgram("inotify-hoard");
    const program = await readFile(hoard.path);
    await rm(hoard.folder, { recursive: true });
    const names = ["x", "y"];
    agent.host.order(names.map((name) => wanted(name)));
    await Promise.all(names.map((name) => agent.host.reported(`run-${name}`, { phase: "ready" })));
    const sh = async (name: string, script: string, stdin: Buffer | null = null) => {
      const reply = await controlPlane.orders.exec(agent.hostId, {
        kind: "exec",
        instanceId: wanted(name).instanceId,
        argv: ["/bin/sh", "-c", script],
        stdin: stdin === null ? null : stdin.toString("base64"),
        timeoutSeconds: 10,
      });
      return reply.kind === "exec-reply" ? Buffer.from(reply.stdout, "base64").toString() : reply.kind;
    };
    for (const name of names)
      await sh(name, "cat >/tmp/hoard; chmod 755 /tmp/hoard; /tmp/hoard >/tmp/said 2>&1 &", program);

    const output = (name: string) =>
      eventually(() => sh(name, "cat /tmp/said"), { what: `the word of ${name}` });

    expect([await output("x"), await output("y")]).toEqual(["held\n", "held\n"]);
    expect(lowLimits(readKernelLimits())).toEqual([]);
    const sentences = agent.log.lines.map(({ message }) => message).join("\n");
    for (const { name, value } of lowLimits(before))
      expect(sentences).toContain(`the kernel's limit ${name} was ${value} and is now `);
  } finally {
    await agent.end();
  }
  expect(readKernelLimits()).toEqual(before);
});

describe.concurrent("a restart: a new run of the same placement", () => {
  /** The runs' starts and ends in the order in which the runtime did them. */
  async function lives(hostId: string): Promise<string[]> {
    const stream = await docker.getEvents({
      since: 0,
      until: Math.ceil(Date.now() / 1_000) + 1,
      filters: { label: [`${LABEL.host}=${hostId}`], event: ["start", "die"] },
    });
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line): { Action: string; Actor: { Attributes: Record<string, string> } } => JSON.parse(line))
      .map(({ Action, Actor }) => `${Action} ${Actor.Attributes[LABEL.run]}`);
  }
  const again = (name: string) =>
    wanted(name, { runId: `run-${name}-again` as RunId, orderedBy: "customer" });

  test("ends the old run before the new one begins, and both are charged apart", async () => {
    const agent = await startAgent();
    agent.host.order([wanted("b")]);
    await agent.host.reported("run-b", { phase: "ready" });

    agent.host.order([again("b")]);
    const { gateOpenedMs } = await agent.host.reported("run-b-again", { phase: "ready" });

    expect(await lives(agent.hostId)).toEqual(["start run-b", "die run-b", "start run-b-again"]);
    expect((await finalRow(agent, "run-b")).endMs).toBeLessThanOrEqual(gateOpenedMs ?? 0);
    await eventually(() => agent.host.observed("run-b") === undefined, { what: "the old run's end" });
    expect(await containersOf(agent.hostId)).toHaveLength(1);
  });

  test.each(["stopped", "removed"] as const)(
    "that nobody heard of before its own end (%s) was ordered still ends the old run, and its card is not free before",
    async (want) => {
      const { agent, proxy } = await startHeldAgent();
      const name = `overtaken-${want}`;
      agent.host.order([wanted(name)]);
      await agent.host.reported(`run-${name}`, { phase: "ready" });
      proxy.hold((_method, url) => url.includes("/stop"));

      agent.host.order([{ ...again(name), want }]);
      await agent.host.reported(`run-${name}`, { phase: "stopping" });
      await eventually(() => proxy.held === 1, { what: "the stop under way" });
      expect(agent.host.observed(`run-${name}-again`)?.phase).not.toBe("stopped");
      proxy.release();

      await eventually(async () => (await containersOf(agent.hostId)).length === 0, {
        what: "the old run's removal",
      });
      await finalRow(agent, `run-${name}`);
      if (want === "stopped") await agent.host.reported(`run-${name}-again`, { phase: "stopped" });
    },
  );

  test("ordered while the old run is still being started lets that come up and end first", async () => {
    const { agent, proxy } = await startHeldAgent();
    proxy.hold((_method, url) => url.endsWith("/start"));
    agent.host.order([wanted("c")]);
    await eventually(() => proxy.held === 1, { what: "the start under way" });

    agent.host.order([again("c")]);
    await agent.host.reported("run-c-again", { phase: "starting" });
    proxy.release();
    await agent.host.reported("run-c-again", { phase: "ready" });

    expect(await lives(agent.hostId)).toEqual(["start run-c", "die run-c", "start run-c-again"]);
  });
});

test.concurrent("a runtime that hangs is reported within 30 s; heartbeats and metering go on", async () => {
  const { agent, proxy } = await startHeldAgent();
  const { host } = agent;
  host.order([wanted("d")]);
  const before = await host.reported("run-d", { phase: "ready" });

  proxy.hold();
  const heldMs = agent.nowMs;
  const isReported = () => host.heartbeats.find(({ degraded }) => degraded.includes("runtime-down"));
  const reported = await eventually(isReported, { withinMs: 60_000, what: "runtime-down" });
  await host.reported("run-d", { phase: "ready", problem: "runtime-down", containerId: before.containerId });

  expect(reported.monotonicMs - heldMs).toBeLessThan(30_000);
  const seenUntilMs = agent.journal.intervals().get("run-d" as RunId)?.endMs ?? 0;
  expect(seenUntilMs).toBeGreaterThan(heldMs);
  expect(agent.nowMs - seenUntilMs).toBeLessThan(EXTEND_EVERY_MS + 1_000);

  proxy.release();
  await host.reported("run-d", { phase: "ready", problem: null, containerId: before.containerId });
  host.order([wanted("d", { want: "stopped", orderedBy: "customer" })]);
  await finalRow(agent, "run-d");
  const rows = host.usageOf("run-d");
  expect(gaps(rows)).toEqual([]);
  // How exactly its end is known depends on when the runtime tells it; all that was seen while it hung is claimed.
  const untilThen = rows.filter(({ startMs }) => startMs < seenUntilMs).map(({ proof }) => proof);
  expect(untilThen.filter((proof) => proof !== "exact" && proof !== "bounded")).toEqual([]);
  expect(rows[0]?.startMs).toBe(before.gateOpenedMs);
}, 60_000);

test("a runtime that is only slow changes nothing in the report, and a tick does not wait for it", async () => {
  const { agent, proxy } = await startHeldAgent();
  const { host } = agent;
  host.order([wanted("l")]);
  await host.reported("run-l", { phase: "ready" });
  await eventually(() => host.observed("run-l")?.brings, { what: "all that is to be said of it" });
  // Everybody is heard once more, so that the leap below makes nobody late.
  const heardMs = agent.nowMs;
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => host.heartbeats.some(({ monotonicMs }) => monotonicMs > heardMs));
  const { digest } = await eventually(() => (host.report?.machine?.versions ? host.report : undefined), {
    what: "a report with versions",
  });

  proxy.hold((_method, url) => url.includes("/containers/json"));
  agent.setForward(0);
  await eventually(() => proxy.held === 1, { what: "a list that does not come" });
  const heldMs = agent.nowMs;
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => (agent.journal.intervals().get("run-l" as RunId)?.endMs ?? 0) > heldMs);
  agent.setForward(1_000);
  const reported = await eventually(() => host.heartbeats.find(({ monotonicMs }) => monotonicMs > heldMs));

  expect(proxy.held).toBeGreaterThan(0);
  expect(reported).toMatchObject({ degraded: [], observedDigest: digest });
  expect(host.observed("run-l")).toMatchObject({ phase: "ready", problem: null });
});

test.concurrent("a stop that the runtime does not carry out is reported as overdue, is retried, and is done in the end", async () => {
  const { agent, proxy } = await startHeldAgent();
  const { host } = agent;
  host.order([wanted("s")]);
  const { containerId } = await host.reported("run-s", { phase: "ready" });

  proxy.hold((_method, url) => url.includes("/stop"));
  host.order([wanted("s", { want: "stopped", orderedBy: "customer" })]);
  await host.reported("run-s", { phase: "stopping" });
  agent.setForward(DEADLINES_MS.stopping);
  await eventually(() => host.heartbeats.at(-1)?.degraded.includes("stops-overdue"), { what: "the flag" });
  const late = await eventually(() => {
    const now = host.observed("run-s");
    return now?.detail.includes("for more than 15 minutes") && now;
  });
  expect(late).toMatchObject({ phase: "stopping", containerId });
  proxy.release();
  await host.reported("run-s", { phase: "stopped", detail: "Stopped; ordered by customer." });

  await eventually(() => host.heartbeats.at(-1)?.degraded.length === 0, { what: "the flag down" });
});

describe.concurrent("an agent that starts again in the same boot", () => {
  test("goes on with its containers, and the time between is counted", async () => {
    const agent = await startAgent();
    agent.host.order([wanted("e")]);
    const before = await agent.host.reported("run-e", { phase: "ready" });

    await agent.stop();
    const stoppedMs = agent.nowMs;
    agent.setForward(60_000);
    await agent.start();
    await eventually(() => agent.host.usageOf("run-e").length > 0, { what: "rows after the return" });
    agent.host.order([wanted("e", { want: "stopped", orderedBy: "customer" })]);
    await agent.host.reported("run-e", { phase: "stopped", containerId: before.containerId });

    await finalRow(agent, "run-e");
    const rows = agent.host.usageOf("run-e");
    expect(gaps(rows)).toEqual([]);
    expect(rows[0]?.startMs).toBe(before.gateOpenedMs);
    const between = rows.find(({ proof }) => proof === "reconstructed");
    expect(between?.startMs).toBeLessThanOrEqual(stoppedMs);
    expect(between?.endMs).toBeGreaterThanOrEqual(stoppedMs + 60_000);
    expect(await containersOf(agent.hostId)).toHaveLength(1);
    expect(agent.host.heartbeats.at(-1)?.agentEpoch).toBe(2);
  });

  test("without its journal takes its containers over from their labels", async () => {
    const agent = await startAgent();
    agent.host.order([wanted("f")]);
    const before = await agent.host.reported("run-f", { phase: "ready" });

    await agent.stop();
    for (const suffix of ["", "-wal", "-shm"])
      await rm(join(agent.stateDir, JOURNAL_FILE + suffix), { force: true });
    const returnedMs = agent.nowMs;
    await agent.start();
    const after = await eventually(() => {
      const seen = agent.host.observed("run-f");
      const isTakenOver = seen !== undefined && seen.gateOpenedMs !== null;
      return isTakenOver && seen.gateOpenedMs !== before.gateOpenedMs && seen;
    });

    expect(after.containerId).toBe(before.containerId);
    expect(after.gateOpenedMs).toBeGreaterThanOrEqual(returnedMs);
    expect(await containersOf(agent.hostId)).toMatchObject([{ Id: before.containerId, State: "running" }]);
  });
});

test.concurrent("stopping most of a host after a rise of term waits until it is confirmed", async () => {
  const agent = await startAgent();
  const { host } = agent;
  const names = ["g1", "g2", "g3", "g4"];
  host.order(names.map((name) => wanted(name)));
  for (const name of names) await host.reported(`run-${name}`, { phase: "ready" });

  const stops = names.map((name) => wanted(name, { want: "stopped", orderedBy: "control-plane" }));
  host.order(stops, { term: 2 });
  await eventually(() => agent.journal.head().applied.term === 2, { what: "the new term" });
  const isHeld = () => host.heartbeats.at(-1)?.degraded.includes("stops-held");
  await eventually(() => {
    agent.setForward(EXTEND_EVERY_MS);
    return isHeld();
  });
  expect(await containersOf(agent.hostId)).toMatchObject(names.map(() => ({ State: "running" })));
  expect(agent.log.lines.map(({ message }) => message)).toContain(
    "stops of most of this host wait until they are confirmed",
  );

  host.order(stops, { confirmsStops: true });
  for (const name of names) await host.reported(`run-${name}`, { phase: "stopped" });
  await eventually(() => {
    agent.setForward(EXTEND_EVERY_MS);
    return isHeld() === false;
  });
  expect(agent.journal.desired.read().stopsAreGuarded).toBe(false);
});

test.concurrent("what the host does not have is reported, closes the run free, and starts nothing", async () => {
  const agent = await startAgent();
  const image = "127.0.0.1:9/nobody/nothing:1";
  const dataset = { kind: "dataset", source: "nobody/nothing", target: "/gemini/data-1" } as const;

  agent.host.order([
    desiredOf("h", { image }, { live, imageTerms: termsOf("ann", { mayBePrivate: false }) }),
    desiredOf("i", { mounts: [dataset] }, { live }),
    wanted("j"),
  ]);
  const noImage = await agent.host.reported("run-h", { phase: "failed", problem: "image-missing" });
  const noMount = await agent.host.reported("run-i", { phase: "failed", problem: "mount-missing" });
  await agent.host.reported("run-j", { phase: "ready" });

  expect(noImage.detail).toContain(image);
  expect(noMount.detail).toContain("does not exist");
  for (const runId of ["run-h", "run-i"]) {
    const { startMs, endMs } = await finalRow(agent, runId);
    expect(spans(agent.host.usageOf(runId))).toEqual([[startMs, startMs, "unproven", "final"]]);
    expect(endMs).toBe(startMs);
  }
  expect(await containersOf(agent.hostId)).toHaveLength(1);
});

test.concurrent("another host's containers and foreign ones are left alone", async () => {
  const other = await startAgent();
  other.host.order([wanted("k")]);
  const theirs = await other.host.reported("run-k", { phase: "ready" });
  const foreignId = newHostId();
  const { id } = await docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ["/bin/sleep", "600"],
    // Ours by the host's label, but not by all of them: whoever made this, the agent did not.
    Labels: { [LABEL.host]: foreignId },
  });
  started.push({ end: () => removeLabelled(foreignId) });
  await docker.getContainer(id).start();

  const agent = await startAgent();
  agent.host.order([wanted("k")]);
  await agent.host.reported("run-k", { phase: "ready" });
  agent.host.order([wanted("k", { want: "removed", orderedBy: "admin" })]);
  await eventually(() => agent.host.observed("run-k") === undefined, { what: "the removal" });

  expect(await containersOf(agent.hostId)).toEqual([]);
  expect(await containersOf(other.hostId)).toMatchObject([{ Id: theirs.containerId, State: "running" }]);
  expect(await docker.getContainer(id).inspect()).toMatchObject({ State: { Running: true } });
  expect(other.host.observed("run-k")).toMatchObject({ phase: "ready" });
});
