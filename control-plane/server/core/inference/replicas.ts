/**
 * What a service's replicas call for: which are to be made, which go, and what that makes of the service. Level-triggered:
 * it looks at all of them as they stand, so that what came twice, late or never changes nothing. One that fails is
 * replaced after a pause that grows, and never ends the others. One that goes while it answers is drained before.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { beyond, drained, type Going, type Leaving, leavingOf, type Moving, replaced } from "./departures.ts";
import {
  type Fate,
  fateOf,
  isHopeless,
  mayBeAnswering,
  type Replica,
  type ReplicaFailure,
  type ReplicaPlace,
  serves,
  servesForMs,
} from "./replica.ts";
import type { Reason } from "../reasons/reason.ts";
import { sentenceOf, statusOf } from "./service-words.ts";
import { isWanted } from "./wanted-replicas.ts";

const FIRST_PAUSE_MS = 10 * MS_PER_SECOND;
const MAX_PAUSE_MS = 5 * MS_PER_MINUTE;
/** One that was made after the last failure and has served so long shows that what failed before is over. */
const PROVEN_MS = 10 * MS_PER_MINUTE;
/** So many failures in a row with none that serves, and the service is in error. */
const MAX_FAILURES = 5;

export interface ServiceState {
  status: InferenceServiceStatus;
  /** The replicas of all revisions together. */
  wanted: number;
  /** In a row, so far. */
  failures: number;
  /** Since the last of them; null where nobody knows. */
  failedForMs: number | null;
  /** Until another may be made; 0 where nothing is in the way. */
  pauseMs: number;
  /** So long one that goes may answer what it was given. */
  drainMs: number;
}

/** The revisions that its replicas are to be of. */
export interface Course {
  /** The wanted replicas by revision; none is wanted of those that are missing. */
  wanted: ReadonlyMap<number, number>;
  /** What is known to work: failures of any other are for the rollout to judge, and nothing waits because of them. */
  known: number;
  /** Another one is being tried, so that failures of the known one are not the end. */
  isTrying: boolean;
  /** What stands with the service meanwhile; null where the replicas say it. */
  sentence: Reason | null;
  /** Why one goes of which there are more than are wanted. */
  whySurplus: (revision: number) => Reason;
}

export interface Creation {
  revision: number;
  count: number;
}

export interface ReplicasPlan {
  creations: Creation[];
  /** Given no request from now on; each leaves when what it has is answered. */
  draining: Pick<Leaving, "rank" | "why">[];
  leaving: Leaving[];
  /** In a row, from now on. */
  failures: number;
  /** Set where another has failed: until then no other is made. */
  pauseMs: number | null;
  becomes: { status: InferenceServiceStatus; reason: Reason | null } | null;
  /** What stands with it while it stays what it is; undefined where what stands there stands on. */
  sentence: Reason | null | undefined;
}

interface Failed {
  replica: Replica;
  why: Reason;
  failure: ReplicaFailure;
}

interface Sorted {
  staying: Replica[];
  failed: Failed[];
  /** They have not failed. */
  spared: Going[];
  moving: Moving[];
}

/** @param all those that it does without already among them, while they hold something */
export function replicasPlan(state: ServiceState, all: readonly Replica[], course: Course): ReplicasPlan {
  if (!isWanted(state.status)) return windDown(state, all);
  const wantedOrDraining = all.filter(({ isDismissed }) => !isDismissed);
  const replicas = wantedOrDraining.filter(({ drain }) => drain === null);
  const sorted = sortOut(replicas);
  const { staying, failed, spared, moving } = sorted;
  const failedOfKnown = failed.filter(({ replica: { revision } }) => revision === course.known);
  const isProven = staying.some(({ place }) => place !== null && isProof(place, state.failedForMs));
  const failures = (isProven ? 0 : state.failures) + failedOfKnown.length;
  const verdict = course.isTrying ? null : afterFailures(state, sorted, failures);
  const pauseMs = failedOfKnown.length > 0 ? pauseAfter(failures) : null;
  // Whoever starts it again waits as long as another replica would have.
  if (verdict !== null)
    return { ...gone(wantedOrDraining, verdict.reason), failures, pauseMs, becomes: verdict };
  const isPaused = pauseMs !== null || state.pauseMs > 0;
  const parts = revisionsOf(replicas, course).map((revision) => partOf(revision, sorted, course));
  const stored = parts.flatMap((part) => part.stored);
  const missing = parts.reduce((sum, part) => sum + part.missing, 0);
  const becomes = statusOf(state, [...stored, ...moving.map(({ replica }) => replica)]);
  const going = [...spared, ...parts.flatMap((part) => part.going)];
  const isDrained = ({ replica: { place } }: Going) =>
    state.drainMs > 0 && place !== null && mayBeAnswering(place);
  return {
    creations: parts
      .filter(({ revision }) => !isPaused || revision !== course.known)
      .flatMap(({ revision, missing: count }) => (count > 0 ? [{ revision, count }] : [])),
    draining: going.filter(isDrained).map(({ replica: { rank }, why }) => ({ rank, why })),
    leaving: [
      ...failed.map(failureOf),
      ...going.filter((one) => !isDrained(one)).map(leavingOf),
      ...drained(wantedOrDraining, state.drainMs),
    ],
    failures,
    pauseMs,
    becomes,
    sentence:
      course.sentence ??
      sentenceOf(state, { stored, moving, failed: failedOfKnown.at(-1)?.why ?? null, missing }),
  };
}

