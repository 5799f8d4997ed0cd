/**
 * The report of a card with its judgement: healthy, degraded, unhealthy or unknown, each with its reasons, the gravest
 * first. What closes a card is decided in gpu-health.ts; here it is only shown.
 */
import { MAX_GPU_REASONS, type GpuReport } from "@remotegpu/shared/messages/host-report";
import { closuresOf, reportsNothing, type CardState } from "./gpu-health.ts";

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
  warnings: readonly string[] = [],
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
    const reasons = mostGrave([...closures.map(({ reason }) => reason), ...visible]);
    return { ...reported, health: "unhealthy", reasons };
  }
  if (reportsNothing(gpu) && card?.hasTold !== true)
    return { ...reported, health: "unknown", reasons: visible };
  return { ...reported, health: visible.length > 0 ? "degraded" : "healthy", reasons: mostGrave(visible) };
}

/** As many as a report holds, each once. */
function mostGrave(reasons: readonly string[]): string[] {
  return [...new Set(reasons)].slice(0, MAX_GPU_REASONS);
}

function warningsOf(gpu: GpuReport): string[] {
  const clocks = (gpu.throttleReasons ?? []).filter((reason) => TROUBLED_CLOCKS.has(reason));
  const errors = gpu.eccUncorrected ?? 0;
  return [
    ...(reportsNothing(gpu) ? ["nvidia-smi tells no readings of it."] : []),
    ...(errors > 0 ? [`Uncorrectable memory errors since the driver came up: ${errors}.`] : []),
    ...(gpu.repairPending === true ? ["A memory row or page waits for a reset of the card."] : []),
    ...(isTooHot(gpu) ? [`It is at ${gpu.temperatureC} °C, its limit.`] : []),
    ...(clocks.length > 0 ? [`Its clocks are held down: ${clocks.join(", ")}.`] : []),
  ];
}

function isTooHot(gpu: GpuReport): boolean {
  return (
    gpu.temperatureC !== null && gpu.temperatureLimitC !== null && gpu.temperatureC >= gpu.temperatureLimitC
  );
}
