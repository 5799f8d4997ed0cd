import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { expect, test } from "vitest";
import {
  neverStarts,
  NO_IMAGE,
  WAITS_FOR_CONFIRMATION,
} from "@remotegpu/control-plane/server/core/training/old-jobs";

test.each([
  inEnglish(neverStarts("image")),
  inEnglish(neverStarts("memory")),
  WAITS_FOR_CONFIRMATION,
  NO_IMAGE,
])("%s may stand between quotes in a query", (text) => {
  expect(text).not.toMatch(/['\\]/);
});

test("a job that can never start names what it lacks and what to do instead", () => {
  expect(inEnglish(neverStarts("image"))).toBe(
    "The old system kept no image of it, so it can never start: order it again, and cancel this job.",
  );
});
