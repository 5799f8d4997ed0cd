/**
 * Work on very many things, done in slices of a few milliseconds between which the process answers whoever else asks. Few
 * things are done at once, within one turn of the loop.
 */
import { setImmediate as nextTurn } from "node:timers/promises";

/** The size of a slice of work that takes some microseconds each. */
const AT_ONCE = 500;

/** What is made of each, in their order. Whatever may change meanwhile is not for `make` to look at. */
export async function inSlices<Item, Made>(
  items: Iterable<Item>,
  make: (item: Item, index: number) => Made,
): Promise<Made[]> {
  const made: Made[] = [];
  for (const item of items) {
    if (made.length > 0 && made.length % AT_ONCE === 0) await nextTurn();
    made.push(make(item, made.length));
  }
  return made;
}
