/** Whose the processes on a card are, and memory that is nobody's. */
import { expect, test } from "vitest";
import type { GpuUuid } from "@remotegpu/shared/ids";
import { withProcesses, type SeenProcess } from "@remotegpu/agent/core/gpu-processes";
import { aGpuReport, CARD_A, CARD_B } from "../../support/gpu-reports.ts";

const OURS = new Set(["ours"]);
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
  const told = withProcesses(
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

  expect(told.strangers).toEqual([
    { pid: 4, name: null, memoryMib: null },
    { pid: 5, name: "Xorg", memoryMib: 20 },
  ]);
  expect(told.foreignMemoryMib).toBe(60);
});

test.each([
  ["nothing runs", [], 100, 100],
  ["ours use more than the card tells", [process({ memoryMib: 130 })], 100, 0],
  ["one of ours tells nothing", [process({}), process({ pid: 2, memoryMib: null })], 100, null],
  ["the card tells nothing", [], null, null],
])("memory of nobody when %s", (_what, processes, memoryUsedMib, foreign) => {
  expect(withProcesses(aGpuReport({ memoryUsedMib }), processes, OURS).foreignMemoryMib).toBe(foreign);
});

test("of very many strangers the first are told", () => {
  const many = Array.from({ length: 50 }, (_, n) => process({ pid: 50 - n, containerIds: [] }));

  expect(withProcesses(card, many, OURS).strangers?.map(({ pid }) => pid)).toEqual(
    Array.from({ length: 16 }, (_, n) => n + 1),
  );
});
