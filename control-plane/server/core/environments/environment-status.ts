/**
 * The life of an environment: which request is legal in which status, what a host's report makes of it, and what
 * happens when a status that ends in "-ing" takes too long. Decides only; the store writes.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import { WAITING_FOR_PLACE } from "../queue/waiting-reasons.ts";
import { inSequence } from "../reasons/in-sequence.ts";
import type { Reason } from "../reasons/reason.ts";
import {
  becomes,
  cardReason,
  type DeadlineVerdict,
  detailOf,
  endOfContainer,
  type InstanceReport,
  isOver,
  isPersons,
  START_LIMIT_MS,
  STAYS,
  STOP_LIMIT_MS,
  stopCause,
  type Transition as TransitionTo,
  type Verdict as VerdictOf,
} from "../instances/instance-report.ts";
import { statusPhrase, type GivenReason } from "../reasons/plain-reason.ts";

type Verdict = VerdictOf<EnvironmentStatus>;
type Transition = TransitionTo<EnvironmentStatus>;
export type EnvironmentRequest = "start" | "stop" | "restart" | "delete";

const legal = (status: EnvironmentStatus): Verdict => ({ legal: true, status });
const refused = (why: GivenReason): Verdict => ({ legal: false, why });

/** What a request makes of an environment. Delete is legal everywhere; the others say why they are not. */
export function afterRequest(status: EnvironmentStatus, request: EnvironmentRequest): Verdict {
  if (request === "delete") return legal("deleting");
  if (status === "deleting") return refused("environment-being-deleted");
  switch (request) {
    case "start":
      return afterStart(status);
    case "stop":
      return afterStop(status);
    case "restart":
      return status === "running"
        ? legal("restarting")
        : refused({ code: "environment-not-restartable", params: { status: statusPhrase(status) } });
  }
}

function afterStart(status: Exclude<EnvironmentStatus, "deleting">): Verdict {
  switch (status) {
    case "stopped":
    case "error":
      return legal("queued");
    case "stopping":
      return refused("environment-still-stopping");
    case "queued":
    case "creating":
    case "running":
    case "restarting":
      return refused({ code: "environment-already", params: { status: statusPhrase(status) } });
  }
}

function afterStop(status: Exclude<EnvironmentStatus, "deleting">): Verdict {
  switch (status) {
    case "queued":
      return legal("stopped");
    case "creating":
    case "running":
    case "restarting":
      return legal("stopping");
    case "stopping":
    case "stopped":
      return refused({ code: "environment-already", params: { status: statusPhrase(status) } });
    case "error":
      return refused("environment-ended-with-error");
  }
}

/** What a report about the current placement makes of the environment. */
export function afterReport(status: EnvironmentStatus, report: InstanceReport): Transition {
  switch (status) {
    case "creating":
    case "restarting":
      return whileStarting(report);
    case "running":
      return whileRunning(report);
    case "stopping":
      return isOver(report.state) ? becomes("stopped", stopCause(report)) : STAYS;
    case "error":
      // A stop that a person ordered and that took too long has come true after all.
      return isOver(report.state) && isPersons(report.stopOrderedBy)
        ? becomes("stopped", stopCause(report))
        : STAYS;
    case "queued":
    case "stopped":
    case "deleting":
      return STAYS;
  }
}

function whileStarting(report: InstanceReport): Transition {
  switch (report.state) {
    case "placed":
    case "lost":
      return STAYS;
    case "starting":
      return report.detail === null ? STAYS : { kind: "explains", reason: report.detail };
    case "ready":
      return becomes("running", null);
    case "stopping":
      return STAYS;
    case "stopped":
    case "failed":
      if (report.isBehind) return { kind: "places-anew", reason: report.detail };
      if (report.problem === "mount-missing") return { kind: "skips-pool", reason: detailOf(report) };
      // It never ran there, and other cards may do.
      if (report.problem === "gpu-missing" || report.problem === "gpu-failed")
        return { kind: "leaves-card", reason: detailOf(report) };
      return ended(report);
  }
}

function whileRunning(report: InstanceReport): Transition {
  switch (report.state) {
    case "placed":
    case "lost":
      return STAYS;
    case "starting":
      // The agent starts a crashed container again inside the run: still running, with a sentence.
      return { kind: "explains", reason: report.detail ?? STARTING_AGAIN };
    case "ready":
      // A host whose runtime went silent still counts it as running, and says that it cannot see.
      return { kind: "explains", reason: report.problem === null ? null : report.detail };
    case "stopping":
      return report.detail === null ? STAYS : { kind: "explains", reason: report.detail };
    case "stopped":
    case "failed":
      return ended(report);
  }
}

/** It ended without a customer's stop: cleanly, or with a problem that has to be seen. */
function ended(report: InstanceReport): Transition {
  if (report.state === "stopped" && report.problem === null)
    return becomes("stopped", report.detail ?? stopCause(report));
  const how = report.detail ?? (report.problem === null ? ENDED_UNKNOWN : endOfContainer(report));
  return becomes("error", inSequence(how, cardReason(report)));
}

const STARTING_AGAIN: Reason = { code: "container-restarting", params: {} };
const ENDED_UNKNOWN: Reason = {
  code: "container-ended",
  params: { problem: { code: "problem-unknown", params: {} } },
};

/** How long a status may last before `afterDeadline` is asked; null where it may last for ever. */
export function limitMs(status: EnvironmentStatus): number | null {
  switch (status) {
    case "creating":
    case "restarting":
      return START_LIMIT_MS;
    case "stopping":
    case "deleting":
      return STOP_LIMIT_MS;
    case "queued":
    case "running":
    case "stopped":
    case "error":
      return null;
  }
}

/** What a status waits for as it begins; null where it waits for nothing. */
export function waitsFor(status: EnvironmentStatus, hostName: string | null): Reason | null {
  const params = { host_name: hostName ?? "unknown" };
  switch (status) {
    case "queued":
      return WAITING_FOR_PLACE;
    case "creating":
      return { code: "environment-starting", params };
    case "stopping":
      return { code: "environment-stopping", params };
    case "restarting":
      return { code: "environment-restarting", params };
    case "deleting":
      return { code: "environment-deleting", params };
    case "running":
    case "stopped":
    case "error":
      return null;
  }
}

/** What becomes of a status whose deadline has passed. A missing answer never frees a GPU that may be in use. */
export function afterDeadline(
  status: EnvironmentStatus,
  hostName: string,
): DeadlineVerdict<EnvironmentStatus> | null {
  const limit = limitMs(status);
  if (limit === null) return null;
  const params = { host_name: hostName, minutes: limit / MS_PER_MINUTE };
  switch (status) {
    case "creating":
    case "restarting":
      return { status: "error", reason: { code: "environment-start-overdue", params }, stops: true };
    case "stopping":
      return { status: "error", reason: { code: "environment-stop-overdue", params }, stops: false };
    case "deleting":
      return { status: "deleting", reason: { code: "environment-deletion-overdue", params }, stops: false };
    case "queued":
    case "running":
    case "stopped":
    case "error":
      return null;
  }
}
