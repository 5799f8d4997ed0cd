/** The samples of one scrape, by the family that each is of. */
import type { MetricSample } from "@remotegpu/shared/metrics/metric-family";

export class SampleSet {
  readonly #samples = new Map<string, MetricSample[]>();

  /** A value that is not known has no sample. */
  add(family: string, value: number | boolean | null | undefined, labels: MetricSample["labels"] = {}): void {
    if (value === null || value === undefined) return;
    const samples = this.#samples.get(family) ?? [];
    this.#samples.set(family, samples);
    samples.push({ labels, value: Number(value) });
  }

  of(family: string): readonly MetricSample[] {
    return this.#samples.get(family) ?? [];
  }

  get families(): string[] {
    return [...this.#samples.keys()];
  }
}
