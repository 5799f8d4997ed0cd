/**
 * What autoscaling remembers of a service: the load of the last minute, and since when it has been known, too low for the
 * replicas that there are, or none at all. After a hole it is forgotten whole, since a window with a hole proves nothing:
 * it begins anew, and lowers nothing before a window has passed.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

/** Over so long the load must stay up, and the largest load counts on the way down. */
export const UP_WINDOW_MS = 6 * MS_PER_SECOND;
export const DOWN_WINDOW_MS = MS_PER_MINUTE;
/** Without an evaluation for longer than this, nobody knows what was between. */
export const MAX_GAP_MS = 10 * MS_PER_SECOND;
/** Evaluations within one of these are one point, so that a service which is often looked at has no long history. */
const POINT_MS = MS_PER_SECOND;

/** The load in replicas, before it is clamped: bounds may change. */
export interface Point {
  at: number;
  low: number;
  high: number;
}

export interface LoadHistory {
  /** The newest last. */
  points: readonly Point[];
  /** All was known at every point since. */
  knownSince: number | null;
  /** Since then the load has asked for fewer replicas than these. */
  below: { since: number; replicas: number } | null;
  /** No request and none in flight since, with a replica ready. */
  quietSince: number | null;
}

export const NO_HISTORY: LoadHistory = { points: [], knownSince: null, below: null, quietSince: null };

export interface Moment {
  now: number;
  /** In replicas; null where it is not known at all. */
  load: number | null;
  isWhollyKnown: boolean;
  isQuiet: boolean;
  /** What was wanted until now, and how many a load asks for. */
  wanted: number;
  requestedBy: (load: number) => number;
}

/** The history with this moment at its end. */
export function remembered(before: LoadHistory, moment: Moment): LoadHistory {
  const { now, load, isWhollyKnown, isQuiet } = moment;
  const history = isContinued(before, now) ? before : NO_HISTORY;
  if (load === null) return { ...history, knownSince: null, below: null, quietSince: null };
  const points = withPoint(history.points, { at: now, low: load, high: load });
  if (!isWhollyKnown) return { points, knownSince: null, below: null, quietSince: null };
  const knownSince = history.knownSince ?? now;
  return {
    points,
    knownSince,
    below: belowAt(moment, { ...history, points, knownSince }),
    quietSince: isQuiet ? (history.quietSince ?? now) : null,
  };
}

/** Neither a hole before it nor a clock that went backwards. */
function isContinued({ points }: LoadHistory, now: number): boolean {
  const newest = points.at(-1);
  return newest !== undefined && newest.at <= now && now - newest.at <= MAX_GAP_MS;
}

function withPoint(points: readonly Point[], point: Point): Point[] {
  const newest = points.at(-1);
  const isSame = newest !== undefined && secondOf(newest) === secondOf(point);
  const all = isSame
    ? [
        ...points.slice(0, -1),
        { at: newest.at, low: Math.min(newest.low, point.low), high: Math.max(newest.high, point.high) },
      ]
    : [...points, point];
  // One more than the window holds stays: it tells that the window is covered to its older edge.
  const edge = point.at - DOWN_WINDOW_MS - POINT_MS;
  const firstWithin = all.findIndex(({ at }) => at > edge);
  return all.slice(Math.max(0, firstWithin - 1));
}

function secondOf({ at }: Point): number {
  return Math.floor(at / POINT_MS);
}

function belowAt(
  { now, load, wanted, requestedBy }: Moment,
  { points, below, knownSince }: LoadHistory,
): LoadHistory["below"] {
  if (load === null || requestedBy(load) >= wanted) return null;
  if (below !== null && below.replicas <= wanted) return { since: below.since, replicas: wanted };
  // Fewer are wanted than it was known to be below, or it has only begun: what is remembered says how long.
  const known = points.filter(({ at }) => at >= (knownSince ?? now));
  const lastAbove = known.findLastIndex(({ high }) => requestedBy(high) >= wanted);
  return { since: known[lastAbove + 1]?.at ?? now, replicas: wanted };
}

/**
 * The least load that lasted: over 6 s, and until everybody told something after its first point, so that no single sample
 * makes it, however seldom they come. Null while that is not known.
 * @param reportedSince since when everybody told something
 */
export function lastingLoad(
  { points }: LoadHistory,
  { now, reportedSince }: { now: number; reportedSince: number },
) {
  const edge = now - UP_WINDOW_MS;
  const isCovered = points.some(({ at }) => at <= edge);
  const before = points.findLastIndex(({ at }) => at < reportedSince);
  if (!isCovered || before < 0) return null;
  const lasting = points.filter(({ at }, index) => index >= before || at > edge);
  return Math.min(...lasting.map(({ low }) => low));
}

/** The largest load of the last minute; null where not all of it is known. */
export function largestLoad({ points, knownSince }: LoadHistory, now: number): number | null {
  const edge = now - DOWN_WINDOW_MS;
  if (knownSince === null || knownSince > edge) return null;
  return Math.max(...points.filter(({ at }) => at > edge - POINT_MS).map(({ high }) => high));
}
