/**
 * For how long a registry is not asked again after it stalled or could not be reached. Each further failure in a row
 * makes the pause longer; one good answer ends the row.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";

const FIRST_PAUSE_MS = 30 * MS_PER_SECOND;
export const LONGEST_PAUSE_MS = 10 * MS_PER_MINUTE;
/** Orders may name any number of registries; of more than this the one that is asked again soonest is forgotten. */
export const MAX_PAUSES = 256;

export type RegistryPause = { failures: number; untilMs: number };
export type RegistryPauses = ReadonlyMap<string, RegistryPause>;

export function pausesAfter(
  pauses: RegistryPauses,
  registry: string,
  { hasFailed, nowMs }: { hasFailed: boolean; nowMs: number },
): RegistryPauses {
  const after = new Map(pauses);
  after.delete(registry);
  if (!hasFailed) return after;
  const failures = (pauses.get(registry)?.failures ?? 0) + 1;
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
  if (after.size >= MAX_PAUSES) {
    const [soonest] = [...after].toSorted(([, a], [, b]) => a.untilMs - b.untilMs);
    if (soonest !== undefined) after.delete(soonest[0]);
  }
  return after.set(registry, { failures, untilMs: nowMs + pauseMs });
}

export function isPaused(pauses: RegistryPauses, registry: string, nowMs: number): boolean {
  return nowMs < (pauses.get(registry)?.untilMs ?? Number.NEGATIVE_INFINITY);
}
