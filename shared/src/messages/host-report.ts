/** What a host says about itself: the machine, its GPUs, and how they feel. Unknown values are null, never invented. */
import { z } from "zod";
import { CanaryReport } from "./canary-report.ts";
import { SignedDrill } from "./drill-report.ts";
import { HostVersions } from "./host-versions.ts";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { GpuUuid, InstanceId } from "../values/ids.ts";
import { IMAGE_NAME, MAX_HOST_IMAGES } from "../values/image-name.ts";
import { text } from "../values/text.ts";
import { GIB } from "../values/units.ts";

/** What an INT column of the control plane holds; no machine comes near. */
const count = z.int().nonnegative().max(2_147_483_647);
/**
 * No machine is larger. What a host says of its size decides where orders go and what the fleet adds up to, so that one
 * that makes it up is no more than one large machine among others.
 */
export const MOST_OF_MACHINE = {
  cpuCount: 65_536,
  memoryBytes: 2 ** 46,
  diskBytes: 2 ** 50,
  gpuMemoryMib: 2 ** 24,
} as const;
const degrees = z.int().min(-300).max(100_000);
const watts = z.number().nonnegative().max(1_000_000);

/** A process on a card that belongs to no container of the host. */
export const GpuStranger = z.object({
  pid: z.int().positive(),
  name: text(64).nullable(),
  memoryMib: count.nullable(),
});
export type GpuStranger = z.infer<typeof GpuStranger>;

/** What the processes of one instance's container hold of a card; with MIG the driver tells no memory. */
export const GpuMemoryUser = z.object({
  instanceId: InstanceId,
  processes: z.int().positive().max(1_000_000),
  memoryMib: count.nullable(),
});
export type GpuMemoryUser = z.infer<typeof GpuMemoryUser>;

export const MAX_GPU_MEMORY_USERS = 32;

/** Who uses a card's memory, by nvidia-smi's list of processes and their control groups. */
export const GpuMemorySplit = z.object({
  /** Those that hold most come first; further ones are left out. */
  users: z.array(GpuMemoryUser).max(MAX_GPU_MEMORY_USERS),
  /** In use, and held by no process that nvidia-smi lists; null where that cannot be told. */
  unexplainedMib: count.nullable(),
});
export type GpuMemorySplit = z.infer<typeof GpuMemorySplit>;

/**
 * The host takes this card out of service by itself: `drain` lets what holds it go on and takes nothing new, `fatal`
 * has failed what held it. `sinceMs`, on the host's monotonic clock, tells this cordon from a later one.
 */
export const GpuCordon = z.object({ kind: z.enum(["drain", "fatal"]), sinceMs: z.int().nonnegative() });
export type GpuCordon = z.infer<typeof GpuCordon>;

export const MAX_GPU_STRANGERS = 16;
export const MAX_GPU_REASONS = 8;

export const GpuReport = z.object({
  uuid: GpuUuid,
  index: count,
  name: text(128),
  brand: text(64).nullable(),
  architecture: text(64).nullable(),
  pciBusId: text(32).nullable(),
  driverVersion: text(32).nullable(),
  computeCapability: text(16).nullable(),
  memoryTotalMib: count.max(MOST_OF_MACHINE.gpuMemoryMib).nullable(),
  memoryUsedMib: count.nullable(),
  utilizationPercent: z.int().min(0).max(100).nullable(),
  temperatureC: degrees.nullable(),
  temperatureLimitC: degrees.nullable(),
  powerW: watts.nullable(),
  powerLimitW: watts.nullable(),
  migEnabled: z.boolean().nullable(),
  eccUncorrected: z.int().nonnegative().nullable(),
  simulated: z.boolean(),
  health: z.enum(["healthy", "degraded", "unhealthy", "unknown"]),
  // What follows is not told by agents of before; absent means that nobody looked.
  /** Sentences: why the health is what it is, the gravest first. */
  reasons: z.array(text(300)).max(MAX_GPU_REASONS).optional(),
  /** Each of them as a code, in the same order; whatever is no such list spoils no report. */
  why: z.array(ReportedReason).max(MAX_GPU_REASONS).optional().catch(undefined),
  cordon: GpuCordon.nullable().optional(),
  /** Uncorrectable memory errors of the card's whole life; `eccUncorrected` counts those since the driver came up. */
  eccUncorrectedTotal: z.int().nonnegative().nullable().optional(),
  /** A memory row or page waits to be replaced, which takes a reset of the card. */
  repairPending: z.boolean().nullable().optional(),
  /** The card could not replace a memory row. */
  repairFailed: z.boolean().nullable().optional(),
  /** Why the clocks are held down, in the driver's words: "hw_thermal_slowdown". */
  throttleReasons: z.array(text(48)).max(16).nullable().optional(),
  strangers: z.array(GpuStranger).max(MAX_GPU_STRANGERS).optional(),
  /** Memory in use that no process of our containers accounts for. */
  foreignMemoryMib: count.nullable().optional(),
  /** What cannot be understood spoils no report. */
  memorySplit: GpuMemorySplit.optional().catch(undefined),
  /** Cards of the host with the same number are joined by NVLink; null where the host cannot tell. */
  island: count.nullable().optional(),
  /** The stable name of the gravest reason: "requires-reset", "gpu-lost", "xid-79", "mig-enabled"; null while it has none. */
  reasonCode: text(48).nullable().optional(),
  /** A sign of failure is open: what the card read well last was before it. The reason's code names it. */
  hasSign: z.boolean().optional(),
  /** The number in /dev/nvidia<n>; not the index. */
  minorNumber: count.nullable().optional(),
});
export type GpuReport = z.infer<typeof GpuReport>;

