/** How the host's GPUs are and who has them, as samples of the agent's metrics. */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid, InstanceId } from "@remotegpu/shared/values/ids";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { WORKLOAD_KINDS, type WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Cards } from "../gpus/gpu-health.ts";
import type { AgentSamples } from "./families.ts";
import { closingCause, GPU_STATES, gpuState } from "./gpu-states.ts";
import type { XidCounts } from "./xid-counts.ts";

/** Readings of a GPU that its report has no place for; null where the GPU lacks them. */
export type GpuMeasurements = { smClockMhz: number | null; eccCorrected: number | null };

/** An instance that holds a GPU, or a part of one. The kind of one that is not ordered here any more is not known. */
export type GpuHolder = { gpu: GpuUuid; instanceId: InstanceId; kind: WorkloadKind | null };

export type GpuMetricReadings = {
  /** Those that are listed, judged. */
  gpus: readonly GpuReport[];
  /** Every one that was seen in this boot. */
  cards: Cards;
  measurements: ReadonlyMap<GpuUuid, GpuMeasurements>;
  xids: XidCounts;
  holders: readonly GpuHolder[];
  /** Whether the instances are named. */
  namesHolders: boolean;
  /** Since the last answer that was read; null before the first. */
  probeAgeMs: number | null;
};

const HERTZ_PER_MHZ = 1_000_000;
const PERCENT = 100;

export function addGpuSamples(samples: AgentSamples, readings: GpuMetricReadings): void {
  const { gpus, cards, measurements, xids, probeAgeMs } = readings;
  for (const gpu of gpus) addReadings(samples, gpu, measurements.get(gpu.uuid));
  for (const { gpu, xid, count } of xids.all) samples.add("gpu_xid_errors_total", count, { gpu, xid });
  const known = new Set([...gpus.map(({ uuid }) => uuid), ...cards.keys()]);
  for (const uuid of known) {
    addState(samples, uuid, readings);
    addHolders(samples, uuid, readings);
  }
  if (known.size > 0 && probeAgeMs !== null)
    samples.add("gpu_probe_age_seconds", Math.max(0, probeAgeMs) / MS_PER_SECOND);
}

function addReadings(samples: AgentSamples, report: GpuReport, measured: GpuMeasurements | undefined): void {
  const gpu = { gpu: report.uuid };
  samples.add("gpu_info", 1, {
    ...gpu,
    index: String(report.index),
    model: report.name,
    driver: report.driverVersion ?? "unknown",
    simulated: String(report.simulated),
  });
  const { utilizationPercent } = report;
  samples.add(
    "gpu_utilization_ratio",
    utilizationPercent === null ? null : utilizationPercent / PERCENT,
    gpu,
  );
  samples.add("gpu_memory_used_bytes", scaled(report.memoryUsedMib, MIB), gpu);
  samples.add("gpu_memory_total_bytes", scaled(report.memoryTotalMib, MIB), gpu);
  samples.add("gpu_temperature_celsius", report.temperatureC, gpu);
  samples.add("gpu_power_watts", report.powerW, gpu);
  samples.add("gpu_power_limit_watts", report.powerLimitW, gpu);
  samples.add("gpu_sm_clock_hertz", scaled(measured?.smClockMhz, HERTZ_PER_MHZ), gpu);
  samples.add("gpu_ecc_errors_total", measured?.eccCorrected, { ...gpu, severity: "corrected" });
  samples.add("gpu_ecc_errors_total", report.eccUncorrected, { ...gpu, severity: "uncorrected" });
  samples.add("gpu_unattributed_memory_bytes", scaled(report.foreignMemoryMib, MIB), gpu);
}

function addState(samples: AgentSamples, uuid: GpuUuid, { gpus, cards }: GpuMetricReadings): void {
  const report = gpus.find((gpu) => gpu.uuid === uuid);
  const current = gpuState(report, cards.get(uuid));
  for (const state of GPU_STATES) samples.add("gpu_health_state", state === current, { gpu: uuid, state });
  const cause = closingCause(report?.reasonCode);
  if (cause !== null) samples.add("gpu_health_state", 1, { gpu: uuid, state: cause });
}

function addHolders(
  samples: AgentSamples,
  uuid: GpuUuid,
  { holders, namesHolders }: GpuMetricReadings,
): void {
  const own = holders.filter(({ gpu }) => gpu === uuid);
  for (const kind of WORKLOAD_KINDS)
    samples.add(
      "gpu_allocated",
      own.some((holder) => holder.kind === kind),
      { gpu: uuid, kind },
    );
  if (!namesHolders) return;
  for (const instance of new Set(own.map(({ instanceId }) => instanceId)))
    samples.add("gpu_holder_info", 1, { gpu: uuid, instance });
}

function scaled(value: number | null | undefined, factor: number): number | null {
  return value === null || value === undefined ? null : value * factor;
}
