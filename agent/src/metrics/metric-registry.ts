/**
 * The agent's own registry of Prometheus metrics, made from the table of families. Gauges and counters are filled when
 * somebody scrapes, from samples that are read once for each scrape; histograms count what is observed between.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { METRIC_PREFIX, type MetricFamily } from "@remotegpu/shared/metrics/metric-family";
import { SampleSet } from "../core/metrics/sample-set.ts";

export class MetricRegistry {
  readonly #registry = new Registry();
  readonly #histograms = new Map<string, Histogram>();
  #samples = new SampleSet();

  constructor(families: readonly MetricFamily[]) {
    for (const family of families) this.#add(family);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All families with these samples, in the text format of Prometheus. */
  async text(samples: SampleSet): Promise<string> {
    this.#samples = samples;
    return await this.#registry.metrics();
  }

  /** @throws Error where the table has no such histogram */
  observe(family: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.#histogram(family).observe(labels, value);
  }

  /** Begins a histogram's series, so that its first observation is seen as one. */
  begin(family: string, labels: Readonly<Record<string, string>>): void {
    this.#histogram(family).zero(labels);
  }

  #add({ name, type, help, labels, buckets }: MetricFamily): void {
    const common = {
      name: METRIC_PREFIX + name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
    };
    switch (type) {
      case "gauge":
        this.#addGauge(name, common);
        return;
      case "counter":
        this.#addCounter(name, common);
        return;
      case "histogram":
        this.#histograms.set(name, new Histogram({ ...common, buckets: [...(buckets ?? [])] }));
        return;
      case "summary":
        throw new Error(`${name}: the agent has no summaries`);
    }
  }

  #addGauge(name: string, common: ConstructorParameters<typeof Gauge>[0]): void {
    const hasLabels = (common.labelNames ?? []).length > 0;
    const samples = () => this.#samples.of(name);
    const gauge = new Gauge({
      ...common,
      collect() {
        this.reset();
        // One without labels would be 0 where its value is not known.
        if (!hasLabels) this.remove();
        for (const { labels, value } of samples()) this.set({ ...labels }, value);
      },
    });
    gauge.reset();
  }

  #addCounter(name: string, common: ConstructorParameters<typeof Counter>[0]): void {
    const samples = () => this.#samples.of(name);
    const counter = new Counter({
      ...common,
      collect() {
        this.reset();
        for (const { labels, value } of samples()) this.inc({ ...labels }, value);
      },
    });
    counter.reset();
  }

  #histogram(family: string): Histogram {
    const found = this.#histograms.get(family);
    if (found === undefined) throw new Error(`${family} is no histogram of this agent`);
    return found;
  }
}
