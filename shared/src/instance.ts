/**
 * What the agent is told to run and what it says is there. The agent knows only instances: environments, ranks
 * and replicas look alike to it.
 */
import { z } from "zod";
import { BootId, GpuUuid, InstanceId, RunId, WorkloadId } from "./ids.ts";
import { ImageTerms } from "./image-fetch.ts";
import { text } from "./text.ts";
import { KIB } from "./units.ts";
import { WORKLOAD_KINDS } from "./workload.ts";

/** A path below a storage pool's root: relative, no empty, "." or ".." part. */
export const PoolPath = text(512)
  .regex(/^[^/]+(\/[^/]+)*$/)
  .refine(
    (path) => !path.split("/").some((part) => part === "." || part === ".."),
    "must stay below the pool",
  );

/** A dataset or model of the pool, always read-only. `target` is a path of the container. */
export const ReadOnlyMount = z.object({
  kind: z.enum(["dataset", "model"]),
  source: PoolPath,
  target: z.string().max(64),
});
export type ReadOnlyMount = z.infer<typeof ReadOnlyMount>;

/** A folder of the pool that is made if missing and outlives the run: code and output. */
const PersistentFolder = z.object({ source: PoolPath, target: z.string().max(64) });

export const AttachedGpu = z.object({
  uuid: GpuUuid,
  /** Set for a slice of a shared card; null when the whole card is this instance's. */
  memoryMib: z.int().positive().nullable(),
});
export type AttachedGpu = z.infer<typeof AttachedGpu>;

/** Everything that `create` takes, and nothing else: the spec hash covers exactly this. */
export const InstanceSpec = z.object({
  kind: z.enum(WORKLOAD_KINDS),
  workloadId: WorkloadId,
  /** Instances of one workspace share a bridge network; others are out of reach. */
  network: z.string().regex(/^ws-[0-9]+$/),
  hostname: z.string().max(63),
  image: z.string().min(1).max(256),
  /** Run by the toolbox's shell; null keeps the container up with our init. */
  command: z
    .string()
    .max(64 * 1024)
    .nullable(),
  env: z.record(z.string(), z.string()),
  cpuMilli: z.int().positive(),
  memoryBytes: z.int().positive(),
  pidsLimit: z.int().positive(),
  storageBytes: z.int().nonnegative().nullable(),
  tempStorageBytes: z.int().nonnegative().nullable(),
  gpus: z.array(AttachedGpu).max(64),
  mounts: z.array(ReadOnlyMount).max(7),
  folders: z.array(PersistentFolder).max(4),
  jupyter: z.boolean(),
  tensorboard: z.boolean(),
});
export type InstanceSpec = z.infer<typeof InstanceSpec>;

export const STOP_ORDERERS = ["customer", "admin", "account", "control-plane", "limit"] as const;

/** What an INT column of the control plane holds. */
const MAX_INT = 2_147_483_647;

/** One placement as the host should have it. Only `removed` takes something away; absence never does. */
export const DesiredInstance = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive(),
  runId: RunId,
  want: z.enum(["running", "stopped", "removed"]),
  /** Who ordered a stop or removal; every stop carries it. */
  orderedBy: z.enum(STOP_ORDERERS).nullable(),
  /** Hex SHA-256 of the canonical spec. */
  specHash: z.string().regex(/^[0-9a-f]{64}$/),
  spec: InstanceSpec,
  /** Applied live, outside the spec hash. */
  live: z.object({
    stopGraceSeconds: z.int().min(1).max(300),
    onDisconnect: z.enum(["keep", "stop_after"]),
    /** Seconds without an accepted heartbeat after which a `stop_after` instance stops itself. */
    stopAfterSeconds: z.int().positive().nullable(),
  }),
  /** How its image may be had; absent from a control plane of before, which says nothing of that. */
  imageTerms: ImageTerms.optional(),
});
export type DesiredInstance = z.infer<typeof DesiredInstance>;

/** Why an instance cannot run, as a code the control plane acts on; `detail` is the sentence for people. */
export const INSTANCE_PROBLEMS = [
  "image-missing",
  "mount-missing",
  "gpu-missing",
  "gpu-failed",
  "runtime-error",
  "runtime-down",
  "start-refused",
  "exited",
  "out-of-memory",
  "storage-exceeded",
  /** Its host's disk was nearly full, and it wrote most. */
  "disk-filled",
  "container-lost",
  // The two below speak of a run that goes on, costs and holds its cards.
  /** The runtime says that its container ended, or knows it no more, and its processes are still there. */
  "runtime-disagrees",
  /** It was told to end and killed, and processes of it are still there. */
  "not-ending",
] as const;
export type InstanceProblem = (typeof INSTANCE_PROBLEMS)[number];

/** Of the last lines that an ended run's container wrote, as UTF-8. */
export const MAX_TAIL_BYTES = 8 * KIB;

const Signal = z.string().regex(/^SIG[A-Z0-9+]{1,12}$/);

/** What an ended run left, told once and for good. Its exit code stands with the instance. */
export const RunRemains = z.object({
  /** The kernel ended something of it for its memory. */
  outOfMemory: z.boolean(),
  /** The signal that its exit code speaks of; null for none. */
  signal: Signal.nullable(),
  /** What could not be read as text is replaced. Null where nothing could be read; empty where nothing was written. */
  tail: text(MAX_TAIL_BYTES)
    .refine((tail) => new TextEncoder().encode(tail).length <= MAX_TAIL_BYTES, "too long")
    .nullable(),
});
export type RunRemains = z.infer<typeof RunRemains>;

/** How often a run's container ended and was started again, and how it ended before the last time. */
const RunRestarts = z.object({
  count: z.int().positive().max(MAX_INT),
  /** Null where the container was gone. */
  exitCode: z.int().min(-MAX_INT).max(MAX_INT).nullable(),
  outOfMemory: z.boolean(),
  signal: Signal.nullable(),
});

export const ObservedInstance = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive().max(MAX_INT),
  runId: RunId,
  phase: z.enum(["starting", "ready", "stopping", "stopped", "failed"]),
  /** A sentence: what it waits for or why it ended. */
  detail: text(2000),
  problem: z.enum(INSTANCE_PROBLEMS).nullable(),
  containerId: text(128).nullable(),
  exitCode: z.int().nullable(),
  /** When metering opened, on the host's monotonic clock. */
  gateOpenedMs: z.int().nonnegative().nullable(),
  bootId: BootId,
  /** On a placement that is refused for its epoch: the highest this host has known. Agents of before tell it in `detail` only. */
  knownEpoch: z.int().positive().max(MAX_INT).optional(),
  /** Absent while the run lives, while it is still being looked at, and from agents of before. */
  remains: RunRemains.optional(),
  /** Absent while it was never started again, and from agents of before. */
  restarts: RunRestarts.optional(),
});
export type ObservedInstance = z.infer<typeof ObservedInstance>;
