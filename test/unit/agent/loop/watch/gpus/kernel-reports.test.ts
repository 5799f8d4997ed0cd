/** What is told of the kernel log: to a run's people what its program did, to operators the rest. */
import { describe, expect, test } from "vitest";
import { beginReading, readKernelLines } from "@remotegpu/agent/core/gpus/kernel-lines/kernel-reading";
import type { OwnedContainer } from "@remotegpu/agent/core/container/container";
import { KernelReports } from "@remotegpu/agent/loop/watch/gpus/kernel-reports";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { BOOT, containerOf, gpu, key, runId } from "../../../../../support/samples/run-samples.ts";

const A = gpu("a");
const holder = (run: string) => containerOf(key({ run }), undefined, { gpus: [A] });
const line = (seq: number, code: number, pid: number | string = 7) =>
  `4,${seq},9,-;NVRM: Xid (PCI:0000:65:00): ${code}, pid=${pid}, name=x`;
/** Processes by their pids, with the containers that they are in; others have ended. */
const LIVING = new Map([
  [7, ["container-of-run-1"]],
  [8, []],
]);

/** What comes of these lines, each reading with the containers that are seen then. */
class Log {
  requested: number[] = [];
  readonly reports = new KernelReports(async (pid) => {
    this.requested.push(pid);
    return await Promise.resolve(LIVING.get(pid) ?? null);
  });

  async hears(
    lines: string[],
    containers: readonly OwnedContainer[] | null,
    rest: { isHistory?: boolean; lost?: number } = {},
  ): Promise<this> {
    await this.reports.take(readKernelLines(beginReading(null), lines).heard, {
      nowMs: 0,
      lost: 0,
      isHistory: false,
      containers,
      gpuOf: (busKey) => (busKey === "00000000:65:00" ? A.uuid : undefined),
      ...rest,
    });
    return this;
  }

  get faults(): string[] {
    return this.reports.memory.faults.map(({ runId: run, code, seq }) => `${run} ${code} ${seq}`);
  }

  get notes(): string[] {
    return this.reports.notes.map(({ code, count }) => `${code} ${count}`);
  }
}

describe("a program's error", () => {
  test("is its run's, by its process", async () => {
    const log = await new Log().hears([line(1, 31)], [holder("run-1"), holder("run-2")]);

    expect(log.faults).toEqual(["run-1 xid-31 1"]);
    expect(log.notes).toEqual([]);
  });

  test("has the code of its reason", async () => {
    const { reports } = await new Log().hears([line(1, 31)], [holder("run-1")]);

    expect(reports.memory.faults).toMatchObject([
      { code: "xid-31", why: { code: "program-memory-foreign", params: { xid: 31 } } },
    ]);
  });

  test("is the only holder's where its process has ended, or none is named", async () => {
    const log = await new Log().hears([line(1, 31, 99), line(2, 13, "'<unknown>'")], [holder("run-1")]);

    expect(log.faults).toEqual(["run-1 xid-31 1", "run-1 xid-13 2"]);
  });

  test("is a note where it is not certain whose it is", async () => {
    const log = await new Log().hears([line(1, 31, 99)], [holder("run-1"), holder("run-2")]);
    await log.hears([line(2, 31, 8)], [holder("run-1")]);
    await log.hears([line(3, 31)], [holder("run-1")], { isHistory: true });
    await log.hears([], []);
    await log.hears([line(4, 31)], []);

    expect(log.faults).toEqual([]);
    expect(log.notes).toEqual(["xid-31 4"]);
  });

  test("is of who ran when the last reading was made, though another has begun", async () => {
    const log = await new Log().hears([], [holder("run-1")]);
    await log.hears([line(1, 31, 99)], [holder("run-2")]);

    expect(log.faults).toEqual([]);
    expect(log.notes).toEqual(["xid-31 1"]);
  });

  test("that comes a thousand times is reported once, and its process resolved once", async () => {
    const many = Array.from({ length: 1_000 }, (_, at) => line(at + 1, 31));

    const log = await new Log().hears(many, [holder("run-1")]);

    expect(log.faults).toEqual(["run-1 xid-31 1"]);
    expect(log.requested).toEqual([7]);
  });

  test("of more processes than are resolved is a note", async () => {
    const many = Array.from({ length: 1_000 }, (_, at) => line(at + 1, 31, 100 + at));

    const log = await new Log().hears(many, [holder("run-1")]);

    expect(log.requested).toHaveLength(64);
    expect(log.notes).toEqual(["xid-31 936"]);
  });
});

test("what is reported survives a restart of the agent", async () => {
  const log = await new Log().hears([line(1, 31), line(2, 63)], [holder("run-1")]);
  const next = new Log();
  next.reports.resume(log.reports.memory);

  expect(next.faults).toEqual(["run-1 xid-31 1"]);
  expect(next.notes).toEqual(["xid-63 1"]);
  const instance: ObservedInstance = {
    ...key(),
    phase: "ready",
    detail: "It runs.",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: 1,
    bootId: BOOT,
  };
  expect(next.reports.reportedOf([instance], 5)[0]?.gpuFaults).toMatchObject([{ seq: 1, code: "xid-31" }]);
  expect(next.reports.reportedOf([{ ...instance, runId: runId("run-2") }], 5)[0]).not.toHaveProperty(
    "gpuFaults",
  );
});

test("records that were lost are noted", async () => {
  expect((await new Log().hears([], [], { lost: 12 })).notes).toEqual(["kernel-log-lost 12"]);
});
