/** When a stop that is under way is cut short by an order that comes later. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StopGrace } from "@remotegpu/agent/loop/stop-grace";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The second, from the stop's beginning, in which it is cut short; null where it is not within twenty minutes. */
function cutAt(grace: StopGrace): number | null {
  const begunMs = performance.now();
  let cutMs: number | null = null;
  grace.cutShort.addEventListener("abort", () => (cutMs = performance.now()));
  vi.advanceTimersByTime(1_200_000);
  return cutMs === null ? null : (cutMs - begunMs) / 1_000;
}

test("the grace that it began with is the runtime's to count", () => {
  expect(cutAt(new StopGrace(600))).toBeNull();
});

test("a shorter one holds from its order on", () => {
  const grace = new StopGrace(600);

  expect(grace.shorten(60)).toBe(true);

  expect(cutAt(grace)).toBe(60);
});

test("the same order read again in each round neither shortens nor lengthens it", () => {
  const grace = new StopGrace(600);
  grace.shorten(60);
  vi.advanceTimersByTime(20_000);

  expect(grace.shorten(60)).toBe(false);
  expect(grace.shorten(600)).toBe(false);

  expect(cutAt(grace)).toBe(40);
});

test("one that would end later than the stop does changes nothing", () => {
  const grace = new StopGrace(30);
  vi.advanceTimersByTime(10_000);

  expect(grace.shorten(20)).toBe(false);
  expect(grace.shorten(19)).toBe(true);

  expect(cutAt(grace)).toBe(19);
});

test("none at all ends it at once", () => {
  const grace = new StopGrace(600);

  grace.shorten(0);

  expect(cutAt(grace)).toBe(0);
});

test("what is over is not cut short any more", () => {
  const before = new StopGrace(600);
  const after = new StopGrace(600);
  before.shorten(60);

  before.close();
  after.close();

  expect(after.shorten(1)).toBe(false);
  expect([cutAt(before), cutAt(after)]).toEqual([null, null]);
});
