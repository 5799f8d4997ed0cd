/**
 * The report of a card with its judgement: healthy, degraded, unhealthy or unknown, each with its reasons, the gravest
 * first. What closes a card is decided in gpu-health.ts; here it is only shown.
 */
import { MAX_GPU_REASONS, type GpuReport } from "@remotegpu/shared/messages/host-report";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { reasonOf, textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { eachOnce } from "./gpu-condition.ts";
import { closuresOf, closureStatement, reportsNothing, type CardState } from "./gpu-health.ts";

/** Reasons for low clocks that tell of trouble; the others are how a card saves power or obeys a setting. */
const TROUBLED_CLOCKS: ReadonlySet<string> = new Set([
  "hw_slowdown",
  "hw_thermal_slowdown",
  "hw_power_brake_slowdown",
  "sw_thermal_slowdown",
]);

/** The report of a card that is there, with its judgement. @param warnings what its condition says */
export function judged(
  gpu: GpuReport,
  card: CardState | undefined,
  warnings: readonly HostReason[] = [],
): GpuReport {
  const visible = [...warningsOf(gpu), ...warnings];
  const cordon = card?.cordon ?? null;
  const closures = card === undefined ? [] : closuresOf(card);
  const [first] = closures;
  const reported = {
    ...gpu,
    cordon: cordon && { kind: cordon.kind, sinceMs: cordon.sinceMs },
    reasonCode: first?.code ?? null,
    hasSign: card !== undefined && card.sign !== null,
  };
  if (first !== undefined) {
    const closing = closures.map((closure) => reasonOf(closureStatement(closure)));
    return { ...reported, health: "unhealthy", ...mostGrave([...closing, ...visible]) };
  }
  if (reportsNothing(gpu) && card?.hasTold !== true)
    return { ...reported, health: "unknown", ...mostGrave(visible) };
  return { ...reported, health: visible.length > 0 ? "degraded" : "healthy", ...mostGrave(visible) };
}

/** A card that nothing can be started on is reported as such, unless something graver is known of it. */
export function withObstacle(gpu: GpuReport, obstacle: HostReason | undefined): GpuReport {
  if (obstacle === undefined || gpu.health === "unhealthy") return gpu;
  const others = (gpu.why ?? []).filter((why) => why !== undefined);
  const reasonCode = gpu.reasonCode ?? "not-attachable";
  return { ...gpu, health: "unhealthy", ...mostGrave([obstacle, ...others]), reasonCode };
}

/** As many as a report holds, each once. */
function mostGrave(reasons: readonly HostReason[]): { reasons: string[]; why?: HostReason[] } {
  const why = eachOnce(reasons).slice(0, MAX_GPU_REASONS);
  return { reasons: why.map(textOf), ...(why.length > 0 && { why }) };
}

function warningsOf(gpu: GpuReport): HostReason[] {
  const clocks = (gpu.throttleReasons ?? []).filter((reason) => TROUBLED_CLOCKS.has(reason));
  const errors = gpu.eccUncorrected ?? 0;
  return [
    ...reasonIf(reportsNothing(gpu), { code: "gpu-readings-missing", params: {} }),
    ...reasonIf(errors > 0, { code: "gpu-memory-errors", params: { errors } }),
    ...reasonIf(gpu.repairPending === true, { code: "gpu-memory-repair-pending", params: {} }),
    ...temperatureWarning(gpu),
    ...reasonIf(clocks.length > 0, {
      code: "gpu-clocks-slowed",
      params: { throttle_reasons: clocks.join(", ") },
    }),
  ];
}

function reasonIf(isSo: boolean, reason: HostReason): HostReason[] {
  return isSo ? [reason] : [];
}

function temperatureWarning({ temperatureC, temperatureLimitC }: GpuReport): HostReason[] {
  if (temperatureC === null || temperatureLimitC === null) return [];
  return reasonIf(temperatureC >= temperatureLimitC, {
    code: "gpu-at-temperature-limit",
    params: { temperature_c: temperatureC },
  });
}
