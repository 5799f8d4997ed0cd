/**
 * By what a host is chosen among those that fit. A scorer gives whole numbers, the higher the better, and says which
 * card of a host a slice takes; ties go to the first host and the first card in the fixed order. Whole cards are
 * chosen in whole-cards.ts, the same for all policies.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { CardScarcity } from "./card-scarcity.ts";
import type { HostCapacity } from "../fleet/fleet.ts";
import type { FleetState } from "../fleet/fleet-state.ts";
import { IDLE } from "../fleet/fleet-state.ts";
import { FragmentationScorer } from "./fragmentation-scorer.ts";
import type { Draw } from "./draw.ts";
import { lostGpu, strandedGpu } from "./loss-measure.ts";
import { cardTakes, type RequestShape } from "../fleet/request-shape.ts";
import type { CountedShape } from "./typical-shapes.ts";

/**
 * "default" weighs what usual orders could not use afterwards, what of the cards will be left over, what short CPU or
 * memory strands, and how scarce the cards are; "fgd" only the first, as published. "random" is for comparison.
 */
export const POLICIES = ["default", "fgd", "best-fit", "packing", "spread", "random"] as const;
export type Policy = (typeof POLICIES)[number];

export interface Scorer {
  /** How good the host is for a shape that fits it. */
  score(shape: RequestShape, host: number): number;
  /** The card that a slice takes of a host which it fits. */
  cardFor(shape: RequestShape, host: number): number;
  /** Points that are taken off the score by the kinds of a host's cards; left out where none are. */
  scarcity?: CardScarcity;
}

/** By which free CPU and GPU are measured against each other. */
export interface HostSize {
  cpuMilli: number;
  gpuThousandths: number;
}

interface ScorerOptions {
  typical: readonly CountedShape[];
  draw: Draw;
  /** The largest open host where left out. */
  largest?: HostSize | undefined;
}

export function scorerOf(
  policy: Policy,
  state: FleetState,
  { typical, draw, largest = largestOpenHost(state) }: ScorerOptions,
): Scorer {
  switch (policy) {
    case "default":
      // Without any history nothing is known to fragment; then it is best-fit.
      return typical.some(({ gpuCount }) => gpuCount > 0)
        ? new FragmentationScorer(state, typical, {
            measure: strandedGpu,
            scarcity: new CardScarcity(state, typical),
          })
        : bestFit(state, largest);
    case "fgd":
      return typical.length > 0
        ? new FragmentationScorer(state, typical, { measure: lostGpu })
        : bestFit(state, largest);
    case "best-fit":
      return bestFit(state, largest);
    case "packing":
      return packing(state, largest);
    case "spread":
      return spread(state, largest);
    case "random":
      return {
        score: () => 0,
        cardFor: (shape, host) => {
          const fitting = cardsFor(state, shape, host);
          return fitting[draw(fitting.length)] as number;
        },
      };
  }
}

/** The formula of the published comparison (Weng et al., ATC 2023). */
function bestFit(state: FleetState, largest: HostSize): Scorer {
  const looseness = loosenessIn(state, largest);
  const cardFor: Scorer["cardFor"] = (shape, host) => tightestCard(state, shape, host);
  return {
    score: (shape, host) => {
      const { free, most } = looseness(shape, host, cardFor);
      return Math.trunc((100 * (most - free)) / most);
    },
    cardFor,
  };
}

function spread(state: FleetState, largest: HostSize): Scorer {
  const looseness = loosenessIn(state, largest);
  const cardFor: Scorer["cardFor"] = (shape, host) => {
    let freest = -1;
    for (const card of cardsFor(state, shape, host))
      if (freest < 0 || (state.freeShare[card] as number) > (state.freeShare[freest] as number))
        freest = card;
    return freest;
  };
  return {
    score: (shape, host) => {
      const { free, most } = looseness(shape, host, cardFor);
      return Math.trunc((100 * free) / most);
    },
    cardFor,
  };
}

/** Cards that are cut already before hosts that are in use, and those before hosts where nothing runs. */
function packing(state: FleetState, largest: HostSize): Scorer {
  const looseness = loosenessIn(state, largest);
  const cardFor: Scorer["cardFor"] = (shape, host) => tightestCard(state, shape, host);
  return {
    score: (shape, host) => {
      const { free, most } = looseness(shape, host, cardFor);
      const tight = Math.trunc((100 * (most - free)) / most);
      if (shape.isSlice && state.use[cardFor(shape, host)] !== IDLE) return 400 + tight;
      const isInUse =
        (state.freeCpuMilli[host] as number) < (state.hosts[host] as HostCapacity).totalCpuMilli;
      return (isInUse ? 200 : 0) + tight;
    },
    cardFor,
  };
}

type Looseness = (
  shape: RequestShape,
  host: number,
  cardFor: Scorer["cardFor"],
) => { free: number; most: number };

function largestOpenHost(state: FleetState): HostSize {
  let cpuMilli = 1;
  let gpuThousandths = 1;
  for (const host of state.hosts) {
    // A host of which nobody knows what it is like would make all the others alike.
    if (host.closed !== null) continue;
    cpuMilli = Math.max(cpuMilli, host.totalCpuMilli);
    gpuThousandths = Math.max(gpuThousandths, host.gpus.length * THOUSANDTHS);
  }
  return { cpuMilli, gpuThousandths };
}

/** What would be free of CPU and GPU, each in parts of the largest host and both together at most `most`. */
function loosenessIn(state: FleetState, { cpuMilli: cpu, gpuThousandths: gpu }: HostSize): Looseness {
  const looseness = { free: 0, most: 2 * cpu * gpu };
  return (shape, host, cardFor) => {
    const cpuLeft = (state.freeCpuMilli[host] as number) - shape.cpuMilli;
    // Only where cards of several sizes would do, does it depend on the card how much a slice takes.
    const taken = shape.isEvenShare
      ? shape.leastGpu
      : (shape.shareOfKind[state.kindOf[cardFor(shape, host)] as number] as number);
    looseness.free = cpuLeft * gpu + ((state.freeGpu[host] as number) - taken) * cpu;
    return looseness;
  };
}

/** Where the least is left, so that idle cards stay whole. */
function tightestCard(state: FleetState, shape: RequestShape, host: number): number {
  let tightest = -1;
  const end = state.firstCard[host + 1] as number;
  for (let card = state.firstCard[host] as number; card < end; card += 1)
    if (cardTakes(state, shape, card) && (tightest < 0 || isTighter(state, card, tightest))) tightest = card;
  return tightest;
}

function isTighter(state: FleetState, card: number, than: number): boolean {
  const difference = (state.freeShare[card] as number) - (state.freeShare[than] as number);
  return (
    difference < 0 ||
    (difference === 0 && (state.freeCardMib[card] as number) < (state.freeCardMib[than] as number))
  );
}

function cardsFor(state: FleetState, shape: RequestShape, host: number): number[] {
  const fitting: number[] = [];
  const end = state.firstCard[host + 1] as number;
  for (let card = state.firstCard[host] as number; card < end; card += 1)
    if (cardTakes(state, shape, card)) fitting.push(card);
  return fitting;
}
