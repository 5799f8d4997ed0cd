/** In which state of service the metrics show a GPU. */
import { closingCause, gpuState } from "@remotegpu/agent/core/metrics/gpu-states";
import type { CardState } from "@remotegpu/agent/core/gpus/gpu-health";
import { describe, expect, test } from "vitest";

const cordon = (kind: "drain" | "fatal", isGone = false): Pick<CardState, "cordon"> => ({
  cordon: { kind, isGone, sinceMs: 1, code: "xid-79", reason: "A reason." },
});

describe("the state of a GPU", () => {
  test.each([
    ["healthy", { health: "healthy" }, undefined, "healthy"],
    ["with a warning", { health: "degraded" }, undefined, "noted"],
    ["of which nothing was read", { health: "unknown" }, undefined, "noted"],
    ["closed without a cordon", { health: "unhealthy" }, { cordon: null }, "drain"],
    ["cordoned to drain", { health: "unhealthy" }, cordon("drain"), "drain"],
    ["that failed", { health: "unhealthy" }, cordon("fatal"), "cordoned"],
    ["that is gone though it is listed", { health: "unhealthy" }, cordon("fatal", true), "missing"],
    ["that is not listed", undefined, cordon("fatal", true), "missing"],
  ] as const)("%s", (_what, gpu, card, state) => {
    expect(gpuState(gpu, card)).toBe(state);
  });
});

test.each([
  ["requires-reset", "requires-reset"],
  ["gpu-lost", "lost"],
  ["mig-enabled", "mig"],
  ["xid-79", null],
  ["constructor", null],
  [null, null],
  [undefined, null],
])("the reason %s has the series %s", (code, cause) => {
  expect(closingCause(code)).toBe(cause);
});
