/** What is read once for many who ask at the same time or soon after each other, and only when somebody asks. */

export class Cached<Value> {
  readonly #read: (now: Date) => Promise<Value>;
  readonly #now: () => Date;
  readonly #storedMs: number;
  readonly #restPerRead: number;
  #stored: { value: Value; readAtMs: number; storedMs: number } | null = null;
  #reading: Promise<Value> | null = null;
  /** Begins when the one before has ended: whoever asks meanwhile shares it, so that one read runs at a time. */
  #next: Promise<Value> | null = null;

  /** @param restPerRead what takes long to read is kept for so many times as long, so that reading is not all that is done */
  constructor(
    read: (now: Date) => Promise<Value>,
    { now, storedMs, restPerRead = 0 }: { now: () => Date; storedMs: number; restPerRead?: number },
  ) {
    this.#read = read;
    this.#now = now;
    this.#storedMs = storedMs;
    this.#restPerRead = restPerRead;
  }

  /** At most as old as it is kept. */
  async recent(): Promise<Value> {
    const ageMs = this.#stored === null ? Infinity : this.#now().getTime() - this.#stored.readAtMs;
    if (this.#stored !== null && ageMs >= 0 && ageMs < this.#stored.storedMs) return this.#stored.value;
    return await (this.#reading ?? this.anew());
  }

  /** Read after this was called. */
  async anew(): Promise<Value> {
    this.#next ??= this.#after(this.#reading);
    return await this.#next;
  }

  async #after(before: Promise<Value> | null): Promise<Value> {
    await Promise.allSettled([before]);
    this.#reading = this.#next;
    this.#next = null;
    try {
      const readAt = this.#now();
      const value = await this.#read(readAt);
      const tookMs = this.#now().getTime() - readAt.getTime();
      // Its age counts from when it was begun to be read.
      const storedMs = Math.max(this.#storedMs, this.#restPerRead * tookMs);
      this.#stored = { value, readAtMs: readAt.getTime(), storedMs };
      return value;
    } finally {
      this.#reading = null;
    }
  }
}
