/**
 * What a service's replicas call for: which are to be made, which go, and what that makes of the service. Level-triggered:
 * it looks at all of them as they stand, so that what came twice, late or never changes nothing. One that fails is
 * replaced after a pause that grows, and never ends the others. One that goes while it answers is drained before.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";
import { type Drain, endOfDrain } from "./drain.ts";
import type { InferenceServiceStatus } from "@remotegpu/shared/workload";
import {
  type Fate,
  fateOf,
  isSilent,
  mayBeAnswering,
  type Replica,
  type ReplicaPlace,
  SILENT_MS,
  serves,
} from "./replica.ts";
import { isWanted } from "./wanted-replicas.ts";

const FIRST_PAUSE_MS = 10 * MS_PER_SECOND;
const MAX_PAUSE_MS = 5 * MS_PER_MINUTE;
/** One that has served so long has nothing to do with what failed before. */
const PROVEN_MS = 10 * MS_PER_MINUTE;
/** So many failures in a row with none that serves, and the service is in error. */
const MAX_FAILURES = 5;

export interface ServiceStanding {
  status: InferenceServiceStatus;
  wanted: number;
  /** In a row, so far. */
  failures: number;
  /** Until another may be made; 0 where nothing is in the way. */
  pauseMs: number;
  /** So long one that goes may answer what it was given. */
  drainMs: number;
}

/** A replica that its service does without from now on. */
export interface Leaving {
  rank: number;
  /** A sentence. */
  why: string;
  /** Nothing of it is charged from so long ago on. */
  freeForMs: number;
}

export interface ReplicasPlan {
  creations: number;
  /** Given no request from now on; each leaves when what it has is answered. */
  draining: Omit<Leaving, "freeForMs">[];
  leaving: Leaving[];
  /** In a row, from now on. */
  failures: number;
  /** Set where another has failed: until then no other is made. */
  pauseMs: number | null;
  becomes: { status: InferenceServiceStatus; reason: string | null } | null;
  /** What stands with it while it stays what it is; undefined where what stands there stands on. */
  sentence: string | null | undefined;
}

/** One that is not wanted any more, and has not failed. */
interface Going {
  replica: Replica;
  why: string;
  freeForMs?: number;
}

type Ended = Extract<Fate, { kind: "ends" }>;
type Moving = Extract<Fate, { kind: "moves" }>;

interface Sorted {
  staying: Replica[];
  ended: { replica: Replica; fate: Ended }[];
  moving: { replica: Replica; place: ReplicaPlace; fate: Moving }[];
}

/** @param all those that it does without already among them, while they hold something */
export function replicasPlan(standing: ServiceStanding, all: readonly Replica[]): ReplicasPlan {
  if (!isWanted(standing.status)) return windDown(standing, all);
  const wantedOrDraining = all.filter(({ isDismissed }) => !isDismissed);
  const replicas = wantedOrDraining.filter(({ drain }) => drain === null);
  const { wanted } = standing;
  const sorted = sortOut(replicas);
  const { staying, ended, moving } = sorted;
  const failed = ended.filter(({ fate }) => fate.isFailure);
  const isProven = staying.some(
    ({ place }) => place !== null && serves(place) && place.stateForMs >= PROVEN_MS,
  );
  const failures = (isProven ? 0 : standing.failures) + failed.length;
  const verdict = afterFailures(standing, sorted, failures);
  if (verdict !== null) return { ...gone(wantedOrDraining, verdict.reason), failures, becomes: verdict };

  const surplus = beyond(staying, wanted);
  const kept = staying.filter((replica) => !surplus.includes(replica));
  const pauseMs = failed.length > 0 ? pauseAfter(failures) : null;
  const missing = wanted - kept.length;
  const becomes = statusOf(standing, [...kept, ...moving.map(({ replica }) => replica)]);
  const spared = ended
    .filter(({ fate }) => !fate.isFailure)
    .map(({ replica, fate: { why } }) => ({ replica, why }));
  const scaled = surplus.map((replica) => ({ replica, why: `Scaled down to ${wanted}.` }));
  const going = [...spared, ...scaled, ...replaced(moving, kept, wanted)];
  const isDrained = ({ replica: { place } }: Going) =>
    standing.drainMs > 0 && place !== null && mayBeAnswering(place);
  return {
    creations: pauseMs === null && standing.pauseMs === 0 ? Math.max(0, missing) : 0,
    draining: going.filter(isDrained).map(({ replica: { rank }, why }) => ({ rank, why })),
    leaving: [
      ...failed.map(({ replica: { rank }, fate: { why } }) => ({ rank, why, freeForMs: 0 })),
      ...going.filter((one) => !isDrained(one)).map(leavingOf),
      ...drained(wantedOrDraining, standing),
    ],
    failures,
    pauseMs,
    becomes,
    sentence: sentenceOf(standing, { kept, moving, failed: failed.at(-1)?.fate.why ?? null, missing }),
  };
}

function sortOut(replicas: readonly Replica[]): Sorted {
  const sorted: Sorted = { staying: [], ended: [], moving: [] };
  for (const replica of replicas) {
    const fate = fateOf(replica);
    if (fate.kind === "ends") sorted.ended.push({ replica, fate });
    else if (fate.kind === "moves" && replica.place !== null)
      sorted.moving.push({ replica, place: replica.place, fate });
    else sorted.staying.push(replica);
  }
  return sorted;
}

