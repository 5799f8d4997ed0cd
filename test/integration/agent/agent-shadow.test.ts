/**
 * What a new version looks at before it takes over: `self-test` and `observe`, beside a running agent with real containers and
 * without one. Both must leave everything as it is.
 */
import { randomUUID } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { observe } from "@remotegpu/agent/commands/observe";
import { guardedSelfTest, selfTest, type SelfTestResult } from "@remotegpu/agent/commands/self-test";
import { readHealth } from "@remotegpu/agent/host/health-file";
import { ServiceNotifier } from "@remotegpu/agent/host/notify";
import { JOURNAL_FILE, openJournal, type Journal } from "@remotegpu/agent/journal/journal";
import { readJournal } from "@remotegpu/agent/journal/journal-reading";
import type { JournalId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { hashesOf } from "../../support/agent/folder-hashes.ts";
import { journalFolder, journalWithRows } from "../../support/agent/journal.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker, importBusyboxImage, newHostId } from "../../support/containers/docker.ts";
import { RuntimeProxy } from "../../support/containers/runtime-proxy.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { BALLAST_BYTES } from "../../support/samples/journal-samples.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

const MAIN = new URL("../../../agent/src/main.ts", import.meta.url).pathname;
const NAMES = ["a", "b", "c"];
/** Between two ticks of a shadow. */
const EVERY_MS = 100;
const live = { stopGraceSeconds: 2, onDisconnect: "keep", stopAfterSeconds: null } as const;
const wanted = (name: string, rest: Partial<DesiredInstance> = {}) => desiredOf(name, {}, { live, ...rest });

let controlPlane: ScriptedControlPlane;
/** Undone in this order at the end: tests that run side by side have no ends of their own. */
const endings: (() => unknown)[] = [];

beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = await ScriptedControlPlane.start();
});

afterAll(async () => {
  for (const end of endings) await end();
  await controlPlane.close();
});

/** An agent with three containers, whose health file names them. */
async function busyAgent(): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.begin(controlPlane);
  endings.push(() => agent.end());
  agent.host.order(NAMES.map((name) => wanted(name)));
  await Promise.all(NAMES.map((name) => agent.host.reported(`run-${name}`, { phase: "ready" })));
  await eventually(() => agent.journal.intervals().size === NAMES.length, { what: "open time of each" });
  await eventually(() => readHealth(agent.stateDir)?.instances.length === NAMES.length, {
    what: "a health file with all",
  });
  return agent;
}

/** What nobody but the test has open. */
function openedBy({ stateDir }: AgentUnderTest): Journal {
  return openJournal({
    folder: stateDir,
    newJournalId: () => randomUUID() as JournalId,
    ballastBytes: BALLAST_BYTES,
  });
}

/** The runtime, with all that is requested of it written down. */
async function watchedRuntime(): Promise<{ socketPath: string; requests: string[] }> {
  const proxy = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
  endings.push(() => proxy.close());
  const requests: string[] = [];
  proxy.hold((method, url) => {
    requests.push(`${method} ${url.split("?")[0]}`);
    return false;
  });
  return { socketPath: proxy.socketPath, requests };
}

type Seen = { exitCode: number; ticks: Record<string, unknown>[] };

