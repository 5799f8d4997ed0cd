/** Rounds of proofs: who is the pool where members see different trees, and what a verdict makes of a member. */
import {
  afterVerdict,
  isProofDue,
  isRoundDue,
  membersOfRound,
  type Pair,
  type PairOutcome,
  poolRound,
  PROOF_GRACE_MS,
  type RoundMember,
  type Verdict,
} from "@remotegpu/control-plane/server/core/hosts/pools/pool-round";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { MS_PER_DAY, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const NOW = 1_000 * MS_PER_DAY;
const SILENT = asReported("It is silent.");
const OTHER = asReported("Other files.");

function member(id: string, change: Partial<RoundMember> = {}): RoundMember {
  return {
    id,
    name: id,
    state: "trusted",
    memberSinceMs: 0,
    provedAtMs: NOW - MS_PER_DAY,
    proofDueAtMs: NOW,
    triedAtMs: null,
    failure: null,
    ...change,
  };
}

/** Plays a round of members that see these trees; one without a tree answers nothing. */
function play(
  members: readonly RoundMember[],
  trees: Record<string, string | null>,
  { lost = [], denies = [] }: { lost?: string[]; denies?: string[] } = {},
) {
  const pairs: Pair[] = [];
  const outcomeOf = ([a, b]: Pair): PairOutcome => {
    pairs.push([a, b]);
    for (const { id } of [a, b])
      if (trees[id] === null)
        return { kind: "silent", hostId: id, detail: asReported(`${id} is silent.`), lost: [] };
    const reported = lost.filter((id) => id === a.id || id === b.id);
    const isDenied = denies.includes(a.id) || denies.includes(b.id);
    return trees[a.id] === trees[b.id] && !isDenied
      ? { kind: "shared", lost: reported }
      : { kind: "apart", detail: asReported(`${b.id} does not see it.`), lost: reported };
  };
  const round = poolRound(members);
  let step = round.next();
  while (step.done !== true) step = round.next(outcomeOf(step.value));
  return {
    pairs,
    verdicts: step.value,
    kinds: Object.fromEntries(step.value.map(({ member: { id }, kind }) => [id, kind])),
  };
}

const newcomer = (id: string) =>
  member(id, { state: "waiting", memberSinceMs: 9, provedAtMs: null, proofDueAtMs: null });

describe("a round", () => {
  test.each<[string, RoundMember[], Record<string, string | null>, object, Record<string, string>]>([
    [
      "proves a newcomer that sees the tree, and whoever proved it",
      [member("a"), newcomer("b")],
      { a: "t", b: "t" },
      {},
      { a: "proved", b: "proved" },
    ],
    [
      "fails a newcomer that sees another tree",
      [member("a"), newcomer("b")],
      { a: "t", b: "u" },
      {},
      { a: "unopposed", b: "failed" },
    ],
    [
      "fails the later one of two members that differ",
      [member("b"), member("a", { memberSinceMs: 1 })],
      { a: "t", b: "u" },
      {},
      { b: "unopposed", a: "failed" },
    ],
    [
      "fails the senior one where two others agree",
      [member("a"), member("b", { memberSinceMs: 1 }), member("c", { memberSinceMs: 2 })],
      { a: "u", b: "t", c: "t" },
      {},
      { a: "failed", b: "proved", c: "proved" },
    ],
    [
      "fails a senior that denies what others see",
      [member("a"), member("b", { memberSinceMs: 1 }), member("c", { memberSinceMs: 2 })],
      { a: "t", b: "t", c: "t" },
      { denies: ["a"] },
      { a: "failed", b: "proved", c: "proved" },
    ],
    [
      "fails the senior one of two that has lost the tree by its own word",
      [member("a"), member("b", { memberSinceMs: 1 })],
      { a: "u", b: "t" },
      { lost: ["a"] },
      { a: "failed", b: "unopposed" },
    ],
    [
      "lets no newcomers outvote a member, however many agree",
      [member("a"), newcomer("b"), newcomer("c"), newcomer("d")],
      { a: "t", b: "u", c: "u", d: "u" },
      {},
      { a: "unopposed", b: "failed", c: "failed", d: "failed" },
    ],
    [
      "gives one that failed no voice, and takes it back where it sees the tree",
      [member("a"), member("b", { state: "failed" }), member("c", { state: "failed" })],
      { a: "t", b: "u", c: "t" },
      {},
      { a: "proved", b: "failed", c: "proved" },
    ],
    [
      "lets one that was trusted to now outvote one that is overdue",
      [member("a", { state: "overdue" }), member("b", { memberSinceMs: 1 })],
      { a: "u", b: "t" },
      {},
      { a: "failed", b: "unopposed" },
    ],
    [
      "goes on with the next of a group where its speaker falls silent",
      [member("a"), member("b", { memberSinceMs: 1 }), newcomer("c")],
      { a: null, b: "t", c: "t" },
      {},
      { a: "missed", b: "proved", c: "proved" },
    ],
    [
      "decides nothing where no member of before answers",
      [member("a"), newcomer("b"), newcomer("c")],
      { a: null, b: "t", c: "t" },
      {},
      { a: "missed", b: "unopposed", c: "unopposed" },
    ],
  ])("%s", (_what, members, trees, request, expected) => {
    const { kinds } = play(members, trees, request);

    expect(kinds).toEqual(expected);
  });

  test.each<[string, Record<string, string | null>, Record<string, string>]>([
    [
      "nobody was proved, judges nobody overdue",
      { a: "t", b: null, c: null },
      { a: "trusted", b: "trusted", c: "trusted" },
    ],
    [
      "others proved theirs, takes the silent one out",
      { a: "t", b: "t", c: null },
      { a: "trusted", b: "trusted", c: "overdue" },
    ],
    [
      "two see different trees, is no proof of either",
      { a: "t", b: "u", c: null },
      { b: "failed", c: "trusted" },
    ],
  ])("in which %s", (_what, trees, expected) => {
    const members = ["a", "b", "c"].map((id, n) => member(id, { memberSinceMs: n }));

    const states = play(members, trees).verdicts.map((one) => [one.member.id, afterVerdict(one, NOW).state]);

    expect(Object.fromEntries(states)).toMatchObject(expected);
  });

  test("of any members fails nobody who shares the tree that most trusted ones see, and requests a few pairs of each", () => {
    const ids = ["a", "b", "c", "d", "e", "f"];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<string | null>("t", "t", "t", "u", "v", null), {
          minLength: 6,
          maxLength: 6,
        }),
        fc.array(fc.constantFrom<RoundMember["state"]>("trusted", "waiting", "failed"), {
          minLength: 6,
          maxLength: 6,
        }),
        (seen, states) => {
          const members = ids.map((id, n) => member(id, { state: states[n] ?? "trusted", memberSinceMs: n }));
          const trees = Object.fromEntries(ids.map((id, n) => [id, seen[n] ?? null]));

          const { kinds, pairs } = play(members, trees);

          const voices = (tree: string) =>
            members.filter(({ id, state }) => trees[id] === tree && state === "trusted").length;
          const isMost = voices("t") > voices("u") && voices("t") > voices("v");
          const failed = ids.filter((id) => kinds[id] === "failed" && trees[id] === "t");
          const proved = ids.filter((id) => kinds[id] === "proved" && trees[id] !== "t");
          expect(isMost ? [failed, proved] : []).toEqual(isMost ? [[], []] : []);
          expect(pairs.length).toBeLessThanOrEqual(ids.length * ids.length);
        },
      ),
    );
  });
});

