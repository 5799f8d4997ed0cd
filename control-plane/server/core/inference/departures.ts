/**
 * Which replicas go, and how: those beyond the number, those that are made up for elsewhere, and those that are drained
 * and have answered what they were given.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { StopCause } from "../billing/stop-waiver.ts";
import type { Reason } from "../reasons/reason.ts";
import { type Drain, endOfDrain } from "./drain.ts";
import {
  type Fate,
  hasComeUp,
  isSilent,
  mayBeAnswering,
  type Replica,
  type ReplicaPlace,
  SILENT_MS,
  serves,
} from "./replica.ts";

/** A replica that its service does without from now on. */
export interface Leaving {
  rank: number;
  why: Reason;
  /** Nothing of it is charged from so long ago on, where its host is the cause. */
  freeForMs: number;
  cause: StopCause;
  /** Hopeless: another one would do no better. */
  failure: "failed" | "hopeless" | null;
}

/** One that is not wanted any more, and has not failed. */
export interface Going {
  replica: Replica;
  why: Reason;
  freeForMs?: number;
  /** Left out: `own`. */
  cause?: StopCause;
}

export interface Moving {
  replica: Replica;
  place: ReplicaPlace;
  fate: Extract<Fate, { kind: "moves" }>;
}

/**
 * Those beyond the number: first what waits, then what starts, then what does not serve, then what may not serve any more,
 * as its host is not heard, then the newest.
 */
export function beyond(staying: readonly Replica[], wanted: number): Replica[] {
  const surplus = Math.max(0, staying.length - wanted);
  return [...staying]
    .sort((one, other) => worth(one) - worth(other) || other.rank - one.rank)
    .slice(0, surplus);
}

function worth({ place }: Replica): number {
  if (place === null) return 0;
  if (!hasComeUp(place)) return 1;
  if (!serves(place)) return 2;
  return place.silentForMs > 0 ? 3 : 4;
}

/** The replicas that move, as many as are made up for: on a silent host by places, else by others that serve. */
export function replaced(moving: readonly Moving[], stored: readonly Replica[], wanted: number): Going[] {
  const placed = stored.flatMap(({ place }) => place ?? []);
  const leaving = (after: Moving["fate"]["after"], others: readonly ReplicaPlace[]) => {
    const those = moving.filter(({ fate }) => fate.after === after);
    return those.slice(0, Math.max(0, Math.min(those.length, others.length + those.length - wanted)));
  };
  /** The newest places first: those are the ones that were made for them. */
  const newest = placed.map(({ placedForMs }) => placedForMs).sort((one, other) => one - other);
  return [
    ...leaving("placed", placed).map(({ replica, place, fate: { why } }, nth) => {
      const since = newest[nth] ?? 0;
      const isMadeForIt = since <= place.silentForMs - SILENT_MS;
      return { replica, why, freeForMs: isMadeForIt ? since : 0, cause: "host" as const };
    }),
    ...leaving("ready", placed.filter(serves)).map(({ replica, fate: { why } }) => ({
      replica,
      why,
      cause: "host" as const,
    })),
  ];
}

export function leavingOf({ replica: { rank }, why, freeForMs = 0, cause = "own" }: Going): Leaving {
  return { rank, why, freeForMs, cause, failure: null };
}

/** Those whose drain is over, or of which nobody gets an answer any more. */
export function drained(replicas: readonly Replica[], drainMs: number): Leaving[] {
  return replicas.flatMap(({ rank, place, drain }) => {
    const why = drain && whyDrained(drain, place, drainMs);
    if (why === null) return [];
    const isHosts = place !== null && (place.emptied !== null || isSilent(place));
    return [{ rank, why, freeForMs: 0, cause: isHosts ? "host" : "own", failure: null }];
  });
}

function whyDrained(drain: Drain, place: ReplicaPlace | null, drainMs: number): Reason | null {
  if (place === null || !mayBeAnswering(place)) return drain.why;
  switch (endOfDrain(drain, drainMs)) {
    case null:
      return null;
    case "nothing-open":
      return drain.why;
    case "time-is-up":
      return { code: "drain-cut-off", params: { why: drain.why, seconds: drainMs / MS_PER_SECOND } };
  }
}
