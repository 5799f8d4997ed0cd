import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RankState } from "@remotegpu/control-plane/server/core/instances/rank-state";
import { type HeldRank, preflightVerdict } from "@remotegpu/control-plane/server/core/training/preflight";
import {
  aRankState,
  goodFindings,
  rankAddress,
  withBad,
} from "../../../../../support/samples/a-rank-state.ts";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

/** Each a rank with what is changed of it. */
function gang(...changes: (Partial<RankState> & { detail?: Reason })[]): HeldRank[] {
  return changes.map(({ detail = null, ...change }, rank) => ({
    rank,
    detail,
    gang: aRankState({ rank, ranks: changes.length }, change),
  }));
}

const OTHER_IMAGE = `sha256:${"b".repeat(64)}`;
const cut = (rank: number, ranks: number, other: number) =>
  withBad(goodFindings(rank, ranks), "network", { other, detail: "No answer." });
const badly = (check: string, rank = 0, ranks = 2) =>
  withBad(goodFindings(rank, ranks), check, { detail: "It is wrong." });

test("it goes when every rank is held and everything is found well", () => {
  expect(preflightVerdict(gang({}, {}, {}))).toEqual({ kind: "goes" });
});

describe("it waits, and reports for what, while", () => {
  test.each<[string, HeldRank[], string]>([
    [
      "a rank's image is fetched",
      gang({}, { heldForMs: null, isFetching: true }),
      "Placed on 2 hosts, free of charge: rank 1 fetches the image.",
    ],
    [
      "a host says what it does",
      gang({ heldForMs: null, detail: asReported("Starting.") }, {}),
      "Placed on 2 hosts, free of charge: rank 0 on host host-0: Starting.",
    ],
    [
      "nothing is reported of many",
      gang(...Array.from({ length: 5 }, () => ({ heldForMs: null, hostId: "h0", hostName: "host-0" }))),
      "Placed on 1 host, free of charge: rank 0 is being made on host host-0; rank 1 is being made on host host-0; " +
        "rank 2 is being made on host host-0; and 2 more ranks.",
    ],
    [
      "a route is not checked yet",
      gang({ findings: goodFindings(0, 2).filter(({ check }) => check !== "network") }, {}),
      "Placed on 2 hosts, free of charge: rank 0 still looks at the way to rank 1.",
    ],
    [
      "one direction of a route is missing",
      gang({}, { findings: goodFindings(1, 2).filter(({ address }) => address !== rankAddress(0)) }),
      "Placed on 2 hosts, free of charge: rank 1 still looks at the way to rank 0.",
    ],
    [
      "a check of a host is missing",
      gang({}, { findings: goodFindings(1, 2).filter(({ check }) => check !== "clock") }),
      "Placed on 2 hosts, free of charge: rank 1 still looks at its clock.",
    ],
    [
      "an image is not reported",
      gang({}, { imageId: null }),
      "Placed on 2 hosts, free of charge: rank 1 has not told its image.",
    ],
    [
      "a host was not heard for a moment",
      gang({}, { isHeard: false }),
      "Placed on 2 hosts, free of charge: host host-1 is not heard.",
    ],
    [
      "a route may still open",
      gang({ findings: cut(0, 2, 1), heldForMs: 14_999 }, { heldForMs: 60_000 }),
      "Placed on 2 hosts, free of charge: rank 0 on host host-0 does not reach rank 1 on host host-1: No answer.",
    ],
    [
      "a disk may still be emptied",
      gang({ findings: badly("disk"), heldForMs: 59_999 }, {}),
      "Placed on 2 hosts, free of charge: disk of rank 0 on host host-0: It is wrong.",
    ],
  ])("%s", (_what, ranks, sentence) => {
    expect(inWords(preflightVerdict(ranks))).toEqual({ kind: "waits", reason: sentence });
  });
});

