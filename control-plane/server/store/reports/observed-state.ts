/** A whole report of a host, as it is taken in. */
import type { KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import type { GpuReport, MachineReport } from "@remotegpu/shared/messages/host-report";
import type { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import type { BareRun, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";

export interface ObservedState {
  digest: string;
  machine: MachineReport | null;
  gpus: readonly GpuReport[] | null;
  instances: readonly ObservedInstance[];
  /** Runs that are there, of which no more is understood: their placements stay as they are. Absent: none. */
  notUnderstood?: readonly BareRun[];
  /** Null: the host does not tell them this time. */
  leases: readonly ObservedLease[] | null;
  /** Likewise. */
  pulls: readonly ObservedPull[] | null;
  /** Absent or null: likewise. */
  access?: AccessReport | null;
  /** Absent or null: likewise. */
  kernelNotes?: readonly KernelNote[] | null;
}
