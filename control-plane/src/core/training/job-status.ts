/**
 * The life of a training job: which request is legal in which status, what the reports of all its ranks make of it, and
 * what happens when it takes too long. A job waits as `queued` until its ranks run, also while hosts fetch its image; it
 * is completed when every rank ended with 0. Decides only; the store writes.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import type { TrainingJobStatus } from "@remotegpu/shared/workload";
import {
  becomes,
  type DeadlineVerdict,
  type InstanceReport,
  isOver,
  START_LIMIT_MS,
  STAYS,
  STOP_LIMIT_MS,
  stopSentence,
  type Transition,
  type Verdict,
} from "../instances/instance-report.ts";

type JobTransition = Transition<TrainingJobStatus>;

export const ENDED: readonly TrainingJobStatus[] = ["completed", "failed", "cancelled"];

/** @param isPlaced hosts may have something of it */
export function afterCancel(status: TrainingJobStatus, isPlaced: boolean): Verdict<TrainingJobStatus> {
  switch (status) {
    case "pending":
    case "queued":
      return { legal: true, status: isPlaced ? "stopping" : "cancelled" };
    case "running":
      return { legal: true, status: "stopping" };
    case "stopping":
      return { legal: false, why: "The job is already stopping." };
    case "completed":
    case "failed":
    case "cancelled":
      return { legal: false, why: `The job is already ${status}.` };
  }
}

/** @param reports one of each rank that is placed, in their order */
export function afterReports(status: TrainingJobStatus, reports: readonly InstanceReport[]): JobTransition {
  switch (status) {
    case "queued":
    case "running":
      return whileWanted(status, reports);
    case "stopping":
      return isAllOver(reports) ? ended(reports) : STAYS;
    case "pending":
    case "completed":
    case "failed":
    case "cancelled":
      return STAYS;
  }
}

function whileWanted(status: "queued" | "running", reports: readonly InstanceReport[]): JobTransition {
  if (reports.length === 0) return STAYS;
  const waiting = status === "queued" ? backToTheQueue(reports) : null;
  if (waiting !== null) return waiting;
  if (isAllOver(reports)) return ended(reports);
  const failed = reports.find(hasFailed);
  // The others are of no use without it, and are stopped.
  if (failed !== undefined) return becomes("stopping", failureSentence(failed));
  if (status === "queued" && reports.every(hasBegun)) return becomes("running", null);
  return explained(reports);
}

/** What nothing of ran yet may start elsewhere. */
function backToTheQueue(reports: readonly InstanceReport[]): JobTransition | null {
  const behind = reports.find(({ isBehind }) => isBehind);
  if (behind !== undefined) return { kind: "places-anew", reason: behind.detail };
  const missing = reports.find(({ state, problem }) => isOver(state) && problem === "mount-missing");
  return missing === undefined ? null : { kind: "skips-pool", reason: missing.detail };
}

function isAllOver(reports: readonly InstanceReport[]): boolean {
  return reports.every(({ state }) => isOver(state));
}

function hasBegun({ state }: InstanceReport): boolean {
  return state === "ready" || state === "stopping" || isOver(state);
}

function hasFailed(report: InstanceReport): boolean {
  return isOver(report.state) && !hasSucceeded(report);
}

/** It ended by itself, which hosts call `exited` whatever its exit code, and well. */
function hasSucceeded({ state, exitCode, problem, stopOrderedBy }: InstanceReport): boolean {
  const isByItself = (problem === null || problem === "exited") && stopOrderedBy === null;
  return state === "stopped" && exitCode === 0 && isByItself;
}

function explained(reports: readonly InstanceReport[]): JobTransition {
  const told = reports.find(({ state, detail }) => !isOver(state) && state !== "ready" && detail !== "");
  const silent = reports.find(({ problem, detail }) => problem !== null && detail !== "");
  const found = told ?? silent;
  return {
    kind: "explains",
    reason: found === undefined ? "" : sentenceOfRank(found, found.detail, reports),
  };
}

/** Every rank is over: by itself, by a failure, or by an order. */
function ended(reports: readonly InstanceReport[]): JobTransition {
  const failed = reports.find((report) => hasFailed(report) && report.stopOrderedBy === null);
  if (failed !== undefined) return becomes("failed", failureSentence(failed));
  const ordered = reports.find(({ stopOrderedBy }) => stopOrderedBy !== null);
  if (ordered === undefined) return becomes("completed", null);
  // A person's order is a cancellation; one with a reason of its own, as when a host is emptied, is none of theirs.
  const isPersonal = ordered.stopOrderedBy === "customer" || ordered.stopOrderedBy === "admin";
  const isCancelled = isPersonal && ordered.stopReason === null;
  return becomes(isCancelled ? "cancelled" : "failed", stopSentence(ordered));
}

function failureSentence(report: InstanceReport): string {
  if (report.state === "lost")
    return "The host it ran on was declared lost. Its time since that was last heard is free.";
  const how =
    report.detail !== ""
      ? report.detail
      : report.exitCode === null
        ? `The container ended: ${report.problem ?? report.state}.`
        : `The command ended with exit code ${report.exitCode}.`;
  return report.rank === 0 ? how : `Rank ${report.rank}: ${how}`;
}

function sentenceOfRank({ rank }: InstanceReport, sentence: string, reports: readonly unknown[]): string {
  return reports.length === 1 ? sentence : `Rank ${rank}: ${sentence}`;
}

/** Of a running one the job's own limit counts, which the store knows. */
export function limitMs(status: TrainingJobStatus): number | null {
  return status === "stopping" ? STOP_LIMIT_MS : null;
}

/** How long hosts may take from the placement until it runs. */
export const PLACED_LIMIT_MS = START_LIMIT_MS;

export function afterDeadline(
  status: TrainingJobStatus,
  hostName: string,
): DeadlineVerdict<TrainingJobStatus> | null {
  switch (status) {
    case "queued":
      return {
        status: "stopping",
        reason: `Host ${hostName} did not get the job running within ${PLACED_LIMIT_MS / MS_PER_MINUTE} minutes.`,
        stops: true,
      };
    case "running":
      return {
        status: "stopping",
        reason: "It has run for as long as its config.max_minutes allows.",
        stops: true,
        by: "limit",
      };
    case "stopping":
      return {
        status: "stopping",
        reason: `Host ${hostName} has not confirmed the stop within ${STOP_LIMIT_MS / MS_PER_MINUTE} minutes; the order stands and later time is free.`,
        stops: false,
      };
    case "pending":
    case "completed":
    case "failed":
    case "cancelled":
      return null;
  }
}
