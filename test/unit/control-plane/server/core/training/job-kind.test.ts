import { expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import { JOB_KIND } from "@remotegpu/control-plane/server/core/training/job-kind";
import { anOrder } from "../../../../../support/placement/an-order.ts";

test("a job takes of the quotas what all of its ranks take, and counts as no environment", () => {
  const order = anOrder({ cpu: 4, memory: 2 * GIB, gpu: 8, node_count: 3 }, { kind: "training" });

  expect(JOB_KIND.share(order)).toEqual({
    cpu_quota: 12,
    memory_quota: 6144,
    gpu_quota: 24,
    storage_quota: 0,
    environment_quota: 0,
  });
});
