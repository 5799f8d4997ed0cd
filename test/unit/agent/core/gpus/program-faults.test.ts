/** Whose program made an error on a GPU, how often its people are told, and which failures it explains. */
import { describe, expect, test } from "vitest";
import {
  afterFault,
  endsSeen,
  holdersBetween,
  MAX_FAULTS,
  type ProgramFault,
  runOfFault,
  REPORT_AGAIN_MS,
  withFaults,
} from "@remotegpu/agent/core/gpus/program-faults";
import { MAX_GPU_FAULTS } from "@remotegpu/shared/instance/gpu-errors";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { BOOT, containerOf, exited, gpu, key, runId } from "../../../../support/samples/run-samples.ts";

const A = gpu("a");
const B = gpu("b");
const holder = (run: string, ...gpus: (typeof A)[]) => containerOf(key({ run }), undefined, { gpus });
const idOf = (run: string) => `container-of-${run}`;

describe("whose program it was", () => {
  const both = [holder("run-1", A), holder("run-2", B)];
  const slices = [holder("run-1", gpu("a", 512)), holder("run-2", gpu("a", 512))];

  test.each([
    ["by the container of its process", [idOf("run-1")], both, "run-1"],
    ["in a container inside of it", [idOf("run-1"), "inner"], both, "run-1"],
    ["of two on one card the one with the process", [idOf("run-2")], slices, "run-2"],
    ["its process has ended, and one run holds the GPU", null, both, "run-1"],
    ["its process has ended, and two runs hold the GPU", null, slices, null],
    ["its process has ended, and nobody holds the GPU", null, [holder("run-2", B)], null],
    ["a process of the host", [], both, null],
    ["a process of somebody else's container", ["foreign"], both, null],
    ["a process of a run without that GPU", [idOf("run-2")], both, null],
  ])("%s", (_what, containerIds, holders, run) => {
    expect(runOfFault(A.uuid, containerIds, holders)).toBe(run);
  });

  test("who ran when the line was written counts, and who runs now; who had ended by then does not", () => {
    const before = [holder("run-1", A)];
    const now = [
      containerOf(key({ run: "run-1" }), exited(1), { gpus: [A] }),
      containerOf(key({ run: "run-0" }), exited(0), { gpus: [A] }),
      holder("run-2", A),
    ];

    const holders = holdersBetween(before, now);

    expect(holders.map(({ owner }) => owner.runId).toSorted()).toEqual(["run-1", "run-2"]);
    expect(runOfFault(A.uuid, null, holders)).toBeNull();
    expect(runOfFault(A.uuid, null, holdersBetween(before, now.slice(0, 2)))).toBe("run-1");
  });
});

const fault = (changes: Partial<ProgramFault> = {}): ProgramFault => ({
  runId: runId("run-1"),
  seq: 1,
  code: "xid-31",
  reason: "Your program touched GPU memory that is not its own (Xid 31).",
  atMs: 0,
  ...changes,
});

describe("how often it is reported", () => {
  test("the same of the same run once in a while", () => {
    const once = afterFault([], fault());

    expect(afterFault(once, fault({ seq: 2, atMs: REPORT_AGAIN_MS - 1 }))).toBe(once);
    expect(afterFault(once, fault({ seq: 2, atMs: REPORT_AGAIN_MS }))).toHaveLength(2);
    expect(afterFault(once, fault({ seq: 2, code: "xid-13" }))).toHaveLength(2);
    expect(afterFault(once, fault({ seq: 2, runId: runId("run-2") }))).toHaveLength(2);
  });

  test("of one run the latest few, and of all runs no more than a bound", () => {
    const codes = Array.from({ length: MAX_GPU_FAULTS + 1 }, (_, at) =>
      fault({ seq: at, code: `xid-${at}` }),
    );
    const ofOne = codes.reduce<readonly ProgramFault[]>(afterFault, [fault({ runId: runId("run-2") })]);
    const runs = Array.from({ length: MAX_FAULTS + 1 }, (_, at) => fault({ runId: runId(`run-${at}`) }));

    expect(ofOne.filter(({ runId: run }) => run === "run-1").map(({ seq }) => seq)).toEqual(
      codes.slice(1).map(({ seq }) => seq),
    );
    expect(ofOne[0]?.runId).toBe("run-2");
    expect(runs.reduce<readonly ProgramFault[]>(afterFault, [])).toEqual(runs.slice(1));
  });
});

describe("what is reported of a run", () => {
  const instance = (changes: Partial<ObservedInstance> = {}): ObservedInstance => ({
    ...key(),
    phase: "failed",
    detail: "The command ended with exit code 1.",
    problem: "exited",
    containerId: null,
    exitCode: 1,
    gateOpenedMs: 1,
    bootId: BOOT,
    ...changes,
  });
  const failed = new Map([[runId("run-1"), 60_000]]);
  const detailOf = (seen: ObservedInstance, faults: readonly ProgramFault[]) =>
    withFaults([seen], faults, endsSeen(failed, [seen], 90_000))[0]?.detail;

  test("has its errors, and another run has none", () => {
    const [own, other] = withFaults([instance(), instance(key({ run: "run-2" }))], [fault()], new Map());

    expect(own?.gpuFaults).toEqual([
      { seq: 1, code: "xid-31", reason: "Your program touched GPU memory that is not its own (Xid 31)." },
    ]);
    expect(other).not.toHaveProperty("gpuFaults");
  });

  test("one that failed by itself gets the reason, by the first error around that moment", () => {
    const faults = [
      fault({ code: "xid-45" }),
      fault({ seq: 2 }),
      fault({ seq: 3, code: "xid-13", reason: "Y." }),
    ];

    expect(detailOf(instance(), faults)).toBe(
      "The command ended with exit code 1. Your program touched GPU memory that is not its own (Xid 31).",
    );
  });

  test.each([
    ["it ended well", { exitCode: 0 }, {}],
    ["it runs", { phase: "ready", problem: null, exitCode: null }, {}],
    ["its GPU failed", { problem: "gpu-failed", exitCode: null }, {}],
    ["it was beyond its memory", { problem: "out-of-memory" }, {}],
    ["the error is from long before", {}, { atMs: -1 }],
    ["the error follows from another", {}, { code: "xid-45" }],
  ] as const)("nothing is explained where %s", (_what, change, ofFault) => {
    expect(detailOf(instance(change), [fault(ofFault)])).toBe("The command ended with exit code 1.");
  });

  test("a run's end stays where it was seen first", () => {
    expect([...endsSeen(new Map(), [instance()], 5)]).toEqual([["run-1", 5]]);
    expect([...endsSeen(failed, [instance()], 90_000)]).toEqual([["run-1", 60_000]]);
    expect([...endsSeen(failed, [instance({ phase: "ready", problem: null })], 90_000)]).toEqual([]);
  });
});
