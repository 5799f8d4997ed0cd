import { expect, test } from "vitest";
import { jobNeeds, retryTerms, stopGraceSeconds } from "@remotegpu/control-plane/core/training/job-config";

test("without a word of it a job has 30 seconds to end, three tries elsewhere and none of its own", () => {
  expect(stopGraceSeconds(null)).toBe(30);
  expect(retryTerms({})).toEqual({ infrastructure: 3, program: 0 });
});

test("its own words hold, nought too", () => {
  const config = { stop_grace_seconds: 600, max_retries: 2, max_infrastructure_retries: 0 };

  expect(stopGraceSeconds(config)).toBe(600);
  expect(retryTerms(config)).toEqual({ infrastructure: 0, program: 2 });
});

test.each([
  [300, []],
  [301, ["long-stops"]],
])("a grace of %d seconds needs %j of an agent", (seconds, needs) => {
  expect(jobNeeds({ stop_grace_seconds: seconds }, { attempt: 1 })).toEqual(needs);
});

test("a second attempt needs an agent that shows it what the first one left", () => {
  expect(jobNeeds(null, { attempt: 1 })).toEqual([]);
  expect(jobNeeds(null, { attempt: 2 })).toEqual(["views"]);
});
