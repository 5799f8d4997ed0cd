/**
 * Whatever ends while nobody looks, and whatever becomes of the journal: no container is lost, no second invented. Each
 * test has a host of its own, so they run side by side.
 */
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LABEL } from "@remotegpu/agent/core/container/container";
import {
  EXTEND_EVERY_MS,
  isSameProcess,
  type UsageInterval,
} from "@remotegpu/agent/core/metering/usage-interval";
import { ServiceNotifier } from "@remotegpu/agent/host/notify";
import { LONGEST_UNSEEN_MS } from "@remotegpu/agent/loop/watch/runtime-watch";
import { readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { JOURNAL_FILE } from "@remotegpu/agent/journal/journal";
import { makeLiveFolder } from "@remotegpu/agent/toolbox/live-folder";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage, newHostId } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { RuntimeProxy } from "../../support/containers/runtime-proxy.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
/** Start times in /proc count USER_HZ. */
const MS_PER_TICK = 10;
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

const wanted = (name: string, rest: Partial<DesiredInstance> = {}) => desiredOf(name, {}, { live, ...rest });

async function startAgent(options: Parameters<typeof AgentUnderTest.begin>[1] = {}): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.begin(controlPlane, options);
  started.push(agent);
  return agent;
}

/** Identity, process and start of each container, by its run. */
async function lives(agent: AgentUnderTest) {
  const filters = JSON.stringify({ label: [`${LABEL.host}=${agent.hostId}`] });
  const found = await Promise.all(
    (await docker.listContainers({ all: true, filters })).map(({ Id }) => docker.getContainer(Id).inspect()),
  );
  return Object.fromEntries(
    found.map(({ Id, State, Config }) => [Config.Labels[LABEL.run], [Id, State.Pid, State.StartedAt]]),
  );
}

const proven = (rows: readonly UsageEntry[]) => rows.filter(({ proof }) => proof !== "unproven");
const sumMs = (rows: readonly UsageEntry[]) =>
  rows.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);

async function finalRows(agent: AgentUnderTest, name: string): Promise<UsageEntry[]> {
  agent.host.order([wanted(name, { want: "stopped", orderedBy: "customer" })]);
  await eventually(() => agent.host.usageOf(`run-${name}`).some(({ final }) => final), {
    what: "the final row",
  });
  return agent.host.usageOf(`run-${name}`);
}

function spoil(agent: AgentUnderTest, how: (path: string) => void): void {
  const path = join(agent.stateDir, JOURNAL_FILE);
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
  how(path);
}

