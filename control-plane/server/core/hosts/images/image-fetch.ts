/**
 * When an order that only waits for its image gives its place back, how its fetch ends, and what people are told
 * meanwhile. A card is worth money to others, a pull may hang: nobody holds the one for the other.
 */
import {
  PULL_PROBLEM_REASONS,
  MAX_FETCHES_OF_HOST,
  type ObservedPull,
  type PullProblem,
} from "@remotegpu/shared/instance/image-fetch";
import { GIB, MIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import type { Reason } from "../../reasons/reason.ts";

/** So long a placement may hold what it has while its image is pulled: most images are there by then. */
export const HELD_WHILE_PULLED_MS = 2 * MS_PER_MINUTE;
/** As long as a host itself would go on with one pull. Waiting for others does not count, and is bounded by as much again. */
export const FETCH_LIMIT_MS = 60 * MS_PER_MINUTE;
/**
 * The fetches of one customer that one host has at a time: with a few slow registries nobody takes all that a host can
 * follow.
 */
export const MAX_FETCHES_OF_CUSTOMER = 4;
/** A customer's start that held a place for an image in vain is held against the image's next starts for so long. */
export const HELD_AGAIN_AFTER_MS = 60 * MS_PER_MINUTE;
/** How long is told how a fetch ended. */
export const ENDED_FETCH_RETENTION_MS = 10 * MS_PER_MINUTE;
/** Numbers of a pull that goes on are taken over no more often; how it ends is taken over at once. */
export const PROGRESS_EVERY_MS = 2_000;
/** Within this a host tells its images anew, what it has just fetched among them. */
export const IMAGES_REPORTED_WITHIN_MS = 2 * MS_PER_MINUTE;

/** A placement that is wanted running, as its host last told of the run that is wanted now. */
export interface PlacedForImage {
  state: InstanceState;
  problem: string | null;
  hasContainer: boolean;
  /** Time of its run is proven. */
  hasBegun: boolean;
  /** When that run was ordered. */
  placedAtMs: number;
  /** That it waits for; null where its host tells of none. */
  pull: ObservedPull["state"] | null;
  /** That its host is told of. */
  fetchesOfHost: number;
  /** Its ranks wait for each other: what one gave back the others would hold in vain, or fetch one after the other. */
  isOfGang: boolean;
  /** That its customer has there, those included that the host is not told of yet. */
  fetchesOfCustomer: number;
}

/** What its host reported as not begun; in doubt it has. */
function hasNotBegun({ state, problem, hasContainer, hasBegun }: PlacedForImage): boolean {
  return state === "starting" && problem === null && !hasContainer && !hasBegun;
}

/**
 * Only what has not begun, with the image still on its way; in doubt it keeps its place. A host that can be told of no
 * more fetches is waited for as one that knows none.
 */
export function mayTakeBack(placed: PlacedForImage, nowMs: number): boolean {
  return (
    nowMs - placed.placedAtMs >= HELD_WHILE_PULLED_MS &&
    !placed.isOfGang &&
    isPending(placed) &&
    hasNotBegun(placed) &&
    hasRoomForFetch(placed)
  );
}

/** One more of a customer who has as many as may be told is not told, so there is room for it. */
export function hasRoomForFetch({
  fetchesOfHost,
  fetchesOfCustomer,
}: Pick<PlacedForImage, "fetchesOfHost" | "fetchesOfCustomer">): boolean {
  return fetchesOfHost < MAX_FETCHES_OF_HOST || fetchesOfCustomer >= MAX_FETCHES_OF_CUSTOMER;
}

/** Its image may not be used any more: at once, and nothing is fetched for it. What the host has already is its own matter. */
export function mayNotGoOn(placed: PlacedForImage): boolean {
  return isPending(placed) && hasNotBegun(placed);
}

function isPending({ pull }: PlacedForImage): boolean {
  return pull === "pulling" || pull === "waiting";
}

export interface OpenFetch {
  sinceMs: number;
  /** Before the last pause. */
  pulledMs: number;
  /** Since when its host has told that it pulls; null while it waits or is not told of. */
  pullingSinceMs: number | null;
  /** The order is there and waits. */
  isWaitedFor: boolean;
  /** Its host is heard, may be placed on, and follows fetches. */
  isServed: boolean;
  /** Its registry is on the list, or its image on offer. */
  isAllowed: boolean;
  reported: Pick<ObservedPull, "state" | "problem"> | null;
}

export type FetchEnd =
  | { outcome: "present" | "not-wanted" | "not-allowed" | "not-begun" | "host-away" }
  | { outcome: "failed"; problem: PullProblem };

/**
 * Null while it goes on. What nobody waits for ends first, and what the host said before that it is away. An image that
 * was pulled for too long is at fault; one that only waited for its turn is not, and its order is free to go elsewhere.
 */
export function fetchEnd(fetch: OpenFetch, nowMs: number): FetchEnd | null {
  const { isWaitedFor, isServed, isAllowed, reported } = fetch;
  if (!isWaitedFor) return { outcome: "not-wanted" };
  if (!isAllowed) return { outcome: "not-allowed" };
  if (reported?.state === "present") return { outcome: "present" };
  if (reported?.state === "failed") return { outcome: "failed", problem: reported.problem ?? "failed" };
  if (!isServed) return { outcome: "host-away" };
  const pulledMs = fetch.pulledMs + (fetch.pullingSinceMs === null ? 0 : nowMs - fetch.pullingSinceMs);
  if (pulledMs >= FETCH_LIMIT_MS) return { outcome: "failed", problem: "too-slow" };
  return nowMs - fetch.sinceMs - pulledMs >= FETCH_LIMIT_MS ? { outcome: "not-begun" } : null;
}

/** The pulls that are reported in numbers alone. */
export type PullProgress = Pick<ObservedPull, "state" | "layersDone" | "layers" | "bytesDone" | "bytes">;

/** @param isHeld its host has not confirmed yet that what the order held there is free */
export function fetchReason(hostName: string, pull: PullProgress | null, isHeld: boolean): Reason {
  const place: Reason = { code: isHeld ? "place-being-returned" : "no-gpu-held", params: {} };
  const params = { host_name: hostName, place };
  if (pull?.state === "waiting") return { code: "image-fetch-queued", params };
  const progress = pull === null ? [] : [...layersDone(pull), ...bytesDone(pull)];
  return progress.length === 0
    ? { code: "image-fetching", params }
    : { code: "image-fetching-progress", params: { ...params, progress } };
}

/** The operator's list has changed since it was ordered, and may change again. */
export function imageReason(refusal: Reason): Reason {
  return { code: "waiting-for-image", params: { why: refusal } };
}

/** What customers are told of a fetch that is over. */
export function fetchEndReason(hostName: string, end: FetchEnd): Reason {
  const params = { host_name: hostName };
  switch (end.outcome) {
    case "present":
      return { code: "image-fetched", params };
    case "failed":
      return PULL_PROBLEM_REASONS[end.problem];
    case "not-wanted":
      return { code: "image-fetch-unneeded", params };
    case "not-allowed":
      return PULL_PROBLEM_REASONS["not-allowed"];
    case "not-begun":
      return { code: "image-fetch-not-begun", params };
    case "host-away":
      return { code: "image-host-away", params };
  }
}

function layersDone({ layersDone, layers }: PullProgress): Reason[] {
  if (layersDone === null || layers === null || layers === 0) return [];
  return [{ code: "image-layers-done", params: { layers_done: layersDone, layers } }];
}

/** Both in the unit of the larger one. */
function bytesDone({ bytesDone, bytes }: PullProgress): Reason[] {
  if (bytesDone === null || bytes === null || bytes === 0) return [];
  return bytes >= GIB
    ? [{ code: "image-gib-done", params: { done_gib: bytesDone / GIB, total_gib: bytes / GIB } }]
    : [{ code: "image-mib-done", params: { done_mib: bytesDone / MIB, total_mib: bytes / MIB } }];
}
