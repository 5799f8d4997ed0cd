import { expect, test } from "vitest";
import { MAX_WEBHOOK_TRIES, pauseAfterTry } from "@remotegpu/control-plane/server/core/alerts/webhook-tries";

const HOUR = 3_600_000;

test("the first pause is 40 seconds, and each is twice the one before", () => {
  expect([1, 2, 3].map(pauseAfterTry)).toEqual([40_000, 80_000, 160_000]);
});

test("the last try comes within a day of the first, and late enough to outlast a night", () => {
  const pauses = Array.from({ length: MAX_WEBHOOK_TRIES - 1 }, (_, index) => pauseAfterTry(index + 1));
  const hours = pauses.reduce((sum, pause) => sum + pause, 0) / HOUR;

  expect(hours).toBeGreaterThan(12);
  expect(hours).toBeLessThanOrEqual(24);
});

test("beyond the last try the pause grows no more", () => {
  expect(pauseAfterTry(MAX_WEBHOOK_TRIES + 5)).toBe(pauseAfterTry(MAX_WEBHOOK_TRIES));
});
