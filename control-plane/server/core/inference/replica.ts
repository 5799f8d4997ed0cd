/**
 * One replica as its service sees it: what its host told of it and for how long that has been so, and what is to become of
 * it for itself. Whether the others make up for it is decided in replicas.ts.
 */
import type { InstanceProblem } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import type { Drain } from "./drain.ts";
import { isOver, START_LIMIT_MS, stopCause, type StopActor } from "../instances/instance-report.ts";
import { inEnglish } from "../reasons/english/english.ts";
import type { Reason } from "../reasons/reason.ts";

/** From its container's start until it serves for the first time; its host starts the container again after that. */
export const STARTUP_SECONDS = 600;
/** Its host has had time to tell by then of one that was ready at the last moment: it is heard every ten seconds. */
const NEVER_READY_MS = (STARTUP_SECONDS + 30) * MS_PER_SECOND;
/** So often its container may end before it serves for the first time; its host pauses longer before each start. */
const MAX_EARLY_ENDS = 5;
/** So long one that was ready may fail its checks; its host starts the container again meanwhile. */
const UNSERVING_MS = STARTUP_SECONDS * MS_PER_SECOND;
/** A host that is silent for so long, while it could have been heard, is not waited for. */
export const SILENT_MS = 5 * MS_PER_MINUTE;

export interface ReplicaPlace {
  hostName: string;
  state: InstanceState;
  /** Its host is still to run it. */
  isOrdered: boolean;
  /** Whether it answers its probe; null where its host does not tell. */
  serving: "not-yet" | "yes" | "no" | null;
  servingForMs: number;
  /** It has answered its probe since this run of it began, whatever it does now. */
  hasServed: boolean;
  problem: InstanceProblem | null;
  /** What its host reports of it; null: nothing. */
  detail: Reason | null;
  /** What ended it is a fault of a GPU, and nothing says that its program makes those. */
  isGpuFault: boolean;
  stopOrderedBy: StopActor | null;
  stopReason: Reason | null;
  /** The host has known a later placement of it, which a restored database has lost. */
  isBehind: boolean;
  /** It holds cards, CPU and memory of its host. */
  isHeld: boolean;
  placedForMs: number;
  /** Null while its host has no container of it. */
  containerForMs: number | null;
  /** How often its container ended and was started again before it served for the first time. */
  earlyEnds: number;
  stateForMs: number;
  /** Since its host was heard; 0 while it is. */
  silentForMs: number;
  /** Why its host is being emptied; null where it is not. */
  emptied: Reason | null;
}

export interface Replica {
  rank: number;
  revision: number;
  /** Null while it waits for one. */
  place: ReplicaPlace | null;
  /** Why it has no place yet; null where it has one, or nobody has looked. */
  lacks: Reason | null;
  /** Why no place would help it: no registry has its image. */
  givenUp: Reason | null;
  /** Its service does without it already; it may still hold its place. */
  isDismissed: boolean;
  /** It goes once nobody waits for an answer of it; null where it is to stay. */
  drain: Drain | null;
}

/** Late: it had its time, which may be its host's fault. Nowhere: no registry has its image. */
export type ReplicaFailure = "failed" | "late" | "nowhere";

export type Fate =
  | { kind: "stays" }
  /** It is over, or good for nothing any more; null: it has not failed. */
  | { kind: "ends"; why: Reason; failure: ReplicaFailure | null }
  /** It goes once another one has a place, or is ready. */
  | { kind: "moves"; why: Reason; after: "placed" | "ready" };

const STAYS = { kind: "stays" } as const;

export function fateOf({ rank, place, givenUp }: Replica): Fate {
  if (place === null) return givenUp === null ? STAYS : ends(givenUp, "nowhere");
  if (isOver(place.state) || !place.isOrdered) return endOf(rank, place);
  if (isSilent(place)) return { kind: "moves", why: silence(rank, place), after: "placed" };
  const late = lateness(rank, place);
  if (late !== null) return ends(asReportedBy(place, late), "late");
  if (place.emptied === null) return STAYS;
  if (serves(place)) return { kind: "moves", why: place.emptied, after: "ready" };
  return ends(place.emptied, null);
}

/** Requests may be sent there. */
export function serves({ state, serving, isOrdered }: ReplicaPlace): boolean {
  return state === "ready" && isOrdered && (serving === null || serving === "yes");
}

