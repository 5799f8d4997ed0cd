import { expect, test } from "vitest";
import { hasFewRights } from "@remotegpu/agent/files/few-rights";

const status = (sets: Record<string, string>) =>
  ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
    .map((set) => `${set}:\t${(sets[set] ?? "3").padStart(16, "0")}`)
    .join("\n");

test("few are those to read, write and give away files, and fewer", () => {
  expect(hasFewRights(status({}))).toBe(true);
  expect(hasFewRights(status({ CapEff: "0", CapBnd: "1" }))).toBe(true);
});

test.each(["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])("one more in %s is too many", (set) => {
  expect(hasFewRights(status({ [set]: "7" }))).toBe(false);
  expect(hasFewRights(status({ [set]: "8000000000000003" }))).toBe(false);
});
