import { expect, test } from "vitest";
import {
  BUCKET_MS,
  bucketOf,
  type Readings,
  combined,
} from "@remotegpu/control-plane/server/core/hosts/history/gpu-reading";

const HOUR = Date.parse("2026-03-10T12:00:00Z");
const part = (samples: number, use: number | null): Readings => ({
  samples,
  utilization: use === null ? null : { min: use - 5, mean: use, max: use + 5 },
  memory_used: null,
  temperature: null,
  power: null,
});

test.each([
  [HOUR - 1, HOUR - BUCKET_MS],
  [HOUR, HOUR],
  [HOUR + BUCKET_MS - 1, HOUR],
  [HOUR + BUCKET_MS, HOUR + BUCKET_MS],
])("the bucket of moment %i begins at %i", (atMs, beginMs) => {
  expect(bucketOf(atMs)).toBe(beginMs);
});

test("parts are taken together by how often each was read; one that was not reported counts nothing", () => {
  const all = combined([part(30, 10), part(10, 50), part(20, null)]);

  expect(all).toEqual({ ...part(60, 20), utilization: { min: 5, mean: 20, max: 55 } });
});

test("of no parts, and of what nobody reported, there is null and not 0", () => {
  expect(combined([])).toBeNull();
  expect(combined([part(3, null)])?.utilization).toBeNull();
});
