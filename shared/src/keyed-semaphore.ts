/**
 * A few connections to one place are being opened at once, the others wait for their turn: who opens hundreds at a time, or
 * lets each hang, would else hold up everybody else for as long as all of them take.
 */
export class KeyedSemaphore {
  readonly #atOnce: number;
  readonly #open = new Map<string, { taken: number; waiting: (() => void)[] }>();

  constructor({ atOnce }: { atOnce: number }) {
    this.#atOnce = atOnce;
  }

  /** In the order in which they came. */
  async during<T>(key: string, work: () => Promise<T>): Promise<T> {
    await this.#turn(key);
    try {
      return await work();
    } finally {
      this.#leave(key);
    }
  }

  async #turn(key: string): Promise<void> {
    const turns = this.#open.get(key) ?? { taken: 0, waiting: [] };
    this.#open.set(key, turns);
    if (turns.taken >= this.#atOnce) await new Promise<void>((resolve) => turns.waiting.push(resolve));
    // Who waited got the place of the one that left.
    else turns.taken += 1;
  }

  #leave(key: string): void {
    const turns = this.#open.get(key);
    const next = turns?.waiting.shift();
    if (next !== undefined) return next();
    if (turns === undefined) return;
    turns.taken -= 1;
    if (turns.taken === 0) this.#open.delete(key);
  }
}
