/**
 * What of a card that is partly free will in the end be left over, were it filled with the usual orders until nothing
 * fits: a card with 530 thousandths left may still take 470, and 60 are lost; one with 190 left loses 190. Each order
 * comes as often as it usually does, and rather goes where little is left over, since a scheduler sends it there.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { CountedShape } from "./typical-shapes.ts";

/** With each so many thousandths more left over, an order is half as likely to come there. */
const HALVING = 50;
const MOST_HALVINGS = THOUSANDTHS / HALVING;

/** By the thousandths that are free, 0 to 1000: those that will be left over. All whole numbers. */
export function cardRemainders(typical: readonly CountedShape[]): Int32Array {
  const orders = new Map<number, number>();
  for (const { gpuCount, shareThousandths, count } of typical)
    if (gpuCount > 0) orders.set(shareThousandths, (orders.get(shareThousandths) ?? 0) + count * gpuCount);
  const remainders = new Int32Array(THOUSANDTHS + 1);
  for (let free = 1; free <= THOUSANDTHS; free += 1) {
    let weighed = 0;
    let weights = 0;
    for (const [share, count] of orders) {
      if (share > free) continue;
      const rest = remainders[free - share] as number;
      const weight = count * 2 ** (MOST_HALVINGS - Math.floor(rest / HALVING));
      weighed += weight * rest;
      weights += weight;
    }
    remainders[free] = weights === 0 ? free : Math.floor(weighed / weights);
  }
  return remainders;
}
