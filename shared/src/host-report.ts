/** What a host says about itself: the machine, its GPUs, and how they feel. Unknown values are null, never invented. */
import { z } from "zod";
import { GpuUuid } from "./ids.ts";

export const GpuReport = z.object({
  uuid: GpuUuid,
  index: z.int().nonnegative(),
  name: z.string().max(128),
  brand: z.string().max(64).nullable(),
  architecture: z.string().max(64).nullable(),
  pciBusId: z.string().max(32).nullable(),
  driverVersion: z.string().max(32).nullable(),
  computeCapability: z.string().max(16).nullable(),
  memoryTotalMib: z.int().nonnegative().nullable(),
  memoryUsedMib: z.int().nonnegative().nullable(),
  utilizationPercent: z.int().min(0).max(100).nullable(),
  temperatureC: z.int().nullable(),
  temperatureLimitC: z.int().nullable(),
  powerW: z.number().nonnegative().nullable(),
  powerLimitW: z.number().nonnegative().nullable(),
  migEnabled: z.boolean().nullable(),
  eccUncorrected: z.int().nonnegative().nullable(),
  simulated: z.boolean(),
  health: z.enum(["healthy", "degraded", "unhealthy", "unknown"]),
});
export type GpuReport = z.infer<typeof GpuReport>;

export const ATTACH_MODES = ["cdi", "gpus", "plain"] as const;
export type AttachMode = (typeof ATTACH_MODES)[number];

export const MachineReport = z.object({
  hostname: z.string().max(256),
  ipAddress: z.string().max(64),
  osType: z.string().max(32),
  osVersion: z.string().max(64),
  arch: z.string().max(32),
  cpuCount: z.int().positive(),
  memoryBytes: z.int().positive(),
  diskBytes: z.int().nonnegative(),
  cgroupVersion: z.union([z.literal(1), z.literal(2)]),
  agentVersion: z.string().max(32),
  runtime: z
    .object({ name: z.string().max(32), version: z.string().max(64), liveRestore: z.boolean() })
    .nullable(),
  attachMode: z.enum(ATTACH_MODES).nullable(),
  storagePool: z.string().max(64),
});
export type MachineReport = z.infer<typeof MachineReport>;
