import { expect, test } from "vitest";
import { byteRange } from "@remotegpu/shared/values/byte-range";

test.each([
  [undefined, 10, { kind: "whole" }],
  ["bytes=0-0", 10, { kind: "part", start: 0, end: 1 }],
  ["bytes=0-9", 10, { kind: "part", start: 0, end: 10 }],
  ["bytes=0-10", 10, { kind: "part", start: 0, end: 10 }],
  ["bytes=9-", 10, { kind: "part", start: 9, end: 10 }],
  ["bytes=10-", 10, { kind: "beyond" }],
  ["bytes=-1", 10, { kind: "part", start: 9, end: 10 }],
  ["bytes=-11", 10, { kind: "part", start: 0, end: 10 }],
  ["bytes=-0", 10, { kind: "beyond" }],
  ["bytes=0-", 0, { kind: "beyond" }],
  ["bytes=-5", 0, { kind: "beyond" }],
  ["bytes=-", 10, { kind: "whole" }],
  ["bytes=3-2", 10, { kind: "whole" }],
  ["bytes=0-1,3-4", 10, { kind: "whole" }],
  ["lines=1-2", 10, { kind: "whole" }],
  ["bytes=1x-2", 10, { kind: "whole" }],
])("%s of %i bytes", (header, bytes, expected) => {
  expect(byteRange(header, bytes)).toEqual(expected);
});
