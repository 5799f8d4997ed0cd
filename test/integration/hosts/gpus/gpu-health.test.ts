/**
 * A card that fails, on a real container runtime and with simulated cards: only what holds it ends, it is charged to
 * the last good sample, its neighbour goes on, and the card comes back. The clock is set forward, so nothing waits.
 */
import { setTimeout } from "node:timers/promises";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, openSync, closeSync, writeSync, constants } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { OwnedContainer } from "@remotegpu/agent/core/container/container";
import { PROBE_SAMPLES } from "@remotegpu/agent/core/gpus/gpu-health";
import { liveContainers } from "@remotegpu/agent/core/gpus/gpu-processes";
import { EXTEND_EVERY_MS } from "@remotegpu/agent/core/metering/usage-interval";
import { readGpuMemory, writeGpuMemory } from "@remotegpu/agent/host/gpus/gpu-memory-file";
import { KernelLog } from "@remotegpu/agent/host/kernel-log";
import { NvidiaSmi } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi";
import { prepareSimulatedGpus, simulatedGpuUuid } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import { GpuWatch, SAMPLE_EVERY_MS, type Surroundings } from "@remotegpu/agent/loop/watch/gpus/gpu-watch";
import { BootId, GpuUuid } from "@remotegpu/shared/values/ids";
import { AgentUnderTest } from "../../../support/agent/agent.ts";
import { desiredOf } from "../../../support/samples/desired-instance.ts";
import { docker, newHostId } from "../../../support/containers/docker.ts";
import { eventually } from "../../../support/eventually.ts";
import { memoryLog } from "../../../support/memory-log.ts";
import { RUNNING, containerOf, exited, key } from "../../../support/samples/run-samples.ts";
import { ScriptedControlPlane } from "../../../support/agent/scripted-control-plane.ts";
import { nativeProgram } from "../../../support/containers/native-program.ts";
import { logXid, setFaults } from "../../../support/agent/simulated-faults.ts";

const BOOT = BootId.parse("11111111-1111-4111-8111-111111111111");
const OTHER_BOOT = BootId.parse("22222222-2222-4222-8222-222222222222");
const XID_79 = "4,7,99887766,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.\n";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-gpu-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the kernel log", () => {
  test("a file is read from its beginning, then only what is new, in whole lines", async () => {
    const path = join(folder, "log");
    await writeFile(path, "one\ntwo\nthr");
    const log = new KernelLog(path);

    expect(await log.newLines()).toEqual(["one", "two"]);
    expect(await log.newLines()).toEqual([]);
    appendFileSync(path, "ee\n");
    expect(await log.newLines()).toEqual(["three"]);
    await log.close();
    expect(await log.newLines()).toEqual([]);
  });

  test("a FIFO that nobody writes into, or that stays silent, lets nobody wait", async () => {
    const path = join(folder, "fifo");
    execFileSync("mkfifo", [path]);
    const log = new KernelLog(path);

    expect(await log.newLines()).toEqual([]);
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    expect(await log.newLines()).toEqual([]);
    writeSync(writer, "a line\n");
    expect(await log.newLines()).toEqual(["a line"]);
    closeSync(writer);
    await log.close();
  });

  test("one that is not there is none, until it is", async () => {
    const path = join(folder, "log");
    const log = new KernelLog(path);

    expect(await log.newLines()).toBeNull();
    await writeFile(path, "here\n");
    expect(await log.newLines()).toEqual(["here"]);
    await log.close();
  });
});

