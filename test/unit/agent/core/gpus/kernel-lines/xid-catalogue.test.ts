/** The table of Xids: every number has a class and a sentence, and the documentation says the same. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { knownXids, xidMeaning } from "@remotegpu/agent/core/gpus/xid-classes";

test.each([
  [13, "application"],
  [31, "application"],
  [43, "application"],
  [45, "application"],
  [63, "application"],
  [48, "drain"],
  [64, "drain"],
  [74, "drain"],
  [94, "drain"],
  [46, "fatal"],
  [62, "fatal"],
  [79, "fatal"],
  [95, "fatal"],
  [119, "fatal"],
  [120, "fatal"],
])("Xid %i is %s", (code, kind) => {
  expect(xidMeaning(code).class).toBe(kind);
});

test.each([0, 1, 500, -1, Number.NaN])("a number that is not in the table, %d, is only noted", (code) => {
  expect(xidMeaning(code).class).toBe("application");
});

test("the agent's documentation has the whole table", () => {
  const readme = readFileSync(new URL("../../../../../agent/README.md", import.meta.url), "utf8");

  for (const [code, { class: kind, meaning }] of knownXids())
    expect(readme).toContain(`| ${code} | ${kind} | ${meaning} |`);
});
