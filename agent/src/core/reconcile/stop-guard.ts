/**
 * Whether stops of most of a host wait: after a rise of the control plane's term or incarnation, until somebody has confirmed
 * the stops of the set that is in force. A host that was taken out of the fleet waits for nobody.
 */
export type GuardedSet = { stopsAreGuarded: boolean; confirmedStops: number | null; generation: number };

export function areStopsUnconfirmed(set: GuardedSet, { hasLeftFleet }: { hasLeftFleet: boolean }): boolean {
  return set.stopsAreGuarded && (set.confirmedStops ?? -1) < set.generation && !hasLeftFleet;
}
