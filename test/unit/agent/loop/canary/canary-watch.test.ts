/** When the agent tries its canary, and what it reports of it. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { CanaryFindings } from "@remotegpu/agent/core/canary/canary-findings";
import { CanaryWatch, type CanaryWatchParts } from "@remotegpu/agent/loop/canary/canary-watch";
import { CanaryReport } from "@remotegpu/shared/messages/canary-report";
import { MachineReport } from "@remotegpu/shared/messages/host-report";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { memoryLog } from "../../../../support/memory-log.ts";

const FIRST_MS = 5 * MS_PER_MINUTE;
const REFUSED: CanaryFindings = { kind: "tried", tried: 40, succeeded: [], unclear: ["see-gpu"] };

class Scene {
  findings: CanaryFindings | Error | Promise<CanaryFindings> = REFUSED;
  obstacle: HostReason | null = null;
  isStarting = false;
  hasLeftFleet = false;
  runs = 0;
  removals = 0;
  wakes = 0;
  readonly log = memoryLog();
  readonly watch: CanaryWatch;

  constructor(changes: Partial<CanaryWatchParts> = {}) {
    this.watch = new CanaryWatch({
      isOn: true,
      firstAfterMs: FIRST_MS,
      run: async () => {
        this.runs += 1;
        if (this.findings instanceof Error) throw this.findings;
        return await this.findings;
      },
      remove: async () => {
        this.removals += 1;
      },
      obstacle: () => this.obstacle,
      isStarting: () => this.isStarting,
      hasLeftFleet: () => this.hasLeftFleet,
      wallMs: () => 1_700_000_000_000.5,
      wake: () => {
        this.wakes += 1;
      },
      log: this.log,
      ...changes,
    });
  }

  async at(nowMs: number): Promise<void> {
    this.watch.checkWhenDue(nowMs);
    await setImmediate();
  }
}

test("a start of the agent takes away what an earlier life left, and tries nothing yet", async () => {
  const scene = new Scene();

  await scene.at(0);
  await scene.at(FIRST_MS - 1);

  expect([scene.removals, scene.runs, scene.watch.report]).toEqual([1, 0, null]);
});

test("it is tried some minutes after the start, and then once an hour", async () => {
  const scene = new Scene();
  await scene.at(0);

  await scene.at(FIRST_MS);
  expect(scene.watch.report).toEqual({
    atMs: 1_700_000_000_001,
    outcome: "refused",
    detail: null,
    succeeded: [],
    unclear: ["see-gpu"],
  });
  await scene.at(FIRST_MS + MS_PER_HOUR - 1);
  expect(scene.runs).toBe(1);
  await scene.at(FIRST_MS + MS_PER_HOUR);

  expect([scene.runs, scene.wakes]).toEqual([2, 2]);
});

test("what succeeded is an error in the log and in the report", async () => {
  const succeeded = [{ attempt: "mount-proc", detail: "A container could mount a /proc of its own." }];
  const scene = new Scene();
  scene.findings = { kind: "tried", tried: 40, succeeded, unclear: [] };
  await scene.at(0);

  await scene.at(FIRST_MS);

  expect(scene.watch.report).toMatchObject({ outcome: "succeeded", succeeded });
  expect(scene.log.lines.at(-1)).toMatchObject({
    level: "error",
    message: expect.stringContaining("A container could mount a /proc of its own."),
  });
});

test("a full host is left alone and gives the reason, and is checked again in an hour", async () => {
  const scene = new Scene();
  scene.obstacle = { code: "canary-memory-ordered", params: {} };
  await scene.at(0);

  await scene.at(FIRST_MS);
  expect(scene.watch.report).toMatchObject({
    outcome: "left-out",
    detail: "All memory of the host is ordered.",
    why: scene.obstacle,
  });
  expect(scene.runs).toBe(0);
  scene.obstacle = null;
  await scene.at(FIRST_MS + MS_PER_HOUR - 1);
  expect(scene.runs).toBe(0);
  await scene.at(FIRST_MS + MS_PER_HOUR);

  expect(scene.runs).toBe(1);
});

test("starts of customers go first, but not for ever", async () => {
  const scene = new Scene();
  scene.isStarting = true;
  await scene.at(0);

  await scene.at(FIRST_MS);
  await scene.at(FIRST_MS + 10 * MS_PER_MINUTE - 1);
  expect(scene.runs).toBe(0);
  await scene.at(FIRST_MS + 10 * MS_PER_MINUTE);

  expect(scene.runs).toBe(1);
});

test.each<[string, CanaryFindings | Error, string]>([
  ["the runtime refuses", new Error("cannot make network"), "It could not be tried: cannot make network"],
  [
    "it found out nothing",
    { kind: "inconclusive", tried: 50, unclear: 49 },
    "49 of 50 attempts were answered by neither a refusal nor a success.",
  ],
  ["its program broke off", { kind: "broken-off" }, "Its program did not come to its end."],
])("where %s it has failed, and that is no success", async (_what, findings, detail) => {
  const scene = new Scene();
  scene.findings = findings;
  await scene.at(0);

  await scene.at(FIRST_MS);

  expect(scene.watch.report).toMatchObject({ outcome: "failed", detail, succeeded: [] });
});

test("whatever goes wrong, and however much is found, the report can be sent", async () => {
  const scene = new Scene();
  const many = Array.from({ length: 99 }, (_each, at) => `attempt-${at}`);
  const succeeded = many.map((attempt) => ({ attempt, detail: "A container could do much." }));
  await scene.at(0);
  for (const findings of [
    new Error(`\0 ${"\u{1f600}".repeat(400)}`),
    { kind: "tried", tried: 99, succeeded, unclear: many } as const,
  ]) {
    scene.findings = findings;
    await scene.at(scene.runs === 0 ? FIRST_MS : FIRST_MS + MS_PER_HOUR);
    expect(CanaryReport.parse(scene.watch.report)).toEqual(scene.watch.report);
  }
});

test("one that hangs is not joined by a second one, and its end is its removal", async () => {
  const { promise, reject } = Promise.withResolvers<CanaryFindings>();
  let removals = 0;
  const scene = new Scene({
    remove: async () => {
      removals += 1;
      if (removals > 1) reject(new Error("it is gone"));
    },
  });
  scene.findings = promise;
  await scene.at(0);
  await scene.at(FIRST_MS);
  await scene.at(FIRST_MS + 2 * MS_PER_HOUR);
  expect(scene.runs).toBe(1);

  await scene.watch.close();

  expect([removals, scene.watch.report]).toEqual([2, null]);
});

test("switched off, and on a host that has left its fleet, none is tried", async () => {
  const off = new Scene({ isOn: false });
  const gone = new Scene();
  gone.hasLeftFleet = true;
  for (const scene of [off, gone]) {
    await scene.at(0);
    await scene.at(FIRST_MS);
  }

  expect([off.runs, gone.runs]).toEqual([0, 0]);
  expect(off.watch.report).toMatchObject({ outcome: "off" });
  expect(gone.watch.report).toBeNull();
});

test("a report of a later agent's canary in words of its own costs nothing of the machine's report", () => {
  const machine = {
    hostname: "h",
    ipAddress: "192.0.2.7",
    osType: "linux",
    osVersion: "13",
    arch: "x86_64",
    cpuCount: 1,
    memoryBytes: 1,
    diskBytes: 1,
    cgroupVersion: 2,
    agentVersion: "1",
    runtime: null,
    attachMode: null,
    storagePool: "p",
  };

  const canary = { atMs: 1, outcome: "sung", detail: null, succeeded: [], unclear: [] };
  expect(MachineReport.parse({ ...machine, canary })).toEqual(machine);
  expect(MachineReport.parse({ ...machine, canary: { ...canary, outcome: "off" } })).toMatchObject({
    canary: { outcome: "off" },
  });
});