async function shadow(stateDir: string, ticks: number, runtimeSocket: string | null = null): Promise<Seen> {
  const lines: string[] = [];
  const exitCode = await observe(
    { stateDir, runtimeSocket },
    { ticks, everyMs: EVERY_MS, json: true },
    { print: (line) => lines.push(line), log: memoryLog() },
  );
  return { exitCode, ticks: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

async function tested(
  environment: Record<string, string>,
): Promise<{ exitCode: number; results: Record<string, SelfTestResult> }> {
  const lines: string[] = [];
  const exitCode = await selfTest({ environment, json: true, print: (line) => lines.push(line) });
  const results = lines.map((line) => JSON.parse(line) as SelfTestResult);
  return { exitCode, results: Object.fromEntries(results.map((result) => [result.check, result])) };
}

async function processesOf(hostId: string): Promise<Record<string, number>> {
  const filters = JSON.stringify({ label: [`remotegpu.host=${hostId}`] });
  const found = await docker.listContainers({ filters });
  const inspected = await Promise.all(found.map(({ Id }) => docker.getContainer(Id).inspect()));
  return Object.fromEntries(inspected.map(({ Id, State }) => [Id, State.Pid]));
}

test.concurrent("beside an agent with three containers, three ticks agree, nothing would be done, and nothing is touched", async () => {
  const agent = await busyAgent();
  const before = await processesOf(agent.hostId);
  const runtime = await watchedRuntime();

  const { exitCode, ticks } = await shadow(agent.stateDir, 3, runtime.socketPath);

  expect(ticks).toHaveLength(3);
  for (const tick of ticks) expect(tick).toMatchObject({ agrees: true, differences: [], plan: [] });
  expect(ticks.map(({ instances }) => (instances as unknown[]).length)).toEqual([3, 3, 3]);
  expect(ticks.map(({ openIntervals }) => (openIntervals as unknown[]).length)).toEqual([3, 3, 3]);
  expect(exitCode).toBe(0);
  expect(runtime.requests.length).toBeGreaterThan(3);
  expect(runtime.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
  expect(await processesOf(agent.hostId)).toEqual(before);
  // The agent's own lock and epoch are as they were: it was not restarted, and goes on.
  expect(agent.journal.head().agentEpoch).toBe(1);
});

test.concurrent("what a version would stop is named, and it is not stopped", async () => {
  const agent = await busyAgent();
  const before = await processesOf(agent.hostId);
  await agent.stop();
  const journal = openedBy(agent);
  journal.desired.replace({
    ...journal.head().applied,
    confirmedStops: null,
    instances: [wanted("a"), wanted("b", { want: "stopped", orderedBy: "customer" }), wanted("c")],
  });
  journal.close();
  const hashes = hashesOf(agent.stateDir);

  const { exitCode, ticks } = await shadow(agent.stateDir, 1);

  expect(exitCode).toBe(1);
  expect(ticks).toMatchObject([
    { agrees: false, plan: [{ kind: "stop", runId: "run-b", cause: "ordered" }], differences: [] },
  ]);
  expect(await processesOf(agent.hostId)).toEqual(before);
  expect(hashesOf(agent.stateDir)).toEqual(hashes);
});

test.concurrent("what the running agent sees otherwise is a difference", async () => {
  const agent = await busyAgent();
  await agent.stop();
  const health = readHealth(agent.stateDir);
  const file = join(agent.stateDir, "health.json");
  writeFileSync(file, JSON.stringify({ ...health, instances: health?.instances.slice(1) }));

  const { exitCode, ticks } = await shadow(agent.stateDir, 1);

  expect(exitCode).toBe(1);
  expect(ticks).toMatchObject([{ differences: [{ difference: "instance-differs" }], plan: [] }]);

  // That of an earlier life says nothing of the one that wrote last.
  writeFileSync(file, JSON.stringify({ ...health, agentEpoch: 0, instances: [] }));
  expect((await shadow(agent.stateDir, 1)).exitCode).toBe(0);
});

test.concurrent("the health file says what a new version is judged by", async () => {
  const agent = await busyAgent();
  const first = readHealth(agent.stateDir);
  const pids = Object.values(await processesOf(agent.hostId));

  expect(first).toMatchObject({
    pid: process.pid,
    agentEpoch: 1,
    controlPlane: "connected",
    unorderedEnds: 0,
  });
  expect(new Set(first?.instances.map(({ pid }) => pid))).toEqual(new Set(pids));
  expect(first?.readyMs).toBeGreaterThanOrEqual(first?.startedMs ?? Number.NaN);

  agent.host.order([wanted("a", { want: "stopped", orderedBy: "customer" }), wanted("b"), wanted("c")]);
  await agent.host.reported("run-a", { phase: "stopped" });
  agent.setForward(20_000);
  await eventually(
    () => {
      const health = readHealth(agent.stateDir);
      const states = health?.instances.map(({ state }) => state).toSorted();
      return (
        health !== null && health.ticks > (first?.ticks ?? 0) && states?.join() === "exited,running,running"
      );
    },
    { what: "a later tick" },
  );
  await eventually(() => (readHealth(agent.stateDir)?.heartbeats ?? 0) > (first?.heartbeats ?? 0), {
    what: "a later heartbeat",
  });
  // The stop was ordered.
  expect(readHealth(agent.stateDir)?.unorderedEnds).toBe(0);
});

test.concurrent("an agent is not ready before the runtime has listed its containers", async () => {
  const proxy = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
  const agent = await AgentUnderTest.begin(controlPlane, { socketPath: proxy.socketPath });
  endings.push(async () => {
    proxy.release();
    await agent.end();
    await proxy.close();
  });
  await agent.stop();
  let readies = 0;
  class Counting extends ServiceNotifier {
    override ready(): Promise<void> {
      readies += 1;
      return Promise.resolve();
    }
  }
  proxy.hold((_method, url) => url.includes("/containers/json"));

  await agent.start({ notifier: new Counting({ environment: {} }) });
  await eventually(() => (readHealth(agent.stateDir)?.agentEpoch ?? 0) === 2, { what: "a tick in the dark" });
  expect(readHealth(agent.stateDir)).toMatchObject({ readyMs: null, instances: [] });
  expect(readies).toBe(0);

  proxy.release();
  await eventually(() => readies === 1, { what: "being ready" });
  await eventually(() => readHealth(agent.stateDir)?.readyMs !== null, {
    what: "a health file that says so",
  });
});

test.concurrent("the commands change nothing and call no program of the host but nvidia-smi", async () => {
  const agent = await busyAgent();
  await agent.stop();
  const journal = openedBy(agent);
  const before = hashesOf(agent.stateDir);
  const spy = programsThatTell();
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [MAIN, ...args], {
      env: {
        REMOTEGPU_STATE_DIR: agent.stateDir,
        REMOTEGPU_SIMULATED_GPUS: "2",
        PATH: `${spy.folder}:${process.env["PATH"] ?? ""}`,
      },
    });

  const selfTested = await run("self-test", "--json");
  const observed = await run("observe", "--ticks", "2", "--every", "1");

  expect(
    selfTested.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as SelfTestResult).ok),
  ).toEqual([true, true, true, true, true]);
  expect(observed.stdout).toMatch(/^tick 1: agrees: 3 instances, 0 leases, 3 open intervals\ntick 2: agrees/);
  expect(spy.called()).toBe(false);
  // SQLite's index beside a file that somebody has open is its own bookkeeping of readers.
  const { [`${JOURNAL_FILE}-shm`]: _before, ...stored } = before;
  const { [`${JOURNAL_FILE}-shm`]: _after, ...found } = hashesOf(agent.stateDir);
  expect(found).toEqual(stored);
  journal.close();
});

