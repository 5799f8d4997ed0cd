/** Numbers that a seed decides: the same seed, the same numbers. */
const STEP = 0x6d_2b_79_f5;

export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From `from` up to `to`. */
  between(from: number, to: number): number {
    return from + this.#next() * (to - from);
  }

  /** @throws where there is none */
  oneOf<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.#next() * choices.length)];
    if (chosen === undefined) throw new Error("nothing to choose from");
    return chosen;
  }

  /** All of them, in another order. */
  shuffled<T>(all: readonly T[]): T[] {
    const left = [...all];
    return all.map(() => {
      const [taken] = left.splice(Math.floor(this.#next() * left.length), 1);
      return taken as T;
    });
  }

  /** Mulberry32. */
  #next(): number {
    this.#state = (this.#state + STEP) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