describe("it fails, and names who is at fault, when", () => {
  test.each<[string, HeldRank[], object]>([
    [
      "a route is cut 15 s after the last rank is held",
      gang({ findings: cut(0, 2, 1), heldForMs: 15_000 }, { heldForMs: 90_000 }),
      {
        reason:
          "The preflight failed: rank 0 on host host-0 does not reach rank 1 on host host-1: No answer.",
        ranks: [],
        pairs: [["h0", "h1"]],
      },
    ],
    [
      "a route is cut in both directions, which is one pair",
      gang(
        { findings: cut(0, 3, 2), heldForMs: 15_000 },
        { heldForMs: 15_000 },
        { findings: cut(2, 3, 0), heldForMs: 15_000 },
      ),
      { ranks: [], pairs: [["h0", "h2"]] },
    ],
    [
      "several routes are cut",
      gang(
        { findings: cut(0, 3, 1), heldForMs: 15_000 },
        { findings: cut(1, 3, 2), heldForMs: 15_000 },
        { heldForMs: 15_000 },
      ),
      {
        reason: expect.stringMatching(
          /does not reach rank 1 on host host-1: No answer; and 1 more finding\.$/,
        ),
        pairs: [
          ["h0", "h1"],
          ["h1", "h2"],
        ],
      },
    ],
    [
      "two ranks of one host do not reach each other: that is the host's",
      gang(
        { findings: cut(0, 2, 1), heldForMs: 15_000 },
        { hostId: "h0", hostName: "host-0", heldForMs: 15_000 },
      ),
      { ranks: [0], pairs: [] },
    ],
    [
      "a clock is off, at once",
      gang({}, { findings: badly("clock", 1), heldForMs: 0 }),
      { reason: "The preflight failed: clock of rank 1 on host host-1: It is wrong.", ranks: [1], pairs: [] },
    ],
    [
      "a disk is full 60 s after the last rank is held",
      gang({ findings: badly("disk"), heldForMs: 60_000 }, { heldForMs: 60_000 }),
      { ranks: [0], pairs: [] },
    ],
    [
      "an image is another one: the odd rank's host",
      gang({ imageId: OTHER_IMAGE }, {}, {}),
      { reason: expect.stringMatching(/^Rank 0 on host host-0 has another image \(sha256:b+\)/), ranks: [0] },
    ],
    ["of two images none is usual: the later one", gang({}, { imageId: OTHER_IMAGE }), { ranks: [1] }],
    [
      "something is still not reported after 5 minutes",
      gang({ heldForMs: 300_000, findings: [] }, { heldForMs: 300_000 }),
      { reason: "Not ready within 5 minutes: rank 0 still looks at its clock.", ranks: [0] },
    ],
    [
      "an image is still fetched after 30 minutes",
      gang({}, { heldForMs: null, isFetching: true, placedForMs: 1_800_000 }),
      { reason: "Not ready within 30 minutes: rank 1 fetches the image.", ranks: [1] },
    ],
    [
      "a host is silent for good",
      gang({}, { heldForMs: null, isHeard: false, isUnreachable: true }),
      { reason: "Host host-1 was not heard any more.", ranks: [1] },
    ],
  ])("%s", (_what, ranks, verdict) => {
    expect(inWords(preflightVerdict(ranks))).toMatchObject({ kind: "fails", ...verdict });
  });
});

const anyState = fc.record({
  heldForMs: fc.constantFrom(null, 0, 14_999, 15_000, 60_000, 300_000),
  placedForMs: fc.constantFrom(1_000, 1_800_000),
  isHeard: fc.boolean(),
  imageId: fc.constantFrom(null, OTHER_IMAGE, `sha256:${"a".repeat(64)}`),
  isFetching: fc.boolean(),
  bad: fc.array(fc.nat(5), { maxLength: 2 }),
  missing: fc.array(fc.nat(5), { maxLength: 1 }),
});

test("whatever is reported, it goes only where nothing is wrong or missing, and never waits beyond its bounds", () => {
  fc.assert(
    fc.property(fc.array(anyState, { minLength: 2, maxLength: 4 }), (reported) => {
      const ranks = reported.map(({ bad, missing, ...change }, rank) => {
        const all = goodFindings(rank, reported.length);
        const findings = all
          .map((finding, index) => (bad.includes(index) ? { ...finding, isPassed: false } : finding))
          .filter((_finding, index) => !missing.includes(index));
        return {
          rank,
          detail: null,
          gang: aRankState({ rank, ranks: reported.length }, { ...change, findings }),
        };
      });
      const isWhole = ranks.every(
        ({ rank, gang: { heldForMs, imageId, isHeard, findings } }) =>
          heldForMs !== null &&
          isHeard &&
          imageId !== null &&
          imageId === ranks[0]?.gang.imageId &&
          findings.length === goodFindings(rank, reported.length).length &&
          findings.every(({ isPassed }) => isPassed),
      );

      const verdict = preflightVerdict(ranks);

      expect(verdict.kind === "goes").toBe(isWhole);
      const isBeyond =
        ranks.some(({ gang: { placedForMs } }) => placedForMs >= 1_800_000) ||
        ranks.every(({ gang: { heldForMs } }) => (heldForMs ?? 0) >= 300_000);
      expect(verdict.kind === "waits" && isBeyond).toBe(false);
      const named = verdict.kind === "fails" ? verdict.ranks.length + verdict.pairs.length : 1;
      const sentence = verdict.kind === "goes" ? "." : inEnglish(verdict.reason);
      expect(sentence).toMatch(verdict.kind === "waits" ? /^Placed on .*\.$/ : /\.$/);
      expect(named).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});
