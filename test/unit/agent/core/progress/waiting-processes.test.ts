/** What the processes of a container wait for, as people are told it. */
import { expect, test } from "vitest";
import { waitingProcesses, type ProcessState } from "@remotegpu/agent/core/progress/waiting-processes";
import { Idleness } from "@remotegpu/shared/instance/progress";

const WAITS: ProcessState = { name: "python3", state: "S", waitsIn: "futex_wait_queue" };

test("those alike are listed together, in the order in which they were found", () => {
  const found = [WAITS, { ...WAITS, state: "D" }, WAITS, { ...WAITS, waitsIn: null }];

  expect(waitingProcesses(found)).toEqual([
    { ...WAITS, count: 2 },
    { ...WAITS, state: "D", count: 1 },
    { ...WAITS, waitsIn: null, count: 1 },
  ]);
});

test("of very many as many are listed as a report takes", () => {
  const found = Array.from({ length: 100 }, (_, number) => ({ ...WAITS, name: `p${number}` }));

  const processes = waitingProcesses(found);

  expect(processes).toHaveLength(64);
  expect(Idleness.safeParse({ isIdle: true, processes }).success).toBe(true);
});

test("what calls itself by control characters, or at length, is reported in plain characters", () => {
  const [reported] = waitingProcesses([
    { name: `a\u001b[2J\u0000é${"x".repeat(100)}`, state: "S", waitsIn: "w\n" },
  ]);

  expect(reported).toEqual({ name: `a?[2J??${"x".repeat(57)}`, state: "S", waitsIn: "w?", count: 1 });
});
