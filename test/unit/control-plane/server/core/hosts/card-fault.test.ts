/** What a host holds against a card, in words, and when it is told again. */
import {
  type CardFault,
  endReason,
  faultReason,
  gravityOf,
  isNewFault,
  whyFaulty,
} from "@remotegpu/control-plane/server/core/hosts/card-fault";
import { describe, expect, test } from "vitest";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

const DRAIN: CardFault = {
  uuid: "GPU-1",
  code: "mig-enabled",
  reason: "MIG mode is on.",
  why: null,
  isSign: false,
  isFatal: false,
};
const SIGN: CardFault = { ...DRAIN, code: "gpu-lost", reason: "nvidia-smi says: GPU is lost.", isSign: true };
const FATAL: CardFault = { ...SIGN, isFatal: true };

describe("a fault in words", () => {
  test.each([
    [DRAIN, "GPU-1 takes nothing new: MIG mode is on (mig-enabled). What runs on it goes on."],
    [
      SIGN,
      "GPU-1 shows a sign of failure: nvidia-smi says: GPU is lost (gpu-lost). If the next reading confirms it, nothing after its last good reading is charged.",
    ],
    [FATAL, "GPU-1 failed: nvidia-smi says: GPU is lost (gpu-lost)."],
  ])("names the card, the reason and its code: %j", (fault, sentence) => {
    expect(inEnglish(faultReason(fault))).toBe(sentence);
  });

  test.each([
    [{ reason: "It needs a reset.", code: null }, "It needs a reset"],
    [
      { reason: "It needs a reset (requires-reset).", code: "requires-reset" },
      "It needs a reset (requires-reset)",
    ],
    [{ reason: null, code: "xid-79" }, "its host gives no reason (xid-79)"],
  ])("is reported with what is known: %j", (fault, text) => {
    expect(inEnglish(whyFaulty({ ...fault, why: null }))).toBe(text);
  });

  test("stands as its host's reason, with the text that it had as a text", () => {
    const reason = "nvidia-smi says that the GPU is lost.";
    const why = { code: "gpu-lost", params: {} };
    const coded = whyFaulty({ code: "gpu-lost", reason, why });

    expect(coded).toEqual({ code: "gpu-fault", params: { why, fault_code: "gpu-lost" } });
    expect(inEnglish(coded)).toBe(inEnglish(whyFaulty({ code: "gpu-lost", reason, why: null })));
  });

  test.each([
    ["of another text", { code: "gpu-requires-reset", params: {} }],
    ["of another version", { code: "gpu-evaporated", params: {} }],
    ["without its parameters", { code: "gpu-memory-errors", params: {} }],
  ])("stands as its text beside a reason %s", (_what, why) => {
    expect(whyFaulty({ code: "gpu-lost", reason: "The GPU is lost.", why })).toEqual({
      code: "gpu-fault",
      params: { why: asReported("The GPU is lost"), fault_code: "gpu-lost" },
    });
  });

  test.each([
    [SIGN, "Its GPU-1 showed a sign of failure as it ended: "],
    [FATAL, "Its GPU-1 had failed as it ended: "],
  ])("of what ended on it: %j", (fault, beginning) => {
    expect(inEnglish(endReason(fault)).startsWith(beginning)).toBe(true);
  });
});

test.each([
  ["the first", null, SIGN, true],
  ["the same again", SIGN, SIGN, false],
  ["a graver one", SIGN, FATAL, true],
  ["a lesser one of the same name", FATAL, SIGN, false],
  ["one of another name", FATAL, DRAIN, true],
  ["none", SIGN, null, false],
] as const)("%s is reported: %j then %j", (_what, known, reported, isNew) => {
  expect(isNewFault(known, reported)).toBe(isNew);
});

test.each([
  [DRAIN, "drain"],
  [SIGN, "sign"],
  [FATAL, "fatal"],
])("%j is as grave as a %s", (fault, gravity) => {
  expect(gravityOf(fault)).toBe(gravity);
});
