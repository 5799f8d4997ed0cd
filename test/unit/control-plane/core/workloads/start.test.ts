import { expect, test } from "vitest";
import { startKey } from "@remotegpu/control-plane/core/workloads/start";

test("the same id in two kinds, and two replicas of one service, are different starts", () => {
  const keys = [
    startKey({ kind: "environment", id: "7", firstRank: 0 }),
    startKey({ kind: "inference", id: "7", firstRank: 0 }),
    startKey({ kind: "inference", id: "7", firstRank: 1 }),
  ];

  expect(new Set(keys).size).toBe(3);
});
