/** Reports of cards that are well, for tests that change one value of them. */
import { GpuReport } from "@remotegpu/shared/messages/host-report";

export const CARD_A = "GPU-11111111-2222-3333-4444-555555555555";
export const CARD_B = "GPU-99999999-2222-3333-4444-555555555555";

export function aGpuReport(values: Partial<Record<keyof GpuReport, unknown>> = {}): GpuReport {
  return GpuReport.parse({
    uuid: CARD_A,
    index: 0,
    name: "Example Accelerator",
    brand: null,
    architecture: null,
    pciBusId: "00000000:65:00.0",
    driverVersion: null,
    computeCapability: null,
    memoryTotalMib: 24576,
    memoryUsedMib: 100,
    utilizationPercent: 3,
    temperatureC: 50,
    temperatureLimitC: 90,
    powerW: 40,
    powerLimitW: 250,
    migEnabled: null,
    eccUncorrected: 0,
    simulated: false,
    health: "unknown",
    ...values,
  });
}
