/**
 * Which pulls begin now. Slots are shared among owners: one owner never holds more than a part of them, so that whoever
 * hangs on a registry keeps nobody else waiting, and the next free slot goes to the owner with the fewest under way.
 */

/** More at once only make each slower. */
export const PULLS_AT_ONCE = 6;
export const PULLS_OF_OWNER = 2;

export type WaitingPull = {
  key: string;
  owner: string;
  /** An order that holds its place on the host already goes before one that waits elsewhere. */
  isPlaced: boolean;
  sinceMs: number;
};

/** @param owners of the pulls under way, each once for each pull */
export function pullsToBegin(waiting: readonly WaitingPull[], owners: readonly string[]): string[] {
  const held = [...owners];
  const left = waiting.toSorted(inTurn);
  const begun: string[] = [];
  while (held.length < PULLS_AT_ONCE) {
    const heldBy = (owner: string) => held.filter((other) => other === owner).length;
    const ready = left.filter(({ owner }) => heldBy(owner) < PULLS_OF_OWNER);
    // Sorting keeps the turns of those who hold equally many.
    const [next] = ready.toSorted((a, b) => heldBy(a.owner) - heldBy(b.owner));
    if (next === undefined) break;
    left.splice(left.indexOf(next), 1);
    held.push(next.owner);
    begun.push(next.key);
  }
  return begun;
}

function inTurn(a: WaitingPull, b: WaitingPull): number {
  return Number(b.isPlaced) - Number(a.isPlaced) || a.sinceMs - b.sinceMs;
}
