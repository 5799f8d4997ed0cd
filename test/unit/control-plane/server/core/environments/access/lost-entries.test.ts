/** Who lost a way into which environment, in a sentence for its people. */
import { expect, test } from "vitest";
import {
  type Doors,
  lostEntries,
} from "@remotegpu/control-plane/server/core/environments/access/lost-entries";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

/** Written as `{ env: { set: [keys] } }`. */
function doors(reported: Record<string, Record<string, number[]>>): Doors {
  return new Map(
    Object.entries(reported).map(([id, sets]) => [
      id,
      new Map(Object.entries(sets).map(([set, keys]) => [set, new Set(keys)])),
    ]),
  );
}

const BEFORE = doors({ lab: { ada: [1, 2], bob: [3] }, shop: { ada: [1, 2] } });
const lost = (after: Doors) =>
  lostEntries(BEFORE, after, (set) => set).map(({ environmentId, reason }) => [
    environmentId,
    inEnglish(reason).split(" Sessions ")[0],
  ]);

test.each<[string, Record<string, Record<string, number[]>>, string[][]]>([
  ["nothing where all is as it was", { lab: { ada: [1, 2], bob: [3] }, shop: { ada: [1, 2] } }, []],
  ["nothing of keys that came", { lab: { ada: [1, 2, 4], bob: [3], eve: [5] }, shop: { ada: [1, 2] } }, []],
  [
    "a key, wherever it opened",
    { lab: { ada: [2], bob: [3] }, shop: { ada: [2] } },
    [
      ["lab", "A key of ada does not open it any more."],
      ["shop", "A key of ada does not open it any more."],
    ],
  ],
  [
    "a person, and a key of another",
    { lab: { ada: [1] }, shop: { ada: [1, 2] } },
    [["lab", "A key of ada does not open it any more. bob cannot enter any more."]],
  ],
  [
    "everybody of a door that is closed",
    { lab: { ada: [1, 2], bob: [3] } },
    [["shop", "ada cannot enter any more."]],
  ],
])("reports %s", (_what, after, expected) => {
  expect(lost(doors(after))).toEqual(expected);
});

test("every sentence advises what to do about what was left inside", () => {
  const sentences = lostEntries(BEFORE, doors({}), (set) => set).map(({ reason }) => inEnglish(reason));

  expect(sentences[0]).toContain("what somebody left inside as root is not undone: restart it");
});