describe.concurrent("a journal that is", () => {
  test.each([
    ["garbage", (path: string) => writeFileSync(path, Buffer.alloc(8192, "garbage"))],
    ["empty", (path: string) => writeFileSync(path, "")],
  ])("%s ends no container: all are taken over, and time goes on from there", async (how, spoiling) => {
    const agent = await startAgent();
    const names = ["one", "two", "three"].map((name) => `${how}-${name}`);
    agent.host.order(names.map((name) => wanted(name)));
    for (const name of names) await agent.host.reported(`run-${name}`, { phase: "ready" });
    const before = await lives(agent);
    // Bound into a container that is entered: without it none could be started again.
    const folders = await Promise.all(
      names.map((name) => makeLiveFolder(agent.stateDir, `run-${name}` as RunId)),
    );
    const left = await makeLiveFolder(agent.stateDir, "run-of-nobody" as RunId);
    const { journalId } = agent.journal.head();
    await agent.stop();

    spoil(agent, spoiling);
    agent.setForward(60_000);
    const returnedMs = agent.nowMs;
    await agent.start();
    await eventually(() => agent.journal.intervals().size === names.length, { what: "their intervals" });

    expect(await lives(agent)).toEqual(before);
    expect(agent.journal.head().journalId).not.toBe(journalId);
    await eventually(() => !existsSync(left), { what: "a sweep of folders" });
    expect(folders.filter((folder) => !existsSync(folder))).toEqual([]);
    const starts = [...agent.journal.intervals().values()].map(({ startMs }) => startMs);
    expect(starts.filter((startMs) => startMs < returnedMs)).toEqual([]);
    for (const name of names) await agent.host.reported(`run-${name}`, { phase: "ready", problem: null });
  });

  test("on a full disk refuses starts and loses no second, and works again by itself", async () => {
    const stateDir = mkdtempSync(join(tmpdir(), "rg-small-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=38m", "tmpfs", stateDir]);
    const agent = await AgentUnderTest.begin(controlPlane, { stateDir });
    started.push({
      end: async () => {
        await agent.end({ leavesFolder: true });
        execFileSync("umount", ["-l", stateDir]);
        rmSync(stateDir, { recursive: true });
      },
    });
    agent.host.order([wanted("steady")]);
    const { gateOpenedMs } = await agent.host.reported("run-steady", { phase: "ready" });

    const filler = fill(stateDir);
    agent.setForward(EXTEND_EVERY_MS);
    await eventually(() => agent.host.heartbeats.at(-1)?.degraded.includes("disk-full"), {
      what: "disk-full",
    });
    agent.host.order([wanted("steady"), wanted("late")]);
    const refused = await agent.host.reported("run-late", { phase: "starting", problem: "start-refused" });
    for (let ticks = 0; ticks < 6; ticks += 1) {
      const beforeMs = agent.nowMs;
      agent.setForward(EXTEND_EVERY_MS);
      await eventually(() => (agent.journal.intervals().get("run-steady" as RunId)?.endMs ?? 0) >= beforeMs);
    }
    expect(Object.keys(await lives(agent))).toEqual(["run-steady"]);
    rmSync(filler);
    agent.setForward(EXTEND_EVERY_MS);
    await agent.host.reported("run-late", { phase: "ready", problem: null });

    expect(refused.detail).toContain("its journal's disk is full");
    const rows = await finalRows(agent, "steady");
    expect(rows[0]?.startMs).toBe(gateOpenedMs);
    expect(rows.slice(1).filter(({ startMs }, at) => startMs !== rows[at]?.endMs)).toEqual([]);
    const unproven = rows.filter(({ proof }) => proof === "unproven");
    expect(sumMs(unproven)).toBeLessThan(EXTEND_EVERY_MS);
  });
});

/** How far the run's process is followed. */
async function intervalOf(agent: AgentUnderTest, run: string): Promise<UsageInterval> {
  return eventually(() => agent.journal.intervals().get(run as RunId), { what: `an interval of ${run}` });
}

/** The open interval of another process than the one that was followed before; the clock is moved on to the tick. */
async function secondLife(agent: AgentUnderTest, first: UsageInterval): Promise<UsageInterval> {
  return eventually(
    () => {
      agent.setForward(1_000);
      const now = agent.journal.intervals().get(first.runId);
      return now?.isOpen === true && !isSameProcess(now, first) && now;
    },
    { what: `a second life of ${first.runId}` },
  );
}

/** Writes until nothing fits any more; returns the file. */
function fill(folder: string): string {
  const path = join(folder, "somebody-elses-data");
  const file = openSync(path, "a");
  for (const bytes of [65_536, 4_096, 1]) while (fits(file, Buffer.alloc(bytes, "x")));
  closeSync(file);
  return path;
}

function fits(file: number, chunk: Buffer): boolean {
  try {
    return writeSync(file, chunk) === chunk.length;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") return false;
    throw error;
  }
}

