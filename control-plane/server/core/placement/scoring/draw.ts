/** Chance that can be repeated: the same seed draws the same numbers. Marsaglia's xorshift32 (J. Stat. Soft. 8, 2003). */

/** A whole number from 0 to below `below`. */
export type Draw = (below: number) => number;

export function drawFrom(seed: number): Draw {
  // Every seed begins somewhere else, and neighbours far apart; only 0 would stay what it is.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let warmup = 0; warmup < 16; warmup += 1) next();
  return (below) => Math.floor((next() / 2 ** 32) * below);
}

/** A copy in an order that the draw decides. */
export function shuffled<T>(items: readonly T[], draw: Draw): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = draw(last + 1);
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}
