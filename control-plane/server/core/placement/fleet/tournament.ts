/**
 * A tournament tree: who among the members, in their order, has the most, the first of equals. When the value of one
 * has changed, only its own matches are played again.
 */

export class Tournament {
  readonly #members: Int32Array;
  readonly #values: Int32Array;
  readonly #leaves: number;
  /** Winners, from the root at 1 down; of the members themselves none are kept. */
  readonly #winners: Int32Array;

  /** @param values by member; its last belongs to nobody and is never more than another */
  constructor(members: Int32Array, values: Int32Array) {
    this.#members = members;
    this.#values = values;
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(2, members.length)));
    this.#winners = new Int32Array(this.#leaves);
  }

  /** Of no members it is nobody, whose value is the last. */
  winner(): number {
    return this.#winners[1] as number;
  }

  playAll(): void {
    for (let node = this.#leaves - 1; node >= 1; node -= 1) this.#match(node);
  }

  /** @param seat the place among the members of the one whose value has changed */
  play(seat: number): void {
    for (let node = (this.#leaves + seat) >> 1; node >= 1; node >>= 1) this.#match(node);
  }

  #match(node: number): void {
    const left = this.#contender(2 * node);
    const right = this.#contender(2 * node + 1);
    this.#winners[node] = (this.#values[right] as number) > (this.#values[left] as number) ? right : left;
  }

  #contender(node: number): number {
    if (node < this.#leaves) return this.#winners[node] as number;
    return this.#members[node - this.#leaves] ?? this.#values.length - 1;
  }
}