/** Programs that change a host, in whose place there are ones that only say that they were called. */
function programsThatTell(): { folder: string; called: () => boolean } {
  const folder = mkdtempSync(join(tmpdir(), "rg-programs-"));
  endings.push(() => rmSync(folder, { recursive: true }));
  const note = join(folder, "called");
  for (const name of ["ip", "iptables", "iptables-restore", "bridge", "nvidia-smi", "systemd-notify"]) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho "$0 $*" >>${note}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return { folder, called: () => existsSync(note) };
}

test("a self-test of a host that never ran anything is well, and begins no journal", async () => {
  const stateDir = journalFolder();

  const { exitCode, results } = await tested({
    REMOTEGPU_STATE_DIR: stateDir,
    REMOTEGPU_NVIDIA_SMI: "/nonexistent/nvidia-smi",
  });

  expect(exitCode).toBe(0);
  expect(Object.keys(results)).toEqual(
    expect.arrayContaining(["sqlite", "config", "journal", "containers", "gpus"]),
  );
  expect(results["journal"]?.detail).toBe("none yet");
  expect(results["gpus"]?.detail).toContain("none");
  expect(hashesOf(stateDir)).toEqual({});
});

test("a self-test names what is wrong, each by its own line", async () => {
  const stateDir = journalFolder();
  journalWithRows(stateDir, 2).close();
  new Database(join(stateDir, JOURNAL_FILE))
    .exec("UPDATE runs SET entry = replace(entry, 'run-1', 'run-2')")
    .close();
  const nvidiaSmi = join(journalFolder(), "nvidia-smi");
  writeFileSync(nvidiaSmi, "#!/bin/sh\necho what is that\n");
  chmodSync(nvidiaSmi, 0o755);
  const before = hashesOf(stateDir);

  const { exitCode, results } = await tested({
    REMOTEGPU_STATE_DIR: stateDir,
    REMOTEGPU_NVIDIA_SMI: nvidiaSmi,
    REMOTEGPU_RUNTIME_SOCKET: "/nonexistent/docker.sock",
  });

  expect(exitCode).toBe(1);
  const bad = Object.values(results).filter(({ ok }) => !ok);
  expect(bad.map(({ check }) => check).toSorted()).toEqual(["containers", "gpus", "journal"]);
  expect(results["journal"]?.detail).toBe("the journal's entry run-1 in runs cannot be read");
  expect(hashesOf(stateDir)).toEqual(before);
});

test("a self-test without a readable config says so and goes no further", async () => {
  const { exitCode, results } = await tested({ REMOTEGPU_LEASE_PORTS: "9-1" });

  expect(exitCode).toBe(1);
  expect(Object.values(results).map(({ check, ok }) => [check, ok])).toEqual([
    ["sqlite", true],
    ["config", false],
  ]);
  expect(results["config"]?.detail).toContain("REMOTEGPU_LEASE_PORTS");
});

test("a self-test that hangs is ended, and says so", async () => {
  const lines: string[] = [];
  const hangs = [process.execPath, "-e", "setInterval(() => undefined, 1000)"] as const;

  const exitCode = await guardedSelfTest(hangs, {
    json: false,
    print: (line) => lines.push(line),
    withinMs: 500,
  });

  expect(exitCode).toBe(1);
  expect(lines).toEqual(["FAILED  deadline: the self-test was not over within 0.5 s"]);
});

test("a journal that nobody has open is read without a trace, also where a crash left its log", () => {
  const folder = journalFolder();
  journalWithRows(folder, 2).close();
  // As a killed agent leaves it: what was written last is in the log alone.
  const killed = new Database(join(folder, JOURNAL_FILE));
  killed.pragma("journal_mode = WAL");
  killed.exec("UPDATE meta SET term = 9");
  const left = journalFolder();
  for (const suffix of ["", "-wal"])
    copyFileSync(join(folder, JOURNAL_FILE + suffix), join(left, JOURNAL_FILE + suffix));
  killed.close();
  const before = hashesOf(left);

  const term = readJournal(left, (reading) => reading.snapshot().desired.read().term);

  expect(term).toBe(9);
  expect(hashesOf(left)).toEqual(before);
});
