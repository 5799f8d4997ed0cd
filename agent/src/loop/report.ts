/** The observed state as it is sent: what is stable goes into its digest, readings that move do not. */
import { canonicalJson, sha256 } from "@remotegpu/shared/journal-row";
import type { GpuReport, MachineReport } from "@remotegpu/shared/host-report";
import type { ObservedInstance } from "@remotegpu/shared/instance";
import type { ObservedLease } from "@remotegpu/shared/lease";
import { GpuVitals } from "@remotegpu/shared/protocol";
import { withTailsInReport } from "../core/run-remains.ts";
import type { ObservedState } from "../link/control-plane-client.ts";

export function observedState(
  machine: MachineReport,
  gpus: readonly GpuReport[],
  instances: readonly ObservedInstance[],
  /** Null: not to be told now. */
  leases: readonly ObservedLease[] | null,
): ObservedState {
  const sorted = withTailsInReport(
    instances.toSorted((a, b) => order(a.instanceId, b.instanceId) || order(a.runId, b.runId)),
  );
  const ports = leases?.toSorted((a, b) => order(a.leaseId, b.leaseId)) ?? null;
  const digest = sha256(canonicalJson([machine, gpus.map(withoutReadings), sorted, ports]));
  return { digest, machine, gpus: [...gpus], instances: sorted, leases: ports };
}

export function vitalsOf(gpus: readonly GpuReport[]): GpuVitals[] {
  return gpus.map((gpu) => GpuVitals.parse(gpu));
}

function withoutReadings(gpu: GpuReport): GpuReport {
  const {
    reasons: _,
    throttleReasons: _clocks,
    strangers: _strangers,
    foreignMemoryMib: _memory,
    ...stable
  } = gpu;
  return { ...stable, memoryUsedMib: null, utilizationPercent: null, temperatureC: null, powerW: null };
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
