/**
 * Whether an order stays within a quota. Quotas bound what runs or waits to run, and for environments and storage
 * what exists; 0 allows nothing. Which limits hold for whom is the store's to find.
 */
import { MIB } from "@remotegpu/shared/units";
import type { Reason } from "../reasons/reason.ts";
import type { Quota } from "./quota-levels.ts";

export interface ExceededQuota {
  readonly quota: keyof Quota;
  readonly limit: number;
  readonly used: number;
  readonly requested: number;
}

const QUOTAS: readonly (keyof Quota)[] = [
  "cpu_quota",
  "memory_quota",
  "gpu_quota",
  "storage_quota",
  "environment_quota",
];

/**
 * The first quota that `used` and `asked` together go over, or null. All three count in the units of Quota.
 * What asks for nothing exceeds nothing, so a quota that was lowered later does not forbid a start without it.
 */
export function exceededQuota(limits: Quota, used: Quota, requested: Quota): ExceededQuota | null {
  for (const quota of QUOTAS) {
    if (requested[quota] > 0 && used[quota] + requested[quota] > limits[quota])
      return { quota, limit: limits[quota], used: used[quota], requested: requested[quota] };
  }
  return null;
}

export function exceededReason(exceeded: ExceededQuota, owner: "customer" | "workspace"): Reason {
  const { quota, limit, used, requested } = exceeded;
  const unit = BYTES_OF_ONE[quota];
  if (unit === undefined) return { code: `${owner}-quota-exceeded`, params: exceeded };
  const params = {
    quota,
    limit_bytes: limit * unit,
    used_bytes: used * unit,
    requested_bytes: requested * unit,
  };
  return { code: `${owner}-size-quota-exceeded`, params };
}

/** The unit of the quotas that are sizes. */
const BYTES_OF_ONE: Partial<Record<keyof Quota, number>> = { memory_quota: MIB, storage_quota: 1 };
