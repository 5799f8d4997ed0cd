import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isQuiet,
  isWhollyKnown,
  readingsAt,
  SAMPLE_LIFE_MS,
  type Sample,
  serviceLoad,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/service-load";
import { configOf } from "../../../../../../support/autoscaling/played-service.ts";

const NOW = 1_000_000;
const SPEAKERS = { readyReplicas: ["a", "b"], gateways: ["g", "h"] };
const cpu = (source: string, value: number, at = NOW): Sample => ({ metric: "cpu", source, value, at });
const qps = (source: string, value: number, at = NOW): Sample => ({ metric: "qps", source, value, at });
const inFlight = (source: string, value: number, at = NOW): Sample => ({
  metric: "in_flight",
  source,
  value,
  at,
});
const readingOf = (metric: string, samples: readonly Sample[]) =>
  readingsAt(NOW, samples, SPEAKERS).find((reading) => reading.metric === metric);

describe("what is known of a metric", () => {
  test.each<[string, Sample[], object]>([
    [
      "is the sum of what each reported",
      [cpu("a", 70), cpu("b", 50, NOW - 9)],
      { sum: 120, silent: [], reportedSince: NOW - 9 },
    ],
    ["is the newest of each", [cpu("a", 70), cpu("a", 20, NOW - 1), cpu("b", 0)], { sum: 70, silent: [] }],
    ["is the larger of two of one moment", [cpu("a", 20), cpu("a", 70), cpu("b", 0)], { sum: 70 }],
    ["is the least that it may be where somebody is silent", [cpu("a", 70)], { sum: 70, silent: ["b"] }],
    [
      "is nothing where nobody reported anything",
      [],
      { sum: 0, silent: ["a", "b"], reportedSince: Infinity },
    ],
    ["leaves out replicas that are not ready", [cpu("a", 1), cpu("b", 1), cpu("gone", 90)], { sum: 2 }],
    ["leaves out gateways in place of replicas", [qps("a", 1), cpu("b", 1)], { sum: 1, silent: ["a"] }],
    ["forgets what is old", [cpu("a", 70), cpu("b", 50, NOW - SAMPLE_LIFE_MS)], { sum: 70, silent: ["b"] }],
    ["keeps what is nearly old", [cpu("a", 70), cpu("b", 50, NOW - SAMPLE_LIFE_MS + 1)], { sum: 120 }],
    ["is not what is still to come", [cpu("a", 70), cpu("b", 50, NOW + 1)], { sum: 70, silent: ["b"] }],
    ["is no number below zero, nor none", [cpu("a", -1), cpu("b", NaN)], { sum: 0, silent: ["a", "b"] }],
  ])("%s", (_what, samples, expected) => {
    expect(readingOf("cpu", samples)).toMatchObject(expected);
  });

  test("does not depend on the order of the samples", () => {
    const anySample = fc.record({
      metric: fc.constantFrom("cpu" as const, "qps" as const, "in_flight" as const),
      source: fc.constantFrom("a", "b", "g", "h"),
      value: fc.double({ min: 0, max: 1e6, noNaN: true }),
      at: fc.integer({ min: NOW - 2 * SAMPLE_LIFE_MS, max: NOW + 10 }),
    });
    const shuffledTwice = fc
      .array(anySample, { maxLength: 12 })
      .chain((samples) =>
        fc.tuple(fc.constant(samples), fc.shuffledSubarray(samples, { minLength: samples.length })),
      );

    fc.assert(
      fc.property(shuffledTwice, ([one, other]) => {
        expect(readingsAt(NOW, other, SPEAKERS)).toEqual(readingsAt(NOW, one, SPEAKERS));
      }),
    );
  });
});

describe("the load in replicas", () => {
  const config = configOf({ target_cpu: 80, target_qps: 1000 });
  const loadOf = (samples: readonly Sample[]) => serviceLoad(readingsAt(NOW, samples, SPEAKERS), config);

  test("is that of the metric that requires most", () => {
    const load = loadOf([cpu("a", 80), cpu("b", 40), qps("g", 2_000), qps("h", 500)]);

    expect(load).toMatchObject({ inReplicas: 2.5, by: { metric: "qps", sum: 2_500, target: 1_000 } });
  });

  test("heeds no metric without a target", () => {
    const load = loadOf([cpu("a", 80), inFlight("g", 1e6)]);

    expect(load).toMatchObject({ inReplicas: 1, by: { metric: "cpu" } });
  });

  test("is not known where nothing that has a target is", () => {
    expect(loadOf([inFlight("g", 5)])).toBeNull();
  });
});

describe("all that has a target is known", () => {
  const isKnown = (samples: readonly Sample[], speakers = SPEAKERS) =>
    isWhollyKnown(readingsAt(NOW, samples, speakers), configOf({ target_qps: 1000 }));

  test.each<[string, Sample[], boolean]>([
    ["of every gateway", [qps("g", 0), qps("h", 0)], true],
    ["of one of two gateways", [qps("g", 0)], false],
    ["of nobody", [], false],
  ])("%s", (_what, samples, expected) => {
    expect(isKnown(samples)).toBe(expected);
  });

  test("never where no gateway lives", () => {
    expect(isKnown([], { readyReplicas: ["a"], gateways: [] })).toBe(false);
  });
});

test.each<[string, Sample[], boolean]>([
  ["nobody requested and nobody waits", [qps("g", 0), inFlight("g", 0), qps("h", 0), inFlight("h", 0)], true],
  [
    "busy cores are no requests",
    [cpu("a", 90), qps("g", 0), inFlight("g", 0), qps("h", 0), inFlight("h", 0)],
    true,
  ],
  ["somebody requested", [qps("g", 0), inFlight("g", 0), qps("h", 0.1), inFlight("h", 0)], false],
  ["somebody waits", [qps("g", 0), inFlight("g", 1), qps("h", 0), inFlight("h", 0)], false],
  ["a gateway is silent", [qps("g", 0), inFlight("g", 0), qps("h", 0)], false],
])("%s, so it is quiet or not", (_what, samples, expected) => {
  expect(isQuiet(readingsAt(NOW, samples, SPEAKERS))).toBe(expected);
});
