/**
 * The best host for one shape: a tournament tree over the hosts, each played by its value, ties won by the first.
 * It repairs itself from the fleet's log: only hosts that changed play again, and the matches above them.
 */
import type { FleetState } from "./fleet-state.ts";

/** The value of a host that does not fit. */
export const UNFIT = -1;

export class HostIndex {
  readonly #state: FleetState;
  readonly #valueOf: (host: number) => number;
  readonly #leaves: number;
  readonly #values: Int32Array;
  /** Winners, from the root at 1 down; of the hosts themselves none are kept. */
  readonly #winners: Int32Array;
  /** The repair in which a host was last played, so that one that changed often plays once. */
  readonly #played: Int32Array;
  #repairs = 0;
  #seen = 0;

  /** @param valueOf what a host is worth now, 0 or more; UNFIT where it does not fit */
  constructor(state: FleetState, valueOf: (host: number) => number) {
    this.#state = state;
    this.#valueOf = valueOf;
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(2, state.hosts.length)));
    this.#values = new Int32Array(this.#leaves).fill(UNFIT);
    this.#winners = new Int32Array(this.#leaves);
    this.#played = new Int32Array(state.hosts.length);
    this.#build();
  }

  /** Null where no host fits. */
  best(): number | null {
    this.#repair();
    const winner = this.#winners[1] as number;
    return this.#values[winner] === UNFIT ? null : winner;
  }

  /** By host; not to be changed. */
  values(): Int32Array {
    this.#repair();
    return this.#values;
  }

  #repair(): void {
    const changed = this.#state.changedSince(this.#seen);
    if (changed === null) return this.#build();
    this.#repairs += 1;
    const { log, from, to } = changed;
    for (let change = from; change < to; change += 1) {
      const host = log[change % log.length] as number;
      if (this.#played[host] === this.#repairs) continue;
      this.#played[host] = this.#repairs;
      this.#play(host);
    }
    this.#seen = to;
  }

  #play(host: number): void {
    const value = this.#valueOf(host);
    if (value === this.#values[host]) return;
    this.#values[host] = value;
    for (let node = (this.#leaves + host) >> 1; node >= 1; node >>= 1) this.#match(node);
  }

  #match(node: number): void {
    const left = this.#contender(2 * node);
    const right = this.#contender(2 * node + 1);
    this.#winners[node] = (this.#values[right] as number) > (this.#values[left] as number) ? right : left;
  }

  #contender(node: number): number {
    return node >= this.#leaves ? node - this.#leaves : (this.#winners[node] as number);
  }

  #build(): void {
    for (let host = 0; host < this.#state.hosts.length; host += 1) this.#values[host] = this.#valueOf(host);
    for (let node = this.#leaves - 1; node >= 1; node -= 1) this.#match(node);
    this.#seen = this.#state.changes;
  }
}
