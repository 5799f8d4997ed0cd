import { expect, test } from "vitest";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../../support/reasons/in-words.ts";
import {
  lackOf,
  ofRevision,
  present,
  type RevisionReplica,
  servingOf,
} from "@remotegpu/control-plane/server/core/inference/rollout/revision-replicas";

const SERVES: RevisionReplica = { revision: 1, phase: "serving", phaseForMs: 0, lacks: null, fault: null };
const DRAINS: RevisionReplica = { ...SERVES, phase: "draining" };
const FAILED: RevisionReplica = { ...SERVES, fault: { why: asReported("It failed."), isHopeless: false } };
const NEW: RevisionReplica = { ...SERVES, revision: 2 };
const LACKS: RevisionReplica = { ...NEW, phase: "waiting", lacks: asReported("No card is free.") };

test("those that drain or failed are not there to stay", () => {
  expect(present([SERVES, DRAINS, FAILED, LACKS])).toEqual([SERVES, LACKS]);
});

test("of a revision are its own, and of them serve those that are there to stay", () => {
  const replicas = [SERVES, DRAINS, FAILED, NEW, LACKS];

  expect(ofRevision(replicas, 2)).toEqual([NEW, LACKS]);
  expect(servingOf(replicas, 1)).toEqual([SERVES]);
  expect(servingOf(replicas, 2)).toEqual([NEW]);
});

test.each<[string, RevisionReplica[], number, string | null]>([
  ["none lacks room where all have a place", [SERVES, NEW], 2, null],
  ["room is lacking where one waits", [SERVES, LACKS], 2, "No card is free."],
  ["that of another revision is none of its own", [SERVES, LACKS], 1, null],
  ["while one drains, room is about to be made", [DRAINS, LACKS], 2, null],
])("%s", (_what, replicas, revision, lack) => {
  expect(inWords(lackOf(replicas, revision))).toBe(lack);
});
