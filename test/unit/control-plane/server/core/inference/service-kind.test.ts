import { expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import { SERVICE_KIND } from "@remotegpu/control-plane/server/core/inference/service-kind";
import { anOrder } from "../../../../../support/placement/an-order.ts";

test("one replica takes of the quotas what it requests, and counts as no environment", () => {
  const order = anOrder({ cpu: 4, memory: 2 * GIB, gpu: 1 }, { kind: "inference" });

  expect(SERVICE_KIND.share(order)).toEqual({
    cpu_quota: 4,
    memory_quota: 2048,
    gpu_quota: 1,
    storage_quota: 0,
    environment_quota: 0,
  });
});
