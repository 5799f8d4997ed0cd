/** When a card counts as healthy, and when it is gone. */
import { describe, expect, test } from "vitest";
import { GpuReport } from "@remotegpu/shared/host-report";
import { judgeGpus } from "@remotegpu/agent/core/gpu-health";

function gpu(values: Partial<Record<keyof GpuReport, unknown>> = {}): GpuReport {
  return GpuReport.parse({
    uuid: "GPU-11111111-2222-3333-4444-555555555555",
    index: 0,
    name: "Example Accelerator",
    brand: null,
    architecture: null,
    pciBusId: null,
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
const healthOf = (current: GpuReport, previous?: GpuReport) =>
  judgeGpus({ current: [current], previous: previous ? [previous] : [] }).gpus[0]?.health;

describe("health", () => {
  test.each([
    ["all is well", {}, "healthy"],
    [
      "no card tells errors and limit, yet it is warm and in use",
      { eccUncorrected: null, temperatureLimitC: null },
      "healthy",
    ],
    ["one degree below the limit", { temperatureC: 89 }, "healthy"],
    ["at the limit", { temperatureC: 90 }, "degraded"],
    ["with errors from before we looked", { eccUncorrected: 7 }, "degraded"],
    ["nothing readable", { memoryUsedMib: null, temperatureC: null, powerW: null }, "unknown"],
  ])("%s", (_what, values, health) => {
    expect(healthOf(gpu(values))).toBe(health);
  });

  test("errors that grow make a card unhealthy", () => {
    expect(healthOf(gpu({ eccUncorrected: 1 }), gpu({ eccUncorrected: 0, health: "healthy" }))).toBe(
      "unhealthy",
    );
  });

  test("an unhealthy card stays so while its errors stand", () => {
    const before = gpu({ eccUncorrected: 1, health: "unhealthy" });

    expect(healthOf(gpu({ eccUncorrected: 1 }), before)).toBe("unhealthy");
  });

  test("a reset that clears the errors heals a card", () => {
    const before = gpu({ eccUncorrected: 1, health: "unhealthy" });

    expect(healthOf(gpu({ eccUncorrected: 0 }), before)).toBe("healthy");
  });
});

test("a card that is gone is named, and the others are judged as ever", () => {
  const gone = gpu({ uuid: "GPU-99999999-2222-3333-4444-555555555555", index: 1 });

  const judged = judgeGpus({ current: [gpu()], previous: [gpu(), gone] });

  expect(judged.vanished).toEqual([gone.uuid]);
  expect(judged.gpus).toMatchObject([{ health: "healthy" }]);
});

test("a new card is judged without a sample before", () => {
  expect(judgeGpus({ current: [gpu()], previous: [] })).toMatchObject({
    vanished: [],
    gpus: [{ health: "healthy" }],
  });
});
