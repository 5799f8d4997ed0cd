/** Leases for tests, with everything that a test does not care about filled in. */
import type { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import { newLease, type LeaseRecord } from "@remotegpu/agent/core/leases/lease";

type Changes = Partial<Omit<DesiredLease, "leaseId" | "workloadId">> & { workloadId?: string };

export function wantedLease(leaseId: string, { workloadId = "env-1", ...rest }: Changes = {}): DesiredLease {
  return {
    leaseId: leaseId as LeaseId,
    workloadId: workloadId as WorkloadId,
    service: "custom",
    internalPort: 7000,
    autoReleaseHours: 48,
    want: "held",
    ...rest,
  };
}

/** As the book has it; waiting and just ordered unless `changes` say otherwise. */
export function leaseRecord(leaseId: string, changes: Partial<LeaseRecord> = {}): LeaseRecord {
  return { ...newLease(wantedLease(leaseId), 0), ...changes };
}

export function heldLease(
  leaseId: string,
  externalPort: number,
  changes: Partial<LeaseRecord> = {},
): LeaseRecord {
  return leaseRecord(leaseId, { state: "held", externalPort, wasHeld: true, ...changes });
}
