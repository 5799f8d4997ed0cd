import { expect, test } from "vitest";
import { defaultQuota, QUOTA_LEVELS } from "@remotegpu/control-plane/server/core/orders/quota-levels";

test("the free level is what the columns' defaults define", () => {
  expect(defaultQuota("free")).toEqual({
    quota_level: "free",
    cpu_quota: 4,
    memory_quota: 8192,
    gpu_quota: 0,
    storage_quota: 10_737_418_240,
    environment_quota: 1,
  });
});

test.each(["", "FREE", "unlimited", "__proto__"])("an unknown level %j gives nothing away", (level) => {
  expect(defaultQuota(level)).toEqual(defaultQuota("free"));
});

test("each level allows at least what the one before it allows, and fits its column", () => {
  const quotas = QUOTA_LEVELS.map((level) => defaultQuota(level));
  for (const [index, quota] of quotas.entries()) {
    const before = quotas[index - 1];
    if (before === undefined) continue;
    expect(quota.cpu_quota).toBeGreaterThan(before.cpu_quota);
    expect(quota.memory_quota).toBeGreaterThan(before.memory_quota);
    expect(quota.gpu_quota).toBeGreaterThan(before.gpu_quota);
    expect(quota.storage_quota).toBeGreaterThan(before.storage_quota);
    expect(quota.environment_quota).toBeGreaterThan(before.environment_quota);
    expect(quota.cpu_quota).toBeLessThan(2 ** 31);
  }
});
