/**
 * A training job's row, read as what the scheduler wants of it: the request for all of its instances together, and what
 * they take of the quotas. Sizes are those of one instance.
 */
import { type EnvironmentResources, placementRequest, quotaShare } from "./environment-order.ts";
import type { PlacementRequest, PoolSkip } from "./placement/fits-on.ts";
import type { Quota } from "./quota-levels.ts";

export interface TrainingOrder extends EnvironmentResources {
  id: string;
  image: string;
  node_count: number;
  /**
   * `distributed_config.distinct_hosts`; false where nothing is said. To torchrun an instance is a node wherever it
   * stands: each has an address and ports of its own, and those on one host only talk the faster. Who wants them apart
   * says so, and waits for as many hosts.
   */
  distinct_hosts: boolean;
}

export function trainingRequest(
  job: TrainingOrder,
  facts: { skips: PoolSkip[]; pricedModels: readonly string[] | null },
): PlacementRequest {
  const each = placementRequest({ ...job, storage_pool: null }, facts);
  return { ...each, instances: job.node_count, distinctHosts: job.distinct_hosts };
}

/** A job is no environment, and what it writes belongs to its workspace's storage. */
export function trainingQuotaShare(job: TrainingOrder): Quota {
  const each = quotaShare(job);
  return {
    cpu_quota: each.cpu_quota * job.node_count,
    memory_quota: each.memory_quota * job.node_count,
    gpu_quota: each.gpu_quota * job.node_count,
    storage_quota: 0,
    environment_quota: 0,
  };
}
