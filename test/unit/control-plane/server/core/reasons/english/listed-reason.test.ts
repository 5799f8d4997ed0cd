/** The reasons of a list that a table has beside texts. */
import { expect, test } from "vitest";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { listedReason } from "@remotegpu/control-plane/server/core/reasons/english/listed-reason";

test.each([
  ["a host's", "nvidia-smi says that the GPU requires a reset.", { code: "gpu-requires-reset", params: {} }],
  [
    "one of the control plane",
    "It is gone: its host no longer lists it.",
    { code: "gpu-not-listed-by-host", params: {} },
  ],
] as const)("%s is read with its text", (_what, text, reason) => {
  expect(listedReason(text, reason)).toEqual(reason);
});

test.each([
  ["none", null],
  ["one of another text", { code: "gpu-requires-reset", params: {} }],
  ["one of a code that this version does not know", { code: "gpu-on-fire", params: {} }],
  ["one without its parameters", { code: "container-exited", params: {} }],
] as const)("a text with %s is as reported", (_what, data) => {
  expect(listedReason("All is well.", data)).toEqual(asReported("All is well."));
});
