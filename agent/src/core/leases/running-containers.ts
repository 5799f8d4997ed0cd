/** Which containers of this host the access process may lead into: those that run and that somebody ordered. */
import type { InstanceId, RunId, WorkloadId } from "@remotegpu/shared/ids";
import type { OwnedContainer } from "../container/container.ts";

export type RunningContainer = {
  workloadId: WorkloadId;
  instanceId: InstanceId;
  runId: RunId;
  containerId: string;
  pid: number;
};

/** Of one workload the latest placement's comes last. */
export function runningContainers(
  orders: readonly { instanceId: InstanceId; spec?: { workloadId: WorkloadId } | undefined }[],
  containers: readonly OwnedContainer[],
): RunningContainer[] {
  return containers
    .toSorted((a, b) => a.owner.placementEpoch - b.owner.placementEpoch)
    .flatMap(({ containerId, owner: { instanceId, runId }, status }) => {
      const order = orders.find((candidate) => candidate.instanceId === instanceId);
      return order?.spec === undefined || status.state !== "running"
        ? []
        : [{ workloadId: order.spec.workloadId, instanceId, runId, containerId, pid: status.pid }];
    });
}
