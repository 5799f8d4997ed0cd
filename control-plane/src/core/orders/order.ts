/**
 * An environment's row, read as what each part of the control plane wants of it: its stand in the queue, the request
 * that placement weighs, and the share of the quotas it takes. What prices are found for is priced-order.ts.
 */
import { MIB, THOUSANDTHS } from "@remotegpu/shared/units";
import type { GpuWish, PlacementRequest, PoolSkip } from "../placement/fleet/fits-on.ts";
import type { Waiting } from "../queue/queue.ts";
import type { Quota } from "./quota-levels.ts";

/** Sizes in bytes, as ordered. */
export interface EnvironmentResources {
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  storage: number | null;
  temp_storage: number | null;
  config: EnvironmentConfig | null;
  /** Instances of the whole order, which its maximum is for; one, if left out. */
  node_count?: number | undefined;
}

export interface EnvironmentConfig {
  /** The price spec; "default" where none is named. */
  spec?: string | undefined;
  gpu_sharing?: "exclusive" | "shared" | undefined;
  gpu_model?: string | undefined;
  /** What an hour of the whole order may cost, all its instances together; a plain decimal. */
  max_price_per_hour?: string | undefined;
  /** Labels that the host must carry. */
  host_labels?: Readonly<Record<string, string>> | undefined;
  /** In place of our init. */
  command?: string | undefined;
}

/** @param pricedModels the models that the order has a price for; null where that does not matter */
export function gpuWish(order: EnvironmentResources, pricedModels: readonly string[] | null): GpuWish {
  const named = order.config?.gpu_model;
  const models =
    named === undefined ? pricedModels : (pricedModels?.filter((model) => model === named) ?? [named]);
  const memoryMib = mibRoundedUp(order.gpu_memory ?? 0);
  if (order.gpu === 0) return { kind: "none" };
  if (isShared(order)) return { kind: "slice", memoryMib, shareThousandths: 0, models };
  return { kind: "whole", count: order.gpu, leastMemoryMib: memoryMib, models };
}

/** What decides where it may go beside what it asks. */
export interface OrderCircumstances {
  skips: PoolSkip[];
  /** The models that it has a price for; null where that does not matter. */
  pricedModels: readonly string[] | null;
  /** What the host's agent must be able to do. */
  features: readonly string[];
}

export function placementRequest(
  order: EnvironmentResources & { id: string; image: string; storage_pool: string | null },
  { skips, pricedModels, features }: OrderCircumstances,
): PlacementRequest {
  return {
    id: order.id,
    instances: 1,
    distinctHosts: false,
    cpuMilli: order.cpu * THOUSANDTHS,
    memoryMib: mibRoundedUp(order.memory),
    tempStorageMib: mibRoundedUp(order.temp_storage ?? 0),
    gpu: gpuWish(order, pricedModels),
    labels: order.config?.host_labels ?? {},
    features,
    image: order.image,
    storagePool: order.storage_pool,
    skips,
  };
}

/** Who shares the fleet with others: a workspace; work outside every workspace shares as its customer's. */
export function sharerOf(order: { customer_id: number; workspace_id: number | null }): string {
  return order.workspace_id === null ? `customer-${order.customer_id}` : `${order.workspace_id}`;
}

/** A slice counts as a GPU, as in quotas. */
export function waitingOrder(
  order: { id: string; customer_id: number; workspace_id: number | null; gpu: number },
  orderedAt: Date,
): Waiting {
  return {
    id: order.id,
    priority: 0,
    orderedAtMs: orderedAt.getTime(),
    workspace: sharerOf(order),
    gpuShareThousandths: order.gpu * THOUSANDTHS,
    limitSeconds: null,
  };
}

/** What one environment takes of the quotas; a slice counts as a GPU. */
export function quotaShare(order: EnvironmentResources): Quota {
  return {
    cpu_quota: order.cpu,
    memory_quota: mibRoundedUp(order.memory),
    gpu_quota: order.gpu,
    storage_quota: order.storage ?? 0,
    environment_quota: 1,
  };
}

export function isShared(order: EnvironmentResources): boolean {
  return order.config?.gpu_sharing === "shared";
}

export function mibRoundedUp(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
