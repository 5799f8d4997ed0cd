import { describe, expect, test } from "vitest";
import {
  type KeyLimits,
  type KeyUse,
  partOf,
  passage,
} from "@remotegpu/control-plane/server/core/gateway/services/key-limits";

const NO_LIMITS: KeyLimits = { requestsPerMinute: null, maxInFlight: null, tokensPerDay: null };
const NO_USE: KeyUse = { inMinute: 0, open: 0, tokensToday: 0 };
const AT = Date.parse("2026-03-10T22:59:30.500Z");

function requested(limits: Partial<KeyLimits>, use: Partial<KeyUse>, gateways = 1) {
  return passage({ ...NO_LIMITS, ...limits }, { ...NO_USE, ...use }, { gateways, nowMs: AT });
}

describe("a key", () => {
  test("without limits passes whatever it used", () => {
    expect(requested({}, { inMinute: 1e9, open: 1e9, tokensToday: 1e12 })).toEqual({ passes: true });
  });

  test.each([
    ["requests a minute", { requestsPerMinute: 10 }, "inMinute", 10, 30],
    ["requests at once", { maxInFlight: 10 }, "open", 10, 1],
    ["tokens a day", { tokensPerDay: 10 }, "tokensToday", 10, 3_630],
  ] as const)(
    "passes below its %s and not at it, and is notified when to request again",
    (_what, limits, name, limit, seconds) => {
      expect(requested(limits, { [name]: limit - 1 })).toEqual({ passes: true });
      expect(requested(limits, { [name]: limit })).toMatchObject({
        passes: false,
        retryAfterSeconds: seconds,
      });
    },
  );

  test("whose tokens are used up is notified of that first, since it waits longest for them", () => {
    const limits = { requestsPerMinute: 1, maxInFlight: 1, tokensPerDay: 1 };
    expect(requested(limits, { inMinute: 1, open: 1, tokensToday: 1 })).toMatchObject({
      retryAfterSeconds: 3_630,
    });
  });

  test("has its part at each of several gateways, and of a day's tokens all", () => {
    expect(requested({ requestsPerMinute: 10 }, { inMinute: 4 }, 2)).toEqual({ passes: true });
    expect(requested({ requestsPerMinute: 10 }, { inMinute: 5 }, 2)).toMatchObject({ passes: false });
    expect(requested({ maxInFlight: 5 }, { open: 2 }, 2)).toMatchObject({ passes: false });
    expect(requested({ tokensPerDay: 10 }, { tokensToday: 9 }, 2)).toEqual({ passes: true });
  });
});

test.each([
  [10, 0, 10],
  [10, 1, 10],
  [10, 3, 3],
  [10, 10, 1],
  [1, 2, 1],
])("of %i at %i gateways each gives %i", (limit, gateways, part) => {
  expect(partOf(limit, gateways)).toBe(part);
});
