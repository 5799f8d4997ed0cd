/** Which image a run's container was made of, beside what is told of the run. */
import { expect, test } from "vitest";
import { withImageFacts } from "@remotegpu/agent/core/container/image-facts";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { BOOT, containerOf, key } from "../../../../support/samples/run-samples.ts";

const IMAGE = `sha256:${"a".repeat(64)}`;
const reported: ObservedInstance = {
  ...key(),
  phase: "ready",
  detail: "It runs.",
  problem: null,
  containerId: "c1",
  exitCode: null,
  gateOpenedMs: 0,
  bootId: BOOT,
};
const container = { ...containerOf(key()), imageId: IMAGE };

test("a run's image is reported with what was found in it", () => {
  expect(withImageFacts([reported], [container], new Map([[IMAGE, ["python", "shell"]]]))).toEqual([
    { ...reported, imageId: IMAGE, brings: ["python", "shell"] },
  ]);
  expect(withImageFacts([reported], [container], new Map([[IMAGE, []]]))).toEqual([
    { ...reported, imageId: IMAGE, brings: [] },
  ]);
});

test("what nobody has checked is not reported, and is not nothing", () => {
  expect(withImageFacts([reported], [container], new Map())).toEqual([{ ...reported, imageId: IMAGE }]);
});

test("a run without a container, or of a runtime that does not name its image, is reported as it is", () => {
  const other = containerOf(key({ run: "run-2" }));

  expect(withImageFacts([reported], [other], new Map())).toEqual([reported]);
  expect(withImageFacts([reported], [containerOf(key())], new Map())).toEqual([reported]);
});
