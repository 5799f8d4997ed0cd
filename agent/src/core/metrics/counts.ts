/** Plain integers that hot paths raise; whoever serves metrics reads them. */
export class Counts<Key extends string> {
  readonly #counts: Map<Key, number>;

  /** @param keys that begin with 0, so that an increase from none is seen as one */
  constructor(keys: readonly Key[] = []) {
    this.#counts = new Map(keys.map((key) => [key, 0]));
  }

  add(key: Key, by = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
  }

  get all(): ReadonlyMap<Key, number> {
    return this.#counts;
  }
}
