/**
 * What the kernel log says of GPUs, from its file to what the agent reports: falls and recoveries close the GPU that they
 * name, notes and programs' errors close nothing, and a next life of the agent heeds nothing twice.
 */
import { appendFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { GpuWatch, SAMPLE_EVERY_MS } from "@remotegpu/agent/loop/watch/gpus/gpu-watch";
import { simulatedGpuUuid } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import type { OwnedContainer } from "@remotegpu/agent/core/container/container";
import { BootId, GpuUuid } from "@remotegpu/shared/values/ids";
import { AgentUnderTest } from "../../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../../support/agent/scripted-control-plane.ts";
import { logKernelLine, simulatedAddress } from "../../../support/agent/simulated-faults.ts";
import { docker, newHostId } from "../../../support/containers/docker.ts";
import { eventually } from "../../../support/eventually.ts";
import { memoryLog } from "../../../support/memory-log.ts";
import { desiredOf } from "../../../support/samples/desired-instance.ts";
import { containerOf, key } from "../../../support/samples/run-samples.ts";

const BOOT = BootId.parse("11111111-1111-4111-8111-111111111111");
const FIRST = GpuUuid.parse("GPU-11111111-2222-3333-4444-555555555555");

describe("a watch over real cards", () => {
  const fixtures = new URL("../../../fixtures/nvidia-smi/", import.meta.url).pathname;
  const log = memoryLog();
  const onFirst = containerOf(key(), undefined, { gpus: [{ uuid: FIRST, memoryMib: null }] });
  let folder: string;
  let nowMs = 0;
  let seq = 0;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "rg-kernel-"));
    log.lines.length = 0;
    seq = 0;
    await writeFile(join(folder, "kmsg"), "");
    await writeFile(
      join(folder, "nvidia-smi"),
      `#!/bin/sh\ncase "$*" in *-x*) cat ${fixtures}two-cards.xml ;; *) cat ${fixtures}two-cards.csv ;; esac\n`,
    );
    await chmod(join(folder, "nvidia-smi"), 0o755);
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  const report = (message: string, priority = 4) =>
    appendFileSync(join(folder, "kmsg"), `${priority},${(seq += 1)},9,-;${message}\n`);
  const xid = (code: number, rest = "pid='<unknown>', name=<unknown>") =>
    report(`NVRM: Xid (PCI:0000:3b:00): ${code}, ${rest}`);
  const notes = (watched: GpuWatch) =>
    watched.health.kernelReports.notes.map(({ code, count }) => `${code} ${count}`);

  async function watch(): Promise<GpuWatch> {
    const watched = new GpuWatch({
      hostId: newHostId(),
      bootId: BOOT,
      stateDir: folder,
      nvidiaSmiPath: join(folder, "nvidia-smi"),
      simulatedCount: 0,
      kernelLogPath: join(folder, "kmsg"),
      log,
    });
    await watched.prepare((nowMs += SAMPLE_EVERY_MS), 0, null);
    return watched;
  }

  /** What the log says is heard, without another sample. */
  async function hears(watched: GpuWatch, containers: readonly OwnedContainer[] = []): Promise<GpuWatch> {
    await watched.listen({ nowMs: (nowMs += 1), containers });
    return watched;
  }

  /** The file as agents left it that knew Xids alone. */
  async function asOfBefore(): Promise<void> {
    const file = join(folder, "gpu-health.json");
    const {
      notes: _notes,
      faults: _faults,
      kernelReader: _reader,
      ...before
    } = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify(before));
  }

  test.each([
    ["that falls off the bus without an Xid", "NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus."],
    [
      "that needs a reset by the driver's word",
      "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)",
    ],
    [
      "with a fatal error of an NVLink",
      "NVRM: Xid (PCI:0000:3b:00): 145, RLW_REMAP Fatal XC0 i0 Link 00 (0x00000004 0x00000040 0x0 0x0)",
    ],
  ])("a GPU %s is lost, and it alone", async (_what, message) => {
    const watched = await watch();
    report(message);
    await hears(watched);

    expect([...watched.health.lost]).toMatchObject([[FIRST, { cause: "gpu-failed" }]]);
    await watched.close();
  });

  test.each([
    [
      "whose recovery is a drain",
      "154, GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)",
    ],
    ["whose NVLink error is cut off", "149, NETIR"],
  ])("a GPU %s takes nothing new, and what runs goes on", async (_what, rest) => {
    const watched = await watch();
    report(`NVRM: Xid (PCI:0000:3b:00): ${rest}`);
    await hears(watched);

    expect([...watched.closed.keys()]).toEqual([FIRST]);
    expect(watched.health.lost.size).toBe(0);
    await watched.close();
  });

  test("notes and errors of programs close nothing; a number that nobody knows is marked", async () => {
    const watched = await watch();
    for (const code of [63, 63, 999]) xid(code);
    report("NVRM: GPU 0000:aa:00.0: RmInitAdapter failed! (0x24:0x65:1423)");
    xid(31);
    await hears(watched, [onFirst]);

    expect(watched.closed.size).toBe(0);
    expect(watched.health.kernelReports.notes).toMatchObject([
      { code: "xid-63", count: 2, gpuUuid: FIRST, isUnknown: false },
      { code: "xid-999", count: 1, gpuUuid: FIRST, isUnknown: true },
      { code: "rm-init-adapter", gpuUuid: null, device: "00000000:aa:00" },
    ]);
    expect(watched.health.kernelReports.memory.faults).toMatchObject([
      { runId: "run-1", code: "xid-31", seq: 5 },
    ]);
    await watched.close();
  });

  test("what a process writes into the log is not heard", async () => {
    const watched = await watch();
    report("NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.", 12);
    report("NVRM: Xid (PCI:0000:3b:00): 31, pid=1, name=x", 12);
    await hears(watched, [onFirst]);

    expect(watched.closed.size).toBe(0);
    expect(watched.health.kernelReports.memory).toEqual({ notes: [], faults: [] });
    await watched.close();
  });

  test("a log that wrapped within a fall is noted, and names no GPU", async () => {
    const watched = await watch();
    report("NVRM: The NVIDIA GPU 0000:3b:00.0");
    await hears(watched);
    seq += 40;
    report("NVRM: (PCI ID: 10de:2901) installed in this system has");
    report("NVRM: fallen off the bus and is not responding to commands.");
    await hears(watched);

    expect(watched.closed.size).toBe(0);
    expect(notes(watched)).toEqual(["kernel-log-lost 40"]);
    expect(log.lines.filter(({ message }) => message.includes("overwritten"))).toMatchObject([
      { fields: { lost: 40 } },
    ]);
    await watched.close();
  });

  test("a restarted agent retains what was reported and hears nothing twice", async () => {
    const watched = await watch();
    xid(63);
    xid(31);
    await hears(watched, [onFirst]);
    await watched.close();

    const next = await watch();
    xid(63);
    await hears(next, [onFirst]);

    expect(notes(next)).toEqual(["xid-63 2"]);
    expect(next.health.kernelReports.memory.faults).toHaveLength(1);
    await next.close();
  });

  test("what an agent of before remembered is taken over", async () => {
    const watched = await watch();
    xid(48);
    await hears(watched);
    await watched.close();
    await asOfBefore();

    const next = await watch();

    expect([...next.closed.keys()]).toEqual([FIRST]);
    expect(next.health.kernelReports.memory).toEqual({ notes: [], faults: [] });
    await next.close();
  });

  test("lines that an agent of before did not understand are history; what follows is not", async () => {
    const watched = await watch();
    xid(48);
    await hears(watched);
    await watched.close();
    await asOfBefore();
    report("NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.");

    const next = await watch();
    await hears(next);
    expect([...next.closed.keys()]).toEqual([FIRST]);
    expect(next.health.lost.size).toBe(0);

    report("NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.");
    await hears(next);
    expect([...next.health.lost.keys()]).toEqual([FIRST]);
    await next.close();
  });

  test("a line from between two lives of an agent that understands it is no history", async () => {
    await (await watch()).close();
    report("NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.");

    const next = await watch();
    expect([...next.health.lost.keys()]).toEqual([FIRST]);
    await next.close();
  });

  test("ten thousand errors in a moment are one line of the agent's own log", async () => {
    const watched = await watch();
    for (let count = 0; count < 10_000; count++) xid(63);
    await hears(watched);

    expect(notes(watched)).toEqual(["xid-63 10000"]);
    expect(log.lines.filter(({ message }) => message.includes("kernel log"))).toMatchObject([
      { fields: { code: "xid-63", device: "00000000:3b:00", times: 10_000 } },
    ]);
    await watched.close();
  });
});

