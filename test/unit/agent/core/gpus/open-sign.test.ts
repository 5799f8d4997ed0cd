/** How a sign of failure opens, is confirmed and ends. */
import { expect, test } from "vitest";
import { signOf } from "@remotegpu/agent/core/gpus/gpu-condition";
import type { SignCode } from "@remotegpu/agent/core/gpus/gpu-readings";
import { afterSign, type OpenSign } from "@remotegpu/agent/core/gpus/open-sign";

const open = (code: SignCode, isEvidence = true): OpenSign => ({
  code,
  reason: signOf(code).reason,
  why: signOf(code).why,
  isEvidence,
});
const LOST = signOf("gpu-lost");
const SILENT = signOf("no-answer", "silence");

test.each([
  ["none after none", null, null, { sign: null, isConfirmed: false }],
  ["a first one opens", null, LOST, { sign: open("gpu-lost"), isConfirmed: false }],
  ["a second one confirms", open("err"), LOST, { sign: open("gpu-lost"), isConfirmed: true }],
  ["a sample without one ends it", open("err"), null, { sign: null, isConfirmed: false }],
  [
    "a proof needs no other",
    null,
    signOf("gpu-lost", "proof"),
    { sign: open("gpu-lost"), isConfirmed: true },
  ],
  ["silence opens", null, SILENT, { sign: open("no-answer", false), isConfirmed: false }],
  [
    "silence after silence confirms nothing",
    open("no-answer", false),
    SILENT,
    { sign: open("no-answer", false), isConfirmed: false },
  ],
  [
    "silence is not what a sign confirms",
    open("no-answer", false),
    LOST,
    { sign: open("gpu-lost"), isConfirmed: false },
  ],
  ["silence leaves a sign open", open("err"), SILENT, { sign: open("err"), isConfirmed: false }],
] as const)("%s", (_what, before, now, step) => {
  expect(afterSign(before, now)).toEqual(step);
});
