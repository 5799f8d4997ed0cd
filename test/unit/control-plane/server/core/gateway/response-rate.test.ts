/** The rhythm in which broken requests are answered. */
import { expect, test } from "vitest";
import { ResponseRateLimiter } from "@remotegpu/control-plane/server/core/gateway/response-rate";

const DELAYED_RATE = { burst: 3, perSecond: 10, longestMs: 500 };

const waits = (held: ResponseRateLimiter, whose: string, nowMs: number, count: number) =>
  Array.from({ length: count }, () => held.waitMs(whose, nowMs));

test("a few are answered at once, and the next ones each a step later, up to the longest", () => {
  // On a clock that may just have begun.
  for (const nowMs of [0, 10_000])
    expect(waits(new ResponseRateLimiter(DELAYED_RATE), "a", nowMs, 10)).toEqual([
      0, 0, 0, 100, 200, 300, 400, 500, 500, 500,
    ]);
});

test("who waited for each answer is answered in the rhythm, however long that goes on", () => {
  const held = new ResponseRateLimiter(DELAYED_RATE);
  let nowMs = 10_000;
  for (let requested = 0; requested < 100; requested += 1) nowMs += held.waitMs("a", nowMs);

  expect(nowMs).toBe(10_000 + (100 - DELAYED_RATE.burst) * 100);
});

test("who was quiet has the few again, and others have theirs in any case", () => {
  const held = new ResponseRateLimiter(DELAYED_RATE);
  waits(held, "a", 10_000, 10);

  expect(waits(held, "b", 10_000, 4)).toEqual([0, 0, 0, 100]);
  expect(waits(held, "a", 10_799, 1)).toEqual([0]);
  expect(waits(held, "a", 12_000, 4)).toEqual([0, 0, 0, 100]);
});

test("of many the ones longest unseen begin anew", () => {
  const held = new ResponseRateLimiter(DELAYED_RATE);
  waits(held, "first", 10_000, 10);
  for (let other = 0; other < 10_000; other += 1) held.waitMs(`other-${other}`, 10_000);

  expect(held.waitMs("first", 10_000)).toBe(0);
});

test("what comes as one waits as long as each of so many would", () => {
  const held = new ResponseRateLimiter(DELAYED_RATE);

  expect(held.waitMs("a", 10_000, 3)).toBe(0);
  expect(held.waitMs("a", 10_000, 2)).toBe(200);
});
