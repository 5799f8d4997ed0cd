/** What is counted of answers that are whole and took a second each, unless a test says otherwise. */
import {
  type CountedAnswer,
  countAnswer,
  noCounts,
  type TrafficCounts,
} from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";

export function counted(...answers: Partial<CountedAnswer>[]): TrafficCounts {
  const counts = noCounts();
  for (const one of answers)
    countAnswer(counts, {
      status: 200,
      isWhole: true,
      bytes: 10,
      tookMs: 1_000,
      firstByteMs: 2,
      queuedMs: 0,
      tokens: null,
      ...one,
    });
  return counts;
}
