/**
 * What replicas and gateways count since they began, made into what they do in a second: by two counts of the same source
 * and the time between them on the clock of whoever told both. How old that is goes by the clock of whoever looks.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Metric } from "./autoscaling-config.ts";
import { SAMPLE_LIFE_MS, type Sample } from "./service-load.ts";

/** Two counts that lie closer together make a rate of chance. */
const MIN_BETWEEN_MS = 900;

/** As it was told last. */
export interface Count {
  metric: Metric;
  source: string;
  /** Only goes up, until it begins anew. */
  count: number;
  /** By the clock of whoever wrote it down. */
  reportedAt: number;
}

export interface StoredCount extends Count {
  /** By our clock. */
  seenAt: number;
  /** In a second; null before there are two. */
  rate: number | null;
}

/** What is known after a look at what is told now; what nobody tells any more is forgotten once it is no longer a sample. */
export function countsAfter(
  stored: readonly StoredCount[],
  reported: readonly Count[],
  now: number,
): StoredCount[] {
  const before = new Map(stored.map((one) => [nameOf(one), one]));
  const known = new Map(reported.map((one) => [nameOf(one), next(before.get(nameOf(one)), one, now)]));
  const silent = stored.filter((one) => !known.has(nameOf(one)) && now - one.seenAt < SAMPLE_LIFE_MS);
  return [...known.values(), ...silent];
}

function next(before: StoredCount | undefined, reported: Count, now: number): StoredCount {
  if (before === undefined) return { ...reported, seenAt: now, rate: null };
  const betweenMs = reported.reportedAt - before.reportedAt;
  // A clock that was put back by much: what was known cannot be compared any more.
  if (betweenMs < -SAMPLE_LIFE_MS) return { ...reported, seenAt: now, rate: null };
  if (betweenMs < MIN_BETWEEN_MS) return before;
  // A count that fell began anew, and has come so far since then at least.
  const more = reported.count >= before.count ? reported.count - before.count : reported.count;
  return { ...reported, seenAt: now, rate: (more * MS_PER_SECOND) / betweenMs };
}

function nameOf({ metric, source }: Count): string {
  return `${metric} ${source}`;
}

export function ratesOf(counts: readonly StoredCount[]): Sample[] {
  return counts.flatMap(({ metric, source, rate, seenAt }) =>
    rate === null ? [] : [{ metric, source, value: rate, at: seenAt }],
  );
}
