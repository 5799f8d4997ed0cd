/**
 * What is known of the instances of a workload, and what that makes of it: the words in which every kind's rules ask and
 * answer. Which answer is right is the kind's own.
 */
import type { InstanceProblem, STOP_ACTORS } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { WaitingProcesses } from "@remotegpu/shared/instance/progress";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import { asReported, type Reason } from "../reasons/reason.ts";
import { type CardFault, endReason } from "../hosts/card-fault.ts";
import type { HostPair } from "../placement/fleet/fleet.ts";
import type { RankState } from "./rank-state.ts";
import type { GivenReason } from "../reasons/plain-reason.ts";

export type StopActor = (typeof STOP_ACTORS)[number];

/** What the last report says about the current run of an instance's placement. */
export interface InstanceReport {
  rank: number;
  state: InstanceState;
  problem: InstanceProblem | null;
  /** What its host says of it; null for nothing. */
  detail: Reason | null;
  /** Null while it runs, and where nobody knows. */
  exitCode: number | null;
  stopOrderedBy: StopActor | null;
  /** What its orderer gave as a reason. */
  stopReason: Reason | null;
  /** The host has known a later placement of it, which a restored database has lost. */
  isBehind: boolean;
  /** The state of a rank of a gang. */
  gang?: RankState;
  /** Absent where nothing keeps it from going on. */
  progress?: InstanceProgress;
  /** The fault that its host held against a card of one that is over, a sign of failure or worse; absent: nothing. */
  cardFault?: CardFault;
}

/** What keeps an instance that is there from going on. */
export interface InstanceProgress {
  hostName: string;
  /** What its processes wait for, where it does nothing any more. */
  idle: readonly WaitingProcesses[] | null;
  /** Since all of it was told to be held still from outside. */
  frozenForMs: number | null;
  /** Whether its people were told that all of its job does nothing, or that has ended it. */
  stall: "reported" | "ended" | null;
}

/**
 * From when on nothing good is known of ranks that were lost: that their hosts were heard, that they were released, or that
 * somebody froze them.
 */
export type LostSince = "last-heard" | "released" | "frozen";

export type Transition<Status> =
  | { kind: "stays" }
  /** Same status, another reason; null for none. */
  | { kind: "explains"; reason: Reason | null }
  | { kind: "becomes"; status: Status; reason: Reason | null }
  /** It does nothing any more; `found` says besides what its processes wait for. Whether that ends it is its order's to say. */
  | { kind: "stalls"; reason: Reason; found: Reason }
  /** It does something again; the reason that stands with it from then on. */
  | { kind: "goes-on"; reason: Reason | null }
  /** All of it is over, and not well; whether it is tried again is the workload's to say. */
  | { kind: "fails"; failure: Failure }
  /** All ranks of the gang may begin. */
  | { kind: "releases" }
  /** The gang is given up because of these ranks, which may never report again; the others stop. */
  | { kind: "loses"; status: Status; reason: Reason; ranks: readonly number[]; since: LostSince }
  /** Back to the queue; this storage pool is skipped for a while. */
  | { kind: "skips-pool"; reason: Reason }
  /** Back to the queue: a card of its place is of no use. Its host is skipped until that is known of the card everywhere. */
  | { kind: "leaves-card"; reason: Reason }
  /** Back to the queue, for a placement beyond what its host has known; nothing of this one ever ran. */
  | { kind: "places-anew"; reason: Reason | null };

/** What it failed of: what it stands on, its own program, or an order whose orderer does not want it any more. */
export interface Failure {
  by: "infrastructure" | "program" | "order";
  reason: Reason;
  /** Those that failed of it. */
  ranks: readonly number[];
  /** A gang that was never released: what is there of it goes at once, and cost nothing. */
  preflight?: {
    /** Hosts that are not to be tried together for a while. */
    pairs: readonly HostPair[];
  };
}

export const STAYS = { kind: "stays" } as const;

export function becomes<Status>(status: Status, reason: Reason | null): Transition<Status> {
  return { kind: "becomes", status, reason };
}

/** Whether a request is right in a status, and what it makes of it. */
export type Verdict<Status> = { legal: true; status: Status } | { legal: false; why: GivenReason };

export interface DeadlineVerdict<Status> {
  status: Status;
  reason: Reason;
  /** True where the host must be told to stop what it may still start. */
  stops: boolean;
  /** Who orders that stop; left out, the control plane itself. */
  by?: "limit";
}

/** Fetching a large image over a slow line is the longest of honest starts. */
export const START_LIMIT_MS = 30 * MS_PER_MINUTE;
export const STOP_LIMIT_MS = 10 * MS_PER_MINUTE;

export function isOver(state: InstanceState): boolean {
  return state === "stopped" || state === "failed" || state === "lost";
}

/** How it ended, where its host does not say it. */
export function endOfContainer({ problem, state }: Pick<InstanceReport, "problem" | "state">): Reason {
  const what: Reason = { code: problem === null ? `state-${state}` : `problem-${problem}`, params: {} };
  return { code: "container-ended", params: { problem: what } };
}

/** What its host says, also where that is nothing. */
export function detailOf({ detail }: InstanceReport): Reason {
  return detail ?? asReported("");
}

/** What befell a card of it, where its host did not end it for that; null: nothing is known. */
export function cardReason({ cardFault, problem }: InstanceReport): Reason | null {
  const isReported = problem === "gpu-failed" || problem === "gpu-missing";
  return cardFault === undefined || isReported ? null : endReason(cardFault);
}

/** It ran, or is past that. */
export function hasBegun({ state }: Pick<InstanceReport, "state">): boolean {
  return state === "ready" || state === "stopping" || isOver(state);
}

export function isPersons(context: StopActor | null): boolean {
  return context === "customer" || context === "admin" || context === "account";
}

/** Why something was stopped, for people; null where its own customer did it and gave no reason. */
export function stopCause({
  stopOrderedBy,
  stopReason,
}: Pick<InstanceReport, "stopOrderedBy" | "stopReason">): Reason | null {
  if (stopReason !== null) return stopReason;
  switch (stopOrderedBy) {
    case null:
    case "customer":
      return null;
    case "admin":
      return { code: "stopped-by-administrator", params: {} };
    case "account":
      return { code: "stopped-without-funds", params: {} };
    case "control-plane":
      return { code: "stopped-by-control-plane", params: {} };
    case "limit":
      return { code: "stopped-at-limit", params: {} };
  }
}