describe("what is remembered of the cards", () => {
  const memory = { bootId: BOOT, kernelSeq: 4, cards: [] };

  test("is read back in the same boot only", async () => {
    await writeGpuMemory(folder, memory);

    expect(await readGpuMemory(folder, BOOT)).toEqual(memory);
    expect(await readGpuMemory(folder, OTHER_BOOT)).toBeNull();
  });

  test("of an agent of before is read with what that did not know", async () => {
    const card = {
      uuid: "GPU-11111111-2222-3333-4444-555555555555",
      busKey: "00000000:3b:00",
      eccUncorrected: 3,
      hasTold: true,
      cordons: 1,
      goodInARow: 2,
      lastGoodMs: 7,
    };
    const cordon = { kind: "fatal", sinceMs: 8, isGone: false };
    const reasons = [
      ["Xid 79: the GPU fell off the bus.", "xid-79"],
      ["It is gone: nvidia-smi no longer lists it.", "not-listed"],
      ["Uncorrectable memory errors: 2 more than before.", "memory-errors"],
      ["A memory row could not be replaced.", "repair-failed"],
    ] as const;
    const cards = [
      { ...card, cordon: null },
      ...reasons.map(([reason]) => ({ ...card, cordon: { ...cordon, reason } })),
    ];
    await writeFile(join(folder, "gpu-health.json"), JSON.stringify({ bootId: BOOT, kernelSeq: 4, cards }));

    const read = await readGpuMemory(folder, BOOT);

    const unknown = { sign: null, hindrance: null, isSwitched: false, toldReadings: [] };
    expect(read?.cards).toEqual([
      { ...card, ...unknown, cordon: null },
      ...reasons.map(([reason, code]) => ({ ...card, ...unknown, cordon: { ...cordon, reason, code } })),
    ]);
  });

  test.each(["", "{", "null", '{"bootId":7}'])("%j is none", async (text) => {
    await writeFile(join(folder, "gpu-health.json"), text);

    expect(await readGpuMemory(folder, BOOT)).toBeNull();
  });
});

describe("simulated cards that fail", () => {
  const hostId = "host-1";
  const [first, second] = [simulatedGpuUuid(hostId, 0), simulatedGpuUuid(hostId, 1)];
  const inventory = async (lines: string[]) => {
    const files = await prepareSimulatedGpus({ stateDir: folder, hostId, count: 2, nowMs: 0 });
    setFaults(folder, lines);
    return await new NvidiaSmi({
      path: files.hostExecutable,
      simulated: true,
      deadlineMs: 1_000,
    }).inventory();
  };

  test.each([
    ["hang", "hung"],
    ["garbage", "garbage"],
  ])("%s: nvidia-smi is %s", async (line, kind) => {
    await expect(inventory([line])).rejects.toMatchObject({ kind });
  });

  test("one is lost, the other is not", async () => {
    const { gpus } = await inventory([`lost|${first}`]);

    expect(gpus.map(({ uuid }) => uuid)).toEqual([second]);
  });

  test("each fault is that card's alone", async () => {
    const { gpus } = await inventory([
      `silent|${first}`,
      `ecc|${second}|3`,
      `pending|${second}`,
      `throttle|${second}|hw_slowdown`,
    ]);

    expect(gpus).toMatchObject([
      { memoryUsedMib: null, temperatureC: null, powerW: null, utilizationPercent: null, eccUncorrected: 0 },
      {
        memoryUsedMib: 0,
        eccUncorrected: 3,
        eccUncorrectedTotal: 3,
        repairPending: true,
        throttleReasons: ["hw_slowdown"],
      },
    ]);
  });
});

