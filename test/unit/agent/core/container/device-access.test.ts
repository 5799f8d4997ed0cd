/** From answers about device nodes to what is known of a run, and what its record says. */
import { describe, expect, test } from "vitest";
import type { CardNode } from "@remotegpu/agent/core/container/card-nodes";
import {
  accessAnswer,
  afterAnswer,
  isDeniedCards,
  isProbeDue,
  isRefused,
  newAccess,
  refusalAfter,
  refusedGpus,
  type AccessAnswer,
  type DeviceAccess,
  type NodeErrors,
  type Refusal,
} from "@remotegpu/agent/core/container/device-access";
import { BOOT, gpu, OTHER_BOOT } from "../../../../support/samples/run-samples.ts";

const [A, B] = [gpu("a").uuid, gpu("b").uuid];
const OWN: CardNode = { node: "/dev/nvidia3", inside: "/dev/nvidia0", gpus: [A] };
const CONTROL: CardNode = { node: "/dev/nvidiactl", inside: "/dev/nvidiactl", gpus: [A, B] };
const NODES = [OWN, CONTROL];
const [FINE, NOT_PERMITTED, ABSENT, DENIED, INTERRUPTED, NO_DEVICE] = [0, 1, 2, 13, 4, 6];

const errors = (own: Partial<NodeErrors>, control: Partial<NodeErrors> = {}): NodeErrors[] => [
  { access: FINE, lookup: FINE, ...own },
  { access: FINE, lookup: FINE, ...control },
];
const passed: AccessAnswer = { kind: "passed", missing: [] };
const refused: AccessAnswer = { kind: "refused", nodes: [OWN], missing: [] };
const unknown: AccessAnswer = { kind: "unknown" };

describe("an answer", () => {
  test.each([
    ["all are there", errors({}), "passed"],
    ["the card's own is refused", errors({ access: NOT_PERMITTED }), "refused"],
    ["one that all cards share is refused", errors({}, { access: NOT_PERMITTED }), "refused"],
    ["the driver is being loaded anew", errors({ access: ABSENT }), "unknown"],
    [
      "one is refused while another is not there",
      errors({ access: NOT_PERMITTED }, { access: ABSENT }),
      "refused",
    ],
    ["another rule than that for devices keeps us from it", errors({ access: DENIED }), "unknown"],
    ["the call was interrupted", errors({ access: INTERRUPTED }), "unknown"],
    ["no driver serves the node", errors({ access: NO_DEVICE }), "unknown"],
    ["the child came to nothing", null, "unknown"],
    ["the child reported one node alone", errors({}).slice(1), "unknown"],
  ])("%s", (_what, given, kind) => {
    expect(accessAnswer(NODES, given).kind).toBe(kind);
  });

  test("names the nodes that are refused, with the cards that are of no use without them", () => {
    const answer = accessAnswer(NODES, errors({}, { access: NOT_PERMITTED }));

    expect(answer).toMatchObject({ kind: "refused", nodes: [CONTROL] });
    expect(refusedGpus(afterAnswer(newAccess(0), answer, 1))).toEqual([A, B]);
  });

  test("names a node that somebody took away inside, which refuses nothing", () => {
    expect(accessAnswer(NODES, errors({ lookup: ABSENT }))).toEqual({
      kind: "passed",
      missing: ["/dev/nvidia0"],
    });
  });
});

describe("a node that it was not created with", () => {
  const nodes: CardNode[] = [OWN, { ...CONTROL, mayBeAbsent: true }];

  test("and that nobody added inside is not required", () => {
    const none = { access: NOT_PERMITTED, lookup: ABSENT };

    expect(accessAnswer(nodes, errors({}, none))).toEqual(passed);
    expect(accessAnswer(nodes, errors({ access: NOT_PERMITTED }, none))).toEqual(refused);
    expect(accessAnswer(nodes.slice(1), [none])).toEqual(unknown);
  });

  test("and that is there inside counts", () => {
    expect(accessAnswer(nodes, errors({}, { access: NOT_PERMITTED })).kind).toBe("refused");
  });
});

/** One answer after another, ten seconds apart. */
const after = (...answers: AccessAnswer[]): DeviceAccess =>
  answers.reduce((access, answer, at) => afterAnswer(access, answer, (at + 1) * 10_000), newAccess(0));

