import { describe, expect, test } from "vitest";
import {
  BUCKET_BOUNDS_MS,
  BUCKETS,
} from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";
import {
  percentileMs,
  trafficFigures,
} from "@remotegpu/control-plane/server/core/inference/traffic/traffic-figures";
import { counted } from "../../../../../../support/samples/counted-answers.ts";

describe("a percentile", () => {
  const buckets = (inside: Record<number, number>) =>
    Array.from({ length: BUCKETS }, (_, at) => inside[at] ?? 0);

  test.each([
    ["of nothing is none", buckets({}), 0.5, null],
    ["lies evenly in its bucket", buckets({ 4: 10 }), 0.5, 17.5],
    ["of all is the bound", buckets({ 4: 10 }), 1, 25],
    ["is in the bucket that reaches it", buckets({ 0: 50, 4: 50 }), 0.5, 1],
    ["is in the next one beyond", buckets({ 0: 50, 4: 50 }), 0.75, 17.5],
    ["beyond all bounds is the last of them", buckets({ [BUCKETS - 1]: 3 }), 0.5, BUCKET_BOUNDS_MS.at(-1)],
  ])("%s", (_what, inside, share, ms) => {
    expect(percentileMs(inside, share)).toBe(ms);
  });
});

describe("tokens", () => {
  test("that no answer reported are not zero but unknown", () => {
    expect(trafficFigures(counted({ tokens: "silent" }))).toMatchObject({
      token_silent: 1,
      prompt_tokens: null,
      completion_tokens: null,
      tokens_per_second: null,
    });
  });

  test("a second are those of the answers that reported them, by their time", () => {
    const answers = [
      { tokens: { prompt: 100, completion: 30 } },
      { tokens: { prompt: 0, completion: 10 } },
      {},
    ];
    expect(trafficFigures(counted(...answers))).toMatchObject({
      completion_tokens: 40,
      tokens_per_second: 20,
    });
  });

  test("of answers that took no time have no speed", () => {
    expect(
      trafficFigures(counted({ tookMs: 0, tokens: { prompt: 1, completion: 1 } })).tokens_per_second,
    ).toBeNull();
  });
});