describe("a container on a simulated card", () => {
  let controlPlane: ScriptedControlPlane;
  let agent: AgentUnderTest;
  beforeAll(async () => {
    controlPlane = await ScriptedControlPlane.start();
    agent = await AgentUnderTest.begin(controlPlane, { simulatedGpus: 1 });
  });
  afterAll(async () => {
    await agent.end();
    await controlPlane.close();
  });

  test("has its program's error, by its process, and fails with it as the reason", async () => {
    const gpus = [{ uuid: simulatedGpuUuid(agent.hostId, 0), memoryMib: null }];
    agent.host.order([
      desiredOf("a", {
        kind: "training",
        command: "until [ -e /tmp/end ]; do sleep 0.1; done; sleep 0.5; exit 3",
        gpus,
      }),
    ]);
    const { containerId } = await agent.host.reported("run-a", { phase: "ready" });
    const container = docker.getContainer(containerId ?? "");
    const { State } = await container.inspect();

    const address = simulatedAddress(0);
    const exec = await container.exec({ Cmd: ["/.remotegpu/busybox", "touch", "/tmp/end"] });
    await exec.start({});
    logKernelLine(agent.stateDir, 1, `NVRM: Xid (PCI:${address}): 31, pid=${State.Pid}, name=sh, Ch 1`);
    logKernelLine(agent.stateDir, 2, `NVRM: Xid (PCI:${address}): 63, x`);
    await agent.host.reported("run-a", { phase: "failed", problem: "exited" });

    // What was logged before it ended is known when its end is told first: nobody reads the second report.
    const ended = agent.host.ends.get("run-a");
    expect(ended?.detail).toContain("Your program touched GPU memory that is not its own (Xid 31).");
    expect(ended?.gpuFaults).toMatchObject([{ seq: 1, code: "xid-31" }]);
    await eventually(() => agent.host.report?.kernelNotes?.some(({ code }) => code === "xid-63"), {
      what: "the note in a report",
    });
  });
});
