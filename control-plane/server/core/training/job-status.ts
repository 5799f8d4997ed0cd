/**
 * The life of a training job: which request is legal in which status, what the reports of all its ranks make of it, and
 * what happens when it takes too long. A job waits as `queued` until its ranks run, also while hosts fetch its image, and
 * as `pending` until another attempt is due; it is completed when every rank ended with 0, or where the others follow the
 * first one, when that has. What follows a failure is in retries.ts. Decides only; the store writes.
 */
import type { InstanceProblem } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { WAITING_FOR_PLACE } from "../queue/waiting-reasons.ts";
import {
  becomes,
  cardReason,
  type DeadlineVerdict,
  detailOf,
  endOfContainer,
  type Failure,
  hasBegun,
  type InstanceReport,
  isOver,
  START_LIMIT_MS,
  STAYS,
  STOP_LIMIT_MS,
  stopCause,
  type Transition,
  type Verdict,
} from "../instances/instance-report.ts";
import { afterGangReports } from "./gang-life.ts";
import { PREFLIGHT_LIMIT_MS } from "./preflight.ts";
import { afterIdleness, frozenReason } from "./stalls.ts";
import { inSequence } from "../reasons/in-sequence.ts";
import { statusPhrase } from "../reasons/plain-reason.ts";
import type { Reason } from "../reasons/reason.ts";

type JobTransition = Transition<TrainingJobStatus>;

/** The program's own end, and what is a bound of its own order. Everything else is what it stands on. */
const OWN_PROBLEMS: readonly InstanceProblem[] = [
  "exited",
  "out-of-memory",
  "storage-exceeded",
  "disk-filled",
];

export const ENDED: readonly TrainingJobStatus[] = ["completed", "failed", "cancelled"];

/**
 * @param isPlaced hosts may have something of it
 * @param isCancelled somebody has cancelled it before
 */
export function afterCancel(
  status: TrainingJobStatus,
  { isPlaced, isCancelled }: { isPlaced: boolean; isCancelled: boolean },
): Verdict<TrainingJobStatus> {
  switch (status) {
    case "pending":
    case "queued":
      return { legal: true, status: isPlaced ? "stopping" : "cancelled" };
    case "running":
      return { legal: true, status: "stopping" };
    case "stopping":
      // One that stops because it failed might be tried again.
      return isCancelled
        ? { legal: false, why: "job-already-stopping" }
        : { legal: true, status: "stopping" };
    case "completed":
    case "failed":
    case "cancelled":
      return { legal: false, why: { code: "job-already", params: { status: statusPhrase(status) } } };
  }
}

/** Another attempt by hand. */
export function afterRetry(status: TrainingJobStatus): Verdict<TrainingJobStatus> {
  return ENDED.includes(status)
    ? { legal: true, status: "queued" }
    : { legal: false, why: { code: "job-not-ended", params: { status: statusPhrase(status) } } };
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
  if (status === "running" && isDoneByFirst(reports))
    return becomes("stopping", { code: "first-rank-ended", params: {} });
  const failed = reports.find(hasFailed);
  // The others are of no use without it, and are stopped.
  if (failed !== undefined) return becomes("stopping", failureReason(failed));
  const asGang = afterGangReports(status, reports);
  if (asGang !== null && asGang.kind !== "explains") return asGang;
  const reported = inSequence(frozenReason(reports), asGang?.reason ?? null);
  const stalled = status === "running" ? afterIdleness(reports, reported) : null;
  if (stalled !== null) return stalled;
  if (reported !== null) return { kind: "explains", reason: reported };
  if (asGang !== null) return asGang;
  if (status === "queued" && reports.every(hasBegun)) return becomes("running", null);
  return explained(reports);
}

/** What nothing of ran yet may start elsewhere. */
function backToTheQueue(reports: readonly InstanceReport[]): JobTransition | null {
  const behind = reports.find(({ isBehind }) => isBehind);
  if (behind !== undefined) return { kind: "places-anew", reason: behind.detail };
  const missing = reports.find(({ state, problem }) => isOver(state) && problem === "mount-missing");
  return missing === undefined ? null : { kind: "skips-pool", reason: detailOf(missing) };
}

function isAllOver(reports: readonly InstanceReport[]): boolean {
  return reports.every(({ state }) => isOver(state));
}

/** The others are there for the first one alone: whatever becomes of them once it has ended well is nothing to the job. */
function isDoneByFirst(reports: readonly InstanceReport[]): boolean {
  const first = reports.find(({ rank }) => rank === 0);
  return first !== undefined && hasSucceeded(first) && reports.some(isFollower);
}

function isFollower({ gang }: InstanceReport): boolean {
  return gang?.follows === true;
}

function hasFailed(report: InstanceReport): boolean {
  return isOver(report.state) && !hasSucceeded(report);
}

/** It ended by itself, which hosts call `exited` whatever its exit code, and well; one that follows has nothing to end. */
function hasSucceeded(report: InstanceReport): boolean {
  const { state, exitCode, problem, stopOrderedBy } = report;
  const isByItself = (problem === null || problem === "exited") && stopOrderedBy === null;
  return state === "stopped" && exitCode === 0 && isByItself && !isFollower(report);
}

function explained(reports: readonly InstanceReport[]): JobTransition {
  const reported = reports.find(
    ({ state, detail }) => !isOver(state) && state !== "ready" && detail !== null,
  );
  const silent = reports.find(({ problem, detail }) => problem !== null && detail !== null);
  const found = reported ?? silent;
  const isAlone = reports.length === 1;
  return {
    kind: "explains",
    reason: found?.detail == null || isAlone ? (found?.detail ?? null) : atRank(found.rank, found.detail),
  };
}

