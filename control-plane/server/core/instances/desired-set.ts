/**
 * From an order to what its host is told: the instance's spec with its environment, mounts and folders, of an
 * environment or of one rank of a training job. The spec is everything that creating the container takes; a change to
 * it is a new run.
 */
import type {
  AttachedGpu,
  DesiredInstance,
  InstanceSpec,
  ReadOnlyMount,
} from "@remotegpu/shared/instance/instance";
import type { GangNetwork, RankName } from "@remotegpu/shared/instance/gang-network";
import type { GpuUuid, WorkloadId } from "@remotegpu/shared/values/ids";
import { isInPoolProofs } from "@remotegpu/shared/proof/pool-proof";
import type { RankLaunch } from "@remotegpu/shared/instance/rank-launch";
import { DATASET_PATHS, MODEL_PATHS } from "../orders/order-check.ts";
import type { GpuGrant } from "../placement/placement.ts";
import type { SealedValue } from "../secrets/env-var-seal.ts";

/** Enough for a busy notebook with its data loaders, too few for a fork bomb to hurt the host. */
const PIDS_LIMIT = 4096;
export const STOP_GRACE_SECONDS = 30;
const MAX_POOL_PATH = 512;
const MAX_HOSTNAME = 63;
const CODE = "/gemini/code";
const OUTPUT = "/gemini/output";
const ATTEMPTS = "/gemini/attempts";

/** What a variable holds: a text, or where it lies in the database a sealed value. */
type EnvValue = string | SealedValue;

/** A spec as placements hold it: a customer's variables are sealed until their host is told them. */
export type SpecOf<Value extends EnvValue> = Omit<InstanceSpec, "env"> & { env: Record<string, Value> };
export type StoredSpec = SpecOf<EnvValue>;

export interface ResolvedMount {
  /** Path in the container. */
  target: string;
  /** `storage_path` of the dataset or model. */
  storagePath: string;
}

interface ContainerOrder<Value extends EnvValue> {
  id: string;
  network: string;
  image: string;
  cpuMilli: number;
  memoryBytes: number;
  envVars: Readonly<Record<string, Value>>;
  datasets: ResolvedMount[];
  models: ResolvedMount[];
}

export interface EnvironmentOrder<Value extends EnvValue = string> extends ContainerOrder<Value> {
  command: string | null;
  storageBytes: number | null;
  tempStorageBytes: number | null;
  jupyter: boolean;
  tensorboard: boolean;
}

/** What a rank finds in /gemini/code: what was brought, in a copy of its own, or an environment's, as it is now. */
export type RankCode =
  | { kind: "brought"; sha256: string; bytes: number }
  | { kind: "of-environment"; environmentId: string };

/** One rank of a training job. */
export interface RankOrder<Value extends EnvValue = string> extends ContainerOrder<Value> {
  rank: number;
  command: string;
  /** From 1; each writes into a folder of its own. */
  attempt: number;
  /** Where in the container the job leaves its results; all ranks share that folder. */
  outputPath: string;
  /** Where it meets the others; null where it is alone. */
  gang: { network: GangNetwork; hosts: RankName[] } | null;
  /** Its part where one rank starts the processes of all; null where each runs the command. */
  launch: RankLaunch | null;
  /** What it finds of the others in its environment; empty for one that does not look distributed. */
  distributedEnv: Record<string, string>;
  /** The index of an element of an array. */
  arrayIndex?: number | null;
  code: RankCode | null;
}

/** Without a workspace it gets a network of its customer's own: the leading 0 keeps that apart from any workspace's. */
export function networkName({
  workspaceId,
  customerId,
}: {
  workspaceId: number | null;
  customerId: number;
}): string {
  return `ws-${workspaceId === null ? `0${customerId}` : workspaceId}`;
}

