/** A whole report of a host, as it is taken in. */
import type { GpuReport, MachineReport } from "@remotegpu/shared/host-report";
import type { ObservedPull } from "@remotegpu/shared/image-fetch";
import type { ObservedInstance } from "@remotegpu/shared/instance";
import type { ObservedLease } from "@remotegpu/shared/lease";

export interface ObservedState {
  digest: string;
  machine: MachineReport | null;
  gpus: readonly GpuReport[] | null;
  instances: readonly ObservedInstance[];
  /** Null: the host does not tell them this time. */
  leases: readonly ObservedLease[] | null;
  /** Likewise. */
  pulls: readonly ObservedPull[] | null;
}