describe("a verdict", () => {
  const verdict = (change: Partial<Verdict>): Verdict => ({
    member: member("a"),
    kind: "missed",
    detail: SILENT,
    hasAuditScope: true,
    ...change,
  });

  test.each<[string, Verdict, object]>([
    [
      "that holds makes it trusted, and the next one due",
      verdict({ member: member("a", { state: "failed" }), kind: "proved", detail: null }),
      { state: "trusted", provedAtMs: NOW, proofDueAtMs: NOW + PROOF_GRACE_MS, failure: null },
    ],
    [
      "that fails takes it out at once",
      verdict({ kind: "failed", detail: OTHER }),
      { state: "failed", failure: OTHER },
    ],
    [
      "that is missed leaves it",
      verdict({ member: member("a", { proofDueAtMs: NOW + 1 }) }),
      { state: "trusted" },
    ],
    ["that is missed for too long takes it out", verdict({}), { state: "overdue", failure: SILENT }],
    ["that nobody was there for leaves it", verdict({ hasAuditScope: false }), { state: "trusted" }],
    [
      "that is missed does not bring back one that failed, nor change why",
      verdict({ member: member("a", { state: "failed", failure: OTHER }) }),
      { state: "failed", failure: OTHER },
    ],
    ["that is missed keeps a newcomer out", verdict({ member: newcomer("a") }), { state: "waiting" }],
  ])("%s", (_what, given, expected) => {
    expect(afterVerdict(given, NOW)).toMatchObject(expected);
  });
});

test.each<[string, Partial<RoundMember>, boolean]>([
  ["a newcomer at once", { state: "waiting", provedAtMs: null }, true],
  ["a newcomer that was tried just now, not yet", { state: "waiting", triedAtMs: NOW - 1 }, false],
  ["one that failed, after ten minutes", { state: "failed", triedAtMs: NOW - 10 * MS_PER_MINUTE }, true],
  ["one that was proved a day ago", {}, true],
  ["one that was proved less than a day ago, not", { provedAtMs: NOW - MS_PER_DAY + 1 }, false],
  ["one of before the proofs", { provedAtMs: null }, true],
])("is tried: %s", (_what, change, expected) => {
  expect(isProofDue(member("a", change), NOW)).toBe(expected);
});

test.each<[string, RoundMember[], RoundMember[], boolean]>([
  ["where a member that is reached is due", [member("a"), member("b")], [member("a")], true],
  ["nowhere while none is reached", [member("a"), member("b")], [], false],
  [
    "not while one of another server may go on, which is as long as it has members",
    [member("a"), member("b", { triedAtMs: NOW - 80_000 + 1 })],
    [member("a")],
    false,
  ],
  [
    "once that has had its time",
    [member("a"), member("b", { triedAtMs: NOW - 80_000 })],
    [member("a")],
    true,
  ],
])("a round begins %s", (_what, members, reached, expected) => {
  expect(isRoundDue(members, reached, NOW)).toBe(expected);
});

test.each<[string, Partial<RoundMember>, boolean]>([
  ["not one that has just come", { memberSinceMs: NOW - 2 * MS_PER_MINUTE + 1 }, false],
  ["one that had two minutes", { memberSinceMs: NOW - 2 * MS_PER_MINUTE }, true],
  ["one that missed a round before", { memberSinceMs: NOW, triedAtMs: NOW - 1 }, true],
  ["one that was trusted", { memberSinceMs: NOW, state: "trusted" }, true],
])("a round counts, of members that cannot be reached, %s", (_what, change, expected) => {
  const reached = member("a");
  const away = member("b", { state: "waiting", provedAtMs: null, ...change });

  const counted = membersOfRound([reached, away], { isReached: ({ id }) => id === "a", nowMs: NOW });

  expect(counted).toEqual(expected ? [reached, away] : [reached]);
});
