/** The quotas that hold where nobody set any: one level for everyone, chosen by the setting DEFAULT_QUOTA_LEVEL. */
import { GIB } from "@remotegpu/shared/values/units";

export const QUOTA_LEVELS = ["free", "basic", "professional", "enterprise"] as const;
export type QuotaLevel = (typeof QUOTA_LEVELS)[number];

export interface Quota {
  cpu_quota: number;
  /** Megabytes (MiB). */
  memory_quota: number;
  gpu_quota: number;
  /** Bytes. */
  storage_quota: number;
  environment_quota: number;
}

/** "free" is what the column defaults of resource_quotas say. */
const DEFAULTS: Record<QuotaLevel, Quota> = {
  free: { cpu_quota: 4, memory_quota: 8_192, gpu_quota: 0, storage_quota: 10 * GIB, environment_quota: 1 },
  basic: {
    cpu_quota: 16,
    memory_quota: 65_536,
    gpu_quota: 1,
    storage_quota: 100 * GIB,
    environment_quota: 4,
  },
  professional: {
    cpu_quota: 128,
    memory_quota: 1_048_576,
    gpu_quota: 8,
    storage_quota: 1_024 * GIB,
    environment_quota: 32,
  },
  enterprise: {
    cpu_quota: 4_096,
    memory_quota: 33_554_432,
    gpu_quota: 512,
    storage_quota: 102_400 * GIB,
    environment_quota: 2_048,
  },
};

/** An unknown level gives nothing away: it counts as "free". */
export function defaultQuota(level: string): Quota & { quota_level: QuotaLevel } {
  const known = QUOTA_LEVELS.find((candidate) => candidate === level) ?? "free";
  return { quota_level: known, ...DEFAULTS[known] };
}
