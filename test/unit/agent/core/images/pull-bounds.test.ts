/** When a pull that somebody still wants is ended. */
import { expect, test } from "vitest";
import {
  pullEnd,
  PULL_MS,
  QUEUED_MS,
  STALL_BEFORE_OTHERS_MS,
  STALL_MS,
  YIELD_MS,
  type PullClock,
} from "@remotegpu/agent/core/images/pull-bounds";
import { PullProgress } from "@remotegpu/agent/core/images/pull-progress";

const layer = (status: string) => {
  const progress = new PullProgress();
  progress.note({ id: "l", status, current: 1, total: 2 });
  return progress;
};
const pull = (progress = new PullProgress(), rest: Partial<PullClock> = {}): PullClock => ({
  progress,
  beganMs: 0,
  movedMs: 0,
  yields: 0,
  ...rest,
});
const queued = pull(layer("Waiting"));
const moving = (yields = 0) => pull(layer("Downloading"), { movedMs: PULL_MS, yields });

test.each([
  ["that never said a word", pull(), [], STALL_MS],
  ["whose layer stands still", pull(layer("Downloading")), [], STALL_MS],
  ["that moved a while ago", pull(layer("Downloading"), { movedMs: 7 }), [], 7 + STALL_MS],
  ["that others wait behind", pull(layer("Downloading")), [queued], STALL_BEFORE_OTHERS_MS],
  ["beside others that load", pull(layer("Downloading")), [pull(layer("Downloading"))], STALL_MS],
  ["that is unpacked", pull(layer("Extracting")), [queued], PULL_MS],
  ["that moves on and on", moving(), [], PULL_MS],
])("a pull %s is too slow in time", (_what, one, pending, atMs) => {
  const others = { pending, isSlotAwaited: false };

  expect(pullEnd(one, others, atMs - 1)).toBeNull();
  expect(pullEnd(one, others, atMs)).toBe("too-slow");
});

test("a pull whose layers wait for the runtime is not called slow: others have the downloads", () => {
  const others = { pending: [pull(layer("Downloading"))], isSlotAwaited: true };

  expect(pullEnd(queued, others, QUEUED_MS - 1)).toBeNull();
  expect(pullEnd(queued, others, QUEUED_MS)).toBe("queued");
});

test("a pull makes room before those behind it give up waiting", () => {
  expect(YIELD_MS + STALL_BEFORE_OTHERS_MS).toBeLessThan(QUEUED_MS);
});

test.each([
  ["a download", { pending: [queued], isSlotAwaited: false }],
  ["a slot", { pending: [], isSlotAwaited: true }],
])("a pull that moves makes room for others that wait for %s, each time later", (_what, others) => {
  expect(pullEnd(moving(), others, YIELD_MS - 1)).toBeNull();
  expect(pullEnd(moving(), others, YIELD_MS)).toBe("yields");
  expect(pullEnd(moving(2), others, 4 * YIELD_MS - 1)).toBeNull();
  expect(pullEnd(moving(2), others, 4 * YIELD_MS)).toBe("yields");
  expect(pullEnd(moving(), { pending: [moving()], isSlotAwaited: false }, PULL_MS - 1)).toBeNull();
});