describe("a watch over real cards", () => {
  const log = memoryLog();
  const fixtures = new URL("../../../fixtures/nvidia-smi/", import.meta.url).pathname;
  const wholeAnswer = `case "$*" in *-x*) cat ${fixtures}two-cards.xml ;; *) cat ${fixtures}two-cards.csv ;; esac`;
  let nowMs = 0;

  async function play(script: string): Promise<void> {
    await writeFile(join(folder, "nvidia-smi"), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, "nvidia-smi"), 0o755);
  }

  async function watch(rest: { checkWithinMs?: number; bootId?: BootId } = {}): Promise<GpuWatch> {
    const watched = new GpuWatch({
      hostId: newHostId(),
      bootId: BOOT,
      stateDir: folder,
      nvidiaSmiPath: join(folder, "nvidia-smi"),
      simulatedCount: 0,
      kernelLogPath: join(folder, "kmsg"),
      log,
      ...rest,
    });
    await watched.prepare((nowMs += SAMPLE_EVERY_MS), 0, null);
    return watched;
  }

  const surroundings = (containers: readonly OwnedContainer[] = []): Surroundings => ({
    nowMs,
    runtime: null,
    containers,
    liveContainers: () => liveContainers(containers, []),
  });

  /** One look, and what came of it. */
  async function check(watched: GpuWatch): Promise<void> {
    nowMs += SAMPLE_EVERY_MS;
    await watched.checkWhenDue(surroundings(), () => undefined);
  }

  beforeEach(async () => {
    log.lines.length = 0;
    await play(wholeAnswer);
    await writeFile(join(folder, "kmsg"), "");
  });

  test("a kernel log that cannot be read is logged once and reported; the cards are watched all the same", async () => {
    await rm(join(folder, "kmsg"));
    const watched = await watch();
    await check(watched);

    expect(watched.degraded).toEqual(["no-kernel-log"]);
    expect(log.lines.filter(({ message }) => message.includes("kernel log"))).toHaveLength(1);
    expect(watched.gpus).toHaveLength(2);
    await watched.close();
  });

  test("garbage, a refusal and silence are reported, and no card is lost by them", async () => {
    const watched = await watch();
    for (const [script, flag] of [
      ["echo hello", "nvidia-smi-garbage"],
      ["exit 9", "nvidia-smi-garbage"],
      [`kill -9 $$`, "nvidia-smi-garbage"],
    ] as const) {
      await play(script);
      await check(watched);
      expect(watched.degraded).toEqual([flag]);
    }
    expect(watched.health.lost.size).toBe(0);
    await play(wholeAnswer);
    await check(watched);
    expect(watched.degraded).toEqual([]);
    await watched.close();
  });

  test("an Xid is heeded while nvidia-smi hangs, on that card alone", async () => {
    const watched = await watch({ checkWithinMs: 3_000 });
    await play("sleep 60");
    nowMs += SAMPLE_EVERY_MS;
    const hanging = watched.checkWhenDue(surroundings(), () => undefined);
    appendFileSync(join(folder, "kmsg"), XID_79);

    let isReported = false;
    nowMs += 1;
    await watched.checkWhenDue(surroundings(), () => (isReported = true));

    expect(isReported).toBe(true);

    expect([...watched.health.lost.values()]).toMatchObject([{ cause: "gpu-failed" }]);
    expect(watched.gpus.map(({ health }) => health).toSorted()).toEqual(["healthy", "unhealthy"]);
    await hanging;
    expect(watched.degraded).toEqual(["nvidia-smi-hung"]);
    await watched.close();
  });

  test("a next life heeds no Xid twice, keeps the cordon, and misses a card that went meanwhile", async () => {
    const watched = await watch();
    appendFileSync(join(folder, "kmsg"), XID_79.replace("79", "48"));
    await check(watched);
    expect(watched.closed.size).toBe(1);
    const [uuid] = [...watched.closed.keys()];
    const cordon = watched.gpus.find((gpu) => gpu.uuid === uuid)?.cordon;
    await watched.close();

    const again = await watch();
    expect(again.gpus.find((gpu) => gpu.uuid === uuid)?.cordon).toEqual(cordon);
    await again.health.liftCordons([{ uuid: uuid!, sinceMs: cordon!.sinceMs }]);
    await again.close();
    const third = await watch();
    expect(third.closed.size).toBe(0);
    await third.close();

    await play(
      `case "$*" in *-x*) cat ${fixtures}two-cards.xml ;; *) head -n 2 ${fixtures}two-cards.csv ;; esac`,
    );
    const fourth = await watch();
    expect([...fourth.health.lost.values()]).toMatchObject([{ cause: "gpu-missing" }]);
    await fourth.close();
  });

  test("a card that was not well as the host rebooted is open again, and proves that boot to its last good sample", async () => {
    const watched = await watch();
    await check(watched);
    const lastGoodMs = nowMs;
    appendFileSync(join(folder, "kmsg"), XID_79);
    await check(watched);
    const [failed] = [...watched.health.lost.keys()];
    const well = watched.gpus.find(({ uuid }) => uuid !== failed)?.uuid;
    await watched.close();
    await writeFile(join(folder, "kmsg"), "");
    const before = { bootId: BOOT, endMs: nowMs };

    // The second life of the agent in the new boot knows it as well.
    for (const _ of [1, 2]) {
      const rebooted = await watch({ bootId: OTHER_BOOT });
      expect(rebooted.closed.size).toBe(0);
      expect(rebooted.health.provenInBoot([failed!, well!], before)).toBe(lastGoodMs);
      expect(rebooted.health.provenInBoot([well!], before)).toBeNull();
      expect(rebooted.health.provenInBoot([failed!], { ...before, bootId: OTHER_BOOT })).toBeNull();
      await rebooted.close();
    }
  });

  test("a process of the host on a card is a stranger, by its name, and stays alive", async () => {
    const child = spawn("sleep", ["60"]);
    onTestFinished(() => void child.kill());
    await play(
      wholeAnswer.replace(
        `cat ${fixtures}two-cards.xml`,
        `sed s/4711/${child.pid}/ ${fixtures}two-cards.xml`,
      ),
    );
    const watched = await watch();
    expect(watched.gpus[0]?.strangers).toBeUndefined();

    await check(watched);

    expect(watched.gpus[0]?.strangers).toContainEqual({ pid: child.pid, name: "sleep", memoryMib: 900 });
    expect(watched.gpus[0]?.foreignMemoryMib).toBe(1024);
    expect(watched.gpus[0]?.memorySplit).toMatchObject({ users: [] });
    expect(child.exitCode).toBeNull();
    await watched.close();
  });

  test("a process that has ended since nvidia-smi named it is nobody's", async () => {
    const child = spawn("sleep", ["60"]);
    await play(
      `case "$*" in *-x*) kill -9 ${child.pid}; sed s/4711/${child.pid}/ ${fixtures}two-cards.xml | grep -v 4712 ;; *) cat ${fixtures}two-cards.csv ;; esac`,
    );
    const ended = once(child, "exit");
    const watched = await watch();
    await ended;

    await check(watched);

    expect(watched.gpus.map(({ strangers }) => strangers)).toEqual([[], []]);
    await watched.close();
  });

  describe("a card that a container has left", () => {
    const uuid = GpuUuid.parse("GPU-11111111-2222-3333-4444-555555555555");
    const neighbour = GpuUuid.parse("GPU-66666666-7777-8888-9999-aaaaaaaaaaaa");
    const holder = containerOf(key(), RUNNING, { gpus: [{ uuid, memoryMib: null }] });
    const ended = { ...holder, status: exited(0) };
    const unclear = (watched: GpuWatch) => [...watched.unclear].map(([card, { kind }]) => `${kind} ${card}`);

    /** nvidia-smi writes down how it is asked; with a pid, that process is on the card. */
    async function playNoting(pid: number | null = null, rest = ""): Promise<void> {
      const process = pid === null ? "/process_info/d" : `s/4711/${pid}/;/4712/d`;
      await play(
        `echo "$*" >>${folder}/asked; ${rest}\ncase "$*" in *-x*) sed '${process}' ${fixtures}two-cards.xml ;; *) cat ${fixtures}two-cards.csv ;; esac`,
      );
    }
    const requestCount = async () => (await readFile(join(folder, "asked"), "utf8")).split("\n").length - 1;

    /** A round of the loop soon after the last: nothing is due by its time. Says whether the loop was told of a change. */
    async function round(watched: GpuWatch, containers: OwnedContainer[]): Promise<boolean> {
      nowMs += 1;
      let isReported = false;
      await watched.checkWhenDue(surroundings(containers), () => (isReported = true));
      return isReported;
    }

    /** The container on the card has been seen, and the cards with it. */
    async function watchHeld(rest: { checkWithinMs?: number } = {}): Promise<GpuWatch> {
      await playNoting();
      const watched = await watch(rest);
      await round(watched, [holder]);
      expect(unclear(watched)).toEqual([]);
      await writeFile(join(folder, "asked"), "");
      return watched;
    }

    test("is checked once, at once, and the loop is notified; nothing is queried while nothing ends", async () => {
      const watched = await watchHeld();
      await round(watched, [holder]);
      expect(await requestCount()).toBe(0);

      const check = round(watched, [ended]);
      expect(unclear(watched)).toEqual([`gpu-unseen ${uuid}`]);
      expect(await check).toBe(true);

      expect(unclear(watched)).toEqual([]);
      for (const containers of [[ended], [], []]) await round(watched, containers);
      expect(await requestCount()).toBe(1);
      await watched.close();
    });

    test("stays closed while a process of nobody is on it, and opens at the sample that names it no more", async () => {
      const left = spawn("sleep", ["60"]);
      onTestFinished(() => void left.kill());
      const watched = await watchHeld();
      await playNoting(left.pid);

      await round(watched, [ended]);

      expect(unclear(watched)).toEqual([`gpu-stranger ${uuid}`]);
      expect(watched.gpus[0]).toMatchObject({
        strangers: [{ pid: left.pid, name: "sleep", memoryMib: 900 }],
        foreignMemoryMib: 1024,
      });
      await playNoting();
      await check(watched);
      expect(unclear(watched)).toEqual([]);
      await watched.close();
    });

    test("is queried again at the next sample where nvidia-smi fails, and waits until it answers", async () => {
      const watched = await watchHeld();
      await playNoting(null, "exit 9");

      for (let rounds = 0; rounds < 3; rounds += 1) await round(watched, [ended]);

      expect(await requestCount()).toBe(1);
      expect(watched.degraded).toEqual(["nvidia-smi-garbage"]);
      expect(unclear(watched)).toEqual([`gpu-unseen ${uuid}`]);
      await playNoting();
      await check(watched);
      expect(unclear(watched)).toEqual([]);
      await watched.close();
    });

    test("waits for the next sample where one card may spoil the answer, and the host is not blind", async () => {
      const watched = await watchHeld();
      await playNoting(null, "exit 255");

      for (let rounds = 0; rounds < 3; rounds += 1) await round(watched, [ended]);

      expect(await requestCount()).toBe(1);
      expect(watched.degraded).toEqual([]);
      expect(unclear(watched)).toEqual([`gpu-unseen ${uuid}`]);
      await playNoting();
      await check(watched);
      expect(unclear(watched)).toEqual([]);
      await watched.close();
    });

    test("waits while nvidia-smi hangs, and no round waits for it", async () => {
      const watched = await watchHeld({ checkWithinMs: 1_000 });
      await playNoting(null, "sleep 60");

      const hanging = round(watched, [ended]);
      await round(watched, [ended]);

      expect(unclear(watched)).toEqual([`gpu-unseen ${uuid}`]);
      expect(watched.degraded).toEqual([]);
      await hanging;
      expect(watched.degraded).toEqual(["nvidia-smi-hung"]);
      expect(unclear(watched)).toEqual([`gpu-unseen ${uuid}`]);
      await watched.close();
    });

    test("waits after the agent's restart, with all other cards, until the agent has sampled them", async () => {
      const before = await watchHeld();
      await before.close();
      await playNoting(null, "exit 9");

      const watched = await watch();
      await round(watched, [holder]);

      expect(unclear(watched)).toEqual([`gpu-unseen ${uuid}`, `gpu-unseen ${neighbour}`]);
      await playNoting();
      await check(watched);
      expect(unclear(watched)).toEqual([]);
      await watched.close();
    });

    test("does not bring the next sample nearer, nor a cordoned card its return", async () => {
      const watched = await watchHeld();
      appendFileSync(join(folder, "kmsg"), XID_79.replace("79", "48"));
      await check(watched);

      for (let ends = 0; ends < PROBE_SAMPLES; ends += 1)
        await round(watched, [
          containerOf(key({ run: `run-${ends}` }), exited(0), { gpus: holder.owner.gpus }),
        ]);

      expect(watched.closed.size).toBe(1);
      expect(unclear(watched)).toEqual([]);
      await watched.close();
    });
  });

  test("an Xid from before the first life only keeps new work away", async () => {
    await writeFile(join(folder, "kmsg"), XID_79);

    const watched = await watch();

    expect(watched.health.lost.size).toBe(0);
    expect(watched.closed.size).toBe(1);
    await watched.close();
  });
});

