import { describe, expect, test } from "vitest";
import {
  type Answers,
  revisionFault,
} from "@remotegpu/control-plane/server/core/inference/rollout/revision-fault";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../../support/reasons/in-words.ts";
import type { RevisionReplica } from "@remotegpu/control-plane/server/core/inference/rollout/revision-replicas";

const SERVES: RevisionReplica = { revision: 2, phase: "serving", phaseForMs: 0, lacks: null, fault: null };

function faulty(why: string, { isHopeless = false, revision = 2 } = {}): RevisionReplica {
  return { ...SERVES, revision, phase: "starting", fault: { why: asReported(why), isHopeless } };
}

const late = (nth: number) => faulty(`Replica ${nth} failed.`);

describe("by its replicas a new revision is", () => {
  test.each<[string, RevisionReplica[], string | null]>([
    ["good without a fault", [SERVES], null],
    [
      "taken back for a fault that another one would have, too",
      [faulty("No image.", { isHopeless: true })],
      "No image.",
    ],
    ["good where another one serves beside that", [SERVES, faulty("No image.", { isHopeless: true })], null],
    ["good for two faults that may be of hosts", [late(1), late(2)], null],
    ["taken back for three", [late(1), late(2), late(3)], "Replica 3 failed; it was fault 3."],
    [
      "taken back for three, though one serves",
      [late(1), SERVES, late(2), late(3)],
      "Replica 3 failed; it was fault 3.",
    ],
    ["good whatever the old one's do", [faulty("No image.", { isHopeless: true, revision: 1 })], null],
  ])("%s", (_what, replicas, cause) => {
    expect(inWords(revisionFault({ target: 2, serving: 1, replicas, answers: new Map() }))).toBe(cause);
  });
});

describe("by its answers a new revision is", () => {
  test.each<[string, Answers | null, Answers | null, string | null]>([
    ["good where there are none", null, null, null],
    ["good where there are too few", { requests: 49, failed: 49 }, null, null],
    [
      "taken back where 50 are 5 points worse",
      { requests: 50, failed: 3 },
      { requests: 100, failed: 1 },
      "6 % of its 50 answers were errors of the server, and 1 % of the old version's.",
    ],
    [
      "good where they are nearly as much worse",
      { requests: 1_000, failed: 59 },
      { requests: 100, failed: 1 },
      null,
    ],
    [
      "taken back where the old one had none to compare",
      { requests: 100, failed: 5 },
      null,
      "5 % of its 100 answers were errors of the server, and 0 % of the old version's.",
    ],
    [
      "good where the old one's were as bad",
      { requests: 100, failed: 80 },
      { requests: 10, failed: 8 },
      null,
    ],
  ])("%s", (_what, ours, before, cause) => {
    const answers = new Map<number, Answers>();
    if (ours !== null) answers.set(2, ours);
    if (before !== null) answers.set(1, before);

    expect(inWords(revisionFault({ target: 2, serving: 1, replicas: [SERVES], answers }))).toBe(cause);
  });
});
