/** A label whose values come from outside has at most so many: the largest samples stay, the others are one sum. */
import type { MetricSample } from "@remotegpu/shared/metrics/metric-family";

export const OTHER = "other";

/** @param most values of the label, that of the others included; 2 or more */
export function boundedLabel(
  samples: readonly MetricSample[],
  { label, most }: { label: string; most: number },
): MetricSample[] {
  const totals = new Map<string, number>();
  for (const { labels, value } of samples)
    totals.set(labels[label] ?? "", (totals.get(labels[label] ?? "") ?? 0) + value);
  if (totals.size <= most) return [...samples];
  const largest = [...totals].toSorted(([, one], [, other]) => other - one).slice(0, most - 1);
  const listed = new Set(largest.map(([value]) => value));
  const sums = new Map<string, MetricSample>();
  for (const { labels, value } of samples) {
    const bounded = { ...labels, [label]: listed.has(labels[label] ?? "") ? (labels[label] ?? "") : OTHER };
    const key = JSON.stringify(bounded);
    sums.set(key, { labels: bounded, value: (sums.get(key)?.value ?? 0) + value });
  }
  return [...sums.values()];
}
