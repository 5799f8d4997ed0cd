/** How a card's state is shown: its health, its reasons from the gravest on, and the stable name of the first. */
import { describe, expect, test } from "vitest";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import { MAX_GPU_REASONS } from "@remotegpu/shared/messages/host-report";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { reasonOf as asReported, textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { afterSample, type Cards } from "@remotegpu/agent/core/gpus/gpu-health";
import { judged, withObstacle } from "@remotegpu/agent/core/gpus/gpu-judgement";
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
    ["no card reports errors and limit", { eccUncorrected: null, temperatureLimitC: null }, "healthy", []],
    ["one degree below the limit", { temperatureC: 89 }, "healthy", []],
    ["at the limit", { temperatureC: 90 }, "degraded", ["It is at 90 °C, its limit."]],
    [
      "with errors from before the first check",
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

const CORRUPTED: HostReason = { code: "gpu-inforom-corrupted", params: {} };

test("what an answer warns of is reported with the rest, and closes nothing", () => {
  const gpu = aGpuReport();
  const report = judged(gpu, cardsAfter([gpu]).get(A), [CORRUPTED]);

  expect(report).toMatchObject({
    health: "degraded",
    reasons: ["Its infoROM is corrupted."],
    why: [CORRUPTED],
    cordon: null,
    reasonCode: null,
    hasSign: false,
  });
});

test("no more reasons than a report holds are listed, each once", () => {
  const gpu = aGpuReport();
  const many = Array.from({ length: 20 }, (_, at) => asReported(`Warning ${at % 15}.`));
  const first = many.slice(0, MAX_GPU_REASONS);

  expect(judged(gpu, cardsAfter([gpu]).get(A), many)).toMatchObject({
    reasons: first.map(textOf),
    why: first,
  });
});

test("a card that is well reports no reasons, neither as texts nor as codes", () => {
  const gpu = aGpuReport();
  const report = judged(gpu, cardsAfter([gpu]).get(A));

  expect(report.reasons).toEqual([]);
  expect(report).not.toHaveProperty("why");
});

test("a reason that an agent of before remembered as a text is reported as that", () => {
  const gpu = aGpuReport();
  const card = cardsAfter([gpu]).get(A);
  const cordon = { kind: "drain", sinceMs: 1, isGone: false, code: "xid-48", reason: "Xid 48." } as const;

  expect(card && judged(gpu, { ...card, cordon })).toMatchObject({
    reasons: ["Xid 48."],
    why: [asReported("Xid 48.")],
  });
});

describe("a card that cannot be attached", () => {
  const obstacle: HostReason = { code: "gpu-cdi-spec-missing", params: {} };
  const hot = aGpuReport({ temperatureC: 90 });

  test("is unhealthy, for that before its other reasons", () => {
    expect(withObstacle(judged(hot, cardsAfter([hot]).get(A)), obstacle)).toMatchObject({
      health: "unhealthy",
      reasonCode: "not-attachable",
      reasons: [textOf(obstacle), "It is at 90 °C, its limit."],
      why: [obstacle, { code: "gpu-at-temperature-limit", params: { temperature_c: 90 } }],
    });
  });

  test("that is closed already stays as it is", () => {
    const gpu = aGpuReport({ migEnabled: true });
    const closed = judged(gpu, cardsAfter([gpu]).get(A));

    expect(withObstacle(closed, obstacle)).toBe(closed);
  });
});
