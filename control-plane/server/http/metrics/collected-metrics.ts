/** The values of one scrape, by the family that they belong to. A family without any is left out of the answer. */
import type { MetricSample } from "@remotegpu/shared/metrics/metric-family";
import type { Distribution } from "../../core/metrics/distribution.ts";
import type { ControlPlaneMetric } from "../../core/metrics/families.ts";

export class CollectedMetrics {
  readonly #samples = new Map<ControlPlaneMetric, readonly MetricSample[]>();
  readonly #distributions = new Map<ControlPlaneMetric, readonly Distribution[]>();

  /** A family without labels; null where it has no value now. */
  value(name: ControlPlaneMetric, value: number | null): void {
    this.#samples.set(name, value === null ? [] : [{ labels: {}, value }]);
  }

  samples(name: ControlPlaneMetric, samples: readonly MetricSample[]): void {
    this.#samples.set(name, samples);
  }

  distributions(name: ControlPlaneMetric, distributions: readonly Distribution[]): void {
    this.#distributions.set(name, distributions);
  }

  samplesOf(name: ControlPlaneMetric): readonly MetricSample[] {
    return this.#samples.get(name) ?? [];
  }

  distributionsOf(name: ControlPlaneMetric): readonly Distribution[] {
    return this.#distributions.get(name) ?? [];
  }

  has(name: ControlPlaneMetric): boolean {
    return this.samplesOf(name).length > 0 || this.distributionsOf(name).length > 0;
  }
}
