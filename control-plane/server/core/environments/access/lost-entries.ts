/**
 * Who could enter environments and cannot any more, as their people are told: taking a key away undoes nothing that
 * somebody did inside as root.
 */

import type { Reason } from "../../reasons/reason.ts";

/** By environment: the sets of keys that open it, and which keys each has. */
export type Doors = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<number>>>;

export interface LostEntry {
  environmentId: string;
  /** A sentence for each whose keys opened it, with the advice behind them. */
  reason: Reason;
}

function lossOf({
  person,
  keys,
  left,
}: {
  person: string;
  keys: ReadonlySet<number>;
  left: ReadonlySet<number> | undefined;
}): Reason[] {
  if (left === undefined) return [{ code: "person-without-entry", params: { person } }];
  const isLess = [...keys].some((key) => !left.has(key));
  return isLess ? [{ code: "key-without-entry", params: { person } }] : [];
}

/** The entries to environments that are there before and after. */
export function lostEntries(before: Doors, after: Doors, nameOf: (keySetId: string) => string): LostEntry[] {
  return [...before].flatMap(([environmentId, sets]) => {
    const now = after.get(environmentId);
    const lost = [...sets].flatMap(([setId, keys]) => {
      const left = now?.get(setId);
      return lossOf({ person: nameOf(setId), keys, left });
    });
    return lost.length === 0
      ? []
      : [{ environmentId, reason: { code: "entries-lost" as const, params: { losses: lost } } }];
  });
}
