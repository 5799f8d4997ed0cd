import { GIB, KIB, MIB } from "@remotegpu/shared/values/units";
import { wholeSize } from "@remotegpu/shared/values/size-text";
import { expect, test } from "vitest";

test.each([
  [0, "0 bytes"],
  [1, "1 bytes"],
  [KIB, "1 KiB"],
  [KIB + 1, "1025 bytes"],
  [16 * MIB, "16 MiB"],
  [16 * GIB, "16 GiB"],
  [16 * GIB + MIB, "16385 MiB"],
  [2_048 * GIB, "2048 GiB"],
])("%i bytes are %s", (bytes, text) => {
  expect(wholeSize(bytes)).toBe(text);
});
