import { expect, test } from "vitest";
import { startKey, workloadOf } from "@remotegpu/control-plane/server/core/workloads/start";

test("the same id in two kinds, and two replicas of one service, are different starts", () => {
  const keys = [
    startKey({ kind: "environment", id: "7", firstRank: 0 }),
    startKey({ kind: "inference", id: "7", firstRank: 0 }),
    startKey({ kind: "inference", id: "7", firstRank: 1 }),
  ];

  expect(new Set(keys).size).toBe(3);
});

test("a key names its workload, whatever form the id has", () => {
  for (const id of ["job-1", "an old id", "7 0"])
    expect(workloadOf(startKey({ kind: "training", id, firstRank: 3 }))).toEqual({ kind: "training", id });
});
