/**
 * From an order to what its host is told: the instance's spec with its environment, mounts and folders. The spec is
 * everything that creating the container takes; a change to it is a new run.
 */
import type { DesiredInstance, InstanceSpec, ReadOnlyMount } from "@remotegpu/shared/instance";
import type { GpuUuid, WorkloadId } from "@remotegpu/shared/ids";
import { DATASET_PATHS, MODEL_PATHS } from "./order-check.ts";
import type { GpuGrant } from "./placement/placement.ts";

/** Enough for a busy notebook with its data loaders, too few for a fork bomb to hurt the host. */
export const PIDS_LIMIT = 4096;
export const STOP_GRACE_SECONDS = 30;
const MAX_POOL_PATH = 512;

export interface ResolvedMount {
  /** Path in the container. */
  target: string;
  /** `storage_path` of the dataset or model. */
  storagePath: string;
}

export interface EnvironmentOrder {
  id: string;
  workspaceId: string;
  image: string;
  command: string | null;
  cpuMilli: number;
  memoryBytes: number;
  storageBytes: number | null;
  tempStorageBytes: number | null;
  envVars: Record<string, string>;
  datasets: ResolvedMount[];
  models: ResolvedMount[];
  jupyter: boolean;
  tensorboard: boolean;
}

export function environmentSpec(order: EnvironmentOrder, gpus: GpuGrant[]): InstanceSpec {
  return {
    kind: "environment",
    workloadId: order.id as WorkloadId,
    network: `ws-${order.workspaceId}`,
    hostname: order.id,
    image: order.image,
    command: order.command,
    env: { ...order.envVars, ...geminiEnv(order) },
    cpuMilli: order.cpuMilli,
    memoryBytes: order.memoryBytes,
    pidsLimit: PIDS_LIMIT,
    storageBytes: order.storageBytes,
    tempStorageBytes: order.tempStorageBytes,
    gpus: gpus.map((grant) => ({ uuid: grant.uuid as GpuUuid, memoryMib: grant.memoryMib })),
    mounts: [...order.datasets.map(datasetMount), ...modelMounts(order.models)],
    folders: [
      { source: `environments/${order.id}/code`, target: "/gemini/code" },
      { source: `environments/${order.id}/output`, target: "/gemini/output" },
    ],
    jupyter: order.jupyter,
    tensorboard: order.tensorboard,
  };
}

/** Only what is mounted gets its variable, so that a program can tell. */
function geminiEnv(order: EnvironmentOrder): Record<string, string> {
  return {
    GEMINI_CODE: "/gemini/code",
    GEMINI_DATA_OUT: "/gemini/output",
    ...numbered("GEMINI_DATA_IN", DATASET_PATHS, order.datasets),
    ...numbered("GEMINI_PRETRAIN", MODEL_PATHS, order.models),
  };
}

function numbered(
  prefix: string,
  family: readonly string[],
  mounts: ResolvedMount[],
): Record<string, string> {
  return Object.fromEntries(
    family.flatMap((path, index) =>
      mounts.some((mount) => mount.target === path) ? [[`${prefix}${index + 1}`, path]] : [],
    ),
  );
}

function datasetMount(mount: ResolvedMount): ReadOnlyMount {
  return { kind: "dataset", source: poolPath(mount.storagePath), target: mount.target };
}

/** The model at the lowest number is also found at /gemini/pretrain. */
function modelMounts(models: ResolvedMount[]): ReadOnlyMount[] {
  const mounts = models.map((mount): ReadOnlyMount => ({
    kind: "model",
    source: poolPath(mount.storagePath),
    target: mount.target,
  }));
  const [first] = [...mounts].sort((a, b) => (a.target < b.target ? -1 : 1));
  return first === undefined ? mounts : [...mounts, { ...first, target: "/gemini/pretrain" }];
}

function poolPath(storagePath: string): string {
  return storagePath.replace(/^\/+|\/+$/g, "");
}

/** Whether a storage path stays below the pool's root; one that does not would be refused by the host. */
export function isBelowPool(storagePath: string): boolean {
  const path = poolPath(storagePath);
  return (
    path.length > 0 &&
    path.length <= MAX_POOL_PATH &&
    !path.split("/").some((part) => part === "" || part === "." || part === "..")
  );
}

/** What is applied live, outside the spec hash. Where money is short a cut-off is bounded later (cut-off-rule.ts). */
export function environmentLive(): DesiredInstance["live"] {
  return { stopGraceSeconds: STOP_GRACE_SECONDS, onDisconnect: "keep", stopAfterSeconds: null };
}
