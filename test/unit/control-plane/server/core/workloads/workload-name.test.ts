import { expect, test } from "vitest";
import { nameKey } from "@remotegpu/control-plane/server/core/workloads/workload-name";

test("the same id in two kinds is two workloads", () => {
  expect(nameKey({ kind: "environment", id: "7" })).not.toBe(nameKey({ kind: "training", id: "7" }));
});
