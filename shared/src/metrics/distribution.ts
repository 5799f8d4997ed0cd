/** How values are spread over buckets, by labels: what a histogram of Prometheus is made of, counted in plain integers. */

export interface Distribution {
  readonly labels: Readonly<Record<string, string>>;
  /** Of each bucket the values up to its bound, those of the buckets before it included. */
  readonly cumulative: readonly number[];
  readonly sum: number;
  readonly count: number;
}

interface Counts {
  readonly values: readonly string[];
  /** One more than there are bounds: the last is of what is beyond all of them. */
  readonly buckets: number[];
  sum: number;
}

export class DistributionCounter {
  readonly #bounds: readonly number[];
  readonly #labels: readonly string[];
  readonly #counts = new Map<string, Counts>();

  /** @param initial values of labels that are served before anything was counted */
  constructor(
    { bounds, labels }: { bounds: readonly number[]; labels: readonly string[] },
    initial: readonly (readonly string[])[] = [],
  ) {
    this.#bounds = bounds;
    this.#labels = labels;
    for (const values of initial) this.#countsOf(values);
  }

  /** @param values of the labels, in their order */
  observe(values: readonly string[], value: number): void {
    const counts = this.#countsOf(values);
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    const index = bucket < 0 ? this.#bounds.length : bucket;
    counts.buckets[index] = (counts.buckets[index] ?? 0) + 1;
    counts.sum += value;
  }

  distributions(): Distribution[] {
    return [...this.#counts.values()].map(({ values, buckets, sum }) => {
      let count = 0;
      const cumulative = buckets.map((one) => (count += one));
      return {
        labels: Object.fromEntries(this.#labels.map((label, index) => [label, values[index] ?? ""])),
        cumulative: cumulative.slice(0, -1),
        sum,
        count,
      };
    });
  }

  #countsOf(values: readonly string[]): Counts {
    const key = values.join("\0");
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const made = { values, buckets: Array.from({ length: this.#bounds.length + 1 }, () => 0), sum: 0 };
    this.#counts.set(key, made);
    return made;
  }
}
