/** A line of the log as text. */
import { expect, test } from "vitest";
import { textLine } from "@remotegpu/shared/logging/text-line";

const TIME = "2026-01-02T03:04:05.678Z";

function lineOf(fields: object, msg: string): string {
  return textLine(JSON.stringify({ level: "info", time: TIME, ...fields, msg }));
}

test("text lines are time, level, message and fields", () => {
  expect(lineOf({ url: "http://a:1", port: 8, name: "two words" }, "it serves")).toBe(
    `${TIME} INFO  it serves url=http://a:1 port=8 name="two words"\n`,
  );
});

test("a line break in a message or field stays within its text line", () => {
  expect(lineOf({ why: "b\nc" }, "a\nforged")).toBe(`${TIME} INFO  "a\\nforged" why="b\\nc"\n`);
});
