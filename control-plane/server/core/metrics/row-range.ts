/**
 * Which rows of a table that only grows are counted next, by their ids. A row gets its id before its transaction commits, so
 * each range ends where the reading before it ended: what was being committed then has had the time between two readings.
 * That makes counters for graphs, and nothing exact.
 */

/** What is longer ago is not counted: a server that nobody has scraped for days does not read all of them at once. */
const MAX_ROWS = 100_000;

export interface RowRange {
  readonly after: number;
  readonly upTo: number;
}

export class RowRanges {
  #counted: number | null = null;
  #seen = 0;

  /** @param head the highest id that there is; the first time nothing is counted */
  next(head: number): RowRange | null {
    const counted = this.#counted;
    // A database that was restored has lower ids again.
    if (counted === null || head < this.#seen) {
      this.#counted = head;
      this.#seen = head;
      return null;
    }
    const upTo = this.#seen;
    this.#seen = head;
    this.#counted = upTo;
    return upTo > counted ? { after: Math.max(counted, upTo - MAX_ROWS), upTo } : null;
  }
}
