/** Which whole cards of a host an instance takes: of one NVLink island where one has enough, the smallest first. */
import type { FleetState } from "./fleet-state.ts";
import { cardTakes, type RequestShape } from "./request-shape.ts";

export interface WholeCards {
  cards: number[];
  /** False where they are known to lie in several islands. */
  isOneIsland: boolean;
}

/**
 * For a host that the shape fits. Of islands that have enough the one with the fewest free cards is taken, so that the
 * larger ones stay whole; where none is known to, cards whose island is not known; else cards as they come.
 */
export function wholeCardsOf(state: FleetState, shape: RequestShape, host: number): WholeCards {
  const count = shape.cardCount;
  const fitting: number[] = [];
  const end = state.firstCard[host + 1] as number;
  for (let card = state.firstCard[host] as number; card < end; card += 1) {
    if (!cardTakes(state, shape, card)) continue;
    fitting.push(card);
    if (count === 1) return { cards: fitting, isOneIsland: true };
  }
  const byIsland = Map.groupBy(fitting, (card) => state.cards[card]?.island ?? null);
  const unknown = byIsland.get(null) ?? [];
  byIsland.delete(null);
  let tightest: number[] | null = null;
  for (const cards of byIsland.values())
    if (cards.length >= count && cards.length < (tightest?.length ?? Infinity)) tightest = cards;
  if (tightest !== null) return { cards: tightest.slice(0, count), isOneIsland: true };
  if (unknown.length >= count) return { cards: unknown.slice(0, count), isOneIsland: true };
  const cards = fitting.slice(0, count);
  const known = new Set(cards.map((card) => state.cards[card]?.island ?? null));
  known.delete(null);
  return { cards, isOneIsland: known.size < 2 };
}
