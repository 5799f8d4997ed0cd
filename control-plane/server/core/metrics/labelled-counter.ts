/**
 * A counter of this process by its labels' values, as plain integers, so that counting costs nothing worth a thought where
 * much is counted. Whatever counts bounds the values of its labels.
 */
import type { MetricSample } from "@remotegpu/shared/metrics/metric-family";

export class LabelledCounter<Label extends string = string> {
  readonly #labels: readonly Label[];
  readonly #counts = new Map<string, { values: readonly string[]; count: number }>();

  /** @param initial values that are served as 0 before anything was counted, so that the first rise is seen as one */
  constructor(labels: readonly Label[], initial: readonly (readonly string[])[] = []) {
    this.#labels = labels;
    for (const values of initial) this.add(values, 0);
  }

  /** @param values of the labels, in their order */
  add(values: readonly string[], by = 1): void {
    const key = values.join("\0");
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { values, count: by });
    else known.count += by;
  }

  samples(): MetricSample[] {
    return [...this.#counts.values()].map(({ values, count }) => ({
      labels: Object.fromEntries(this.#labels.map((label, index) => [label, values[index] ?? ""])),
      value: count,
    }));
  }
}
