/** Which containers of this host the access process may lead into: those that run and that somebody ordered. */
import type { InstanceId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { watchedServices } from "../services/watched-services.ts";
import type { OwnedContainer } from "../container/container.ts";

export type RunningContainer = {
  workloadId: WorkloadId;
  instanceId: InstanceId;
  runId: RunId;
  containerId: string;
  pid: number;
  services: readonly WatchedService[];
  /** It ends what it was given, and gateways are let in no more. */
  isDraining: boolean;
};

type WatchedService = ReturnType<typeof watchedServices>[number];
type Order = Pick<DesiredInstance, "instanceId" | "spec" | "live">;
/** An order that is not understood, with its owner alone. */
type BareOrder = { instanceId: InstanceId; spec?: { workloadId: WorkloadId } | undefined };

/** Among containers of one workload the latest placement's comes last. */
export function runningContainers(
  orders: readonly (Order | BareOrder)[],
  containers: readonly OwnedContainer[],
): RunningContainer[] {
  return containers
    .toSorted((a, b) => a.owner.placementEpoch - b.owner.placementEpoch)
    .flatMap(({ containerId, owner: { instanceId, runId }, status }) => {
      const order = orders.find((candidate) => candidate.instanceId === instanceId);
      if (order?.spec === undefined || status.state !== "running") return [];
      const services = "live" in order ? watchedServices(order) : [];
      const isDraining = "live" in order && order.live.draining === true;
      const { pid } = status;
      const { workloadId } = order.spec;
      return [{ workloadId, instanceId, runId, containerId, pid, services, isDraining }];
    });
}
