import { describe, expect, test } from "vitest";
import {
  completedSentence,
  progressSentence,
  revertedSentence,
} from "@remotegpu/control-plane/server/core/inference/rollout/rollout-words";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../../support/reasons/in-words.ts";
import type { Rollout } from "@remotegpu/control-plane/server/core/inference/rollout/versions";

const ROLLOUT: Rollout = { target: 2, cause: null, allowsGap: false, gapFrom: null };
const NAMED = {
  versions: { serving: 1, previous: null, rollout: ROLLOUT },
  wanted: 3,
  names: new Map([
    [1, "1.0"],
    [2, "1.1"],
  ]),
};

describe("of a rollout that goes on it is reported", () => {
  test.each<[number, Partial<Rollout>, { counted: number; lack: string | null }, string]>([
    [3, {}, { counted: 1, lack: null }, "Version 1.1 replaces 1.0: 1 of 3 replicas."],
    [1, {}, { counted: 0, lack: null }, "Version 1.1 replaces 1.0: 0 of 1 replica."],
    [0, {}, { counted: 0, lack: null }, "Version 1.1 replaces 1.0 once a replica is wanted."],
    [
      3,
      {},
      { counted: 0, lack: "No card is free." },
      "Version 1.1 replaces 1.0: 0 of 3 replicas, and there is no room for another one (No card is free). " +
        "With allow_gap one of the old version makes room for it.",
    ],
    [
      3,
      { allowsGap: true, gapFrom: 3 },
      { counted: 0, lack: "No card is free." },
      "Version 1.1 replaces 1.0: 0 of 3 replicas, and there is no room for another one (No card is free); " +
        "one of the old version makes it.",
    ],
  ])("of %i replicas, as %j, with %j", (wanted, change, progress, sentence) => {
    const lack = asReported(progress.lack);

    expect(
      inWords(progressSentence({ ...NAMED, wanted }, { ...ROLLOUT, ...change }, { ...progress, lack })),
    ).toBe(sentence);
  });
});

test("of one that is done, both versions are reported", () => {
  expect(inWords(completedSentence(NAMED, 2))).toBe("Version 1.1 has replaced 1.0.");
});

test("a revision without a name is reported by its number", () => {
  expect(inWords(completedSentence({ ...NAMED, names: new Map() }, 2))).toBe("Version 2 has replaced 1.");
});

test.each([
  [false, "Version 1.1 is taken back, and 1.0 takes its place: It was not ready."],
  [true, "Version 1.1 was taken back, and 1.0 serves as before: It was not ready."],
])("of one that goes back, ended %s, the cause is reported", (hasEnded, sentence) => {
  const cause = asReported("It was not ready.");

  expect(inWords(revertedSentence(NAMED, { target: 2, cause, hasEnded }))).toBe(sentence);
});
