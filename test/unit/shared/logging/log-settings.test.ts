/** The two settings of a log. */
import { expect, test } from "vitest";
import { LogFormatName, LogLevelName } from "@remotegpu/shared/logging/log-settings";

test.each([
  [undefined, "info", "json"],
  ["", "info", "json"],
])("a log setting of %j is the default", (value, level, format) => {
  expect([LogLevelName.parse(value), LogFormatName.parse(value)]).toEqual([level, format]);
});

test("log levels and formats have the known names alone", () => {
  expect([LogLevelName.parse("debug"), LogFormatName.parse("text")]).toEqual(["debug", "text"]);
  expect(LogLevelName.safeParse("30").success).toBe(false);
  expect(LogFormatName.safeParse("xml").success).toBe(false);
});