describe("what is known", () => {
  test.each([
    ["nothing was requested", [], false],
    ["one refusal", [passed, refused], false],
    ["two in a row", [passed, refused, refused], true],
    ["two with one that passed between them", [refused, passed, refused], false],
    ["two with an unknown one between them", [refused, unknown, refused], true],
    ["unknown ones without end", [passed, unknown, unknown, unknown], false],
    ["it passed again", [refused, refused, passed], false],
  ])("%s", (_what, answers, is) => {
    expect(isRefused(after(...answers))).toBe(is);
  });

  test("is as of the last answer that passed, whatever was unknown since", () => {
    expect(after(passed, passed, unknown, refused)).toMatchObject({ passedMs: 20_000, requestedMs: 40_000 });
  });

  test.each([
    ["never requested", newAccess(0), 0, true],
    ["passed a moment ago", after(passed), 10_001, false],
    ["passed ten seconds ago, in its first minute", after(passed), 20_000, true],
    ["passed nearly a minute ago", after(passed), 69_999, false],
    ["passed a minute ago", after(passed), 70_000, true],
    ["refused once, ten seconds ago", after(passed, refused), 30_000, true],
    ["refused once, nine seconds ago", after(passed, refused), 29_000, false],
    ["refused twice, nearly a minute ago", after(refused, refused), 79_999, false],
  ])("is probed anew when it is due: %s", (_what, access, nowMs, is) => {
    expect(isProbeDue(access, nowMs)).toBe(is);
  });
});

describe("the record", () => {
  const refusal = (changes: Partial<Refusal> = {}): Refusal => ({
    bootId: BOOT,
    passedMs: 10_000,
    isConfirmed: true,
    againMs: null,
    gpus: [A],
    detail: `Its container lost access to GPU ${A}: the device rules of its host refuse it.`,
    reason: { code: "gpu-access-lost", params: { gpu_uuids: A } },
    ...changes,
  });

  test.each([
    ["says nothing while nothing is known", undefined, after(unknown), undefined],
    ["says nothing of one that passes", undefined, after(passed), undefined],
    ["has the first refusal", undefined, after(passed, refused), refusal({ isConfirmed: false })],
    [
      "has the second one",
      refusal({ isConfirmed: false }),
      after(passed, refused, refused),
      refusal({ confirmedMs: 30_000 }),
    ],
    [
      "has a confirmed one at once",
      undefined,
      after(passed, refused, refused),
      refusal({ confirmedMs: 30_000 }),
    ],
    ["forgets one that was none", refusal({ isConfirmed: false }), after(refused, passed), undefined],
    [
      "keeps one that passed again, with since when",
      refusal(),
      after(refused, passed),
      refusal({ againMs: 20_000 }),
    ],
    [
      "begins anew after that",
      refusal({ againMs: 5_000 }),
      after(passed, refused),
      refusal({ isConfirmed: false }),
    ],
    [
      "does not know since when, in a next life of the agent",
      undefined,
      after(refused),
      refusal({ isConfirmed: false, passedMs: null }),
    ],
  ])("%s", (_what, before, access, is) => {
    expect(refusalAfter(before, access, BOOT)).toEqual(is);
  });

  test.each([
    ["a next life of the agent that was refused once", refusal(), after(refused)],
    ["a next life of the agent that knows nothing", refusal(), after(unknown)],
    ["more refusals", refusal(), after(refused, refused, refused)],
    ["more that pass", refusal({ againMs: 5 }), after(passed, passed)],
  ])("stays the very same with %s", (_what, before, access) => {
    expect(refusalAfter(before, access, BOOT)).toBe(before);
  });

  test("is of the boot in which it was written", () => {
    expect(refusalAfter(undefined, after(refused), OTHER_BOOT)?.bootId).toBe(OTHER_BOOT);
  });

  test.each([
    [undefined, false],
    [refusal({ isConfirmed: false }), false],
    [refusal(), true],
    [refusal({ againMs: 1 }), false],
  ])("%j keeps the run from its cards: %s", (given, is) => {
    expect(isDeniedCards(given)).toBe(is);
  });
});