const ATTACH_MODES = ["cdi", "gpus", "plain"] as const;
export type AttachMode = (typeof ATTACH_MODES)[number];

export const MachineReport = z.object({
  hostname: text(256),
  ipAddress: text(64).meta({ description: "Its address", example: "10.0.0.7" }),
  osType: text(32).meta({ description: "Its operating system", example: "linux" }),
  osVersion: text(64).meta({ description: "That system's version", example: "Debian 13" }),
  arch: text(32),
  cpuCount: count.min(1).max(MOST_OF_MACHINE.cpuCount).meta({ description: "Its cores", example: 64 }),
  memoryBytes: z
    .int()
    .positive()
    .max(MOST_OF_MACHINE.memoryBytes)
    .meta({
      description: "Its memory in bytes",
      example: 512 * GIB,
    }),
  diskBytes: z
    .int()
    .nonnegative()
    .max(MOST_OF_MACHINE.diskBytes)
    .meta({
      description: "Its disk in bytes",
      example: 4096 * GIB,
    }),
  cgroupVersion: z.union([z.literal(1), z.literal(2)]).describe("Which cgroups it has"),
  agentVersion: text(32).meta({ description: "The agent's version", example: "0.1.0" }),
  runtime: z
    .object({
      name: text(32).meta({ description: "Which", example: "docker" }),
      version: text(64).meta({ description: "Its version", example: "26.1.5" }),
      liveRestore: z.boolean().describe("Whether containers outlive its restart"),
    })
    .nullable()
    .meta({
      description: "What runs its containers; null: nothing answers",
    }),
  attachMode: z.enum(ATTACH_MODES).nullable().describe("How containers get GPUs"),
  storagePool: text(64).meta({
    description: "Which pool it names; an administrator has to confirm that",
    example: "pool-a",
  }),
  /** Where gateways of the control plane connect; null while that is closed, absent from agents of before. */
  gatewayPort: z.int().min(1).max(65_535).nullable().optional().meta({
    description: "Where the gateway reaches it",
    example: 19_443,
  }),
  /**
   * Names and ids of images that are here, of many only some; null until the runtime has told them, absent from agents
   * of before. Either means that nothing is known now.
   */
  images: z
    .array(z.string().regex(IMAGE_NAME))
    .max(MAX_HOST_IMAGES)
    .nullable()
    .optional()
    .meta({
      description: "Images that it has",
      example: ["busybox:1.36"],
    }),
  /** Absent before the first one since the agent's start, which says nothing new, and from agents of before. */
  canary: CanaryReport.optional().catch(undefined),
  /** Of its last drill; agents of before, and hosts that had none, send none. */
  drill: SignedDrill.optional().catch(undefined),
  /** Null until they have been read, absent from agents of before; what cannot be understood spoils no report. */
  versions: HostVersions.nullable().optional().catch(undefined),
});
export type MachineReport = z.infer<typeof MachineReport>;
