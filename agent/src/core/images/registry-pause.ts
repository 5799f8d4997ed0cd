/**
 * For how long a registry is not asked again after it stalled or could not be reached. Each further failure in a row
 * makes the pause longer; one good answer ends the row. A pause is its owner's alone, since an image of his may be all
 * that fails; only what two owners met keeps everybody from a registry.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

const FIRST_PAUSE_MS = 30 * MS_PER_SECOND;
export const LONGEST_PAUSE_MS = 10 * MS_PER_MINUTE;
/** Orders may name any number of registries; of more than this the one that is asked again soonest is forgotten. */
export const MAX_PAUSES = 256;
const OWNERS_FOR_ALL = 2;

type RegistryPause = { registry: string; owner: string; failures: number; untilMs: number };
export type RegistryPauses = readonly RegistryPause[];

/** Who met a registry. */
type Meeting = Pick<RegistryPause, "registry" | "owner">;

export function pausesAfter(
  pauses: RegistryPauses,
  { registry, owner }: Meeting,
  { hasFailed, nowMs }: { hasFailed: boolean; nowMs: number },
): RegistryPauses {
  if (!hasFailed) return pauses.filter((pause) => pause.registry !== registry);
  const isThis = (pause: Meeting) => pause.registry === registry && pause.owner === owner;
  const failures = (pauses.find(isThis)?.failures ?? 0) + 1;
  const others = pauses.filter((pause) => !isThis(pause)).toSorted((a, b) => b.untilMs - a.untilMs);
  const untilMs = nowMs + pauseMs(failures);
  return [...others.slice(0, MAX_PAUSES - 1), { registry, owner, failures, untilMs }];
}

export function isPaused(pauses: RegistryPauses, { registry, owner }: Meeting, nowMs: number): boolean {
  const paused = pauses.filter((pause) => pause.registry === registry && nowMs < pause.untilMs);
  return paused.length >= OWNERS_FOR_ALL || paused.some((pause) => pause.owner === owner);
}

/** After so many failures in a row. */
export function pauseMs(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
}
