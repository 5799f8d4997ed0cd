/**
 * What two sides of different versions have in common: the highest version of the protocol that both speak, and the
 * features that both know. Each side uses no more than that.
 */

/** The first and the last version of the protocol that a side speaks. */
export interface ProtocolRange {
  min: number;
  max: number;
}

/** Null where they have no version in common. */
export function agreedProtocol(ours: ProtocolRange, theirs: ProtocolRange): number | null {
  const highest = Math.min(ours.max, theirs.max);
  return highest >= Math.max(ours.min, theirs.min) ? highest : null;
}

/** In our order. */
export function agreedFeatures<Feature extends string>(
  ours: readonly Feature[],
  theirs: readonly string[],
): Feature[] {
  return ours.filter((feature) => theirs.includes(feature));
}
