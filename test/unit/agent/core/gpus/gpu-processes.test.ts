/** Whose the processes on a card are, and memory that is nobody's. */
import { describe, expect, test } from "vitest";
import { MAX_GPU_MEMORY_USERS } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { RunEnd } from "@remotegpu/agent/core/runs/action";
import type { ContainerState } from "@remotegpu/agent/core/container/container";
import { liveContainers, withProcesses, type SeenProcess } from "@remotegpu/agent/core/gpus/gpu-processes";
import { aGpuReport, CARD_A, CARD_B } from "../../../../support/samples/reports/gpu-reports.ts";
import {
  RUNNING,
  containerOf,
  exited,
  instanceId,
  key,
  recordOf,
} from "../../../../support/samples/run-samples.ts";

const OURS = new Map([["ours", instanceId("env-a")]]);
const process = (values: Partial<SeenProcess>): SeenProcess => ({
  pid: 1,
  gpuUuid: CARD_A as GpuUuid,
  memoryMib: 10,
  name: "python3",
  containerIds: ["ours"],
  ...values,
});
const card = aGpuReport({ memoryUsedMib: 100 });

test("a process of no container of ours is a stranger; one inside a container of ours is not", () => {
  const reported = withProcesses(
    card,
    [
      process({ pid: 5, containerIds: [], name: "Xorg", memoryMib: 20 }),
      process({ pid: 4, containerIds: ["another"], name: null, memoryMib: null }),
      process({ pid: 3 }),
      process({ pid: 2, containerIds: ["ours", "nested"], memoryMib: 30 }),
      process({ pid: 1, gpuUuid: CARD_B as GpuUuid, containerIds: [] }),
    ],
    OURS,
  );

  expect(reported.strangers).toEqual([
    { pid: 4, name: null, memoryMib: null },
    { pid: 5, name: "Xorg", memoryMib: 20 },
  ]);
  expect(reported.foreignMemoryMib).toBe(60);
});

test.each([
  ["nothing runs", [], 100, 100],
  ["ours use more than the card reports", [process({ memoryMib: 130 })], 100, 0],
  ["one of ours reports nothing", [process({}), process({ pid: 2, memoryMib: null })], 100, null],
  ["the card reports nothing", [], null, null],
])("memory of nobody when %s", (_what, processes, memoryUsedMib, foreign) => {
  expect(withProcesses(aGpuReport({ memoryUsedMib }), processes, OURS).foreignMemoryMib).toBe(foreign);
});

test("a stranger's name is reported without what would move a terminal's cursor", () => {
  const reported = withProcesses(card, [process({ containerIds: [], name: "a\u001B[2Jb\u009Bc" })], OURS);

  expect(reported.strangers).toMatchObject([{ name: "a?[2Jb?c" }]);
});

describe("whose processes are ours", () => {
  const end: RunEnd = { phase: "stopped", problem: null, detail: "", exitCode: 0, orderedBy: null };
  const ours = "container-of-run-1";

  test.each<[string, ContainerState | null, "no record" | "unended" | "ended", boolean]>([
    ["runs", RUNNING, "unended", true],
    ["runs and was not taken over yet", RUNNING, "no record", true],
    ["runs though its run has ended, and is being stopped", RUNNING, "ended", true],
    ["was created just now", { state: "created" }, "unended", true],
    ["has ended, and its run has not", exited(1), "unended", true],
    ["is gone, and its run has not ended", null, "unended", true],
    ["has ended with its run", exited(0), "ended", false],
    ["is being removed after its run", { state: "removing" }, "ended", false],
    ["has ended, and nobody knows its run", exited(0), "no record", false],
    ["is gone after its run", null, "ended", false],
  ])("a container that %s", (_what, status, run, isOurs) => {
    const containers = status === null ? [] : [containerOf(key(), status)];
    const runs = run === "no record" ? [] : [recordOf(key(), run === "ended" ? { end } : {})];

    expect([...liveContainers(containers, runs)]).toEqual(isOurs ? [[ours, key().instanceId]] : []);
  });

  test("a run without a container has none", () => {
    expect(liveContainers([], [recordOf(key(), { containerId: null })])).toEqual(new Map());
  });
});

test("of very many strangers the first are reported", () => {
  const many = Array.from({ length: 50 }, (_, n) => process({ pid: 50 - n, containerIds: [] }));

  expect(withProcesses(card, many, OURS).strangers?.map(({ pid }) => pid)).toEqual(
    Array.from({ length: 16 }, (_, n) => n + 1),
  );
});

describe("who uses a card's memory", () => {
  const ours = new Map([...OURS, ["other", instanceId("env-b")], ["again", instanceId("env-b")]] as const);
  const splitOf = (processes: SeenProcess[], memoryUsedMib: number | null = 100) =>
    withProcesses(aGpuReport({ memoryUsedMib }), processes, ours).memorySplit;

  test("is split by instance, with what no listed process explains", () => {
    const split = splitOf([
      process({ pid: 1, memoryMib: 10 }),
      process({ pid: 2, memoryMib: 5, containerIds: ["other"] }),
      process({ pid: 3, memoryMib: 30, containerIds: ["again", "nested"] }),
      process({ pid: 4, memoryMib: 20, containerIds: [] }),
    ]);

    expect(split).toEqual({
      users: [
        { instanceId: "env-b", processes: 2, memoryMib: 35 },
        { instanceId: "env-a", processes: 1, memoryMib: 10 },
      ],
      unexplainedMib: 35,
    });
  });

  test("is not known of an instance of which one process tells nothing, nor is the rest", () => {
    const split = splitOf([process({ pid: 1 }), process({ pid: 2, memoryMib: null })]);

    expect(split).toEqual({
      users: [{ instanceId: "env-a", processes: 2, memoryMib: null }],
      unexplainedMib: null,
    });
  });

  test("is nobody's on a card that nobody uses", () => {
    expect(splitOf([])).toEqual({ users: [], unexplainedMib: 100 });
    expect(splitOf([], null)).toEqual({ users: [], unexplainedMib: null });
  });

  test("names as many as a report holds, those that hold most", () => {
    const many = Array.from({ length: MAX_GPU_MEMORY_USERS + 1 }, (_, index) => index);
    const containers = new Map(many.map((index) => [`c-${index}`, instanceId(`env-${index}`)]));
    const processes = many.map((index) =>
      process({ pid: index + 1, memoryMib: index, containerIds: [`c-${index}`] }),
    );

    const { users = [] } = withProcesses(card, processes, containers).memorySplit ?? {};

    expect(users).toHaveLength(MAX_GPU_MEMORY_USERS);
    expect(users.map(({ instanceId: id }) => id)).not.toContain("env-0");
  });
});
