/**
 * Which replica gets the next request of a service: the one with the fewest open ones, of several alike the one that waits
 * longest. One that failed again and again is left out for a while, unless all would be.
 */

export interface ReplicaState {
  /** Requests of this gateway that it has not answered yet. */
  open: number;
  /** Counts the requests that were given to any; of the last one that it got. */
  lastTurn: number;
  conduct: Conduct;
}

/** How it answered lately. */
export interface Conduct {
  /** In a row. */
  failures: number;
  /** How often in a row it was left out. */
  times: number;
  outUntilMs: number;
}

export const GOOD_CONDUCT: Conduct = { failures: 0, times: 0, outUntilMs: 0 };

/** A single one may be of the request. */
const FAILURES_UNTIL_OUT = 3;
const FIRST_OUT_MS = 5_000;
const MAX_OUT_MS = 60_000;

/** After a request that it answered, whatever the answer, or did not. */
export function conductAfter(conduct: Conduct, answered: boolean, nowMs: number): Conduct {
  if (answered) return GOOD_CONDUCT;
  const failures = conduct.failures + 1;
  if (failures < FAILURES_UNTIL_OUT) return { ...conduct, failures };
  const outMs = Math.min(FIRST_OUT_MS * 2 ** conduct.times, MAX_OUT_MS);
  // It gets one request afterwards, which may be the last for twice as long.
  return { failures: FAILURES_UNTIL_OUT - 1, times: conduct.times + 1, outUntilMs: nowMs + outMs };
}

/** Null where each of them has as many as it may. `avoid`: those that this very request has already failed at. */
export function chooseReplica<Replica extends ReplicaState>(
  replicas: readonly Replica[],
  { most, avoid, nowMs }: { most: number | null; avoid: ReadonlySet<Replica>; nowMs: number },
): Replica | null {
  const free = replicas.filter((one) => !avoid.has(one) && (most === null || one.open < most));
  const sound = free.filter(({ conduct }) => conduct.outUntilMs <= nowMs);
  let best: Replica | null = null;
  for (const one of sound.length > 0 ? sound : free)
    if (best === null || one.open < best.open || (one.open === best.open && one.lastTurn < best.lastTurn))
      best = one;
  return best;
}