export function environmentSpec<Value extends EnvValue = string>(
  order: EnvironmentOrder<Value>,
  gpus: GpuGrant[],
): SpecOf<Value | string> {
  return {
    kind: "environment",
    workloadId: order.id as WorkloadId,
    network: order.network,
    hostname: order.id,
    image: order.image,
    command: order.command,
    env: { ...order.envVars, GEMINI_CODE: CODE, GEMINI_DATA_OUT: OUTPUT, ...mountEnv(order) },
    cpuMilli: order.cpuMilli,
    memoryBytes: order.memoryBytes,
    pidsLimit: PIDS_LIMIT,
    storageBytes: order.storageBytes,
    tempStorageBytes: order.tempStorageBytes,
    gpus: gpus.map(attachedGpu),
    mounts: mountsOf(order),
    folders: [
      { source: environmentFolders(order.id).code, target: CODE },
      { source: environmentFolders(order.id).output, target: OUTPUT },
    ],
    jupyter: order.jupyter,
    tensorboard: order.tensorboard,
  };
}

/** One replica of an inference service. */
export interface ReplicaOrder<Value extends EnvValue = string> extends ContainerOrder<Value> {
  rank: number;
  /** Null for the image's own. */
  command: string | null;
  /** Where it listens. */
  port: number;
}

export function replicaSpec<Value extends EnvValue = string>(
  order: ReplicaOrder<Value>,
  gpus: GpuGrant[],
): SpecOf<Value | string> {
  return {
    kind: "inference",
    workloadId: order.id as WorkloadId,
    network: order.network,
    hostname: rankName(order),
    image: order.image,
    command: order.command,
    ...(order.command === null && { entrypoint: "image" as const }),
    // What its program uses costs from its container's start, served or not; it is started again where it is.
    gate: "running",
    restarts: "within-run",
    env: { ...order.envVars, PORT: String(order.port), ...mountEnv(order) },
    cpuMilli: order.cpuMilli,
    memoryBytes: order.memoryBytes,
    pidsLimit: PIDS_LIMIT,
    storageBytes: null,
    tempStorageBytes: null,
    gpus: gpus.map(attachedGpu),
    mounts: mountsOf(order),
    folders: [],
    jupyter: false,
    tensorboard: false,
  };
}

export function rankSpec<Value extends EnvValue = string>(
  order: RankOrder<Value>,
  gpus: GpuGrant[],
): SpecOf<Value | string> {
  const output = order.outputPath.replace(/\/+$/, "") || OUTPUT;
  return {
    kind: "training",
    workloadId: order.id as WorkloadId,
    network: order.gang?.network ?? order.network,
    ...(order.gang !== null && { hosts: order.gang.hosts, gate: "released" as const }),
    ...(order.launch !== null && { launch: order.launch }),
    hostname: rankName(order),
    image: order.image,
    command: order.launch?.role === "follows" ? null : order.command,
    // An end is the job's own, and what is done about it is the control plane's to say.
    restarts: "never",
    env: {
      ...order.envVars,
      ...order.distributedEnv,
      GEMINI_DATA_OUT: output,
      REMOTEGPU_ATTEMPT: String(order.attempt),
      ...(order.arrayIndex != null && { REMOTEGPU_ARRAY_INDEX: String(order.arrayIndex) }),
      ...(order.code !== null && { GEMINI_CODE: CODE }),
      ...mountEnv(order),
    },
    cpuMilli: order.cpuMilli,
    memoryBytes: order.memoryBytes,
    pidsLimit: PIDS_LIMIT,
    storageBytes: null,
    tempStorageBytes: null,
    gpus: gpus.map(attachedGpu),
    mounts: mountsOf(order),
    folders: [{ source: attemptSource(order), target: output }],
    ...visibleTo(order),
    jupyter: false,
    tensorboard: false,
  };
}

/** Its code, and what of attempts before lies in this one's pool, so that it can go on from there. */
export function visibleTo({
  id,
  attempt,
  code,
}: Pick<RankOrder, "id" | "attempt" | "code">): Pick<InstanceSpec, "views" | "code" | "workingFolder"> {
  const earlier = Array.from({ length: attempt - 1 }, (_, index) => index + 1);
  const views = [
    ...(code?.kind === "of-environment"
      ? [{ source: environmentFolders(code.environmentId).code, target: CODE, isNeeded: true }]
      : []),
    ...earlier.map((number) => ({
      source: attemptSource({ id, attempt: number }),
      target: `${ATTEMPTS}/${attemptFolder(number)}`,
    })),
  ];
  return {
    ...(views.length > 0 && { views }),
    ...(code?.kind === "brought" && { code: { sha256: code.sha256, bytes: code.bytes } }),
    ...(code !== null && { workingFolder: CODE }),
  };
}

