/**
 * What is counted of the answers of a service: how many of which kind, how long they took, and the tokens that they told.
 * All of it adds up: of several gateways, of minutes and of keys.
 */
import type { Tokens } from "../../gateway/services/usage.ts";

/** Upper bounds of a histogram's buckets, in milliseconds; beyond the last is one bucket more. */
export const BUCKET_BOUNDS_MS = [
  1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
] as const;

export interface TrafficCounts {
  requests: number;
  unanswered: number;
  status_1xx: number;
  status_2xx: number;
  status_3xx: number;
  status_4xx: number;
  status_5xx: number;
  cut_off: number;
  bytes: number;
  took_buckets: number[];
  took_ms: number;
  first_byte_buckets: number[];
  first_byte_ms: number;
  queued_buckets: number[];
  queued_ms: number;
  token_answers: number;
  token_silent: number;
  token_ms: number;
  prompt_tokens: number;
  completion_tokens: number;
}

export const HISTOGRAMS = [
  "took_buckets",
  "first_byte_buckets",
  "queued_buckets",
] as const satisfies (keyof TrafficCounts)[];

/** What is a number of its own. */
export const COUNTERS = [
  "requests",
  "unanswered",
  "status_1xx",
  "status_2xx",
  "status_3xx",
  "status_4xx",
  "status_5xx",
  "cut_off",
  "bytes",
  "took_ms",
  "first_byte_ms",
  "queued_ms",
  "token_answers",
  "token_silent",
  "token_ms",
  "prompt_tokens",
  "completion_tokens",
] as const satisfies (keyof TrafficCounts)[];

/** One request that is over. */
export interface CountedAnswer {
  /** Null where whoever asked was gone before. */
  status: number | null;
  isWhole: boolean;
  bytes: number;
  /** Null for what has no length of its own, like a WebSocket. */
  tookMs: number | null;
  /** Null where no replica answered. */
  firstByteMs: number | null;
  /** Null where it never asked for a replica. */
  queuedMs: number | null;
  /** "silent": it is of a kind that tells what it used, and did not. Null: of none such. */
  tokens: Tokens | "silent" | null;
}

export const BUCKETS = BUCKET_BOUNDS_MS.length + 1;

export function noCounts(): TrafficCounts {
  const buckets = () => Array.from({ length: BUCKETS }, () => 0);
  return {
    requests: 0,
    unanswered: 0,
    status_1xx: 0,
    status_2xx: 0,
    status_3xx: 0,
    status_4xx: 0,
    status_5xx: 0,
    cut_off: 0,
    bytes: 0,
    took_buckets: buckets(),
    took_ms: 0,
    first_byte_buckets: buckets(),
    first_byte_ms: 0,
    queued_buckets: buckets(),
    queued_ms: 0,
    token_answers: 0,
    token_silent: 0,
    token_ms: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
  };
}

/** Changes `counts`, since there is one for each answer. */
export function countAnswer(counts: TrafficCounts, answer: CountedAnswer): void {
  const { status, tookMs, firstByteMs, queuedMs, tokens } = answer;
  counts.requests += 1;
  if (status === null) counts.unanswered += 1;
  else {
    counts[classOf(status)] += 1;
    if (!answer.isWhole) counts.cut_off += 1;
  }
  counts.bytes += answer.bytes;
  if (tookMs !== null) counts.took_ms += intoBucket(counts.took_buckets, tookMs);
  if (firstByteMs !== null) counts.first_byte_ms += intoBucket(counts.first_byte_buckets, firstByteMs);
  if (queuedMs !== null) counts.queued_ms += intoBucket(counts.queued_buckets, queuedMs);
  if (tokens === null) return;
  if (tokens === "silent") {
    counts.token_silent += 1;
    return;
  }
  counts.token_answers += 1;
  counts.token_ms += tookMs ?? 0;
  counts.prompt_tokens += tokens.prompt;
  counts.completion_tokens += tokens.completion;
}

function intoBucket(buckets: number[], ms: number): number {
  let at = 0;
  while (at < BUCKET_BOUNDS_MS.length && ms > (BUCKET_BOUNDS_MS[at] ?? 0)) at += 1;
  buckets[at] = (buckets[at] ?? 0) + 1;
  return ms;
}

const CLASSES = ["status_1xx", "status_2xx", "status_3xx", "status_4xx", "status_5xx"] as const;

/** What is no status of HTTP counts as the server's fault. */
function classOf(status: number): (typeof CLASSES)[number] {
  return CLASSES[Math.floor(status / 100) - 1] ?? "status_5xx";
}
