/**
 * Who could enter environments and cannot any more, as their people are told: taking a key away undoes nothing that
 * somebody did inside as root.
 */

/** By environment: the sets of keys that open it, and which keys each has. */
export type Doors = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<number>>>;

export interface LostEntry {
  environmentId: string;
  /** A sentence for each whose keys opened it, with the advice behind them. */
  reason: string;
}

const ADVICE =
  "Sessions by what opens it no more are ended; what somebody left inside as root is not undone: restart it if they should not come back.";

/** The entries to environments that are there before and after. */
export function lostEntries(before: Doors, after: Doors, nameOf: (keySetId: string) => string): LostEntry[] {
  return [...before].flatMap(([environmentId, sets]) => {
    const now = after.get(environmentId);
    const lost = [...sets].flatMap(([setId, keys]) => {
      const left = now?.get(setId);
      if (left === undefined) return [`${nameOf(setId)} cannot enter any more.`];
      return [...keys].some((key) => !left.has(key))
        ? [`A key of ${nameOf(setId)} does not open it any more.`]
        : [];
    });
    return lost.length === 0 ? [] : [{ environmentId, reason: [...lost, ADVICE].join(" ") }];
  });
}