function attemptSource({ id, attempt }: { id: string; attempt: number }): string {
  return `${jobOutputFolder(id)}/${attemptFolder(attempt)}`;
}

/** Where in its pool an environment's own folders lie; `id` is the one that hosts know. */
export function environmentFolders(id: string): { code: string; output: string } {
  return { code: `environments/${id}/code`, output: `environments/${id}/output` };
}

/** The same of a training job; all ranks share it. */
export function jobOutputFolder(id: string): string {
  return `training-jobs/${id}/output`;
}

/** Each attempt writes into a folder of its own, so that none spoils what an earlier one left. */
export function attemptFolder(attempt: number): string {
  return `attempt-${attempt}`;
}

/** The name of the job's rank; a long id gives way to the rank's number. Under this name the other ranks find it. */
export function rankName({ id, rank }: { id: string; rank: number }): string {
  const ending = `-${rank}`;
  return `${id.slice(0, MAX_HOSTNAME - ending.length)}${ending}`;
}

function attachedGpu({ uuid, memoryMib }: GpuGrant): AttachedGpu {
  return { uuid: uuid as GpuUuid, memoryMib };
}

type Mounted = Pick<ContainerOrder<EnvValue>, "datasets" | "models">;

function mountsOf({ datasets, models }: Mounted): ReadOnlyMount[] {
  return [...datasets.map(datasetMount), ...modelMounts(models)];
}

/** Only what is mounted gets its variable, so that a program can tell. Hosts add none of their own. */
function mountEnv(order: Mounted): Record<string, string> {
  return {
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

/** Single-model programs look in one place: the model at the lowest number is also found at /gemini/pretrain. */
function modelMounts(models: ResolvedMount[]): ReadOnlyMount[] {
  const mounts = models.map((mount): ReadOnlyMount => ({
    kind: "model",
    source: poolPath(mount.storagePath),
    target: mount.target,
  }));
  const [first] = [...mounts].sort((a, b) => (a.target < b.target ? -1 : 1));
  return first === undefined ? mounts : [...mounts, { ...first, target: "/gemini/pretrain" }];
}

/** A storage path as hosts take it, below the pool's root. */
export function poolPath(storagePath: string): string {
  return storagePath.replace(/^\/+|\/+$/g, "");
}

/** Whether a storage path stays below the pool's root; one that does not would be refused by the host. */
export function isBelowPool(storagePath: string): boolean {
  const path = poolPath(storagePath);
  return (
    path.length > 0 &&
    path.length <= MAX_POOL_PATH &&
    !isInPoolProofs(path) &&
    !path.split("/").some((part) => part === "" || part === "." || part === "..")
  );
}

/** What is applied live, outside the spec hash. Where money is short a cut-off is bounded later (cut-off-rule.ts). */
export function environmentLive(): DesiredInstance["live"] {
  return { stopGraceSeconds: STOP_GRACE_SECONDS, onDisconnect: "keep", stopAfterSeconds: null };
}

/** A gang over several hosts is of no use without one of them: cut off for so long, a rank ends by itself. */
export const GANG_STOP_AFTER_SECONDS = 900;

export function rankLive({
  hosts,
  stopGraceSeconds,
  stallAfterSeconds,
}: {
  hosts: number;
  stopGraceSeconds: number;
  /** Null for one that may do nothing for as long as it likes. */
  stallAfterSeconds: number | null;
}): DesiredInstance["live"] {
  const stall = stallAfterSeconds === null ? {} : { stallAfterSeconds };
  if (hosts === 1) return { ...environmentLive(), stopGraceSeconds, ...stall };
  return {
    stopGraceSeconds,
    ...stall,
    onDisconnect: "stop_after",
    stopAfterSeconds: GANG_STOP_AFTER_SECONDS,
  };
}
