/**
 * The best host for one shape: a tournament tree for each class of hosts, each host played by its value, ties won by the
 * first. It repairs itself from the fleet's log: only hosts that changed play again, and the matches above them.
 */
import type { FleetState } from "./fleet-state.ts";
import type { HostClasses } from "./host-classes.ts";
import { Tournament } from "./tournament.ts";

/** The value of a host that does not fit. */
export const UNFIT = -1;

export class HostIndex {
  readonly #state: FleetState;
  readonly #valueOf: (host: number) => number;
  readonly #classes: HostClasses;
  readonly #tournaments: readonly Tournament[];
  /** By host; one more for a seat that is nobody's. */
  readonly #values: Int32Array;
  /** The repair in which a host was last played, so that one that changed often plays once. */
  readonly #played: Int32Array;
  #repairs = 0;
  #seen = 0;

  /** @param valueOf what a host is worth now, 0 or more; UNFIT where it does not fit */
  constructor(state: FleetState, classes: HostClasses, valueOf: (host: number) => number) {
    this.#state = state;
    this.#valueOf = valueOf;
    this.#classes = classes;
    this.#values = new Int32Array(state.hosts.length + 1).fill(UNFIT);
    this.#played = new Int32Array(state.hosts.length);
    this.#tournaments = classes.members.map((members) => new Tournament(members, this.#values));
    this.#build();
  }

  /**
   * Null where no host fits.
   * @param handicaps by class: what is taken off the values of its hosts
   */
  best(handicaps: Int32Array | null = null): number | null {
    this.#repair();
    let best: number | null = null;
    let most = 0;
    for (let number = 0; number < this.#tournaments.length; number += 1) {
      const winner = (this.#tournaments[number] as Tournament).winner();
      const value = this.#values[winner] as number;
      if (value === UNFIT) continue;
      const worth = handicaps === null ? value : value - (handicaps[number] as number);
      if (best !== null && (worth < most || (worth === most && winner > best))) continue;
      best = winner;
      most = worth;
    }
    return best;
  }

  /** By host, without any handicap; not to be changed. */
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
    const { classOf, seatOf } = this.#classes;
    (this.#tournaments[classOf[host] as number] as Tournament).play(seatOf[host] as number);
  }

  #build(): void {
    for (let host = 0; host < this.#state.hosts.length; host += 1) this.#values[host] = this.#valueOf(host);
    for (const tournament of this.#tournaments) tournament.playAll();
    this.#seen = this.#state.changes;
  }
}
