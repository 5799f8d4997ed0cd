/** What nvidia-smi's words mean in each reading: a value, not supported, or a sign of failure. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { knownExits } from "@remotegpu/agent/core/gpus/query-exits";
import {
  isReportedText,
  meaningEverywhere,
  meaningOf,
  type DrainCode,
  type SignCode,
} from "@remotegpu/agent/core/gpus/gpu-readings";

const NUMBERS = ["memory-total", "memory-used", "utilization", "temperature", "power", "errors"] as const;
const READINGS = [
  ...NUMBERS,
  "identity",
  "repairs",
  "mig-mode",
  "recovery-action",
  "fabric-state",
  "fabric-status",
  "fabric-health",
  "fabric-route",
  "fabric-bandwidth",
] as const;

describe("in every reading", () => {
  test.each([
    ["GPU is lost", "gpu-lost"],
    ["[GPU is lost]", "gpu-lost"],
    ["GPU requires reset", "requires-reset"],
    ["[GPU requires reset]", "requires-reset"],
    ["Unknown Error", "unknown-error"],
    ["[Unknown Error]", "unknown-error"],
    ["ERR!", "err"],
    ["[ERR!]", "err"],
  ])("%s is the sign %s", (word, code) => {
    for (const reading of READINGS) expect(meaningOf(reading, word)).toEqual({ kind: "sign", code });
  });

  test.each([
    "N/A",
    "[N/A]",
    "[Not Supported]",
    "Not Supported",
    "Insufficient Permissions",
    "[Insufficient Permissions]",
    "Requested functionality has been deprecated",
    'Deprecated, see "KMD version" instead',
    "",
    null,
    undefined,
  ])("%j is not supported", (word) => {
    for (const reading of READINGS) expect(meaningOf(reading, word)).toEqual({ kind: "not-supported" });
  });
});

test.each([
  ["temperature", "33"],
  ["temperature", "-5 C"],
  ["memory-used", "0 MiB"],
  ["power", "69.85 W"],
  ["errors", "0"],
  ["identity", "NVIDIA H100 80GB HBM3"],
  ["repairs", "No"],
  ["repairs", "None"],
  ["mig-mode", "Disabled"],
  ["recovery-action", "None"],
  ["fabric-state", "Completed"],
  ["fabric-status", "Success"],
  ["fabric-health", "Healthy"],
  ["fabric-route", "False"],
  ["fabric-bandwidth", "Full"],
] as const)("%s %j is well", (reading, word) => {
  expect(meaningOf(reading, word)).toEqual({ kind: "value" });
});

test.each([
  ["recovery-action", "Reset", { kind: "sign", code: "recovery-reset" }],
  ["recovery-action", "Reboot", { kind: "sign", code: "recovery-reboot" }],
  ["recovery-action", "Drain P2P", { kind: "drain", code: "recovery-drain-p2p" }],
  ["recovery-action", "Drain and Reset", { kind: "drain", code: "recovery-drain-and-reset" }],
  ["fabric-state", "In Progress", { kind: "sign", code: "fabric-in-progress" }],
  ["fabric-state", "Not Started", { kind: "sign", code: "fabric-in-progress" }],
  ["fabric-status", "Insufficient Resources", { kind: "sign", code: "fabric-unhealthy" }],
  ["fabric-health", "Unhealthy", { kind: "sign", code: "fabric-unhealthy" }],
  [
    "fabric-health",
    "Limited Capacity",
    { kind: "warning", why: { code: "gpu-fabric-capacity-limited", params: {} } },
  ],
  ["fabric-route", "True", { kind: "sign", code: "fabric-unhealthy" }],
  [
    "fabric-bandwidth",
    "Degraded",
    { kind: "warning", why: { code: "gpu-fabric-bandwidth-degraded", params: {} } },
  ],
] as const)("%s %j means %o", (reading, word, meaning) => {
  expect(meaningOf(reading, word)).toEqual(meaning);
});

describe("a word that is in no table", () => {
  test.each(["utilization", "power", "errors", "recovery-action", "fabric-state", "fabric-health"] as const)(
    "is only noted as %s",
    (reading) => {
      expect(meaningOf(reading, "[Something New]")).toEqual({ kind: "unknown", word: "something new" });
    },
  );

  test.each(["memory-total", "memory-used", "temperature"] as const)(
    "is a sign as %s, where every healthy card has a number",
    (reading) => {
      expect(meaningOf(reading, "[Something New]")).toEqual({ kind: "sign", code: "unknown-error" });
    },
  );

  test("is no name, and a name that only begins like one of the table is one", () => {
    expect(isReportedText("[Something New]")).toBe(false);
    expect(isReportedText("Unknown Error Corp. Accelerator")).toBe(true);
  });
});

test.each(["__proto__", "constructor", "toString"])("the cell %s is no word of a table", (cell) => {
  expect(meaningOf("fabric-health", cell)).toMatchObject({ kind: "unknown" });
});

test("whatever stands in a cell has exactly one meaning, and numbers are never signs", () => {
  fc.assert(
    fc.property(fc.constantFrom(...READINGS), fc.string(), (reading, cell) => {
      expect(["value", "not-supported", "sign", "drain", "warning", "unknown"]).toContain(
        meaningOf(reading, cell).kind,
      );
    }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...NUMBERS), fc.nat(), (reading, value) => {
      expect(meaningOf(reading, `${value} MiB`)).toEqual({ kind: "value" });
    }),
  );
});

test("words that mean the same wherever they stand are known without a reading", () => {
  expect(meaningEverywhere("GPU is lost.  Reboot the system to recover this GPU")).toEqual({
    kind: "sign",
    code: "gpu-lost",
  });
  expect(meaningEverywhere("Reset")).toBeNull();
});

test("the operators' page names every code and every exit", () => {
  const codes = {
    "requires-reset": true,
    "gpu-lost": true,
    "unknown-error": true,
    err: true,
    "recovery-reset": true,
    "recovery-reboot": true,
    "fabric-in-progress": true,
    "fabric-unhealthy": true,
    "no-power": true,
    "no-interrupts": true,
    "no-answer": true,
    "recovery-drain-p2p": true,
    "recovery-drain-and-reset": true,
  } satisfies Record<SignCode | DrainCode, true>;
  const path = "../../../../../control-plane/docs/operators/gpu-readings.md";
  const page = readFileSync(new URL(path, import.meta.url), "utf8");

  expect(Object.keys(codes).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  expect(knownExits().filter(([code]) => !page.includes(`\n| ${code} | `))).toEqual([]);
});
