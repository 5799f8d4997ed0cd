/** Records of /dev/kmsg, and lines of a file that stands in its place. */
import { expect, test } from "vitest";
import { kernelLineOf } from "@remotegpu/agent/core/host/kernel-line";

test("a record has its number, so that it is heeded once", () => {
  expect(kernelLineOf("6,1201,99887766,-,caller=T1;text; and more")).toEqual({
    seq: 1201,
    isKernels: true,
    message: "text; and more",
  });
});

test.each([
  ["the kernel's most urgent", "0,1,1,-;x", true],
  ["the kernel's least urgent", "7,1,1,-;x", true],
  ["a user's", "8,1,1,-;x", false],
  ["a daemon's", "30,1,1,-;x", false],
])("%s record", (_whose, line, isKernels) => {
  expect(kernelLineOf(line)).toEqual({ seq: 1, isKernels, message: "x" });
});

test("a line without a record's head is all text", () => {
  expect(kernelLineOf("x; 4,1,1")).toEqual({ seq: null, isKernels: true, message: "x; 4,1,1" });
});