/** The time for which a replica serves. Where its host does not report it, it serves since it is up. */
export function servesForMs({ state, serving, servingForMs, stateForMs }: ReplicaPlace): number {
  if (state !== "ready") return 0;
  return serving === null ? stateForMs : Math.min(stateForMs, servingForMs);
}

/** Its container runs, and it has served: being up alone says nothing, since its metering opens with the container. */
export function hasComeUp({ state, hasServed }: ReplicaPlace): boolean {
  return state === "ready" && hasServed;
}

/** It has been given requests, as far as is known, and can end them. */
export function mayBeAnswering(place: ReplicaPlace): boolean {
  return hasComeUp(place) && place.isOrdered && !isSilent(place);
}

export function isSilent({ silentForMs }: ReplicaPlace): boolean {
  return silentForMs >= SILENT_MS;
}

function ends(why: Reason, failure: ReplicaFailure | null): Fate {
  return { kind: "ends", why, failure };
}

/** Another one of its revision would do no better, where it is the only one that was tried. */
export function isHopeless(failure: ReplicaFailure): boolean {
  return failure !== "failed";
}

/** One that somebody stopped, or whose host or GPU is lost, has not failed. One that is over is removed by its end alone. */
function endOf(rank: number, place: ReplicaPlace): Fate {
  const { state, stopOrderedBy, isBehind, problem, hostName } = place;
  if (stopOrderedBy !== null || !isOver(state))
    return ends(stopCause(place) ?? { code: "replica-stopped", params: { rank } }, null);
  const because = (what: Reason) => asReportedBy(place, what);
  if (state === "lost" || isBehind)
    return ends(because({ code: "replica-lost-with-host", params: { rank, host_name: hostName } }), null);
  if (place.isGpuFault) return ends(because({ code: "replica-ended-with-gpu", params: { rank } }), null);
  return ends(
    because({ code: "replica-failed", params: { rank } }),
    problem === "image-missing" ? "nowhere" : "failed",
  );
}

function silence(rank: number, { hostName }: ReplicaPlace): Reason {
  const minutes = SILENT_MS / MS_PER_MINUTE;
  return { code: "replica-host-silent", params: { host_name: hostName, rank, minutes } };
}

/** Null where it has time left. */
function lateness(rank: number, place: ReplicaPlace): Reason | null {
  const { serving, servingForMs, hasServed, placedForMs, containerForMs, earlyEnds, stateForMs } = place;
  const named = { rank, host_name: place.hostName };
  if (hasComeUp(place))
    return serving !== null && serving !== "yes" && servingForMs >= UNSERVING_MS
      ? { code: "replica-fails-checks", params: { ...named, minutes: UNSERVING_MS / MS_PER_MINUTE } }
      : null;
  if (containerForMs === null)
    return placedForMs >= START_LIMIT_MS
      ? { code: "replica-without-container", params: { ...named, minutes: START_LIMIT_MS / MS_PER_MINUTE } }
      : null;
  if (earlyEnds >= MAX_EARLY_ENDS)
    return { code: "replica-ended-early", params: { ...named, ends: earlyEnds } };
  // Its image came before its container, and one that has served begins anew when it is started again.
  const loadingForMs = hasServed ? Math.min(containerForMs, stateForMs) : containerForMs;
  return loadingForMs >= NEVER_READY_MS
    ? { code: "replica-not-ready", params: { ...named, seconds: STARTUP_SECONDS } }
    : null;
}

/** The reason of one whose container runs, for longer than programs take that have nothing to load; else null. */
export function notYetServing({ rank, place }: Replica): Reason | null {
  if (place === null || hasComeUp(place) || isOver(place.state)) return null;
  const minutes = Math.floor((place.containerForMs ?? 0) / MS_PER_MINUTE);
  if (minutes === 0) return null;
  const params = { rank, host_name: place.hostName, minutes };
  return asReportedBy(place, { code: "replica-not-serving-yet", params });
}

/** With what its host reports of it, or the kind of its problem. */
function asReportedBy({ detail, problem }: ReplicaPlace, what: Reason): Reason {
  const isReported = detail !== null && inEnglish(detail).trim() !== "";
  const ofProblem: Reason | null = problem && { code: `problem-${problem}`, params: {} };
  const why = isReported ? detail : ofProblem;
  return why === null ? what : { code: "replica-reports", params: { what, why } };
}
