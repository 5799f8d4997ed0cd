/**
 * Which cards of the host are joined by NVLink. Cards that reach each other over NVLinks, if need be across others,
 * are one island; a card without any is an island of its own. What is not known for certain is not said at all.
 */
import type { GpuUuid } from "@remotegpu/shared/values/ids";

/** The links among cards, each card by its index and each link once. */
export type NvlinkMap = {
  cards: readonly number[];
  links: readonly (readonly [number, number])[];
  /** Cards that reach the others over switches. */
  switched: readonly number[];
};

/** No card has more of them (NVLink 4 and 5). */
const MOST_LINKS_OF_A_CARD = 18;

/**
 * Whether a card's NVLinks go to switches: to its peers together it shows more links than any card has, since over a
 * switch the same links lead to each of them. A pair behind a switch shows no more than a bridged one and is not found so.
 */
export function isSwitched(linksToPeers: readonly number[]): boolean {
  return linksToPeers.reduce((sum, links) => sum + links, 0) > MOST_LINKS_OF_A_CARD;
}

export type LinkedCard = { uuid: GpuUuid; index: number; migEnabled: boolean | null };

/**
 * Card → its island's number, which is the lowest index in it. Null when the map is not of exactly these cards: it was
 * drawn before one came or went, and indices may mean others by now.
 */
export function nvlinkIslands(
  cards: readonly LinkedCard[],
  { cards: mapped, links }: Pick<NvlinkMap, "cards" | "links">,
): ReadonlyMap<GpuUuid, number> | null {
  const listed = new Set(cards.map(({ index }) => index));
  const onMap = new Set(mapped);
  if (listed.size !== cards.length || onMap.size !== mapped.length) return null;
  if (onMap.size !== listed.size || !mapped.every((index) => listed.has(index))) return null;
  // A card that is cut up by MIG exchanges nothing with other cards, whatever lies between them.
  const cutUp = new Set(cards.filter(({ migEnabled }) => migEnabled === true).map(({ index }) => index));
  const islands = new Map(mapped.map((index) => [index, index]));
  for (const [one, other] of links) if (!cutUp.has(one) && !cutUp.has(other)) join(islands, one, other);
  return new Map(cards.map(({ uuid, index }) => [uuid, islands.get(index) ?? index]));
}

function join(islands: Map<number, number>, one: number, other: number): void {
  const joined = [islands.get(one) ?? one, islands.get(other) ?? other];
  const lowest = Math.min(...joined);
  for (const [card, island] of islands) if (joined.includes(island)) islands.set(card, lowest);
}
