/** A replica as its service sees it: it serves since an hour, unless a test says otherwise. */
import type { Drain } from "@remotegpu/control-plane/server/core/inference/drain";
import type { Replica, ReplicaPlace } from "@remotegpu/control-plane/server/core/inference/replica";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

const HOUR_MS = 60 * MS_PER_MINUTE;

export function aReplica(rank: number, place: Partial<ReplicaPlace> = {}, isDismissed = false): Replica {
  return {
    ...aWaiting(rank),
    isDismissed,
    drain: null,
    place: {
      hostName: `host-${rank}`,
      state: "ready",
      isOrdered: true,
      serving: "yes",
      servingForMs: HOUR_MS,
      problem: null,
      detail: null,
      isGpuFault: false,
      stopOrderedBy: null,
      stopReason: null,
      isBehind: false,
      isHeld: true,
      placedForMs: HOUR_MS,
      containerForMs: HOUR_MS,
      hasServed: true,
      earlyEnds: 0,
      stateForMs: HOUR_MS,
      silentForMs: 0,
      emptied: null,
      ...place,
    },
  };
}

/** Somebody has a request open there, and has just been told. */
export function aDrain(change: Partial<Drain> = {}): Drain {
  return {
    why: { code: "replicas-scaled-down", params: { replicas: 1 } },
    forMs: 0,
    announcedAt: new Date(1_000),
    gateways: [{ followsAsOf: new Date(2_000), open: 1 }],
    streams: 1,
    ...change,
  };
}

export function aDraining(
  rank: number,
  drain: Partial<Drain> = {},
  place: Partial<ReplicaPlace> = {},
): Replica {
  return { ...aReplica(rank, place), drain: aDrain(drain) };
}

export function aWaiting(rank: number): Replica {
  return { rank, revision: 1, isDismissed: false, place: null, lacks: null, givenUp: null, drain: null };
}

/** Its container runs, and it has not served yet. */
export function aStarting(rank: number, place: Partial<ReplicaPlace> = {}): Replica {
  const since = { stateForMs: 1_000, containerForMs: 1_000, placedForMs: 1_000, servingForMs: 1_000 };
  return aReplica(rank, { serving: "not-yet", hasServed: false, ...since, ...place });
}

export function aFailed(rank: number, place: Partial<ReplicaPlace> = {}): Replica {
  return aReplica(rank, {
    state: "failed",
    serving: null,
    isHeld: false,
    isOrdered: false,
    detail: asReported("It exited with code 1"),
    ...place,
  });
}
