/** How many of something there are of each key, and of all: one without any takes no memory. */
export class CountsByKey<Key> {
  readonly #counts = new Map<Key, number>();
  #all = 0;

  get all(): number {
    return this.#all;
  }

  of(key: Key): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: Key): void {
    this.#counts.set(key, this.of(key) + 1);
    this.#all += 1;
  }

  /** One that was added. */
  remove(key: Key): void {
    const left = this.of(key) - 1;
    if (left === 0) this.#counts.delete(key);
    else this.#counts.set(key, left);
    this.#all -= 1;
  }
}
