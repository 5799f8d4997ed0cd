import { expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import { ENVIRONMENT_KIND } from "@remotegpu/control-plane/server/core/environments/environment-kind";
import { anOrder } from "../../../../../support/placement/an-order.ts";

test("an environment takes of the quotas what it requests, its storage, and one environment", () => {
  const order = anOrder({ cpu: 2, memory: 4 * GIB, gpu: 1, storage: 10 * GIB });

  expect(ENVIRONMENT_KIND.share(order)).toEqual({
    cpu_quota: 2,
    memory_quota: 4096,
    gpu_quota: 1,
    storage_quota: 10 * GIB,
    environment_quota: 1,
  });
});

test("without a report it stays as it is", () => {
  expect(ENVIRONMENT_KIND.afterReports("creating", [])).toEqual({ kind: "stays" });
});