/** Nothing of it is wanted: all go, and it has stopped when no host holds any. */
function windDown({ status, failures }: ServiceStanding, all: readonly Replica[]): ReplicasPlan {
  const going = all.filter(({ isDismissed }) => !isDismissed);
  const isHeld = all.some(({ place }) => place?.isHeld === true);
  const hasStopped = status === "stopping" && !isHeld;
  return {
    ...gone(going, status === "error" ? "The service is in error." : "The service was stopped."),
    failures,
    becomes: hasStopped ? { status: "stopped", reason: null } : null,
  };
}

function gone(
  replicas: readonly Replica[],
  why: string,
): Pick<ReplicasPlan, "creations" | "draining" | "leaving" | "pauseMs" | "sentence"> {
  const leaving = replicas.map(({ rank }) => ({ rank, why, freeForMs: 0 }));
  return { creations: 0, draining: [], leaving, pauseMs: null, sentence: undefined };
}

/** Error, where a first one could not serve and none ever did; null while others serve, or may yet. */
function afterFailures(
  { status }: ServiceStanding,
  { staying, ended, moving }: Sorted,
  failures: number,
): { status: "error"; reason: string } | null {
  const left = [...staying, ...moving.map(({ replica }) => replica)];
  const last = ended.filter(({ fate }) => fate.isFailure).at(-1);
  if (last === undefined || left.some(({ place }) => place !== null && serves(place))) return null;
  const { why, isHopeless } = last.fate;
  if (status === "creating" && isHopeless) return { status: "error", reason: why };
  if (failures < MAX_FAILURES) return null;
  return { status: "error", reason: `${why} It was failure ${failures} in a row, and no replica serves.` };
}

/** Those beyond the number: first what waits, then what starts, then what does not serve, then the newest. */
function beyond(staying: readonly Replica[], wanted: number): Replica[] {
  const surplus = Math.max(0, staying.length - wanted);
  return [...staying]
    .sort((one, other) => worth(one) - worth(other) || other.rank - one.rank)
    .slice(0, surplus);
}

function worth({ place }: Replica): number {
  if (place === null) return 0;
  if (place.state !== "ready") return 1;
  return serves(place) ? 3 : 2;
}

/** Of those that move, as many as are made up for: on a silent host by places, else by others that serve. */
function replaced(moving: Sorted["moving"], kept: readonly Replica[], wanted: number): Going[] {
  const placed = kept.flatMap(({ place }) => place ?? []);
  const leaving = (after: Moving["after"], others: readonly ReplicaPlace[]) => {
    const those = moving.filter(({ fate }) => fate.after === after);
    return those.slice(0, Math.max(0, Math.min(those.length, others.length + those.length - wanted)));
  };
  /** The newest places first: those are the ones that were made for them. */
  const newest = placed.map(({ placedForMs }) => placedForMs).sort((one, other) => one - other);
  return [
    ...leaving("placed", placed).map(({ replica, place, fate: { why } }, nth) => {
      const since = newest[nth] ?? 0;
      const isMadeForIt = since <= place.silentForMs - SILENT_MS;
      return { replica, why, freeForMs: isMadeForIt ? since : 0 };
    }),
    ...leaving("ready", placed.filter(serves)).map(({ replica, fate: { why } }) => ({ replica, why })),
  ];
}

function leavingOf({ replica: { rank }, why, freeForMs = 0 }: Going): Leaving {
  return { rank, why, freeForMs };
}

/** Those whose drain is over, or of which nobody gets an answer any more. */
function drained(replicas: readonly Replica[], { drainMs }: ServiceStanding): Leaving[] {
  return replicas.flatMap(({ rank, place, drain }) => {
    const why = drain && whyDrained(drain, place, drainMs);
    return why === null ? [] : [{ rank, why, freeForMs: 0 }];
  });
}

function whyDrained(drain: Drain, place: ReplicaPlace | null, drainMs: number): string | null {
  if (place === null || !mayBeAnswering(place)) return drain.why;
  switch (endOfDrain(drain, drainMs)) {
    case null:
      return null;
    case "nothing-open":
      return drain.why;
    case "time-is-up":
      return `${drain.why} What was still open there after ${drainMs / MS_PER_SECOND} seconds was cut off.`;
  }
}

function pauseAfter(failures: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

/** It runs from its first replica that serves on; one that wants none runs as it is. */
function statusOf({ status, wanted }: ServiceStanding, left: readonly Replica[]): ReplicasPlan["becomes"] {
  const isServing = left.some(({ place }) => place !== null && !isSilent(place) && serves(place));
  const runs = status === "creating" && (isServing || wanted === 0);
  return runs ? { status: "running", reason: wanted === 0 ? AT_ZERO : null } : null;
}

const AT_ZERO = "Scaled to zero: no replica is wanted.";

/** What waits for a place is told of by whoever looks for places. */
function sentenceOf(
  { status, wanted, pauseMs }: ServiceStanding,
  {
    kept,
    moving,
    failed,
    missing,
  }: { kept: readonly Replica[]; moving: Sorted["moving"]; failed: string | null; missing: number },
): ReplicasPlan["sentence"] {
  if (failed !== null) return `${failed} Another one is made in its place after a pause.`;
  if (kept.some(({ place }) => place === null) || (missing > 0 && pauseMs > 0)) return undefined;
  if (wanted === 0) return AT_ZERO;
  const [first] = moving;
  if (first !== undefined)
    return `${first.fate.why} Another one takes the place of replica ${first.replica.rank}.`;
  if (status === "creating" || missing > 0) return undefined;
  const serving = kept.filter(({ place }) => place !== null && serves(place)).length;
  return serving === wanted ? null : `${serving} of ${wanted} replicas serve.`;
}
