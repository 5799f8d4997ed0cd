/**
 * Protocol 1 as agents and control planes of before read it, frozen: what they take of messages of today is tested with
 * these, since their own code is gone. Parts that have not changed are those of today.
 */
import { z } from "zod";
import { GpuReport, MachineReport } from "@remotegpu/shared/messages/host-report";
import { BootId, InstanceId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import {
  DesiredFetch,
  ImageTerms,
  MAX_FETCHES_OF_HOST,
  ObservedPull,
} from "@remotegpu/shared/instance/image-fetch";
import { AttachedGpu, MAX_TAIL_BYTES, PoolPath, ReadOnlyMount } from "@remotegpu/shared/instance/instance";
import { DesiredLease, MAX_LEASES_OF_HOST, ObservedLease } from "@remotegpu/shared/instance/lease";
import { Heartbeat } from "@remotegpu/shared/messages/protocol";
import { text } from "@remotegpu/shared/values/text";
import { WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";

const Count = z.int().nonnegative();
const Digest = z.string().regex(/^[0-9a-f]{64}$/);

const PersistentFolder = z.object({ source: PoolPath, target: z.string().max(64) });

const InstanceSpec = z.object({
  kind: z.enum(WORKLOAD_KINDS),
  workloadId: WorkloadId,
  network: z.string().regex(/^ws-[0-9]+$/),
  hostname: z.string().max(63),
  image: z.string().min(1).max(256),
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

const STOP_ACTORS = ["customer", "admin", "account", "control-plane", "limit"] as const;
const MAX_INT = 2_147_483_647;
const DesiredInstance = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive(),
  runId: RunId,
  want: z.enum(["running", "stopped", "removed"]),
  orderedBy: z.enum(STOP_ACTORS).nullable(),
  specHash: z.string().regex(/^[0-9a-f]{64}$/),
  spec: InstanceSpec,
  live: z.object({
    stopGraceSeconds: z.int().min(1).max(300),
    onDisconnect: z.enum(["keep", "stop_after"]),
    stopAfterSeconds: z.int().positive().nullable(),
  }),
  imageTerms: ImageTerms.optional(),
});

const INSTANCE_PROBLEMS = [
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
  "disk-filled",
  "container-lost",
  "runtime-disagrees",
  "not-ending",
] as const;
const Signal = z.string().regex(/^SIG[A-Z0-9+]{1,12}$/);
const RunRemains = z.object({
  outOfMemory: z.boolean(),
  signal: Signal.nullable(),
  tail: text(MAX_TAIL_BYTES)
    .refine((tail) => new TextEncoder().encode(tail).length <= MAX_TAIL_BYTES, "too long")
    .nullable(),
});
const RunRestarts = z.object({
  count: z.int().positive().max(MAX_INT),
  exitCode: z.int().min(-MAX_INT).max(MAX_INT).nullable(),
  outOfMemory: z.boolean(),
  signal: Signal.nullable(),
});

const ObservedInstance = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive().max(MAX_INT),
  runId: RunId,
  phase: z.enum(["starting", "ready", "stopping", "stopped", "failed"]),
  detail: text(2000),
  problem: z.enum(INSTANCE_PROBLEMS).nullable(),
  containerId: text(128).nullable(),
  exitCode: z.int().nullable(),
  gateOpenedMs: z.int().nonnegative().nullable(),
  bootId: BootId,
  knownEpoch: z.int().positive().max(MAX_INT).optional(),
  remains: RunRemains.optional(),
  restarts: RunRestarts.optional(),
});

export const PullReplyOfOne = z.object({
  kind: z.literal("pull-reply"),
  term: Count,
  generation: Count,
  page: Count,
  pages: z.int().positive(),
  confirmedStops: Count.nullable(),
  instances: z.array(DesiredInstance),
  leases: z.array(DesiredLease).max(MAX_LEASES_OF_HOST).optional(),
  fetches: z.array(DesiredFetch).max(MAX_FETCHES_OF_HOST).optional(),
});

export const ObservedReportOfOne = z.object({
  kind: z.literal("observed"),
  digest: Digest,
  page: Count,
  pages: z.int().positive(),
  machine: MachineReport.nullable(),
  gpus: z.array(GpuReport).max(64).nullable(),
  instances: z.array(ObservedInstance).max(4_096),
  leases: z.array(ObservedLease).max(MAX_LEASES_OF_HOST).nullable().optional(),
  pulls: z.array(ObservedPull).max(256).nullable().optional(),
});

export const HeartbeatOfOne = Heartbeat.omit({ figures: true, clockOffsetMs: true });
