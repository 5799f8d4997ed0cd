/** Arrays for Postgres. That Postgres reads them as they were is shown in test/integration/engines/database.test.ts. */
import { arrayLiteral } from "@remotegpu/control-plane/server/store/database/values/array-literal";
import { expect, test } from "vitest";

test.each<[string, unknown[], string | null]>([
  ["none", [], "{}"],
  ["one that is empty, and one that says NULL", ["", "NULL"], '{"","NULL"}'],
  ["what is missing", [null, undefined], "{NULL,NULL}"],
  [
    "numbers, large ones and truths",
    [1, -2.5, 12345678901234567890n, true, false],
    "{1,-2.5,12345678901234567890,true,false}",
  ],
  ["commas, braces and blanks", ["a,b", "{x}", " "], '{"a,b","{x}"," "}'],
  [
    "quotes and backslashes",
    ['say "no"', String.raw`a\b`, String.raw`\"`],
    String.raw`{"say \"no\"","a\\b","\\\""}`,
  ],
  ["a dollar sign, which means something in a replacement", ["$&"], '{"$&"}'],
  ["what is left to the driver: a moment", ["a", new Date(0)], null],
  ["what is left to the driver: an array", [["a"]], null],
])("%s", (_which, items, literal) => {
  expect(arrayLiteral(items)).toBe(literal);
});
