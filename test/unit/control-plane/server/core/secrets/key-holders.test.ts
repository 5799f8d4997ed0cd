/** An old sealing key is needed by whoever lacks the new one, or seals with another. */
import { expect, test } from "vitest";
import { lacking } from "@remotegpu/control-plane/server/core/secrets/key-holders";

const of = (server: string, sealsWith: string, ...keyNames: string[]) => ({ server, sealsWith, keyNames });

test.each([
  ["nobody, where no server said anything", [], []],
  ["nobody, where all seal with it", [of("a", "new", "old", "new"), of("b", "new", "new")], []],
  ["one that has only the old one", [of("a", "old", "old")], ["a does not have the key new"]],
  [
    "one that opens with it and seals with the old one",
    [of("a", "old", "old", "new")],
    ["a seals with the key old still"],
  ],
  [
    "several, each in its words",
    [of("a", "new", "new"), of("b", "old", "old"), of("c", "old", "new", "old")],
    ["b does not have the key new", "c seals with the key old still"],
  ],
])("lacking is %s", (_what, holdings, phrases) => {
  expect(lacking(holdings, "new")).toEqual(phrases);
});
