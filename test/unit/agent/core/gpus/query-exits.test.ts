/** What each exit code of nvidia-smi says, and of whom. */
import { expect, test } from "vitest";
import { exitMeaning, knownExits } from "@remotegpu/agent/core/gpus/query-exits";

test.each([
  [0, "complete", null, null],
  [2, "host", null, null],
  [3, "gpu", null, null],
  [4, "host", null, null],
  [6, "nothing-found", null, null],
  [8, "gpu", "no-power", "open"],
  [9, "host", null, null],
  [10, "gpu", "no-interrupts", "open"],
  [12, "host", null, null],
  [13, "host", null, null],
  [14, "complete", null, null],
  [15, "gpu", "gpu-lost", "proof"],
  [255, "gpu", null, null],
  [137, "gpu", null, null],
] as const)("%i is of kind %s, with the sign %s", (code, kind, sign, weight) => {
  const meaning = exitMeaning(code);

  expect(meaning.kind).toBe(kind);
  expect(meaning.sign?.code ?? null).toBe(sign);
  expect(meaning.sign?.weight ?? null).toBe(weight);
});

test("each code of the manual is in the table, with the manual's words", () => {
  expect(knownExits().map(([code]) => code)).toEqual([0, 2, 3, 4, 6, 8, 9, 10, 12, 13, 14, 15, 255]);
  for (const [, { meaning }] of knownExits()) expect(meaning).not.toBe("");
});
