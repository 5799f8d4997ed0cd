/** How a card's state is shown: its health, its reasons from the gravest on, and the stable name of the first. */
import { describe, expect, test } from "vitest";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import { MAX_GPU_REASONS } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { afterSample, type Cards } from "@remotegpu/agent/core/gpus/gpu-health";
import { judged } from "@remotegpu/agent/core/gpus/gpu-judgement";
import { aGpuReport, CARD_A } from "../../../../support/samples/reports/gpu-reports.ts";

const A = CARD_A as GpuUuid;

/** One sample after the other, ten seconds apart. */
function cardsAfter(...samples: GpuReport[][]): Cards {
  return samples.reduce<Cards>(
    (cards, gpus, at) => afterSample(cards, { gpus, held: new Set(), nowMs: (at + 1) * 10_000 }),
    new Map(),
  );
}

describe("health", () => {
  test.each([
    ["all is well", {}, "healthy", []],
    ["no card tells errors and limit", { eccUncorrected: null, temperatureLimitC: null }, "healthy", []],
    ["one degree below the limit", { temperatureC: 89 }, "healthy", []],
    ["at the limit", { temperatureC: 90 }, "degraded", ["It is at 90 °C, its limit."]],
    [
      "with errors from before we looked",
      { eccUncorrected: 7 },
      "degraded",
      ["Uncorrectable memory errors since the driver came up: 7."],
    ],
    [
      "a row that waits for a reset",
      { repairPending: true },
      "degraded",
      ["A memory row or page waits for a reset of the card."],
    ],
    [
      "clocks held down by heat",
      { throttleReasons: ["sw_power_cap", "hw_thermal_slowdown"] },
      "degraded",
      ["Its clocks are held down: hw_thermal_slowdown."],
    ],
    ["clocks held down by a power limit", { throttleReasons: ["sw_power_cap", "gpu_idle"] }, "healthy", []],
  ])("%s", (_what, values, health, reasons) => {
    const gpu = aGpuReport(values);

    expect(judged(gpu, cardsAfter([gpu]).get(A))).toMatchObject({
      health,
      reasons,
      cordon: null,
    });
  });

  test("a card that never reported anything is unknown; one that stopped reporting is degraded", () => {
    const silent = aGpuReport({ memoryUsedMib: null, temperatureC: null, powerW: null });

    expect(judged(silent, cardsAfter([silent]).get(A)).health).toBe("unknown");
    expect(judged(silent, cardsAfter([aGpuReport()], [silent]).get(A)).health).toBe("degraded");
  });
});

test("what an answer warns of is reported with the rest, and closes nothing", () => {
  const gpu = aGpuReport();
  const report = judged(gpu, cardsAfter([gpu]).get(A), ["Its infoROM is corrupted."]);

  expect(report).toMatchObject({
    health: "degraded",
    reasons: ["Its infoROM is corrupted."],
    cordon: null,
    reasonCode: null,
    hasSign: false,
  });
});

test("no more reasons than a report holds are listed, each once", () => {
  const gpu = aGpuReport();
  const many = Array.from({ length: 20 }, (_, at) => `Warning ${at % 15}.`);

  expect(judged(gpu, cardsAfter([gpu]).get(A), many).reasons).toEqual(many.slice(0, MAX_GPU_REASONS));
});
