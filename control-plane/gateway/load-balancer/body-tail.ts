/** The end of a body that goes through: the pieces themselves as they came, as few as reach back far enough. */

/** Gone pieces are left in their place until they are so many. */
const MAX_GONE = 64;

export class BodyTail {
  readonly #mostBytes: number;
  #pieces: Buffer[] = [];
  /** The offset of the first piece that counts. */
  #from = 0;
  #bytes = 0;
  #isAll = true;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    for (;;) {
      const first = this.#pieces[this.#from];
      if (first === undefined || this.#bytes - first.length < this.#mostBytes) break;
      this.#bytes -= first.length;
      this.#from += 1;
      this.#isAll = false;
    }
    if (this.#from < MAX_GONE) return;
    this.#pieces = this.#pieces.slice(this.#from);
    this.#from = 0;
  }

  /** One letter a byte. */
  read(): { end: string; isAll: boolean } {
    const whole = Buffer.concat(this.#pieces.slice(this.#from), this.#bytes);
    const isAll = this.#isAll && whole.length <= this.#mostBytes;
    return { end: whole.subarray(Math.max(0, whole.length - this.#mostBytes)).toString("latin1"), isAll };
  }
}
