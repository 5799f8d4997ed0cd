/**
 * A training job's row, read as what the scheduler wants of it: the gang that placement weighs, and the share of the
 * quotas that all ranks take. A rank asks as an environment does.
 */
import {
  type EnvironmentConfig,
  type EnvironmentResources,
  type OrderCircumstances,
  placementRequest,
  quotaShare,
} from "../orders/order.ts";
import type { PlacementRequest } from "../placement/fleet/fits-on.ts";
import type { Quota } from "../orders/quota-levels.ts";

/** Sizes in bytes, as ordered for each rank. */
export interface TrainingResources {
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  node_count: number;
  config: TrainingConfig | null;
}

export interface TrainingConfig extends EnvironmentConfig {
  /**
   * No two ranks on one host; false where nothing is said. To torchrun a rank is a node wherever it stands: each has an
   * address and ports of its own, and those on one host only talk the faster. Who wants them apart says so, and waits
   * for as many hosts.
   */
  distinct_hosts?: boolean | undefined;
}

export function gangRequest(
  job: TrainingResources & { id: string; image: string },
  known: OrderCircumstances,
): PlacementRequest {
  return {
    ...placementRequest({ ...rankResources(job), id: job.id, image: job.image, storage_pool: null }, known),
    instances: job.node_count,
    distinctHosts: job.config?.distinct_hosts ?? false,
  };
}

/** A job is no environment, and what it writes belongs to its workspace's storage. */
export function gangShare(job: TrainingResources): Quota {
  const ofRank = quotaShare(rankResources(job));
  return {
    cpu_quota: ofRank.cpu_quota * job.node_count,
    memory_quota: ofRank.memory_quota * job.node_count,
    gpu_quota: ofRank.gpu_quota * job.node_count,
    storage_quota: 0,
    environment_quota: 0,
  };
}

export function rankResources(job: TrainingResources): EnvironmentResources {
  const { cpu, memory, gpu, gpu_memory, config, node_count } = job;
  return { cpu, memory, gpu, gpu_memory, storage: null, temp_storage: null, config, node_count };
}
