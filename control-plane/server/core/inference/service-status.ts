/** How long a service may be on its way, and what follows. How long its replicas may take, each for itself, is replica.ts. */
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { type DeadlineVerdict, STOP_LIMIT_MS } from "../instances/instance-report.ts";

/** One that is being made may wait for places as long as it likes. */
export function limitMs(status: InferenceServiceStatus): number | null {
  switch (status) {
    case "stopping":
      return STOP_LIMIT_MS;
    case "creating":
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
    case "stopping":
      return {
        status: "stopping",
        reason: { code: "stop-overdue", params: { host_name: hostName } },
        stops: false,
      };
    case "creating":
    case "running":
    case "stopped":
    case "error":
      return null;
  }
}
