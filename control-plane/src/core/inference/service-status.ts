/**
 * The life of an inference service: what the reports of its replicas make of it, and what happens when it takes too long.
 * One that was ordered answers once a first replica is ready.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/workload";
import {
  becomes,
  type DeadlineVerdict,
  type InstanceReport,
  isOver,
  START_LIMIT_MS,
  STAYS,
  STOP_LIMIT_MS,
  type Transition,
} from "../instances/instance-report.ts";

export function afterReports(
  status: InferenceServiceStatus,
  reports: readonly InstanceReport[],
): Transition<InferenceServiceStatus> {
  switch (status) {
    case "creating":
      return reports.some(({ state }) => state === "ready") ? becomes("running", null) : STAYS;
    case "stopping":
      return reports.every(({ state }) => isOver(state)) ? becomes("stopped", null) : STAYS;
    case "running":
    case "stopped":
    case "error":
      return STAYS;
  }
}

export function limitMs(status: InferenceServiceStatus): number | null {
  switch (status) {
    case "creating":
      return START_LIMIT_MS;
    case "stopping":
      return STOP_LIMIT_MS;
    case "running":
    case "stopped":
    case "error":
      return null;
  }
}

export function afterDeadline(
  status: InferenceServiceStatus,
  hostName: string,
): DeadlineVerdict<InferenceServiceStatus> | null {
  switch (status) {
    case "creating":
      return {
        status: "error",
        reason: `Host ${hostName} did not get a replica ready in time.`,
        stops: true,
      };
    case "stopping":
      return {
        status: "stopping",
        reason: `Host ${hostName} has not confirmed the stop in time; the order stands and later time is free.`,
        stops: false,
      };
    case "running":
    case "stopped":
    case "error":
      return null;
  }
}
