import { describe, expect, test } from "vitest";
import { type Drain, drainLimitMs, endOfDrain } from "@remotegpu/control-plane/server/core/inference/drain";
import { aDrain } from "../../../../../support/samples/a-replica.ts";

const LIMIT_MS = 600_000;
const REPORTED = new Date(1_000);
const LATER = new Date(1_001);
const clean = (change: Partial<Drain> = {}) =>
  aDrain({ announcedAt: REPORTED, gateways: [{ followsAsOf: LATER, open: 0 }], streams: 0, ...change });

describe("a drain", () => {
  test.each<[string, Partial<Drain>]>([
    ["every gateway follows it and has nothing open, and its host neither", {}],
    ["there is no gateway", { gateways: [] }],
    ["its host cannot tell, and every gateway has nothing open", { streams: "cannot-tell" }],
  ])("is over once %s", (_, change) => {
    expect(endOfDrain(clean(change), LIMIT_MS)).toBe("nothing-open");
  });

  test.each<[string, Partial<Drain>]>([
    ["gateways were not told", { announcedAt: null }],
    ["one follows no later moment than it was told at", { gateways: [{ followsAsOf: REPORTED, open: 0 }] }],
    ["one has told nothing", { gateways: [{ followsAsOf: null, open: 0 }] }],
    [
      "one of two has a request open",
      {
        gateways: [
          { followsAsOf: LATER, open: 0 },
          { followsAsOf: LATER, open: 1 },
        ],
      },
    ],
    ["its host has a connection open", { streams: 1 }],
    ["its host has told nothing yet", { streams: "not-told" }],
  ])("goes on while %s", (_, change) => {
    expect(endOfDrain(clean({ ...change, forMs: LIMIT_MS - 1 }), LIMIT_MS)).toBeNull();
    expect(endOfDrain(clean({ ...change, forMs: LIMIT_MS }), LIMIT_MS)).toBe("time-is-up");
  });
});

test.each([
  [null, 600_000],
  [{}, 600_000],
  [{ drain_seconds: 0 }, 0],
  [{ drain_seconds: 3_600 }, 3_600_000],
])("its time by %j is %i ms", (config, ms) => {
  expect(drainLimitMs(config)).toBe(ms);
});