function revisionsOf(replicas: readonly Replica[], { wanted }: Course): number[] {
  return [...new Set([...wanted.keys(), ...replicas.map(({ revision }) => revision)])];
}

interface Part {
  revision: number;
  stored: Replica[];
  missing: number;
  going: Going[];
}

/** Replicas of one revision, beside the others. */
function partOf(revision: number, sorted: Sorted, { wanted: ofEach, whySurplus }: Course): Part {
  const wanted = ofEach.get(revision) ?? 0;
  const staying = sorted.staying.filter((replica) => replica.revision === revision);
  const moving = sorted.moving.filter(({ replica }) => replica.revision === revision);
  const surplus = beyond(staying, wanted);
  const stored = staying.filter((replica) => !surplus.includes(replica));
  const scaled = surplus.map((replica) => ({ replica, why: whySurplus(revision) }));
  return {
    revision,
    stored,
    missing: Math.max(0, wanted - stored.length),
    going: [...scaled, ...replaced(moving, stored, wanted)],
  };
}

function failureOf({ replica: { rank }, why, failure }: Failed): Leaving {
  return { rank, why, freeForMs: 0, cause: "own", failure: isHopeless(failure) ? "hopeless" : "failed" };
}

function sortOut(replicas: readonly Replica[]): Sorted {
  const sorted: Sorted = { staying: [], failed: [], spared: [], moving: [] };
  for (const replica of replicas) sortIn(sorted, replica, fateOf(replica));
  return sorted;
}

function sortIn({ staying, failed, spared, moving }: Sorted, replica: Replica, fate: Fate): void {
  const { place } = replica;
  if (fate.kind === "moves" && place !== null) moving.push({ replica, place, fate });
  else if (fate.kind !== "ends") staying.push(replica);
  else if (fate.failure === null) spared.push({ replica, why: fate.why, cause: "host" });
  else failed.push({ replica, why: fate.why, failure: fate.failure });
}

/** Nothing of it is wanted: all go, and it has stopped when no host holds any. */
function windDown({ status, failures }: ServiceState, all: readonly Replica[]): ReplicasPlan {
  const going = all.filter(({ isDismissed }) => !isDismissed);
  const isHeld = all.some(({ place }) => place?.isHeld === true);
  const hasStopped = status === "stopping" && !isHeld;
  return {
    ...gone(going, { code: status === "error" ? "service-failed" : "service-was-stopped", params: {} }),
    failures,
    becomes: hasStopped ? { status: "stopped", reason: null } : null,
  };
}

function gone(
  replicas: readonly Replica[],
  why: Reason,
): Pick<ReplicasPlan, "creations" | "draining" | "leaving" | "pauseMs" | "sentence"> {
  const leaving = replicas.map(({ rank }) => ({
    rank,
    why,
    freeForMs: 0,
    cause: "own" as const,
    failure: null,
  }));
  return { creations: [], draining: [], leaving, pauseMs: null, sentence: undefined };
}

/** Error, where a first one could not serve and none ever did; null while others serve, or may yet. */
function afterFailures(
  { status, wanted }: ServiceState,
  { staying, failed, moving }: Sorted,
  failures: number,
): { status: "error"; reason: Reason } | null {
  const places = [...staying, ...moving.map(({ replica }) => replica)].flatMap(({ place }) => place ?? []);
  const last = failed.at(-1);
  if (last === undefined || places.some(serves)) return null;
  // One that is late may have had a bad host, and never ends those that start; an image is nowhere for all of them.
  const first =
    failed.find(({ failure }) => failure === "nowhere") ??
    (places.length === 0 ? failed.find(({ failure }) => failure === "late") : undefined);
  if (status === "creating" && first !== undefined) return { status: "error", reason: first.why };
  // As many as it wants have failed: those that start are second tries, and their owner is told before they end.
  const hadTheirTime = status === "creating" && last.failure === "late" && failures >= wanted;
  if (failures < MAX_FAILURES && !hadTheirTime) return null;
  return {
    status: "error",
    reason: { code: "failures-in-a-row", params: { why: last.why, failures } },
  };
}

/** Others that served before it, or beside it, say nothing of a failure. */
function isProof(place: ReplicaPlace, failedForMs: number | null): boolean {
  return serves(place) && servesForMs(place) >= PROVEN_MS && place.placedForMs < (failedForMs ?? Infinity);
}

/** In milliseconds, from the last of so many failures in a row until another replica is made. */
export function pauseAfter(failures: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}
