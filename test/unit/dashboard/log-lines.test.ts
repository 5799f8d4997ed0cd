/** Output of a workload as the lines that a page shows. */
import { hitsIn, MAX_LINES, NO_LINES, withText } from "@remotegpu/dashboard/components/logs/log-lines";
import * as fc from "fast-check";
import { expect, test } from "vitest";

const TEXT = "one\n\u001B[31mred\u001B[0m\r\n10 %\r50 %\rdone\n\n<b>last</b>";

test("lines are the same however the text is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(TEXT.length)), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), TEXT.length];
      const lines = at
        .slice(1)
        .reduce((before, end, index) => withText(before, TEXT.slice(at[index], end)), NO_LINES);

      expect(lines).toEqual({ lines: ["one", "red", "done", ""], rest: "<b>last</b>", dropped: 0 });
    }),
  );
});

test("of more than a page keeps the oldest go, and are counted", () => {
  const lines = withText(NO_LINES, "x\n".repeat(MAX_LINES) + "y\n");

  expect([lines.lines.length, lines.lines.at(-1), lines.dropped]).toEqual([MAX_LINES, "y", 1]);
});

test("a line without an end is cut, not stored whole", () => {
  const { rest } = withText(NO_LINES, "x".repeat(100_000));

  expect(rest.length).toBeLessThanOrEqual(10_000);
});

test("words are found whatever their case, and no words nowhere", () => {
  expect([hitsIn(["An Error", "fine", "error"], "ERROR"), hitsIn(["a"], "")]).toEqual([[0, 2], []]);
});
