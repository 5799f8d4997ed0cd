/**
 * A training job's row, read as what each part of the control plane wants of it: the gang that placement weighs, what
 * each rank is priced for, and the share of the quotas that all of them take. A rank asks as an environment does.
 */
import {
  type EnvironmentConfig,
  type EnvironmentResources,
  placementRequest,
  quotaShare,
} from "./environment-order.ts";
import type { PlacementRequest, PoolSkip } from "./placement/fits-on.ts";
import type { Quota } from "./quota-levels.ts";

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
  /** No two ranks on one host. */
  distinct_hosts?: boolean | undefined;
}

export function rankResources({
  cpu,
  memory,
  gpu,
  gpu_memory,
  config,
}: TrainingResources): EnvironmentResources {
  return { cpu, memory, gpu, gpu_memory, storage: null, temp_storage: null, config };
}

export function gangRequest(
  job: TrainingResources & { id: string; image: string },
  known: { skips: PoolSkip[]; pricedModels: readonly string[] | null },
): PlacementRequest {
  const { id, image } = job;
  return {
    ...placementRequest({ ...rankResources(job), id, image, storage_pool: null }, known),
    instances: job.node_count,
    distinctHosts: job.config?.distinct_hosts ?? false,
  };
}

/** A job is no environment, and its files are its pool's. */
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
