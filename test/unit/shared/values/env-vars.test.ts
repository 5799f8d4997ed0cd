import { EnvVarName, EnvVars, MAX_ENV_BYTES, MAX_ENV_VARS } from "@remotegpu/shared/values/env-vars";
import { describe, expect, test } from "vitest";

const numbered = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`VAR_${n}`, "x"]));

describe("a variable's name", () => {
  test.each([
    ["PATH", true],
    ["_", true],
    ["lower_case9", true],
    ["MY_NVIDIA_THING", true],
    ["A".repeat(256), true],
    ["A".repeat(257), false],
    ["", false],
    ["9LIVES", false],
    ["WITH-DASH", false],
    ["WITH SPACE", false],
    ["WITH=EQUALS", false],
    ["NEW\nLINE", false],
    ["ÜMLAUT", false],
    ["NVIDIA_VISIBLE_DEVICES", false],
    ["NVIDIA_", false],
    ["LD_PRELOAD", false],
    ["CUDA_VISIBLE_DEVICES", false],
    ["GEMINI_CODE", false],
  ])("%j is taken: %s", (name, isTaken) => {
    expect(EnvVarName.safeParse(name).success).toBe(isTaken);
  });
});

describe("a variable's value", () => {
  test.each([
    ["", true],
    ["two\nlines", true],
    ["$HOME `id` $(id) ' \" \\", true],
    ["日本語", true],
    ["nul \u0000", false],
    ["\ud800", false],
  ])("%j is taken as it is: %s", (value, isTaken) => {
    const parsed = EnvVars.safeParse({ VALUE: value });

    expect(parsed.success).toBe(isTaken);
    expect(parsed.data?.["VALUE"]).toBe(isTaken ? value : undefined);
  });

  test.each([[7], [null], [true], [["a"]]])("%j is no text", (value) => {
    expect(EnvVars.safeParse({ VALUE: value }).success).toBe(false);
  });
});

describe("all variables together", () => {
  test.each([
    ["none", {}, true],
    ["as many as allowed", numbered(MAX_ENV_VARS), true],
    ["one too many", numbered(MAX_ENV_VARS + 1), false],
    // NAME, "=", value and the closing NUL make up the bytes.
    ["as large as allowed", { A: "x".repeat(MAX_ENV_BYTES - 3) }, true],
    ["one byte too large", { A: "x".repeat(MAX_ENV_BYTES - 2) }, false],
    ["too large in bytes, not in letters", { A: "é".repeat(MAX_ENV_BYTES / 2) }, false],
  ])("%s: taken is %s", (_what, vars, isTaken) => {
    expect(EnvVars.safeParse(vars).success).toBe(isTaken);
  });
});