describe("containers on simulated cards", () => {
  let controlPlane: ScriptedControlPlane;
  let agent: AgentUnderTest;
  beforeAll(async () => {
    controlPlane = await ScriptedControlPlane.start();
  });
  afterAll(async () => {
    await controlPlane.close();
  });
  beforeEach(async () => {
    agent = await AgentUnderTest.begin(controlPlane, { simulatedGpus: 2 });
  });
  afterEach(async () => {
    await agent.end();
  });

  const cardOf = (index: number) => simulatedGpuUuid(agent.hostId, index);
  const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
  const wanted = (name: string, index: number) =>
    desiredOf(name, { gpus: [{ uuid: cardOf(index), memoryMib: null }] }, { live });
  const seen = (index: number) =>
    agent.host.heartbeats.at(-1)?.gpus.find(({ uuid }) => uuid === cardOf(index));
  const runningOf = async (runId: string): Promise<boolean> => {
    const { containerId } = agent.host.observed(runId) ?? {};
    return containerId != null && (await docker.getContainer(containerId).inspect()).State.Running;
  };

  /** Time for another sample and another tick, and the heartbeat after it. */
  async function tenSeconds(): Promise<void> {
    agent.setForward(SAMPLE_EVERY_MS + 1_500);
    const { nowMs } = agent;
    await eventually(() => agent.host.heartbeats.some(({ monotonicMs }) => monotonicMs >= nowMs), {
      what: "a heartbeat",
    });
  }

  async function forwardUntil(what: string, isSo: () => boolean): Promise<void> {
    for (let left = 40; left > 0 && !isSo(); left--) await tenSeconds();
    if (!isSo()) throw new Error(`not after forty samples: ${what}`);
  }

  /** A row is on its way for a while, the longer the more the machine has to do; it must not be outrun. */
  async function forwardUntilFresh(runId: string): Promise<void> {
    for (let left = 40; left > 0; left--) {
      for (let check = 0; check < 20; check++) {
        if (endOf(runId) > agent.nowMs - 2 * SAMPLE_EVERY_MS) return;
        await setTimeout(50);
      }
      await tenSeconds();
    }
    throw new Error(`no fresh sample of ${runId} after forty`);
  }

  async function twoRuns(): Promise<void> {
    agent.host.order([wanted("a", 0), wanted("b", 1)]);
    await agent.host.reported("run-a", { phase: "ready" });
    await agent.host.reported("run-b", { phase: "ready" });
    await forwardUntil("both are charged", () => endOf("run-a") > 0 && endOf("run-b") > 0);
  }

  /** How far a run is charged; 0 as long as it is not. */
  const endOf = (runId: string) =>
    Math.max(
      0,
      ...agent.host
        .usageOf(runId)
        .filter(({ proof }) => proof !== "unproven")
        .map(({ endMs }) => endMs),
    );
  const finalOf = (runId: string) =>
    eventually(() => agent.host.usageOf(runId).find((row) => row.final), {
      what: `the final row of ${runId}`,
    });

  test.each([
    ["is gone", "gpu-missing", () => setFaults(agent.stateDir, [`lost|${cardOf(0)}`])],
    ["has a fatal Xid", "gpu-failed", () => logXid(agent.stateDir, { index: 0, code: 79, seq: 1 })],
  ] as const)(
    "a card that %s fails its own container, charged to the last good sample",
    async (_what, problem, fail) => {
      await twoRuns();
      // The containers' own processes are found by their cgroups: nobody else is on the cards.
      expect(seen(0)?.memoryUsedMib).toBeGreaterThan(0);
      expect(seen(0)).toMatchObject({ strangers: [], foreignMemoryMib: 0 });
      // A slow machine may have been set forward several times within one sample.
      await forwardUntilFresh("run-a");
      const beforeMs = agent.nowMs;

      fail();
      agent.setForward(SAMPLE_EVERY_MS);
      const ended = await agent.host.reported("run-a", { phase: "failed", problem });

      expect(agent.nowMs - beforeMs).toBeLessThanOrEqual(30_000);
      expect(ended.detail).toContain(cardOf(0));
      await finalOf("run-a");
      // The last good sample is from before the fault, and the meter went on until it was seen.
      const lastMs = endOf("run-a");
      expect(lastMs).toBeLessThanOrEqual(beforeMs);
      expect(lastMs).toBeGreaterThan(beforeMs - 2 * SAMPLE_EVERY_MS);
      expect(await runningOf("run-a")).toBe(false);

      expect(await runningOf("run-b")).toBe(true);
      expect(agent.host.observed("run-b")).toMatchObject({ phase: "ready", problem: null });
      await forwardUntil("the neighbour is charged on", () => endOf("run-b") > beforeMs + EXTEND_EVERY_MS);
      expect(seen(1)).toMatchObject({ health: "healthy", cordon: null });
    },
  );

  test("the card is used again after a row of good samples", async () => {
    await twoRuns();
    logXid(agent.stateDir, { index: 0, code: 79, seq: 1 });
    agent.setForward(SAMPLE_EVERY_MS);
    await agent.host.reported("run-a", { phase: "failed", problem: "gpu-failed" });
    await eventually(() => seen(0)?.cordon?.kind === "fatal", { what: "the cordon in a heartbeat" });
    expect(seen(0)).toMatchObject({ health: "unhealthy", reasons: [expect.stringContaining("Xid 79")] });

    for (let sample = 1; sample < PROBE_SAMPLES; sample++) {
      await tenSeconds();
      expect(seen(0)?.health).toBe("unhealthy");
    }
    await forwardUntil("the card is well", () => seen(0)?.health === "healthy");
    agent.host.order([wanted("b", 1), wanted("c", 0)]);

    await agent.host.reported("run-c", { phase: "ready" });
    expect(await runningOf("run-b")).toBe(true);
  });

  test("a drained card goes on with what runs and starts nothing, until an administrator decides so", async () => {
    agent.host.order([wanted("a", 0)]);
    await agent.host.reported("run-a", { phase: "ready" });
    logXid(agent.stateDir, { index: 0, code: 48, seq: 1 });
    logXid(agent.stateDir, { index: 1, code: 48, seq: 2 });
    await forwardUntil("the cordons are told", () => seen(1)?.cordon?.kind === "drain");
    expect(await runningOf("run-a")).toBe(true);

    agent.host.order([wanted("a", 0), wanted("b", 1)]);
    await eventually(() => agent.host.observed("run-b")?.detail.includes("takes nothing new"), {
      what: "the new run's wait",
    });
    agent.host.liftCordons = [{ uuid: cardOf(1), sinceMs: seen(1)!.cordon!.sinceMs }];
    await tenSeconds();

    await agent.host.reported("run-b", { phase: "ready" });
    expect(seen(0)).toMatchObject({ health: "unhealthy", cordon: { kind: "drain" } });
  });

  describe("of which one is used by a process that is none of ours", () => {
    /** A process of the host, on these cards by the word of nvidia-smi until the test says otherwise. */
    function foreignProcess(): number {
      const child = spawn("sleep", ["600"]);
      onTestFinished(() => void child.kill());
      return child.pid ?? 0;
    }
    const waits = (runId: string, ...words: string[]) =>
      eventually(() => words.every((word) => agent.host.observed(runId)?.detail.includes(word)), {
        what: `${runId} waiting for ${words.join(" ")}`,
      });

    test("starts nothing there and reports why, leaves what runs there alone, and starts when it is gone", async () => {
      agent.host.order([wanted("a", 0)]);
      await agent.host.reported("run-a", { phase: "ready" });
      const pid = foreignProcess();
      setFaults(agent.stateDir, [`process|${cardOf(0)}|${pid}|300`, `process|${cardOf(1)}|${pid}|300`]);
      await forwardUntil("the stranger is told", () => seen(1)?.strangers?.length === 1);

      agent.host.order([wanted("a", 0), wanted("b", 1)]);
      await waits("run-b", cardOf(1), String(pid), "(sleep)");
      await tenSeconds();

      expect(agent.host.observed("run-b")).toMatchObject({
        phase: "starting",
        problem: null,
        containerId: null,
      });
      expect(agent.host.observed("run-a")).toMatchObject({ phase: "ready", problem: null });
      expect(seen(0)).toMatchObject({ strangers: [{ pid, name: "sleep", memoryMib: 300 }] });
      setFaults(agent.stateDir, []);
      agent.setForward(SAMPLE_EVERY_MS);
      await agent.host.reported("run-b", { phase: "ready" });
    });

    test("between two samples, as its holder ends, is not given to the next", async () => {
      agent.host.order([wanted("a", 0)]);
      await agent.host.reported("run-a", { phase: "ready" });
      const pid = foreignProcess();
      setFaults(agent.stateDir, [`process|${cardOf(0)}|${pid}|300`]);

      const stopped = { ...wanted("a", 0), want: "stopped", orderedBy: "customer" } as const;
      agent.host.order([stopped, wanted("b", 0)]);
      await agent.host.reported("run-a", { phase: "stopped" });
      await waits("run-b", cardOf(0), String(pid), "(sleep)");

      expect(agent.host.observed("run-b")).toMatchObject({ phase: "starting", containerId: null });
      setFaults(agent.stateDir, []);
      agent.setForward(SAMPLE_EVERY_MS);
      await agent.host.reported("run-b", { phase: "ready" });
    });

    test("is given away while nvidia-smi reports nothing only if nobody was on it since it last answered", async () => {
      agent.host.order([wanted("a", 0)]);
      await agent.host.reported("run-a", { phase: "ready" });
      setFaults(agent.stateDir, ["garbage"]);

      const stopped = { ...wanted("a", 0), want: "stopped", orderedBy: "customer" } as const;
      agent.host.order([stopped, wanted("b", 0), wanted("c", 1)]);
      await agent.host.reported("run-c", { phase: "ready" });
      await waits("run-b", cardOf(0), "nothing is left");

      expect(agent.host.observed("run-b")).toMatchObject({ phase: "starting", problem: null });
      setFaults(agent.stateDir, []);
      agent.setForward(SAMPLE_EVERY_MS);
      await agent.host.reported("run-b", { phase: "ready" });
    });

    test("is not one whose user is a live run's, though its first thread has ended; is one with such a user of the host", async () => {
      const { folder: programs, path } = nativeProgram("leader-exit");
      onTestFinished(() => rm(programs, { recursive: true, force: true }));
      agent.host.order([wanted("a", 0)]);
      const { containerId } = await agent.host.reported("run-a", { phase: "ready" });
      execFileSync("docker", ["cp", path, `${containerId}:/tmp/hidden`]);
      execFileSync("docker", ["exec", "--detach", containerId ?? "", "/tmp/hidden"]);
      const pid = await eventually(
        () => {
          const lines = execFileSync("docker", ["top", containerId ?? "", "-eo", "pid,stat,comm"], {
            encoding: "utf8",
          });
          return /^\s*(\d+)\s+Z\S*\s+hidden/m.exec(lines)?.[1];
        },
        { what: "the program without its first thread" },
      );
      const onHost = spawn(path);
      onTestFinished(() => void onHost.kill("SIGKILL"));
      const stranger = onHost.pid;

      setFaults(agent.stateDir, [`process|${cardOf(0)}|${pid}|10`, `process|${cardOf(0)}|${stranger}|10`]);
      await forwardUntil("somebody is seen", () => (seen(0)?.strangers?.length ?? 0) > 0);

      expect(seen(0)?.strangers).toMatchObject([{ pid: stranger, name: "leader-exit" }]);
    });
  });

  test("a hanging nvidia-smi degrades the host, and the meter and the heartbeats go on", async () => {
    await agent.stop();
    // The one real wait: the child's own deadline.
    agent.checkWithinMs = 4_000;
    await agent.start();
    await twoRuns();
    setFaults(agent.stateDir, ["hang"]);
    agent.setForward(SAMPLE_EVERY_MS);

    await eventually(() => agent.host.heartbeats.at(-1)?.degraded.includes("nvidia-smi-hung"), {
      withinMs: 60_000,
    });
    for (let tick = 0; tick < 3; tick++) await tenSeconds();
    const hungMs = agent.nowMs;
    setFaults(agent.stateDir, []);
    await eventually(() => agent.host.heartbeats.at(-1)?.degraded.length === 0, { withinMs: 60_000 });

    await forwardUntil("time that was held back is charged", () => endOf("run-a") >= hungMs);
    const rows = agent.host.usageOf("run-a");
    expect(rows.every((row, n) => n === 0 || row.startMs === rows[n - 1]?.endMs)).toBe(true);
    expect(agent.host.observed("run-a")).toMatchObject({ phase: "ready" });
  });
});
