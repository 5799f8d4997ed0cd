import { GIB } from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";
import { exceededQuota, exceededReason } from "@remotegpu/control-plane/server/core/orders/quota";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import type { Quota } from "@remotegpu/control-plane/server/core/orders/quota-levels";

const quota = (change: Partial<Quota> = {}): Quota => ({
  cpu_quota: 0,
  memory_quota: 0,
  gpu_quota: 0,
  storage_quota: 0,
  environment_quota: 0,
  ...change,
});
const LIMITS = quota({
  cpu_quota: 8,
  memory_quota: 1024,
  gpu_quota: 1,
  storage_quota: 10,
  environment_quota: 2,
});

test.each<[string, Partial<Quota>, Partial<Quota>, keyof Quota | null]>([
  ["exactly at the limit", { cpu_quota: 6 }, { cpu_quota: 2 }, null],
  ["one past it", { cpu_quota: 6 }, { cpu_quota: 3 }, "cpu_quota"],
  ["memory", { memory_quota: 1000 }, { memory_quota: 25 }, "memory_quota"],
  ["the second GPU of one", { gpu_quota: 1 }, { gpu_quota: 1 }, "gpu_quota"],
  ["storage", {}, { storage_quota: 11 }, "storage_quota"],
  ["the third environment of two", { environment_quota: 2 }, { environment_quota: 1 }, "environment_quota"],
  ["nothing, over a limit that was lowered", { gpu_quota: 4 }, { cpu_quota: 1 }, null],
])("requesting %s", (_what, used, requested, exceeded) => {
  expect(exceededQuota(LIMITS, quota(used), quota(requested))?.quota ?? null).toBe(exceeded);
});

test("0 allows nothing", () => {
  expect(exceededQuota(quota(), quota(), quota({ gpu_quota: 1 }))).toEqual({
    quota: "gpu_quota",
    limit: 0,
    used: 0,
    requested: 1,
  });
});

test.each([
  [
    { quota: "memory_quota", limit: 65_536, used: 0, requested: 65_537 },
    "is 64 GiB: 0 bytes in use, 65537 MiB more asked",
  ],
  [
    { quota: "storage_quota", limit: 10 * GIB, used: GIB, requested: 10 * GIB },
    "is 10 GiB: 1 GiB in use, 10 GiB more",
  ],
] as const)("sizes are reported in units: %j", (exceeded, sentence) => {
  expect(inEnglish(exceededReason(exceeded, "customer"))).toContain(sentence);
});

test("the sentence names the quota, its limit and its use", () => {
  const exceeded = { quota: "gpu_quota", limit: 2, used: 1, requested: 2 } as const;

  expect(inEnglish(exceededReason(exceeded, "workspace"))).toBe(
    "gpu_quota of the workspace is 2: 1 in use, 2 more asked",
  );
});
