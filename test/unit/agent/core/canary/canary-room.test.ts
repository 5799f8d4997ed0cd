/** Whether a host has room for its canary. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { describe, expect, test } from "vitest";
import { CANARY_LIMITS, canaryObstacle, type HostRoom } from "@remotegpu/agent/core/canary/canary-room";
import { GIB } from "@remotegpu/shared/values/units";

describe("room", () => {
  const machine = { cpuCount: 8, memoryBytes: 16 * GIB };
  const room = (changes: Partial<HostRoom> = {}): HostRoom => ({
    machine,
    ordered: [],
    isJournalShort: false,
    isDiskNearlyFull: false,
    ...changes,
  });
  const ordered = (cpuMilli: number, memoryBytes: number) => [{ cpuMilli, memoryBytes }];
  const { cpuMilli, memoryBytes } = CANARY_LIMITS;

  test.each<[string, Partial<HostRoom>, string | null]>([
    ["an idle host has room", {}, null],
    ["memory to the last byte", { ordered: ordered(1, machine.memoryBytes - memoryBytes) }, null],
    [
      "a byte too little of it",
      { ordered: ordered(1, machine.memoryBytes - memoryBytes + 1) },
      "All memory of the host is ordered.",
    ],
    ["processors to the last", { ordered: ordered(8_000 - cpuMilli, 1) }, null],
    [
      "a little too little of them",
      { ordered: [...ordered(4_000, 1), ...ordered(4_001 - cpuMilli, 1)] },
      "All processors of the host are ordered.",
    ],
    ["a full disk of the journal", { isJournalShort: true }, "The disk of the agent's journal is full."],
    ["a disk that fills", { isDiskNearlyFull: true }, "A disk of the host is nearly full."],
  ])("%s", (_what, changes, why) => {
    const obstacle = canaryObstacle(room(changes));

    expect(obstacle && textOf(obstacle)).toBe(why);
  });
});
