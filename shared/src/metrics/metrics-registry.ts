/**
 * The families as metrics of prom-client, in a registry of their own. Values are handed over when they are scraped; what
 * prom-client counts by itself would be counted twice.
 */
import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import { CollectedMetrics } from "./collected-metrics.ts";
import type { Distribution } from "./distribution.ts";
import { METRIC_PREFIX, type MetricFamily } from "./metric-family.ts";

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** As prom-client's registry takes a metric for the text that it makes. */
interface Exported {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Value[];
}

/** A family of a program's table, whose names its own code knows. */
type NamedFamily<Name extends string> = MetricFamily & { readonly name: Name };

export class MetricsRegistry<Name extends string> {
  readonly #families: readonly NamedFamily<Name>[];
  readonly #registry = new Registry();
  #collected = new CollectedMetrics<Name>();

  constructor(families: readonly NamedFamily<Name>[]) {
    this.#families = families;
    for (const family of families) this.#register(family);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In the order of the table; what has no value now is left out. */
  async text(collected: CollectedMetrics<Name>): Promise<string> {
    this.#collected = collected;
    const served = this.#families.filter(({ name }) => collected.has(name));
    const texts = served.map(({ name }) => this.#registry.getSingleMetricAsString(METRIC_PREFIX + name));
    return `${(await Promise.all(texts)).join("\n")}\n`;
  }

  #register(family: NamedFamily<Name>): void {
    const distributions = () => this.#collected.distributionsOf(family.name);
    switch (family.type) {
      case "counter":
        this.#registerCounter(family);
        return;
      case "gauge":
        this.#registerGauge(family);
        return;
      case "histogram":
        this.#registry.registerMetric(new CollectedHistogram(family, distributions));
        return;
      case "summary":
        this.#registry.registerMetric(new CollectedSummary(family, distributions));
    }
  }

  #registerCounter(family: NamedFamily<Name>): void {
    const counter = new Counter({
      ...namesOf(family),
      collect: () => {
        counter.reset();
        for (const { labels, value } of this.#collected.samplesOf(family.name)) counter.inc(labels, value);
      },
    });
    this.#registry.registerMetric(counter);
  }

  #registerGauge(family: NamedFamily<Name>): void {
    const gauge = new Gauge({
      ...namesOf(family),
      collect: () => {
        gauge.reset();
        for (const { labels, value } of this.#collected.samplesOf(family.name)) gauge.set(labels, value);
      },
    });
    this.#registry.registerMetric(gauge);
  }
}

class CollectedHistogram extends Histogram {
  readonly #family: MetricFamily;
  readonly #distributions: () => readonly Distribution[];

  constructor(family: MetricFamily, distributions: () => readonly Distribution[]) {
    super({ ...namesOf(family), buckets: [...(family.buckets ?? [])] });
    this.#family = family;
    this.#distributions = distributions;
  }

  /** The registry prefers it to get(). */
  getForPromString(): Exported {
    const { buckets = [] } = this.#family;
    return exported(this.#family, this.#distributions(), (name, { labels, cumulative, count }) => [
      ...buckets.map((le, index) => bucket(name, { ...labels, le }, cumulative[index] ?? 0)),
      bucket(name, { ...labels, le: "+Inf" }, count),
    ]);
  }
}

/** Without quantiles: the sum and the count. */
class CollectedSummary extends Summary {
  readonly #family: MetricFamily;
  readonly #distributions: () => readonly Distribution[];

  constructor(family: MetricFamily, distributions: () => readonly Distribution[]) {
    super({ ...namesOf(family), percentiles: [] });
    this.#family = family;
    this.#distributions = distributions;
  }

  getForPromString(): Exported {
    return exported(this.#family, this.#distributions(), () => []);
  }
}

function exported(
  { name, help, type }: MetricFamily,
  distributions: readonly Distribution[],
  bucketsOf: (name: string, distribution: Distribution) => Value[],
): Exported {
  const full = METRIC_PREFIX + name;
  const values = distributions.flatMap((distribution) => [
    ...bucketsOf(full, distribution),
    { metricName: `${full}_sum`, labels: distribution.labels, value: distribution.sum },
    { metricName: `${full}_count`, labels: distribution.labels, value: distribution.count },
  ]);
  return { name: full, help, type, values };
}

function bucket(name: string, labels: Value["labels"], value: number): Value {
  return { metricName: `${name}_bucket`, labels, value };
}

/** In no registry but the one that they are put into: prom-client's own is the whole process's. */
function namesOf({ name, help, labels }: MetricFamily) {
  return { name: METRIC_PREFIX + name, help, labelNames: [...labels], registers: [] };
}
