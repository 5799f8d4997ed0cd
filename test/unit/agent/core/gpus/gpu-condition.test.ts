/** What the cells of one GPU say together: the gravest sign, what drains it, warnings, and words to note. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { describe, expect, test } from "vitest";
import {
  bothConditions,
  conditionOf,
  NO_FINDINGS,
  signOf,
  signOfOne,
  type Cells,
} from "@remotegpu/agent/core/gpus/gpu-condition";

const WELL: Cells = [
  ["identity", "NVIDIA H100"],
  ["memory-used", "0 MiB"],
  ["temperature", "33 C"],
  ["recovery-action", "None"],
  ["fabric-state", "N/A"],
  ["fabric-status", "N/A"],
  ["fabric-health", "N/A"],
];

test("a card that is well reports nothing beyond its values, and one without cells neither", () => {
  expect(conditionOf(WELL)).toEqual(NO_FINDINGS);
  expect(conditionOf([])).toEqual(NO_FINDINGS);
});

test("of several signs the gravest counts, and each has a sentence", () => {
  const { sign } = conditionOf([
    ["power", "ERR!"],
    ["memory-used", "[Unknown Error]"],
    ["temperature", "[GPU requires reset]"],
    ["recovery-action", "Reset"],
  ]);

  expect(sign).toEqual({
    code: "requires-reset",
    weight: "open",
    reason: "nvidia-smi says that the GPU requires a reset.",
    why: { code: "gpu-requires-reset", params: {} },
  });
});

test.each(["Drain P2P", "Drain and Reset"])("%s drains and is no sign", (action) => {
  const { sign, drain } = conditionOf([["recovery-action", action]]);

  expect(sign).toBeNull();
  expect(drain).toMatchObject({ reason: expect.stringContaining("The driver asks") });
});

describe("an error in place of a reading that a card may lack", () => {
  const output = conditionOf([
    ["power", "[Unknown Error]"],
    ["power", "N/A"],
    ["utilization", "0 %"],
    ["errors", "0"],
    ["repairs", "N/A"],
  ]);

  test("is a warning by itself, and the others are reported", () => {
    expect(output).toMatchObject({
      sign: null,
      doubts: [{ reading: "power", code: "unknown-error" }],
      reported: ["utilization", "errors"],
      warnings: [{ code: "gpu-power-unreadable", params: {} }],
    });
    expect(signOfOne(output, ["utilization", "errors"])).toBeNull();
  });

  test("is a sign of a card that reported it before", () => {
    expect(signOfOne(output, ["power"])).toEqual(signOf("unknown-error"));
  });

  test.each(["utilization", "errors", "repairs"] as const)(
    "and one in place of its %s are a sign",
    (other) => {
      const both = conditionOf([
        ["power", "ERR!"],
        [other, "[Unknown Error]"],
      ]);

      expect(both.sign).toEqual(signOf("unknown-error"));
      expect(bothConditions(output, conditionOf([[other, "ERR!"]])).sign).toEqual(signOf("unknown-error"));
    },
  );

  test("is none in two answers about the same reading, one of which reports a value", () => {
    const value = conditionOf([["power", "12 W"]]);

    expect(bothConditions(output, output).sign).toBeNull();
    expect(bothConditions(value, output)).toMatchObject({ sign: null, reported: ["utilization", "errors"] });
  });

  test.each(["GPU is lost", "[GPU requires reset]"])("is a sign by itself as %s", (word) => {
    for (const reading of ["power", "utilization", "errors", "repairs"] as const)
      expect(conditionOf([[reading, word]]).sign).not.toBeNull();
  });

  test.each(["temperature", "memory-used", "memory-total", "identity", "recovery-action"] as const)(
    "is a sign by itself where every card has the reading, as %s",
    (reading) => {
      expect(conditionOf([[reading, "ERR!"]])).toMatchObject({ sign: signOf("err"), doubts: [] });
    },
  );
});

describe("a fabric", () => {
  const fabric = (state: string, status: string, rest: Cells = []) =>
    conditionOf([["fabric-state", state], ["fabric-status", status], ...rest]);

  test.each([
    ["completed", fabric("Completed", "Success"), null, true],
    ["none", fabric("N/A", "N/A"), null, false],
    ["absent", conditionOf([]), null, false],
    [
      "in progress, its status not yet valid",
      fabric("In Progress", "Unsupported"),
      "fabric-in-progress",
      true,
    ],
    ["completed with an error", fabric("Completed", "Insufficient Resources"), "fabric-unhealthy", true],
    [
      "unhealthy by its summary",
      fabric("Completed", "Success", [["fabric-health", "Unhealthy"]]),
      "fabric-unhealthy",
      true,
    ],
    [
      "with a bad route and no summary",
      fabric("Completed", "Success", [
        ["fabric-health", "N/A"],
        ["fabric-route", "True"],
      ]),
      "fabric-unhealthy",
      true,
    ],
    [
      "with a bad route that its summary does not count",
      fabric("Completed", "Success", [
        ["fabric-health", "Healthy"],
        ["fabric-route", "True"],
      ]),
      null,
      true,
    ],
    ["of a lost card", fabric("GPU is lost", "GPU is lost"), "gpu-lost", false],
  ])("%s", (_what, { sign, hasFabric }, code, has) => {
    expect(sign?.code ?? null).toBe(code);
    expect(hasFabric).toBe(has);
  });

  test("with less than its capacity is warned of", () => {
    expect(fabric("Completed", "Success", [["fabric-health", "Limited Capacity"]])).toMatchObject({
      sign: null,
      warnings: [{ code: "gpu-fabric-capacity-limited", params: {} }],
    });
  });
});

test("words of no table are noted once, with their reading and cut off", () => {
  const { sign, unknownWords } = conditionOf([
    ["power", "[Asleep]"],
    ["power", "[Asleep]"],
    ["recovery-action", `[${"x".repeat(80)}]`],
  ]);

  expect(sign).toBeNull();
  expect(unknownWords).toEqual(["power: asleep", `recovery-action: ${"x".repeat(40)}`]);
});

test("of two answers about one card the gravest sign and every warning count; a proof goes before all", () => {
  const one: HostReason = { code: "gpu-inforom-corrupted", params: {} };
  const two: HostReason = { code: "gpu-power-unreadable", params: {} };
  const csv = { ...NO_FINDINGS, sign: signOf("gpu-lost"), warnings: [one], hasFabric: true };
  const xml = { ...NO_FINDINGS, sign: signOf("unknown-error", "proof"), warnings: [{ ...one }, two] };

  expect(bothConditions(csv, xml)).toMatchObject({
    sign: { code: "unknown-error", weight: "proof" },
    warnings: [one, two],
    hasFabric: true,
  });
  expect(bothConditions(NO_FINDINGS, NO_FINDINGS)).toEqual(NO_FINDINGS);
});
