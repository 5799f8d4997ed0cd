import { describe, expect, test } from "vitest";
import {
  BUCKET_BOUNDS_MS,
  type CountedAnswer,
  countAnswer,
  noCounts,
} from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";

const answer = (change: Partial<CountedAnswer> = {}): CountedAnswer => ({
  status: 200,
  isWhole: true,
  bytes: 10,
  tookMs: 3,
  firstByteMs: 2,
  queuedMs: 0,
  tokens: null,
  ...change,
});

function counted(...answers: Partial<CountedAnswer>[]) {
  const counts = noCounts();
  for (const one of answers) countAnswer(counts, answer(one));
  return counts;
}

describe("what is counted", () => {
  test.each([
    [101, "status_1xx"],
    [200, "status_2xx"],
    [302, "status_3xx"],
    [499, "status_4xx"],
    [500, "status_5xx"],
    [599, "status_5xx"],
    [999, "status_5xx"],
  ] as const)("status %i as %s", (status, name) => {
    expect(counted({ status })).toMatchObject({ requests: 1, unanswered: 0, [name]: 1 });
  });

  test("a request that nobody waited for is in no class", () => {
    const counts = counted({ status: null, isWhole: false });
    expect(counts).toMatchObject({ requests: 1, unanswered: 1, cut_off: 0, status_2xx: 0, status_5xx: 0 });
  });

  test("an answer that broke off is counted as what it began as", () => {
    expect(counted({ isWhole: false })).toMatchObject({ status_2xx: 1, cut_off: 1 });
  });

  test("tokens add up of those that reported them, and silence of those that did not", () => {
    const reported = { prompt: 5, completion: 7 };
    expect(
      counted({ tokens: reported, tookMs: 40 }, { tokens: reported, tookMs: 2 }, { tokens: "silent" }, {}),
    ).toMatchObject({
      requests: 4,
      token_answers: 2,
      token_silent: 1,
      token_ms: 42,
      prompt_tokens: 10,
      completion_tokens: 14,
    });
  });
});

test.each([
  [0, 0],
  [1, 0],
  [1.001, 1],
  [300_000, BUCKET_BOUNDS_MS.length - 1],
  [300_001, BUCKET_BOUNDS_MS.length],
])("an answer after %d ms is in bucket %i, once", (tookMs, bucket) => {
  const { took_buckets: buckets, took_ms: sum } = counted({ tookMs });
  expect(buckets.map((count, nth) => (count > 0 ? nth : -1)).filter((nth) => nth >= 0)).toEqual([bucket]);
  expect(sum).toBe(tookMs);
});
