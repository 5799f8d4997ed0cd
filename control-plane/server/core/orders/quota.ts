/**
 * Whether an order stays within a quota. Quotas bound what runs or waits to run, and for environments and storage
 * what exists; 0 allows nothing. Which limits hold for whom is the store's to find.
 */
import { wholeSize } from "@remotegpu/shared/values/size-text";
import { MIB } from "@remotegpu/shared/values/units";
import type { Quota } from "./quota-levels.ts";

export interface ExceededQuota {
  quota: keyof Quota;
  limit: number;
  used: number;
  requested: number;
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

export function describeExceeded(exceeded: ExceededQuota, owner: "customer" | "workspace"): string {
  const { quota, ...amounts } = exceeded;
  const unit = BYTES_OF_ONE[quota];
  const inWords = (amount: number) => (unit === undefined ? String(amount) : wholeSize(amount * unit));
  const { limit, used, requested } = amounts;
  return `${quota} of the ${owner} is ${inWords(limit)}: ${inWords(used)} in use, ${inWords(requested)} more asked`;
}

/** The unit of the quotas that are sizes. */
const BYTES_OF_ONE: Partial<Record<keyof Quota, number>> = { memory_quota: MIB, storage_quota: 1 };
