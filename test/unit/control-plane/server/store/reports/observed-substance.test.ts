/** What of a report may matter to a decision: words are for people alone, and wake nobody. */
import { expect, test } from "vitest";
import { substanceOf } from "@remotegpu/control-plane/server/store/reports/observed-substance";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { BOOT, key } from "../../../../../support/samples/run-samples.ts";

const substance = (change: Partial<ObservedInstance>) => {
  const instance = ObservedInstance.parse({
    ...key({ run: "run-1" }),
    phase: "starting",
    detail: "The container is being started.",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: null,
    bootId: BOOT,
    ...change,
  });
  return substanceOf({
    digest: "",
    machine: null,
    gpus: [],
    instances: [instance],
    leases: null,
    pulls: null,
  });
};

test("another text with another reason is the same report", () => {
  const params = { image: "a", layers_done: 1, layers: 2, done_mib: 1, total_mib: 2 };

  expect(
    substance({ detail: "Image a is being pulled.", reason: { code: "image-pulling-mib", params } }),
  ).toBe(substance({}));
});

test("a reason where there was none is the same report", () => {
  expect(substance({ reason: { code: "run-starting", params: {} } })).toBe(substance({}));
});

test("another phase is another report", () => {
  expect(substance({ phase: "ready" })).not.toBe(substance({}));
});
