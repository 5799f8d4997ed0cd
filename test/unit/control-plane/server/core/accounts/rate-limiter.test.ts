import { RateLimiter } from "@remotegpu/control-plane/server/core/accounts/rate-limiter";
import { expect, test } from "vitest";

const LIMIT = { burst: 3, perSecond: 2 };
const taken = (limiter: RateLimiter, caller: string, times: number, nowMs = 0) =>
  Array.from({ length: times }, () => limiter.take(caller, nowMs));

test.each([
  [3, [0, 0, 0]],
  [4, [0, 0, 0, 1]],
])("of %i requests at once those within the burst are let through", (times, waits) => {
  expect(taken(new RateLimiter(LIMIT), "ada", times)).toEqual(waits);
});

test.each([
  [499, 1],
  [500, 0],
])("%i ms after the burst the next one has to wait for %i seconds", (laterMs, waitSeconds) => {
  const limiter = new RateLimiter(LIMIT);
  taken(limiter, "ada", 3);

  expect(limiter.take("ada", laterMs)).toBe(waitSeconds);
});

test("a slow rate reports how long the wait is, in whole seconds", () => {
  const limiter = new RateLimiter({ burst: 1, perSecond: 0.1 });

  expect(taken(limiter, "ada", 2)).toEqual([0, 10]);
});

test("callers do not limit each other", () => {
  const limiter = new RateLimiter(LIMIT);
  taken(limiter, "ada", 4);

  expect(limiter.take("bob", 0)).toBe(0);
});

test("a clock that goes backwards grants nothing", () => {
  const limiter = new RateLimiter(LIMIT);
  taken(limiter, "ada", 3, 10_000);

  expect(limiter.take("ada", 0)).toBe(1);
});

test("beyond ten thousand callers the one longest unseen starts over", () => {
  const limiter = new RateLimiter({ burst: 1, perSecond: 0.001 });
  limiter.take("ada", 0);
  limiter.take("bob", 0);
  for (let caller = 0; caller < 9_998; caller += 1) limiter.take(`caller ${caller}`, 0);

  const before = limiter.take("bob", 0);
  limiter.take("one more", 0);

  expect(before).toBeGreaterThan(0);
  expect(limiter.take("ada", 0)).toBe(0);
  expect(limiter.take("bob", 0)).toBeGreaterThan(0);
});