describe.concurrent("a container that died", () => {
  test("and came back is charged for both of its lives, however short the second is", async () => {
    const agent = await startAgent();
    agent.host.order([wanted("twice")]);
    const { containerId } = await agent.host.reported("run-twice", { phase: "ready" });
    await docker.getContainer(containerId ?? "").kill();
    await eventually(() => {
      const reported = agent.host.observed("run-twice");
      return reported?.phase === "ready" && reported.restarts?.count === 1;
    });
    const { State } = await docker.getContainer(containerId ?? "").inspect();
    const second = await readProcessLife(State.Pid);
    const rows = await finalRows(agent, "twice");

    const secondMs = second.alive ? second.startTicks * MS_PER_TICK : Number.NaN;
    const inSecond = proven(rows).filter(({ endMs }) => endMs > secondMs);
    expect(inSecond).toEqual([expect.objectContaining({ final: true, proof: "bounded" })]);
    expect(sumMs(inSecond)).toBeGreaterThan(0);
    expect(proven(rows).length).toBeGreaterThan(inSecond.length);
  });

  test("while the agent was down comes back inside its run, and is charged to the last sight of it", async () => {
    const agent = await startAgent();
    agent.host.order([wanted("down")]);
    const { gateOpenedMs, containerId } = await agent.host.reported("run-down", { phase: "ready" });
    const firstLife = await intervalOf(agent, "run-down");
    await agent.stop();
    const seenMs = agent.nowMs;
    await docker.getContainer(containerId ?? "").kill();

    agent.setForward(120_000);
    await agent.start();
    const { startMs: secondMs } = await secondLife(agent, firstLife);
    const rows = await finalRows(agent, "down");

    expect(agent.journal.runs.all().map(({ runId }) => runId)).toEqual(["run-down"]);
    expect(secondMs).toBeGreaterThanOrEqual(seenMs + 120_000);
    const first = proven(rows).filter(({ startMs }) => startMs < seenMs);
    expect(first[0]?.startMs).toBe(gateOpenedMs);
    expect(first.at(-1)?.endMs).toBeLessThanOrEqual(seenMs);
    const between = rows[first.length];
    expect(between).toMatchObject({ proof: "unproven", startMs: first.at(-1)?.endMs });
    expect(between?.endMs).toBeGreaterThanOrEqual(seenMs + 120_000);
  });

  test("while the runtime was silent ends its time at the last sight, and comes back with the runtime", async () => {
    const proxy = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
    const agent = await AgentUnderTest.begin(controlPlane, { socketPath: proxy.socketPath });
    started.push({
      end: async () => {
        proxy.release();
        await agent.end();
        await proxy.close();
      },
    });
    agent.host.order([wanted("silent")]);
    const before = await agent.host.reported("run-silent", { phase: "ready" });
    const firstLife = await intervalOf(agent, "run-silent");
    agent.setForward(EXTEND_EVERY_MS);
    await eventually(async () => (await intervalOf(agent, "run-silent")).endMs > firstLife.endMs, {
      what: "another sight of it",
    });

    proxy.hold();
    await docker.getContainer(before.containerId ?? "").kill();
    const deadMs = agent.nowMs;
    // Longer than its word for the end is waited for.
    agent.setForward(LONGEST_UNSEEN_MS + 1_000);
    await eventually(() => agent.journal.intervals().get("run-silent" as RunId)?.isOpen === false, {
      what: "the end of its time",
    });
    proxy.release();
    const second = await secondLife(agent, firstLife);

    const after = await agent.host.reported("run-silent", { phase: "ready", problem: null });
    expect(after.containerId).toBe(before.containerId);
    expect(agent.journal.runs.all()).toHaveLength(1);
    const rows = await finalRows(agent, "silent");
    const first = proven(rows).filter(({ startMs }) => startMs < second.startTicks * MS_PER_TICK);
    expect(first[0]?.startMs).toBe(before.gateOpenedMs);
    expect(first.at(-1)?.endMs).toBeLessThanOrEqual(deadMs);
  });

  test("while the runtime was late with its answer is charged to its end", async () => {
    const proxy = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
    const agent = await AgentUnderTest.begin(controlPlane, { socketPath: proxy.socketPath });
    started.push({
      end: async () => {
        proxy.release();
        await agent.end();
        await proxy.close();
      },
    });
    const patient = { live: { ...live, stopGraceSeconds: 60 } };
    agent.host.order([wanted("late", patient)]);
    const { containerId } = await agent.host.reported("run-late", { phase: "ready" });
    const { pid } = await intervalOf(agent, "run-late");

    // As it is while the runtime ends many containers.
    proxy.hold((_method, url) => url.includes("/stop"));
    agent.host.order([wanted("late", { ...patient, want: "stopped", orderedBy: "customer" })]);
    await eventually(() => proxy.held > 0, { what: "a stop under way" });
    proxy.hold((_method, url) => url.includes("/stop") || url.includes("/containers/json"));
    const seenMs = await eventually(
      async () => {
        const { endMs } = await intervalOf(agent, "run-late");
        const agoMs = agent.nowMs - endMs;
        return agoMs > EXTEND_EVERY_MS / 4 && agoMs < EXTEND_EVERY_MS / 2 && endMs;
      },
      { what: "some seconds since the last look" },
    );
    await docker.getContainer(containerId ?? "").kill();
    await eventually(async () => !(await readProcessLife(pid)).alive, { what: "its end" });
    const deadMs = agent.nowMs;
    agent.setForward(EXTEND_EVERY_MS);
    const tickMs = agent.nowMs;
    await eventually(() => agent.host.heartbeats.some(({ monotonicMs }) => monotonicMs > tickMs), {
      what: "a round with a tick",
    });
    expect(proxy.held).toBeGreaterThan(0);
    proxy.release();

    await eventually(() => agent.host.usageOf("run-late").some(({ final }) => final));
    const last = proven(agent.host.usageOf("run-late")).at(-1);
    expect(last?.endMs).toBeGreaterThan(seenMs + EXTEND_EVERY_MS / 4);
    expect(last?.endMs).toBeLessThanOrEqual(deadMs);
  });

  test("with its host comes back in the next boot, inside its run, and the time off is nobody's", async () => {
    const agent = await startAgent();
    agent.host.order([wanted("boot")]);
    const { containerId } = await agent.host.reported("run-boot", { phase: "ready" });
    const firstLife = await intervalOf(agent, "run-boot");
    agent.setForward(EXTEND_EVERY_MS);
    await eventually(() => agent.host.usageOf("run-boot").length > 0, { what: "the first row" });
    await agent.stop();
    const lastMs = agent.nowMs;
    await docker.getContainer(containerId ?? "").kill();

    agent.reboot(5_000);
    await agent.start();
    await secondLife(agent, firstLife);
    agent.setForward(EXTEND_EVERY_MS);
    await eventually(
      () => new Set(proven(agent.host.usageOf("run-boot")).map(({ bootId }) => bootId)).size === 2,
      {
        what: "a row of the second boot",
      },
    );
    const rows = await finalRows(agent, "boot");

    const boots = [...new Set(rows.map(({ bootId }) => bootId))];
    expect(boots).toHaveLength(2);
    const [first, second] = boots.map((boot) => proven(rows).filter(({ bootId }) => bootId === boot));
    expect(first?.at(-1)?.endMs).toBeLessThanOrEqual(lastMs);
    expect(second?.[0]?.startMs).toBeGreaterThanOrEqual(5_000);
    expect(sumMs(second ?? [])).toBeLessThanOrEqual(agent.nowMs - 5_000);
    expect(agent.journal.runs.all().map(({ runId }) => runId)).toEqual(["run-boot"]);
  });
});

test.concurrent("an agent is ready only once it has metered what runs", async () => {
  const agent = await startAgent();
  agent.host.order([wanted("metered")]);
  await agent.host.reported("run-metered", { phase: "ready" });
  await agent.stop();
  const stoppedMs = agent.nowMs;
  const coveredMs: number[] = [];
  class Watching extends ServiceNotifier {
    override ready(): Promise<void> {
      coveredMs.push(agent.journal.intervals().get("run-metered" as RunId)?.endMs ?? 0);
      return Promise.resolve();
    }
  }

  await agent.start({ notifier: new Watching({ environment: {} }) });
  await eventually(() => coveredMs.length > 0, { what: "being ready" });

  expect(coveredMs[0]).toBeGreaterThanOrEqual(stoppedMs);
  expect(coveredMs).toHaveLength(1);
});
