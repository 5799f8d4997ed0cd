/** The values of one scrape, by the family that they belong to. A family without any is left out of the answer. */
import type { Distribution } from "./distribution.ts";
import type { MetricSample } from "./metric-family.ts";

export class CollectedMetrics<Family extends string> {
  readonly #samples = new Map<Family, MetricSample[]>();
  readonly #distributions = new Map<Family, readonly Distribution[]>();

  /** A value that is not known has no sample; a claim is 1 or 0. */
  add(family: Family, value: number | boolean | null | undefined, labels: MetricSample["labels"] = {}): void {
    if (value !== null && value !== undefined) this.addAll(family, [{ labels, value: Number(value) }]);
  }

  addAll(family: Family, samples: readonly MetricSample[]): void {
    const known = this.#samples.get(family) ?? [];
    this.#samples.set(family, known);
    known.push(...samples);
  }

  /** Those of a histogram or a summary. */
  distributions(family: Family, distributions: readonly Distribution[]): void {
    this.#distributions.set(family, distributions);
  }

  samplesOf(family: Family): readonly MetricSample[] {
    return this.#samples.get(family) ?? [];
  }

  distributionsOf(family: Family): readonly Distribution[] {
    return this.#distributions.get(family) ?? [];
  }

  has(family: Family): boolean {
    return this.samplesOf(family).length > 0 || this.distributionsOf(family).length > 0;
  }
}
