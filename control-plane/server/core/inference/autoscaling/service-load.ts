/**
 * How much a service has to do just now, in replicas: what its replicas and the gateways told last, summed up for each
 * metric and divided by its target. Says too how far that can be trusted: who should have told something and did not.
 * Knows nothing of earlier moments.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type AutoscalingConfig, type Metric, METRICS } from "./autoscaling-config.ts";

/** A host tells every 10 s; what is older than three times that is no longer known. */
export const SAMPLE_LIFE_MS = 30 * MS_PER_SECOND;

export interface Sample {
  metric: Metric;
  /** A replica for `cpu`; for the others a gateway, which tells of all replicas together. */
  source: string;
  /** Percent of the replica's cores; requests a second; requests begun and not answered, those that it holds included. */
  value: number;
  /** When it came, by the clock of whoever judges it. */
  at: number;
}

export interface Speakers {
  readyReplicas: readonly string[];
  /** Those that live: each must tell, also that there was nothing. */
  gateways: readonly string[];
}

export interface Reading {
  metric: Metric;
  sum: number;
  /** The sources of which nothing is known; what the others reported is the least that it may be. */
  silent: readonly string[];
  /** The oldest of what is summed up: everybody told something since then. */
  reportedSince: number;
}

export interface ServiceLoad {
  /** As many replicas as would have exactly their target. The least that it may be, while somebody is silent. */
  inReplicas: number;
  /** What asks for that many. */
  by: Reading & { target: number };
  readings: readonly Reading[];
}

/** @returns null where nobody told anything of what there is a target for */
export function serviceLoad(
  readings: readonly Reading[],
  { targets }: AutoscalingConfig,
): ServiceLoad | null {
  const requesting = readings.flatMap((reading) => {
    const target = targets[reading.metric];
    return target === undefined || reading.reportedSince === Infinity ? [] : [{ ...reading, target }];
  });
  const inReplicas = Math.max(...requesting.map(({ sum, target }) => sum / target));
  const by = requesting.find(({ sum, target }) => sum / target === inReplicas);
  return by === undefined ? null : { inReplicas, by, readings };
}

/** What is known of each metric now, in any order of the samples. */
export function readingsAt(now: number, samples: readonly Sample[], speakers: Speakers): Reading[] {
  const known = new Map<string, Sample>();
  for (const sample of samples) {
    if (!isKnown(sample, now)) continue;
    const key = `${sample.metric} ${sample.source}`;
    const other = known.get(key);
    if (other === undefined || isLater(sample, other)) known.set(key, sample);
  }
  return METRICS.map((metric) => {
    const expected = metric === "cpu" ? speakers.readyReplicas : speakers.gateways;
    const reported = expected.flatMap((source) => known.get(`${metric} ${source}`) ?? []);
    return {
      metric,
      // In an order of their own: a sum of fractions depends on it in its last digit.
      sum: reported
        .map(({ value }) => value)
        .toSorted((a, b) => a - b)
        .reduce((sum, value) => sum + value, 0),
      silent: expected.filter((source) => !known.has(`${metric} ${source}`)),
      reportedSince: Math.min(...reported.map(({ at }) => at)),
    };
  });
}

function isKnown({ value, at }: Sample, now: number): boolean {
  return Number.isFinite(value) && value >= 0 && at <= now && at > now - SAMPLE_LIFE_MS;
}

/** The larger of two samples of one moment counts, so that their order does not matter. */
function isLater(sample: Sample, other: Sample): boolean {
  return sample.at > other.at || (sample.at === other.at && sample.value > other.value);
}

/** Whether all that a decision to have less rests on is known: every target's metric. */
export function isWhollyKnown(readings: readonly Reading[], { targets }: AutoscalingConfig): boolean {
  return readings.every(({ metric, silent, reportedSince }) => {
    if (targets[metric] === undefined) return true;
    return silent.length === 0 && reportedSince !== Infinity;
  });
}

/** Whether every gateway says that nobody asked for anything and that nobody waits. */
export function isQuiet(readings: readonly Reading[]): boolean {
  return readings.every(
    ({ metric, sum, silent, reportedSince }) =>
      metric === "cpu" || (silent.length === 0 && reportedSince !== Infinity && sum === 0),
  );
}
