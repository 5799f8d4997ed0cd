import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type LoadHistory,
  NO_HISTORY,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/load-history";
import {
  parseHistory,
  type StoredHistory,
  storedHistory,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/stored-history";
import { PlayedService } from "../../../../../../support/autoscaling/played-service.ts";

const GOOD: StoredHistory = {
  version: 1,
  points: [
    [1_000, 0, 1.5],
    [2_000, 2, 2],
  ],
  known_since: 1_000,
  below: [1_500, 5],
  quiet_since: 2_000,
};

const HISTORY: LoadHistory = {
  points: [
    { at: 1_000, low: 0, high: 1.5 },
    { at: 2_000, low: 2, high: 2 },
  ],
  knownSince: 1_000,
  below: { since: 1_500, replicas: 5 },
  quietSince: 2_000,
};

test("what is stored is read back, through JSON, as it was", () => {
  expect(parseHistory(JSON.parse(JSON.stringify(storedHistory(HISTORY))))).toEqual(HISTORY);
  expect(storedHistory(HISTORY)).toEqual(GOOD);
});

describe("no history is read from what", () => {
  test.each<[string, unknown]>([
    ["is not there", null],
    ["is a text", "history"],
    ["is a list", []],
    ["is of another version", { ...GOOD, version: 2 }],
    ["has no points", { ...GOOD, points: [] }],
    ["has a point with a text", { ...GOOD, points: [[1_000, "0", 1]] }],
    ["has a point with too few numbers", { ...GOOD, points: [[1_000, 0]] }],
    ["has a point whose least is above its largest", { ...GOOD, points: [[3_000, 2, 1]] }],
    ["has a load below zero", { ...GOOD, points: [[3_000, -1, 1]] }],
    ["has points in the wrong order", { ...GOOD, points: GOOD.points.toReversed() }],
    [
      "has more points than there can be",
      { ...GOOD, points: Array.from({ length: 101 }, (_, at) => [at, 0, 0]) },
    ],
    ["was known only after its last point", { ...GOOD, known_since: 2_001, below: null, quiet_since: null }],
    ["is quiet only after its last point", { ...GOOD, quiet_since: 2_001 }],
    ["says to be below without a number", { ...GOOD, below: [1_500] }],
    ["is below since before it was known", { ...GOOD, below: [999, 5] }],
    ["is below, but not known", { ...GOOD, known_since: null, quiet_since: null }],
    ["is quiet since before it was known", { ...GOOD, quiet_since: 999 }],
    ["lacks a field", { version: 1, points: GOOD.points }],
  ])("%s", (_what, stored) => {
    expect(parseHistory(stored)).toEqual(NO_HISTORY);
  });
});

test("anything at all is read as a history or as none", () => {
  const damaged = fc.record(
    {
      version: fc.constantFrom(1, 2),
      points: fc.array(fc.array(fc.oneof(fc.nat(), fc.anything()), { maxLength: 4 })),
      known_since: fc.anything(),
      below: fc.anything(),
      quiet_since: fc.anything(),
    },
    { requiredKeys: [] },
  );

  fc.assert(
    fc.property(fc.oneof(fc.anything(), damaged), (stored) => {
      const history = parseHistory(stored);

      expect(parseHistory(storedHistory(history))).toEqual(history);
    }),
  );
});

test("of a service that is checked often and long, 4 KiB are stored at most", () => {
  const service = new PlayedService({ target_qps: 7 }, { wanted: 10 });
  service.play(600, (now) => ({ qps: 1 + (now % 7) / 3 }));

  expect(JSON.stringify(storedHistory(service.situation.history)).length).toBeLessThan(4_096);
});
