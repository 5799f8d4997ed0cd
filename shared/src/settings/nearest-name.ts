/** Which of the names that there are was probably meant by one that is none. */

const PREFIX = /^REMOTEGPU_/;
/** Of what is compared, so much may differ. */
const MOST_DIFFERING = 0.5;

/** Null where none is near. The prefix of most names counts for nothing. */
export function nearestName(name: string, names: readonly string[]): string | null {
  const stem = name.toUpperCase().replace(PREFIX, "");
  const ranked = names
    .map((other) => ({ other, distance: editDistance(stem, other.replace(PREFIX, "")) }))
    .toSorted((a, b) => a.distance - b.distance);
  const [nearest] = ranked;
  return nearest !== undefined && nearest.distance <= stem.length * MOST_DIFFERING ? nearest.other : null;
}

/** So many letters are to be put in, left out or changed, or two neighbours exchanged (optimal string alignment). */
export function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isExchanged = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isExchanged ? (before[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    [before, last] = [last, current];
  }
  return last[to.length] ?? 0;
}
