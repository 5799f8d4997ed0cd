import { Cached } from "@remotegpu/control-plane/server/store/fleet/cached";
import { expect, test } from "vitest";

test.each([
  ["a second, where it was read at once", { tookMs: 0, storedMs: 1_000 }],
  ["a second, where that is longer", { tookMs: 200, storedMs: 1_000 }],
  ["five times as long as it took", { tookMs: 3_000, storedMs: 15_000 }],
])("what is read is cached for %s", async (_how, { tookMs, storedMs }) => {
  let nowMs = 0;
  let reads = 0;
  const read = async () => {
    nowMs += tookMs;
    return await Promise.resolve((reads += 1));
  };
  const stored = new Cached(read, { now: () => new Date(nowMs), storedMs: 1_000, restPerRead: 5 });

  await stored.recent();
  nowMs = storedMs - 1;
  const last = await stored.recent();
  nowMs = storedMs;
  const next = await stored.recent();

  expect([last, next]).toEqual([1, 2]);
});
