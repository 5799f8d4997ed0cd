/** What the owner of a service is told of what was counted: of each histogram its middle and its ends, and tokens a second. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { BUCKET_BOUNDS_MS, type TrafficCounts } from "./traffic-counts.ts";

interface Spread {
  count: number;
  /** Null where there is none. */
  mean_ms: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  buckets: number[];
}

export interface TrafficFigures {
  requests: number;
  unanswered: number;
  status_1xx: number;
  status_2xx: number;
  status_3xx: number;
  status_4xx: number;
  status_5xx: number;
  cut_off: number;
  bytes_sent: number;
  took: Spread;
  first_byte: Spread;
  waited: Spread;
  token_answers: number;
  token_silent: number;
  /** Null where no answer told any. */
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /** Completion tokens of the answers that told them, by the time that these took. */
  tokens_per_second: number | null;
}

export function trafficFigures(counts: TrafficCounts): TrafficFigures {
  const { token_answers, token_ms, prompt_tokens, completion_tokens } = counts;
  const isReported = token_answers > 0;
  return {
    requests: counts.requests,
    unanswered: counts.unanswered,
    status_1xx: counts.status_1xx,
    status_2xx: counts.status_2xx,
    status_3xx: counts.status_3xx,
    status_4xx: counts.status_4xx,
    status_5xx: counts.status_5xx,
    cut_off: counts.cut_off,
    bytes_sent: counts.bytes,
    took: spreadOf(counts.took_buckets, counts.took_ms),
    first_byte: spreadOf(counts.first_byte_buckets, counts.first_byte_ms),
    waited: spreadOf(counts.queued_buckets, counts.queued_ms),
    token_answers,
    token_silent: counts.token_silent,
    prompt_tokens: isReported ? prompt_tokens : null,
    completion_tokens: isReported ? completion_tokens : null,
    tokens_per_second:
      isReported && token_ms > 0 ? rounded((completion_tokens * MS_PER_SECOND) / token_ms) : null,
  };
}

function spreadOf(buckets: readonly number[], sumMs: number): Spread {
  const count = buckets.reduce((sum, one) => sum + one, 0);
  return {
    count,
    mean_ms: count === 0 ? null : rounded(sumMs / count),
    p50_ms: percentileMs(buckets, 0.5),
    p95_ms: percentileMs(buckets, 0.95),
    p99_ms: percentileMs(buckets, 0.99),
    buckets: [...buckets],
  };
}

/** As if those of a bucket lay evenly between its bounds; of the last bucket, which has no end, its beginning. */
export function percentileMs(buckets: readonly number[], share: number): number | null {
  const count = buckets.reduce((sum, one) => sum + one, 0);
  if (count === 0) return null;
  const wanted = count * share;
  let below = 0;
  for (const [at, inside] of buckets.entries()) {
    if (inside > 0 && below + inside >= wanted) {
      const from = BUCKET_BOUNDS_MS[at - 1] ?? 0;
      const to = BUCKET_BOUNDS_MS[at] ?? from;
      return rounded(from + ((to - from) * (wanted - below)) / inside);
    }
    below += inside;
  }
  return BUCKET_BOUNDS_MS.at(-1) ?? null;
}

function rounded(number: number): number {
  return Math.round(number * 1_000) / 1_000;
}
