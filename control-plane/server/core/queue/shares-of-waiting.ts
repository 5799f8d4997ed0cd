/** What whoever waits is told of the shares: the own one, and that of the others who wait, which names nobody. */
import type { Reason } from "../reasons/reason.ts";
import type { QueueState, Waiting } from "./queue.ts";
import { dominantShare, NOTHING, WHOLE_FLEET } from "./share.ts";

/** In whole percents of the fleet, rounded down. */
export interface ShareBesideOthers {
  own: number;
  /** The least of the other payers that wait, as if all had the own weight; null where nobody else waits. */
  others: number | null;
}

/** By payer. Whoever waits for something else than room stands in nobody's way, and is no other. */
export function sharesOfWaiting(
  waiting: Iterable<Waiting>,
  { payers, capacity }: Pick<QueueState, "payers" | "capacity">,
): Map<string, ShareBesideOthers> {
  const shares = new Map<string, { share: number; weight: number; competes: boolean }>();
  for (const { payer, heldBack } of waiting) {
    const competes = (heldBack ?? null) === null;
    const known = shares.get(payer);
    if (known !== undefined) known.competes ||= competes;
    else {
      const { had, weight } = payers.get(payer) ?? { had: NOTHING, weight: 1 };
      shares.set(payer, { share: dominantShare(had, capacity), weight, competes });
    }
  }
  // Of all others one of these two has least.
  const [least, second] = [...shares]
    .filter(([, { competes }]) => competes)
    .sort(([, one], [, other]) => one.share * other.weight - other.share * one.weight);
  return new Map(
    [...shares].map(([payer, { share, weight }]) => {
      const other = least?.[0] === payer ? second : least;
      const others = other && Math.floor((other[1].share * weight) / other[1].weight);
      return [payer, { own: percents(share), others: others === undefined ? null : percents(others) }];
    }),
  );
}

function percents(share: number): number {
  return Math.floor((100 * share) / WHOLE_FLEET);
}

/** The share, for the people of the order. */
export function shareReason({ own, others }: ShareBesideOthers): Reason {
  return others === null
    ? { code: "share-alone", params: { own } }
    : { code: "share-beside-others", params: { own, others } };
}
