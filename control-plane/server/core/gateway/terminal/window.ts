/** How far one side is ahead of what the other has dealt with, and when it has to wait. */

export class SendWindow {
  readonly #most: number;
  #ahead = 0;

  constructor(mostBytes: number) {
    this.#most = mostBytes;
  }

  get ahead(): number {
    return this.#ahead;
  }

  sent(bytes: number): void {
    this.#ahead += bytes;
  }

  /** More than was sent is nobody's. */
  dealtWith(bytes: number): void {
    this.#ahead = Math.max(0, this.#ahead - bytes);
  }

  get isFull(): boolean {
    return this.#ahead >= this.#most;
  }

  /** Not at the first byte, or each would be waited for. */
  get mayGoOn(): boolean {
    return this.#ahead <= this.#most / 2;
  }
}
