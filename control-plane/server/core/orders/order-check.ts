/**
 * What can be said about an order without asking the database: mounts (at most 3 and 3, distinct, in their family
 * of paths) and shapes that contradict themselves. Field types and ranges are the HTTP schema's.
 */
import { wholeSize } from "@remotegpu/shared/values/size-text";
import { IMAGE_NAME } from "@remotegpu/shared/values/image-name";
import { MIB } from "@remotegpu/shared/values/units";
import type { GivenReason } from "../reasons/plain-reason.ts";
import type { Reason } from "../reasons/reason.ts";

export const MAX_MOUNTS = 3;
export const DATASET_PATHS = ["/gemini/data-1", "/gemini/data-2", "/gemini/data-3"] as const;
export const MODEL_PATHS = ["/gemini/pretrain1", "/gemini/pretrain2", "/gemini/pretrain3"] as const;

/** Bytes. The runtime takes no less. */
export const MIN_MEMORY = 16 * MIB;

export interface Mount {
  /** Id of the dataset or model. */
  id: number;
  path: string;
  readonly: boolean;
}

export interface OrderShape {
  gpu: number;
  gpuMemory: number | null;
  gpuSharing: "exclusive" | "shared";
  mountedDatasets: Mount[];
  mountedModels: Mount[];
}

export interface OrderIssue {
  path: string;
  reason: GivenReason;
}

/** Why an environment that was ordered in the old system cannot be started as it stands; null where it can. */
export function startIssue(order: { image: string; memory: number }): Reason | null {
  if (!IMAGE_NAME.test(order.image))
    return { code: "image-not-fetchable", params: { image: JSON.stringify(order.image) } };
  if (order.memory < MIN_MEMORY)
    return {
      code: "memory-below-minimum",
      params: { memory: wholeSize(order.memory), minimum: wholeSize(MIN_MEMORY) },
    };
  return null;
}

/** Every fault of the order, named by its field; an empty list means none. */
export function orderIssues(order: OrderShape): OrderIssue[] {
  return [
    ...mountIssues("mounted_datasets", order.mountedDatasets, DATASET_PATHS),
    ...mountIssues("mounted_models", order.mountedModels, MODEL_PATHS),
    ...gpuIssues(order),
  ];
}

function mountIssues(field: string, mounts: Mount[], family: readonly string[]): OrderIssue[] {
  const issues: OrderIssue[] = [];
  if (mounts.length > MAX_MOUNTS)
    issues.push({ path: field, reason: { code: "mounts-too-many", params: { max_mounts: MAX_MOUNTS } } });
  for (const [index, mount] of mounts.entries()) {
    const before = mounts.slice(0, index);
    if (!family.includes(mount.path))
      issues.push({ path: `${field}.${index}.path`, reason: pathUnknown(family) });
    if (!mount.readonly) issues.push({ path: `${field}.${index}.readonly`, reason: "mount-not-read-only" });
    if (before.some((other) => other.id === mount.id))
      issues.push({
        path: `${field}.${index}.id`,
        reason: { code: "mounted-twice", params: { data_id: mount.id } },
      });
    if (before.some((other) => other.path === mount.path))
      issues.push({
        path: `${field}.${index}.path`,
        reason: { code: "mount-path-used-twice", params: { path: mount.path } },
      });
  }
  return issues;
}

function pathUnknown(family: readonly string[]): Reason {
  return { code: "mount-path-unknown", params: { paths: { names: family, more: 0 } } };
}

function gpuIssues(order: OrderShape): OrderIssue[] {
  if (order.gpuSharing === "shared" && order.gpu !== 1)
    return [{ path: "gpu", reason: "shared-gpu-not-one" }];
  if (order.gpuSharing === "shared" && order.gpuMemory === null)
    return [{ path: "gpu_memory", reason: "shared-gpu-memory-missing" }];
  if (order.gpu === 0 && order.gpuMemory !== null)
    return [{ path: "gpu_memory", reason: "gpu-memory-without-gpu" }];
  return [];
}

/** Gives mounts without a path the free paths of their family, in order. */
export function withPaths(
  mounts: { id: number; path?: string | undefined; readonly?: boolean | undefined }[],
  family: readonly string[],
): Mount[] {
  const named = new Set(mounts.flatMap((mount) => mount.path ?? []));
  const free = family.filter((path) => !named.has(path));
  return mounts.map((mount) => ({
    id: mount.id,
    path: mount.path ?? free.shift() ?? "",
    readonly: mount.readonly ?? true,
  }));
}