/** Every rank is over: by itself, by a failure, or by an order. */
function ended(reports: readonly InstanceReport[]): JobTransition {
  if (isDoneByFirst(reports)) return becomes("completed", null);
  // What broke beneath one rank makes the programs of others fail, too, and is the cause of all of it.
  const broken = reports.length === 1 ? [] : reports.filter(isBroken);
  const [cause] = broken;
  if (cause !== undefined) return fails("infrastructure", failureReason(cause), broken);
  const failed = reports.filter((report) => hasFailed(report) && report.stopOrderedBy === null);
  const [first] = failed;
  if (first !== undefined) return fails(failedBy(first), failureReason(first), failed);
  const ordered = reports.find(({ stopOrderedBy }) => stopOrderedBy !== null);
  if (ordered === undefined) return becomes("completed", null);
  const stalled = reports.filter(({ progress }) => progress?.stall === "ended");
  if (stalled.length > 0 && ordered.stopOrderedBy === "control-plane")
    return fails("program", stopCause(ordered) ?? { code: "job-did-nothing", params: {} }, stalled);
  // A person's order is a cancellation; one with a reason of its own, as when a host is emptied, is none of theirs.
  const isPersonal = ordered.stopOrderedBy === "customer" || ordered.stopOrderedBy === "admin";
  const isCancelled = isPersonal && ordered.stopReason === null;
  if (isCancelled) return becomes("cancelled", stopCause(ordered));
  const stopped = stoppedAtFault(reports);
  // Nobody wanted its end: its host is emptied, or did not get it running in time.
  const isForTheHost = ordered.stopOrderedBy === "admin" || ordered.stopOrderedBy === "control-plane";
  return fails(
    isForTheHost ? "infrastructure" : "order",
    stopCause(stopped[0] ?? ordered) ?? { code: "run-stopped", params: {} },
    stopped,
  );
}

/**
 * The ranks of a gang that an administrator stopped, as by emptying a host: the others were stopped because of them.
 */
function stoppedAtFault(reports: readonly InstanceReport[]): InstanceReport[] {
  const all = reports.filter(({ stopOrderedBy }) => stopOrderedBy !== null);
  const byAdmin = all.filter(({ stopOrderedBy }) => stopOrderedBy === "admin");
  return byAdmin.length > 0 ? byAdmin : all;
}

function isBroken(report: InstanceReport): boolean {
  if (report.gang?.isLost === true) return true;
  const { stopOrderedBy } = report;
  const isOurs = stopOrderedBy === null || stopOrderedBy === "control-plane";
  return isOurs && hasFailed(report) && failedByBeneath(report);
}

/** A stop that was carried out is no fault of its host. */
function failedByBeneath(report: InstanceReport): boolean {
  return report.state !== "stopped" && failedBy(report) === "infrastructure";
}

function fails(by: Failure["by"], reason: Reason, failed: readonly InstanceReport[]): JobTransition {
  return { kind: "fails", failure: { by, reason, ranks: failed.map(({ rank }) => rank) } };
}

/** A program that failed on a card with a sign of failure is judged by that. */
function failedBy({ state, problem, cardFault }: InstanceReport): Failure["by"] {
  if (cardFault !== undefined && problem === "exited") return "infrastructure";
  const isOwn = state !== "lost" && (problem === null || OWN_PROBLEMS.includes(problem));
  return isOwn ? "program" : "infrastructure";
}

function failureReason(report: InstanceReport): Reason {
  if (report.gang?.isLost === true && report.stopReason !== null) return report.stopReason;
  if (report.state === "lost") return { code: "run-lost-with-host", params: {} };
  const how = report.detail ?? endOfCommand(report);
  const reported = inSequence(how, cardReason(report)) ?? how;
  return report.rank === 0 ? reported : atRank(report.rank, reported);
}

function endOfCommand(report: InstanceReport): Reason {
  return report.exitCode === null
    ? endOfContainer(report)
    : { code: "command-ended", params: { exit_code: report.exitCode } };
}

function atRank(rank: number, what: Reason): Reason {
  return { code: "at-rank", params: { rank, what } };
}

/** A running job has its own limit, and a stop its grace at first, which the store knows. */
export function limitMs(status: TrainingJobStatus): number | null {
  return status === "stopping" ? STOP_LIMIT_MS : null;
}

/** How long hosts may take from the placement until it runs. */
export const PLACED_LIMIT_MS = START_LIMIT_MS;
/** The preflight of a gang ends by itself before that, and reports its reason. */
export const GANG_PLACED_LIMIT_MS = PREFLIGHT_LIMIT_MS + MS_PER_MINUTE;

export function afterDeadline(
  status: TrainingJobStatus,
  hostName: string,
): DeadlineVerdict<TrainingJobStatus> | null {
  switch (status) {
    case "queued":
      return {
        status: "stopping",
        reason: {
          code: "job-start-overdue",
          params: { host_name: hostName, minutes: PLACED_LIMIT_MS / MS_PER_MINUTE },
        },
        stops: true,
      };
    case "running":
      return {
        status: "stopping",
        reason: { code: "job-at-time-limit", params: {} },
        stops: true,
        by: "limit",
      };
    case "stopping":
      return {
        status: "stopping",
        reason: { code: "stop-overdue", params: { host_name: hostName } },
        stops: false,
      };
    case "pending":
      return { status: "queued", reason: WAITING_FOR_PLACE, stops: false };
    case "completed":
    case "failed":
    case "cancelled":
      return null;
  }
}
