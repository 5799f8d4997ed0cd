/**
 * How scarce the cards of each kind are: the more usual orders may use only a few kinds, and the less of these is free
 * in the fleet, the more a free thousandth of them is worth beside another. So work that may use any card leaves the
 * scarce ones to work that needs them. It is weighed against what is lost on a host (loss-measure.ts), and refuses
 * nothing. It changes with every place that is taken anywhere, for all hosts with the same kinds of cards alike.
 */
import type { FleetState } from "../fleet/fleet-state.ts";
import { suits } from "./fragmentation.ts";
import { type HostClasses, hostClasses } from "../fleet/host-classes.ts";
import { THOUSANDTHS_PER_POINT } from "./loss-measure.ts";
import type { RequestShape } from "../fleet/request-shape.ts";
import type { CountedShape } from "./typical-shapes.ts";

/**
 * Where a kind is as free as it is asked for, its scarcity is 1; a kind so many times scarcer than another weighs as much
 * as all that is taken, were it lost. Found like the measure's weights: less keeps more of the scarce kinds for work that
 * needs them, and leaves more of their hosts in pieces.
 */
const LOST_AT = 5;
/** Parts of all GPU that is usually asked for are rounded down to ten-thousandths of it, scarcities to hundredths. */
const PARTS = 10_000;
const HUNDREDTHS = 100;
const MOST_SCARCE = 10_000 * HUNDREDTHS;
/** What one point of the score is of thousandths times scarcities. */
const POINT = LOST_AT * THOUSANDTHS_PER_POINT * PARTS * HUNDREDTHS;

/** Every decision looks at each class of hosts; in a fleet with more of them nothing is weighed. */
const MAX_CLASSES = 64;

/** Orders that may use the same kinds, and what they ask for in ten-thousandths of all GPU that is asked for. */
interface Demand {
  kinds: readonly number[];
  parts: number;
}

export class CardScarcity {
  readonly classes: HostClasses;
  readonly #state: FleetState;
  readonly #demands: readonly Demand[];
  /** By class of hosts: the kinds of their cards. */
  readonly #kindsOfClass: readonly (readonly number[])[];
  /** By kind: its scarcity × PARTS × HUNDREDTHS, when so many changes had been. */
  readonly #ofKind: Float64Array;
  #seen = -1;

  constructor(state: FleetState, typical: readonly CountedShape[]) {
    this.#state = state;
    this.#demands = demandsOf(state, typical);
    this.#ofKind = new Float64Array(state.kinds.length);
    // Where every order may use every kind, none is scarcer than another.
    const isChoice = this.#demands.some(({ kinds }) => kinds.length < state.kinds.length);
    const alike = () => "";
    const byKinds = (host: number) => kindsOf(state, host).join();
    const classes = hostClasses(state.hosts.length, isChoice ? byKinds : alike);
    const isTooMany = classes.members.length > MAX_CLASSES;
    this.classes = isTooMany ? hostClasses(state.hosts.length, alike) : classes;
    this.#kindsOfClass = this.classes.members.map(([host]) =>
      host === undefined ? [] : kindsOf(state, host),
    );
  }

  /**
   * Writes by class of hosts into `points`: what taking the shape there costs, in points of the score. Of kinds that a
   * host mixes the least scarce counts.
   */
  weigh(shape: RequestShape, points: Int32Array): void {
    this.#checkAgain();
    for (let number = 0; number < points.length; number += 1) {
      let least = Infinity;
      for (const kind of this.#kindsOfClass[number] as readonly number[]) {
        const share = shape.shareOfKind[kind] as number;
        if (share > 0) least = Math.min(least, shape.cardCount * share * (this.#ofKind[kind] as number));
      }
      points[number] = least === Infinity ? 0 : Math.floor(least / POINT);
    }
  }

  #checkAgain(): void {
    if (this.#seen === this.#state.changes) return;
    this.#seen = this.#state.changes;
    const { freeOfKind } = this.#state;
    let all = 0;
    for (const free of freeOfKind) all += free;
    this.#ofKind.fill(0);
    for (const { kinds, parts } of this.#demands) {
      let free = 0;
      for (const kind of kinds) free += freeOfKind[kind] as number;
      const scarcity = free === 0 ? 0 : Math.min(MOST_SCARCE, Math.floor((HUNDREDTHS * all) / free));
      for (const kind of kinds) this.#ofKind[kind] = (this.#ofKind[kind] as number) + parts * scarcity;
    }
  }
}

function demandsOf({ kinds }: FleetState, typical: readonly CountedShape[]): Demand[] {
  const requested = new Map<string, { kinds: number[]; gpu: number }>();
  for (const shape of typical) {
    if (shape.gpuCount === 0) continue;
    const suited = kinds.flatMap((card, kind) => (suits(card, shape) ? [kind] : []));
    const demand = requested.get(suited.join()) ?? { kinds: suited, gpu: 0 };
    demand.gpu += shape.count * shape.gpuCount * shape.shareThousandths;
    requested.set(suited.join(), demand);
  }
  const demands = [...requested.values()];
  const all = demands.reduce((sum, { gpu }) => sum + gpu, 0);
  return demands.map(({ kinds, gpu }) => ({ kinds, parts: Math.floor((PARTS * gpu) / all) }));
}

/** Each once, in their order. */
function kindsOf({ firstCard, kindOf }: FleetState, host: number): number[] {
  const kinds = new Set(kindOf.subarray(firstCard[host], firstCard[host + 1]));
  return [...kinds].sort((one, other) => one - other);
}
