/** Jobs that do nothing any more, and ranks that somebody holds still. */
import { describe, expect, test } from "vitest";
import type {
  InstanceProgress,
  InstanceReport,
} from "@remotegpu/control-plane/server/core/instances/instance-report";
import { afterReports } from "@remotegpu/control-plane/server/core/training/job-status";
import { anInstanceReport } from "../../../../../support/samples/reports/an-instance-report.ts";
import { aRankState } from "../../../../../support/samples/a-rank-state.ts";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const WAITS = [
  { name: "python3", state: "S", waitsIn: "futex_wait_queue", count: 8 },
  { name: "sh", state: "D", waitsIn: null, count: 1 },
];
const idle = (stall: InstanceProgress["stall"] = null) => progress({ idle: WAITS, stall });
const progress = (change: Partial<InstanceProgress>): InstanceProgress => ({
  hostName: "host-x",
  idle: null,
  frozenForMs: null,
  stall: null,
  ...change,
});
const rank = (change: Partial<InstanceReport>) => anInstanceReport(change);
const gangOf = (...reported: Partial<InstanceReport>[]) =>
  reported.map((change, number) => {
    const gang = aRankState(
      { rank: number, ranks: reported.length },
      { releasedForMs: 60_000, heldForMs: null },
    );
    return rank({ rank: number, gang, ...change });
  });
const WORKS = {};
const ONE = "It does nothing any more: no output, no traffic, and next to no work of processors and cards.";
const ALL =
  "All 2 ranks do nothing any more: no output, no traffic between them, and next to no work of processors and cards.";

describe("a job of one rank", () => {
  test("that does nothing has stalled, and reports what its processes wait for", () => {
    expect(inWords(afterReports("running", [rank({ progress: idle() })]))).toEqual({
      kind: "stalls",
      reason: ONE,
      found: `${ONE} 8 python3 (S in futex_wait_queue), sh (D).`,
    });
  });

  test("keeps its sentence once that was reported", () => {
    expect(inWords(afterReports("running", [rank({ progress: idle("reported") })]))).toEqual({
      kind: "explains",
      reason: ONE,
    });
  });

  test("goes on as soon as it does something", () => {
    expect(inWords(afterReports("running", [rank({ progress: progress({ stall: "reported" }) })]))).toEqual({
      kind: "goes-on",
      reason: null,
    });
  });

  test("that was ended for it has failed by itself", () => {
    const ended = rank({
      state: "stopped",
      exitCode: 143,
      stopOrderedBy: "control-plane",
      stopReason: asReported(ONE),
      progress: idle("ended"),
    });

    expect(inWords(afterReports("stopping", [ended]))).toEqual({
      kind: "fails",
      failure: { by: "program", reason: ONE, ranks: [0] },
    });
  });

  test("that had stalled and is stopped for its host has failed of that", () => {
    const ended = rank({
      state: "stopped",
      exitCode: 143,
      stopOrderedBy: "control-plane",
      stopReason: asReported("Its host is emptied."),
      progress: idle("reported"),
    });

    expect(inWords(afterReports("stopping", [ended]))).toMatchObject({ failure: { by: "infrastructure" } });
  });

  test("that is frozen reports so, and nothing ends it", () => {
    expect(
      inWords(afterReports("running", [rank({ progress: progress({ frozenForMs: 3_600_000 }) })])),
    ).toEqual({
      kind: "explains",
      reason:
        "Its container on host host-x is frozen: it was paused from outside, and nothing in it goes on.",
    });
  });
});

describe("a gang", () => {
  test("has stalled once all its ranks do nothing", () => {
    expect(inWords(afterReports("running", gangOf({ progress: idle() }, { progress: idle() })))).toEqual({
      kind: "stalls",
      reason: ALL,
      found: `${ALL} Rank 0: 8 python3 (S in futex_wait_queue), sh (D); rank 1: 8 python3 (S in futex_wait_queue), sh (D).`,
    });
  });

  test("goes on while one of them works, and while nobody reports of one", () => {
    expect(inWords(afterReports("running", gangOf({ progress: idle() }, WORKS)))).toEqual({
      kind: "explains",
      reason: null,
    });
  });

  test("of which one has ended well has stalled once the others do nothing", () => {
    const done = { state: "stopped", exitCode: 0 } as const;

    expect(inWords(afterReports("running", gangOf(done, { progress: idle() })))).toMatchObject({
      kind: "stalls",
      reason: expect.stringMatching(/^All ranks that are left do nothing any more/),
    });
  });

  test("of very many ranks names some, and states how many more there are", () => {
    const many = gangOf(...Array.from({ length: 120 }, () => ({ progress: idle() })));

    expect(inWords(afterReports("running", many))).toMatchObject({
      found: expect.stringMatching(/rank 15: [^;]*; and 104 more ranks\.$/),
    });
  });

  test("of which ranks do not hear each other reports both", () => {
    const [one, other] = gangOf({ progress: idle() }, { progress: idle() });
    const cut = { ...one!, gang: { ...one!.gang!, cutOff: [other!.gang!.address] } };

    expect(inWords(afterReports("running", [cut, other!]))).toMatchObject({
      kind: "stalls",
      reason: expect.stringMatching(
        /^All 2 ranks do nothing any more.* The network between its ranks is broken/,
      ),
    });
  });

  test.each([
    [89_999, true, { kind: "explains" }],
    [90_000, true, { kind: "loses", ranks: [1], since: "frozen", status: "stopping" }],
    [90_000, false, { kind: "explains" }],
  ])(
    "one rank of which is frozen for %i ms (its host is heard: %s) → %j",
    (frozenForMs, isHeard, expected) => {
      const [one, other] = gangOf(WORKS, { progress: progress({ frozenForMs }) });
      const frozen = { ...other!, gang: { ...other!.gang!, isHeard } };

      const becomes = inWords(afterReports("running", [one!, frozen]));

      expect(becomes).toMatchObject({ ...expected, reason: expect.stringMatching(/rank 1.*frozen/i) });
    },
  );
});
