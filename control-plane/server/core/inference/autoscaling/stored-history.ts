/**
 * The history of a service's load as it lies between two evaluations. It is stored with each of them: an older one could
 * have missed the very moment at which the load was high. What is damaged or of another version is no history at all.
 */
import { type LoadHistory, NO_HISTORY, type Point } from "./load-history.ts";

/** More than a minute and what is kept before it can hold. */
const MAX_POINTS = 100;
const VERSION = 1;

/** Numbers alone, in lists, since it is written often. */
export interface StoredHistory {
  version: typeof VERSION;
  points: [at: number, low: number, high: number][];
  known_since: number | null;
  below: [since: number, replicas: number] | null;
  quiet_since: number | null;
}

export function storedHistory({ points, knownSince, below, quietSince }: LoadHistory): StoredHistory {
  return {
    version: VERSION,
    points: points.map(({ at, low, high }) => [at, low, high]),
    known_since: knownSince,
    below: below === null ? null : [below.since, below.replicas],
    quiet_since: quietSince,
  };
}

/** What was stored; no history where it is of another version or cannot be true. */
export function parseHistory(stored: unknown): LoadHistory {
  if (!isRecord(stored) || stored["version"] !== VERSION) return NO_HISTORY;
  const points = pointsOf(stored["points"]);
  const newest = points?.at(-1)?.at;
  if (points === null || newest === undefined) return NO_HISTORY;
  const { known_since: knownSince, below, quiet_since: quietSince } = stored;
  const isMoment = (value: unknown): value is number | null =>
    value === null || (isNumber(value) && value <= newest);
  if (!isMoment(knownSince) || !isMoment(quietSince) || !isBelow(below, newest)) return NO_HISTORY;
  // Whatever lowers something rests on what is known.
  const isSupported = (since: number | null) =>
    since === null || (knownSince !== null && since >= knownSince);
  if (!isSupported(quietSince) || !isSupported(below?.[0] ?? null)) return NO_HISTORY;
  return {
    points,
    knownSince,
    below: below === null ? null : { since: below[0], replicas: below[1] },
    quietSince,
  };
}

function pointsOf(stored: unknown): Point[] | null {
  if (!Array.isArray(stored) || stored.length > MAX_POINTS) return null;
  const points: Point[] = [];
  for (const one of stored as unknown[]) {
    if (!isNumbers(one, 3)) return null;
    const [at = 0, low = 0, high = 0] = one;
    const newest = points.at(-1);
    if (low < 0 || low > high || (newest !== undefined && newest.at >= at)) return null;
    points.push({ at, low, high });
  }
  return points;
}

function isBelow(stored: unknown, newest: number): stored is [number, number] | null {
  return stored === null || (isNumbers(stored, 2) && (stored[0] ?? Infinity) <= newest);
}

function isNumbers(value: unknown, length: number): value is number[] {
  return Array.isArray(value) && value.length === length && value.every(isNumber);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
