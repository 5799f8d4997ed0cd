/** The text of a settings file, line by line. */
import { expect, test } from "vitest";
import { parseSettingsFile } from "@remotegpu/shared/settings/settings-file";

const valueOf = (line: string) => parseSettingsFile(line).settings[0]?.value;

test.each([
  ["NAME=value", "value"],
  ["  NAME=value  ", "value"],
  ["NAME=", ""],
  ['NAME=""', ""],
  ['NAME="a b"', "a b"],
  ["NAME='a \"b\" $c'", 'a "b" $c'],
  ['NAME="a \\"b\\" \\\\ \\n"', 'a "b" \\ \\n'],
  ["NAME=a\\ b", "a b"],
  ["NAME=a'b c'd", "ab cd"],
  ["NAME=postgres://u:p#w@h/d?x=1", "postgres://u:p#w@h/d?x=1"],
  [`NAME="a $(b) 'c'"`, "a $(b) 'c'"],
  ["NAME=value\r", "value"],
])("%j has the value %j", (line, value) => {
  expect(valueOf(line)).toBe(value);
});

test("comments and blank lines are passed over, and lines are counted with them", () => {
  const text = "\uFEFF# a comment\n\n; another\nFIRST=1\n   \nSECOND=2\nFIRST=3\n";

  expect(parseSettingsFile(text)).toEqual({
    settings: [
      { name: "FIRST", value: "1", line: 4 },
      { name: "SECOND", value: "2", line: 6 },
      { name: "FIRST", value: "3", line: 7 },
    ],
    faults: [],
  });
});

test.each([
  ["export NAME=value", "is not NAME=value"],
  ["hunter2", "is not NAME=value"],
  ["NAME = hunter2", "is not NAME=value"],
  ["1NAME=hunter2", "is not NAME=value"],
  ['NAME="hunter2', "the value of NAME does not end on its line"],
  ["NAME=hunter2\\", "the value of NAME does not end on its line"],
])("%j is a fault of its line, which does not repeat its value", (line, fault) => {
  expect(parseSettingsFile(`OTHER=1\n${line}\n`)).toEqual({
    settings: [{ name: "OTHER", value: "1", line: 1 }],
    faults: [{ line: 2, fault }],
  });
});
